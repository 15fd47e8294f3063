"""The feed beside other services, under a real supervisor."""

from __future__ import annotations

import sys
from collections.abc import Container, Iterator
from pathlib import Path

import pytest

from flight_assets.errors import FlightsError
from flight_assets.platform import feed, launcher, supervision
from flight_assets.platform.services import Service
from flight_assets.settings import Settings

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]


def service(name: str) -> Service:
    return Service(name=name, command=SLEEP, ports=(), version="1", check=lambda _: None)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """A platform of two services that run, one of them further ones."""

    def asked_for(_settings: Settings, names: Container[str]) -> tuple[Service, ...]:
        return tuple(service(name) for name in ("live", feed.FEED) if name in names)

    for module in (feed, launcher):
        monkeypatch.setattr(module, "services", lambda _: (service("kafka"),))
        monkeypatch.setattr(module, "asked_for", asked_for)
    found = Settings(home=tmp_path)
    table = (service("kafka"), service("live"))
    supervision.start(found, supervision.write_config(found, table))
    for one in table:
        supervision.start_service(found, one.name)
    yield found
    supervision.shutdown(found)


def pids(settings: Settings) -> dict[str, int]:
    return {name: info["pid"] for name, info in supervision.process_info(settings).items()}


def test_the_feed_starts_and_stops_and_leaves_the_others_alone(settings: Settings) -> None:
    before = pids(settings)
    assert feed.status(settings) is None
    feed.start(settings)
    row = feed.status(settings)
    assert row is not None
    assert row.state in ("starting", "running")
    assert {name: pid for name, pid in pids(settings).items() if name != feed.FEED} == before
    running = pids(settings)
    feed.start(settings)
    assert pids(settings) == running, "a feed that runs is left alone"
    assert feed.stop(settings)
    assert pids(settings) == before
    assert not feed.stop(settings)


def test_without_a_platform_there_is_no_feed(tmp_path: Path) -> None:
    with pytest.raises(FlightsError, match="flights up --feed"):
        feed.start(Settings(home=tmp_path))
