"""Several live processes: shared partitions, kills, and what fails."""

from __future__ import annotations

import os
import signal
import subprocess
import threading

import pytest

from flight_assets.errors import FlightsError
from flight_assets.pipeline.live import process as live_process
from flight_assets.pipeline.live.lane import Lane
from flight_assets.pipeline.live.shares import PARTITION
from flight_assets.queries import flight_latency
from flight_assets.stores import kafka, lease, mongo
from flight_assets_tests.integration.conftest import BIN, flights_of
from flight_assets_tests.integration.live_messages import (
    ENDS_WITHIN_S,
    MESSAGES,
    VISIBLE_WITHIN_S,
    announced,
    documents,
    good_messages,
    own_messages,
    wait_until,
)

pytestmark = pytest.mark.integration


def partitions_written(settings) -> dict[int, str]:
    """The live process that writes each partition."""
    held = lease.names(settings, PARTITION)
    return {int(name.removeprefix(PARTITION)): str(lease.holder(settings, name)) for name in held}


def holders(settings) -> set[str]:
    return set(partitions_written(settings).values())


def test_two_processes_share_the_partitions_and_one_takes_over_when_the_other_is_killed(
    platform, small_model, send, process, count
) -> None:
    process()
    command = [str(BIN / "flights"), "process", "--live"]
    every = set(kafka.end_offsets(platform))
    with subprocess.Popen(command, env=dict(os.environ)) as first:
        wait_until(lambda: set(partitions_written(platform)) == every)
        with subprocess.Popen(command, env=dict(os.environ)) as second:
            try:
                wait_until(lambda: len(holders(platform)) == 2)
                assert set(partitions_written(platform)) == every
                messages = good_messages(platform)
                shown = announced(messages)
                send(messages)
                wait_until(lambda: set(documents(platform, shown)) == shown)
                first.kill()
                first.wait()
                more = good_messages(platform)
                send(more)
                wait_until(lambda: set(documents(platform, announced(more))) == announced(more))
                assert set(partitions_written(platform)) == every
                assert len(holders(platform)) == 1
                with mongo.database(platform) as db:
                    wait_until(lambda: flight_latency.live_latency(db)["messages"].sum() > 0)
                    found = flight_latency.live_latency(db).iloc[0]
                assert 0 < found.p50_s <= found.p95_s <= found.p99_s < VISIBLE_WITHIN_S
                second.send_signal(signal.SIGTERM)
                assert second.wait(ENDS_WITHIN_S) == 0
            finally:
                second.kill()
    assert not lease.names(platform, lease.LIVE)
    process()
    assert set(documents(platform, flights_of(messages + more))) == flights_of(messages + more)
    count()


def test_after_a_kill_the_next_one_goes_on(platform, send, process, count) -> None:
    process()
    messages = own_messages(platform)
    flights = flights_of(messages)
    command = [str(BIN / "flights"), "process", "--live"]
    send(messages[: MESSAGES // 2])
    with subprocess.Popen(command, env=dict(os.environ)) as first:
        wait_until(lambda: bool(documents(platform, flights)))
        send(messages[MESSAGES // 2 :])
        first.kill()
    shown = documents(platform, flights)
    with subprocess.Popen(command, env=dict(os.environ)) as second:
        try:
            wait_until(lambda: len(documents(platform, flights)) > len(shown))
            second.send_signal(signal.SIGTERM)
            assert second.wait(ENDS_WITHIN_S) == 0
        finally:
            second.kill()
    process()
    assert set(documents(platform, flights)) == flights
    count()


def test_what_fails_is_told_and_tried_again(platform, send, process, count, monkeypatch) -> None:
    """As when a store is down for a while: the next try begins with the first message that no batch has
    staged.
    """
    process()
    stop, told, tries = threading.Event(), [], []
    take = Lane.take
    messages = good_messages(platform)

    def fail_once(lane: Lane, raw, partitions) -> None:
        tries.append(raw.num_rows)
        if len(tries) == 1:
            send(messages)
            raise FlightsError("a store is down")
        take(lane, raw, partitions)
        if sum(tries) >= MESSAGES:
            stop.set()

    monkeypatch.setattr(Lane, "take", fail_once)
    live_process.process_live(platform, stop, told.append)
    assert told == ["a store is down"]
    assert tries[0] == 0
    assert sum(tries) == MESSAGES
    assert set(documents(platform, announced(messages))) == announced(messages)
    process()
    count()
