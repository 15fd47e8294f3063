"""Kinds of messages that have stopped platforms, or parted their stores, and the right outcome of each.

On real services.
Transactions, codecs and messages that grow when they are unpacked are in test_kafka_as_it_is.py.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from kafka import KafkaProducer

from flight_assets.contracts.ranges import RANGES_AT_MOST
from flight_assets.contracts.tables import FACT, PREDICTIONS, QUARANTINE, STAGING
from flight_assets.provenance import BatchRecord, Ledger
from flight_assets.stores import kafka, mongo
from flight_assets.stores.hdfs import Hdfs
from flight_assets_tests.flight_model import Truth
from flight_assets_tests.integration.agreement import answers
from flight_assets_tests.integration.case_flights import (
    BACKWARDS,
    BARE,
    CORRECTION,
    DATED,
    DAYS,
    FUTURE,
    HOSTILE,
    LATE,
    NO_WEATHER,
    PRECISE,
    SCATTERED,
    SUMMER,
    TAILS,
    TIED,
    WEEKLY,
    WEEKS,
    WORDS,
    Event,
    at,
    flight,
    flight_ids,
)

pytestmark = pytest.mark.integration


class Sender:
    """Sends events to a partition each, acknowledged one by one where their order matters."""

    def __init__(self, settings) -> None:
        self._topic, self._settings = settings.kafka_topic, settings
        self._producer = KafkaProducer(
            bootstrap_servers=settings.kafka_bootstrap_servers, acks="all", linger_ms=20
        )

    def send(self, events: list[Event], partition: int = 0) -> None:
        sent = [
            self._producer.send(
                self._topic, json.dumps(event).encode(), event["flight_id"].encode(), partition=partition
            )
            for event in events
        ]
        self._producer.flush(60)
        assert all(each.succeeded() for each in sent)

    def partitions(self) -> tuple[int, int]:
        """The partition with the higher end, and the one with the lower, at least ten messages apart."""
        ends = kafka.end_offsets(self._settings)
        low, high = min(ends, key=lambda number: ends[number]), max(ends, key=lambda number: ends[number])
        low, high = (low, high) if low != high else sorted(ends)[:2]
        fillers = [
            self._producer.send(self._topic, b"filler", partition=high)
            for _ in range(10 - (ends[high] - ends[low]))
        ]
        self._producer.flush(60)
        assert all(each.succeeded() for each in fillers)
        return high, low

    def close(self) -> None:
        self._producer.close(timeout=10)


@pytest.fixture(scope="module")
def sender(quiet_platform) -> Iterator[Sender]:
    found = Sender(quiet_platform)
    yield found
    found.close()


@pytest.fixture(scope="module")
def run(quiet_platform, process, sender):
    """Run the pipeline; returns the record of the one batch that it took, which no check may hold up."""
    ledger = Ledger(Hdfs(quiet_platform))

    def run_batch() -> BatchRecord:
        before = ledger.last_done("hive_fact")
        process()
        assert (ledger.last_done("raw_kafka_batch"), ledger.last_done("hive_fact")) == (
            before + 1,
            before + 1,
        )
        record = ledger.record(before + 1)
        assert [result.name for result in record.checks if result.blocks] == []
        return record

    return run_batch


@pytest.fixture(scope="module")
def many(run, sender, small_model) -> BatchRecord:
    """The record of a batch with a message of most kinds."""
    sender.send([*WEEKLY, *FUTURE, *BACKWARDS, *DATED.values(), *LATE, WORDS, *PRECISE.values(), *HOSTILE])
    high, low = sender.partitions()
    sender.send(TIED, high)
    sender.send([CORRECTION], low)
    return run()


@pytest.fixture(scope="module")
def bare(many, run, sender) -> BatchRecord:
    """The record of a batch without weather; a flight whose clock was wrong arrives in it."""
    sender.send([*NO_WEATHER, flight(5002, SUMMER, "arrived")])
    return run()


@pytest.fixture
def agreed(quiet_platform, house, count, bare):
    """Return the one answer of every store about a flight of these batches, by its number."""
    count()

    def of(number: int) -> Truth:
        [name] = {
            row.flight_id
            for row in house.read(FACT).where(f"flight_number = {number} AND origin = 'EWR'").collect()
        }
        found = answers(quiet_platform, house, [name])[name].agreed()
        assert found is not None
        return found

    return of


def quarantined(house, record: BatchRecord) -> dict[str, tuple[str, str]]:
    """Reason and detail of the batch's rejected events, by event_id."""
    rows = house.read(QUARANTINE).where(f"batch_id = {record.batch_id} AND key IS NOT NULL").collect()
    return {json.loads(bytes(row.value))["event_id"]: (row.reason, row.detail) for row in rows}


def there(house, table, events: list[Event]) -> set[str]:
    wanted = flight_ids(events)
    return wanted & {row.flight_id for row in house.read(table).select("flight_id").distinct().collect()}


