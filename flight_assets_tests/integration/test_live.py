"""Events in MongoDB within seconds: by a service that `flights up --live` starts, by its command, and by the
lane behind both.
"""

from __future__ import annotations

import json
from collections import Counter

import pytest

from flight_assets.bench.batch_profile import tracing
from flight_assets.bench.runs import has_work
from flight_assets.contracts.tables import FACT, PREDICTIONS
from flight_assets.pipeline import backfill, event_dedup
from flight_assets.producer.events import Message
from flight_assets.provenance import Ledger
from flight_assets.stores import kafka, lease, mongo, mongo_documents, warehouse
from flight_assets.stores.hdfs import Hdfs
from flight_assets.stores.mongo_expiry import EARLY
from flight_assets_tests.integration.conftest import flights_of, run_command
from flight_assets_tests.integration.live_messages import (
    MANY,
    announced,
    documents,
    good_messages,
    lane_of,
    own_messages,
    running_services,
    wait_until,
)

pytestmark = pytest.mark.integration


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
        db[EARLY].drop()
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
        db[EARLY].update_many({}, {"$set": {"predicted_delay_minutes": 123.0}})
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
        assert db[EARLY].count_documents({}) == 0
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
