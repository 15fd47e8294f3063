"""The embedded platform as a whole: the order of a stop, errors of a start, states of services."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from flight_assets.errors import FlightsError, StartTimeout
from flight_assets.platform import launcher, supervision
from flight_assets.platform.services import Service
from flight_assets.settings import Settings
from flight_assets_tests.faults import __main__ as faults

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]


def refuses(_settings: Settings) -> None:
    raise ConnectionError("nobody listens")


def service(name: str, **about) -> Service:
    return Service(**({"name": name, "command": SLEEP, "ports": (), "version": "1", "check": print} | about))


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """A running platform of two services of the profile, and one that was asked for and needs the first."""
    profile, further = (service("kafka"), service("dashboard")), service("live", needs=("kafka",))
    monkeypatch.setattr(launcher, "services", lambda _: profile)
    monkeypatch.setattr(launcher, "asked_for", lambda _, names: (further,) if "live" in names else ())
    found = Settings(home=tmp_path)
    supervision.start(found, supervision.write_config(found, (*profile, further)))
    for one in (*profile, further):
        supervision.start_service(found, one.name)
    yield found
    supervision.shutdown(found)


def test_a_service_that_was_asked_for_stops_before_what_it_needs(settings: Settings) -> None:
    said: list[str] = []
    launcher.down(settings, said.append)
    assert said == ["stopping live", "stopping dashboard", "stopping kafka"]
    assert not supervision.is_running(settings)


def test_memory_is_counted_only_for_the_services_that_are_asked_about(settings, monkeypatch) -> None:
    counted: list[int] = []
    monkeypatch.setattr(launcher, "_resident_mb", lambda pid: counted.append(pid) or 1)
    (row,) = launcher.status(settings, {"live"})
    assert (row.name, counted) == ("live", [row.pid])
    assert [each.name for each in launcher.status(settings)] == ["kafka", "dashboard", "live"]


def test_a_slow_start_and_an_end_of_a_service_are_different_errors(settings: Settings) -> None:
    slow = service("kafka", check=refuses, start_timeout_s=0.0)
    with pytest.raises(StartTimeout, match="kafka did not come up \\(ConnectionError: nobody listens\\)"):
        launcher.wait_until_healthy(settings, slow)
    ends = service("ends", check=refuses, command=[sys.executable, "-c", "exit(3)"], start_timeout_s=60.0)
    supervision.start(settings, supervision.write_config(settings, [ends]))
    supervision.start_service(settings, "ends")
    with pytest.raises(FlightsError) as ended:
        launcher.wait_until_healthy(settings, ends)
    assert not isinstance(ended.value, StartTimeout)


def test_a_service_that_has_just_started_is_waited_for_until_it_counts_as_running(settings: Settings) -> None:
    sleeper = service("sleeper", check=lambda _: None, command=["sleep", "60"], start_timeout_s=60.0)
    supervision.start(settings, supervision.write_config(settings, [sleeper]))
    supervision.start_service(settings, "sleeper")
    launcher.wait_until_healthy(settings, sleeper)
    assert supervision.process_info(settings)["sleeper"]["statename"] == "RUNNING"


@pytest.mark.parametrize(("error", "starts"), [(StartTimeout, faults.STARTS), (FlightsError, 1)])
def test_a_fresh_platform_is_tried_again_only_after_a_slow_start(
    error, starts, tmp_path, monkeypatch
) -> None:
    tried: list[str] = []

    def up(*_: object) -> None:
        tried.append("up")
        raise error("did not come up")

    monkeypatch.setattr(launcher, "up", up)
    monkeypatch.setattr(launcher, "reset", lambda *_: None)
    with pytest.raises(error, match="did not come up"):
        faults.fresh(Settings(home=tmp_path), lambda _line: None)
    assert len(tried) == starts
