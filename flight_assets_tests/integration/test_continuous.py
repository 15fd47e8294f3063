"""Events processed as they come: by a service that `flights up --continuous` starts, and by its command."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from flight_assets.automation import continuous
from flight_assets.errors import FlightsError
from flight_assets.producer.corrupt import mixed_messages
from flight_assets.producer.synthetic import synthetic_messages
from flight_assets.stores import lease, mongo
from flight_assets_tests.integration.conftest import ANCHOR, BIN, flights_of, run_command

if TYPE_CHECKING:
    from collections.abc import Callable

    from flight_assets.producer.events import Message

pytestmark = pytest.mark.integration
VISIBLE_WITHIN_S = 120.0
ENDS_WITHIN_S = 60.0
# Other tests begin with flights that nobody has seen; these are of days of their own.
OWN_ANCHOR = ANCHOR - timedelta(days=40)
MESSAGES = 60


def own_messages(seed: int) -> list[Message]:
    return list(mixed_messages(lambda good: synthetic_messages(seed, good, OWN_ANCHOR), MESSAGES, 0.05, seed))


def wait_until(holds: Callable[[], bool], limit_s: float = VISIBLE_WITHIN_S) -> None:
    deadline = time.monotonic() + limit_s
    while not holds():
        assert time.monotonic() < deadline, f"not within {limit_s:.0f} s"
        time.sleep(0.2)


def running_services() -> set[str]:
    rows = json.loads(run_command("flights", "status", "--json").stdout)["services"]
    return {row["name"] for row in rows if row["state"] == "running"}


def test_up_with_continuous_makes_events_visible_without_the_schedule(platform, send, small_model, count) -> None:
    before = running_services()
    try:
        run_command("flights", "up", "--continuous")
        assert running_services() == {*before, "continuous"}
        for seed in (1, 2):
            messages = own_messages(seed)
            send(messages)
            flights = sorted(flights_of(messages))
            wait_until(lambda: not continuous.has_work(platform))
            with mongo.database(platform) as db:
                assert db[mongo.FLIGHTS].count_documents({"_id": {"$in": flights}}) == len(flights)
        count()
    finally:
        run_command("flights", "up")
    assert running_services() == before
    assert lease.holder(platform, lease.CONTINUOUS) is None


def test_the_command_ends_when_told_to_and_a_second_one_refuses(platform, small_model) -> None:
    command = [str(BIN / "flights"), "process", "--continuously"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=dict(os.environ)) as first:
        wait_until(lambda: lease.holder(platform, lease.CONTINUOUS) is not None)
        assert "another run is processing continuously" in run_command("flights", "process", "--continuously", expect=1).stderr
        first.send_signal(signal.SIGTERM)
        assert first.wait(ENDS_WITHIN_S) == 0
    assert lease.holder(platform, lease.CONTINUOUS) is None


def test_a_run_under_way_is_finished_before_the_command_ends(platform, send, small_model, count) -> None:
    send(own_messages(4))
    with subprocess.Popen([str(BIN / "flights"), "process", "--continuously"], env=dict(os.environ)) as command:
        try:
            wait_until(lambda: lease.holder(platform, lease.PROCESSING) is not None)
            command.send_signal(signal.SIGTERM)
            assert command.wait(VISIBLE_WITHIN_S) == 0
        finally:
            command.kill()
    assert not continuous.has_work(platform)
    count()


def test_a_run_that_fails_is_told_and_tried_again(platform, send, process, count, monkeypatch) -> None:
    """As when a store is down for a while: what had landed is finished by the next try."""
    stop, told, tries = threading.Event(), [], []
    run_job = continuous.run_job

    def fail_once(*words: object) -> None:
        tries.append(words)
        if len(tries) == 1:
            raise FlightsError("a store is down")
        run_job(*words)
        stop.set()

    monkeypatch.setattr(continuous, "run_job", fail_once)
    send(own_messages(3))
    continuous.process_continuously(platform, stop, told.append)
    assert told == ["a store is down"]
    assert len(tries) == 2
    assert not continuous.has_work(platform)
    count()
