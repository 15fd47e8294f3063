"""Events in MongoDB within seconds: by a service that `flights up --live` starts, by its command, and by the
lane behind both.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections import Counter
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from flight_assets.bench.batch_profile import tracing
from flight_assets.bench.runs import has_work
from flight_assets.contracts.tables import FACT, PREDICTIONS
from flight_assets.errors import FlightsError
from flight_assets.pipeline import backfill, early_predictions, event_dedup
from flight_assets.pipeline.live import process as live_process
from flight_assets.pipeline.live.lane import Lane, open_lane
from flight_assets.pipeline.live.shares import PARTITION
from flight_assets.producer.corrupt import mixed_messages
from flight_assets.producer.events import Message
from flight_assets.producer.synthetic import synthetic_messages
from flight_assets.provenance import Ledger
from flight_assets.queries import flight_latency
from flight_assets.stores import kafka, lease, mongo, mongo_documents, warehouse
from flight_assets.stores.hdfs import Hdfs
from flight_assets_tests.integration.conftest import ANCHOR, BIN, flights_of, run_command

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.integration
VISIBLE_WITHIN_S = 60.0
ENDS_WITHIN_S = 60.0
# Other tests begin with flights that nobody has seen; these are of days of their own.
OWN_ANCHOR = ANCHOR - timedelta(days=40)
DAYS = 4_000
MESSAGES = 60
# More than one answer of Kafka's.
MANY = 2_500


def own_day(settings) -> tuple[int, datetime]:
    """A seed and a moment that no messages were made of before, on a platform that is kept as well."""
    seed = sum(kafka.end_offsets(settings).values())
    return seed, OWN_ANCHOR - timedelta(days=seed % DAYS)


def good_messages(settings, count: int = MESSAGES) -> list[Message]:
    """Messages in the order of their times, of flights that nobody has seen."""
    seed, anchor = own_day(settings)
    return list(synthetic_messages(seed, count, anchor))


def own_messages(settings) -> list[Message]:
    """The same with bad and awkward ones among them."""
    seed, anchor = own_day(settings)
    return list(mixed_messages(lambda good: synthetic_messages(seed, good, anchor), MESSAGES, 0.2, seed))


def wait_until(holds: Callable[[], bool], limit_s: float = VISIBLE_WITHIN_S) -> None:
    deadline = time.monotonic() + limit_s
    while not holds():
        assert time.monotonic() < deadline, f"not within {limit_s:.0f} s"
        time.sleep(0.2)


def running_services() -> set[str]:
    rows = json.loads(run_command("flights", "status", "--json").stdout)["services"]
    return {row["name"] for row in rows if row["state"] == "running"}


def documents(settings, flights: set[str]) -> dict[str, mongo_documents.Document]:
    with mongo.database(settings) as db:
        return {each["_id"]: each for each in db[mongo.FLIGHTS].find({"_id": {"$in": sorted(flights)}})}


def announced(messages: list[Message]) -> set[str]:
    """The flights whose first message is the announcement."""
    first = {}
    for event in (json.loads(message.value) for message in messages):
        first.setdefault(event["flight_id"], event["event_type"])
    return {flight for flight, event_type in first.items() if event_type == "scheduled"}


@contextmanager
def lane_of(settings) -> Iterator[tuple[Lane, Callable[[], None]]]:
    """A lane, and a function that takes what the topic holds through it."""
    with open_lane(settings) as lane, kafka.following(settings, lane.begins_at) as messages:
        yield lane, lambda: lane.take(messages())


def test_up_with_live_shows_events_before_their_batch_which_confirms_them(
    platform, send, process, count
) -> None:
    process()
    before = running_services()
    try:
        run_command("flights", "up", "--live")
        assert running_services() == {*before, "live"}
        messages = own_messages(platform)
        send(messages)
        flights = flights_of(messages)
        seen_at_once = len(flights) // 2
        wait_until(lambda: len(documents(platform, flights)) >= seen_at_once)
        assert has_work(platform)
        assert {each["batch_id"] for each in documents(platform, flights).values()} == {
            mongo_documents.UNCONFIRMED
        }
        process()
        confirmed = documents(platform, flights)
        assert set(confirmed) == flights
        assert all(each["batch_id"] >= 0 for each in confirmed.values())
        count()
    finally:
        run_command("flights", "up")
    assert running_services() == before
    assert not lease.names(platform, lease.LIVE)


def test_the_batch_changes_nothing_of_what_was_shown_but_its_number(platform, send, process, count) -> None:
    """Predictions among it: they are what the warehouse has afterwards."""
    process()
    messages = good_messages(platform)
    with lane_of(platform) as (_, take):
        send(messages)
        take()
    flights = announced(messages)
    shown = documents(platform, flights)
    assert set(shown) == flights
    assert all(each["prediction"]["model_version"] for each in shown.values())
    process()
    confirmed = documents(platform, flights)
    assert {key: each | {"batch_id": None} for key, each in confirmed.items()} == {
        key: each | {"batch_id": None} for key, each in shown.items()
    }
    house = warehouse.open_warehouse(platform)
    rows = house.read(FACT).select("flight_id", "batch_id", "predicted_delay_minutes").toArrow().to_pylist()
    known = {row["flight_id"]: row for row in rows if row["flight_id"] in flights}
    said = {
        key: (each["batch_id"], each["prediction"]["predicted_delay_minutes"])
        for key, each in confirmed.items()
    }
    assert {key: (row["batch_id"], row["predicted_delay_minutes"]) for key, row in known.items()} == said
    count()


def test_a_batch_by_itself_predicts_the_same(platform, send, process) -> None:
    process()
    messages = good_messages(platform)
    with lane_of(platform) as (_, take):
        send(messages)
        take()
    shown = documents(platform, announced(messages))
    with mongo.database(platform) as db:
        db[early_predictions.EARLY].drop()
    process()
    confirmed = documents(platform, set(shown))
    assert {key: each["prediction"] for key, each in confirmed.items()} == {
        key: each["prediction"] for key, each in shown.items()
    }


def test_the_prediction_that_was_made_first_stands_in_every_store_and_is_then_forgotten(
    platform, send, process, count, small_model
) -> None:
    """Whatever the batch itself would say."""
    process()
    messages = good_messages(platform)
    with mongo.database(platform) as db, lane_of(platform) as (_, take):
        send(messages)
        take()
        db[early_predictions.EARLY].update_many({}, {"$set": {"predicted_delay_minutes": 123.0}})
        process()
        flights = announced(messages)
        house = warehouse.open_warehouse(platform)
        for table in (PREDICTIONS, FACT):
            rows = house.read(table).select("flight_id", "predicted_delay_minutes").toArrow().to_pylist()
            assert {
                row["flight_id"]: row["predicted_delay_minutes"]
                for row in rows
                if row["flight_id"] in flights
            } == dict.fromkeys(flights, 123.0)
        send(good_messages(platform))
        process()
        assert db[early_predictions.EARLY].count_documents({}) == 0
    count()
    # A day that is made again from the raw messages has them as well.
    batch_id = next(iter(documents(platform, flights).values()))["batch_id"]
    rebuilt = backfill._predictions_of(house, Ledger(Hdfs(platform)), batch_id)
    assert {row.flight_id: row.predicted_delay_minutes for row in rebuilt.collect()} == dict.fromkeys(
        flights, 123.0
    )


def with_the_same_id(message: Message) -> Message:
    """A later event of the same flight that has the id of this one: a duplicate, whatever it says."""
    event = json.loads(message.value)
    event |= {"tail_number": "N1", "timestamp": event["scheduled_departure"]}
    return Message(message.key, json.dumps(event).encode(), message.event_time_s)


def lone_announcement(messages: list[Message]) -> Message:
    """The announcement of a flight of which the messages tell nothing else."""
    flights = Counter(json.loads(message.value)["flight_id"] for message in messages)
    lone = {flight for flight in announced(messages) if flights[flight] == 1}
    return next(message for message in messages if json.loads(message.value)["flight_id"] in lone)


@pytest.mark.parametrize("staged", [False, True], ids=["taken by the lane", "staged by a batch"])
def test_an_event_whose_id_was_seen_before_is_not_shown(platform, send, process, staged, count) -> None:
    messages = good_messages(platform)
    process()
    message = lone_announcement(messages)
    flight = json.loads(message.value)["flight_id"]
    if staged:
        send(messages)
        process()
    with lane_of(platform) as (_, take):
        if not staged:
            send(messages)
            take()
        before = documents(platform, {flight})
        send([with_the_same_id(message)])
        take()
        assert documents(platform, {flight}) == before
    process()
    assert documents(platform, {flight})[flight]["version"] == before[flight]["version"]
    count()


def test_what_its_batch_has_not_staged_is_taken_back(platform, send, process, count, monkeypatch) -> None:
    """As when a lane did not know of an id: what it shows of the duplicate gives way to what the warehouse
    has.
    """
    messages = good_messages(platform)
    message = lone_announcement(messages)
    flight = json.loads(message.value)["flight_id"]
    send(messages)
    process()
    before = documents(platform, {flight})
    with monkeypatch.context() as patch:
        recent = event_dedup.recent_hashes
        patch.setattr(event_dedup, "recent_hashes", lambda house: recent(house)[:0])
        with lane_of(platform) as (_, take):
            send([with_the_same_id(message)])
            take()
    assert documents(platform, {flight})[flight]["tail_number"] == "N1"
    process()
    process()
    assert documents(platform, {flight}) == before
    count()


def test_of_a_flights_states_that_come_at_once_the_newest_is_written_and_nothing_else(
    platform, send, process, count
) -> None:
    process()
    messages = good_messages(platform, MANY)
    states = Counter(json.loads(message.value)["flight_id"] for message in messages)
    with lane_of(platform) as (_, take), mongo.database(platform) as db, db[mongo.FLIGHTS].watch() as changes:
        send(messages)
        take()
        written = Counter()
        while (change := changes.try_next()) is not None:
            written[change["documentKey"]["_id"]] += 1
    assert max(states.values()) > 1
    assert written == dict.fromkeys(announced(messages), 1)
    process()
    count()


def test_a_lane_asks_spark_nothing(platform, send, process, count) -> None:
    """From its start on: known ids, look-back and reference data come from the tables' files."""
    process()
    messages = good_messages(platform, MANY)
    with tracing() as trace, lane_of(platform) as (_, take):
        send(messages)
        take()
    assert trace.calls() == 0, trace.spans
    assert set(documents(platform, flights_of(messages))) == announced(messages)
    process()
    count()


def test_a_look_at_the_topic_takes_no_more_than_its_bytes_and_the_next_goes_on(
    platform, send, process, count, monkeypatch
) -> None:
    process()
    messages = good_messages(platform, MANY)
    monkeypatch.setattr(kafka, "BYTES_AT_ONCE", 1)
    with kafka.following(platform, kafka.end_offsets(platform)) as take:
        send(messages)
        looks = [take()]
        while looks[-1].num_rows:
            looks.append(take())
    assert len(looks) > 2
    assert sorted(value for look in looks for value in look["value"].to_pylist()) == sorted(
        message.value for message in messages
    )
    process()
    count()


def test_a_lane_knows_when_batches_were_faster(platform, send, process) -> None:
    process()
    with lane_of(platform) as (lane, take):
        assert not lane.is_overtaken()
        send(good_messages(platform))
        process()
        assert lane.is_overtaken()
        take()
        assert not lane.is_overtaken()


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