def test_a_flight_a_week_for_more_than_a_year_is_staged_and_predicted(many, house) -> None:
    assert there(house, STAGING, WEEKLY) == there(house, PREDICTIONS, WEEKLY) == flight_ids(WEEKLY)
    assert len(flight_ids(WEEKLY)) == WEEKS
    assert len(many.flight_dates) <= RANGES_AT_MOST


def test_a_source_without_weather_is_staged_with_a_warning_at_most(bare, house) -> None:
    assert there(house, STAGING, NO_WEATHER) == there(house, FACT, NO_WEATHER) == flight_ids(NO_WEATHER)
    assert bare.staged == BARE + 1
    [quality] = [result for result in bare.checks if result.name == "quality"]
    assert (quality.passed, quality.severity) == (False, "WARN")


def test_an_event_from_the_future_is_rejected_and_the_flight_ends_as_arrived(many, house, agreed) -> None:
    reason, detail = quarantined(house, many)[FUTURE[1]["event_id"]]
    assert reason == "inconsistent_times"
    assert detail.endswith("minutes after Kafka took the message")
    assert agreed(5002) == Truth(
        "UA5002-EWR-20240612:arrived:case", "IAH", None, "arrived", -7.0, is_predicted=True
    )


def test_an_arrival_before_the_departure_is_rejected_and_no_store_has_it(many, house, agreed) -> None:
    assert quarantined(house, many)[BACKWARDS[2]["event_id"]] == (
        "inconsistent_times",
        "arrived before it departed",
    )
    assert agreed(5003) == Truth(BACKWARDS[1]["event_id"], "IAH", None, None, None, is_predicted=True)


def test_of_one_event_time_in_two_partitions_what_the_broker_took_later_wins(many, house, agreed) -> None:
    rows = {row.event_id: row for row in house.read(STAGING).where("flight_number = 5004").collect()}
    assert rows[CORRECTION["event_id"]].kafka_offset < rows[TIED[1]["event_id"]].kafka_offset
    assert agreed(5004).event_id == CORRECTION["event_id"]
    assert house.read(FACT).where("flight_number = 5004").collect()[0].departure_delay_minutes == 25.0


def test_a_flight_id_with_the_date_of_utc_is_rejected_and_names_the_local_time(many, house, agreed) -> None:
    reason, detail = quarantined(house, many)[DATED["utc"]["event_id"]]
    assert (reason, "2024-06-12 22:30 local time" in detail) == ("inconsistent_times", True)
    assert agreed(5005).event_id == DATED["local"]["event_id"]


def test_a_delay_of_two_days_is_a_delay(many, agreed) -> None:
    found = agreed(5006)
    assert (found.outcome, found.actual, found.is_predicted) == ("arrived", 3_143.0, False)


def test_weather_in_words_is_counted_by_name_and_the_event_is_staged(many, house) -> None:
    [row] = house.read(STAGING).where("flight_number = 5007").collect()
    assert {name: value for name, value in row.weather.asDict().items() if value is not None} == {
        "wind_speed_mph": 8.0
    }
    words = ("temperature_f", "precipitation_in", "pressure_mb")
    assert {f"weather.{name}": many.cleaned_values.get(f"weather.{name}") for name in words} == {
        f"weather.{name}": 1 for name in words
    }
    assert many.unknown_fields == {"weather.windgust": 1}
    results = {result.name: result for result in many.checks}
    assert [(results[name].passed, results[name].blocks) for name in ("values_clean", "fields_known")] == [
        (False, False)
    ] * 2


def test_times_of_seven_and_nine_digits_are_cut_to_microseconds(many, house) -> None:
    rows = (
        house.read(STAGING)
        .where("flight_number IN (5008, 5009)")
        .select("timestamp")
        .toArrow()["timestamp"]
        .to_pylist()
    )
    assert rows == [at("2024-06-12T11:00:00.123456")] * 2


def test_what_cannot_be_a_registration_is_counted_and_dropped_in_every_store(
    many, house, quiet_platform
) -> None:
    assert many.cleaned_values["tail_number"] == len(TAILS)
    for table in (STAGING, FACT):
        rows = house.read(table).where("flight_number BETWEEN 5010 AND 5014").collect()
        assert {row.flight_number: row.tail_number for row in rows} == dict.fromkeys(TAILS)
    with mongo.database(quiet_platform) as db:
        found = db[mongo.FLIGHTS].find({"flight_number": {"$in": list(TAILS)}})
        assert {document["flight_number"]: document["tail_number"] for document in found} == dict.fromkeys(
            TAILS
        )


@pytest.mark.leaves_much
def test_flights_of_five_thousand_days_in_one_batch_are_staged_and_predicted(
    bare, run, sender, house, count
) -> None:
    sender.send(SCATTERED)
    record = run()
    assert len(flight_ids(SCATTERED)) == DAYS
    assert (record.staged, record.predicted, record.merged) == (DAYS, DAYS, DAYS)
    assert max(len(record.flight_dates), len(record.announced_dates)) == RANGES_AT_MOST
    assert there(house, PREDICTIONS, SCATTERED) == flight_ids(SCATTERED)
    count()
