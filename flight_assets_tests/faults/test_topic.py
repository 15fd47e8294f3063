"""Changes of the topic itself: partitions added, offsets expired; and two runs started at once."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from kafka.errors import KafkaError

from flight_assets.contracts.tables import QUARANTINE, STAGING
from flight_assets.errors import FlightsError
from flight_assets.pipeline.check_results import evaluate_tables
from flight_assets.producer.publish import publish
from flight_assets.provenance import STEPS, Ledger
from flight_assets.queries.counts import counts
from flight_assets.stores import kafka, mongo
from flight_assets.stores.hdfs import Hdfs
from flight_assets.stores.mongo_documents import UNCONFIRMED
from flight_assets_tests.faults.attempts import calm_attempt
from flight_assets_tests.faults.campaign import messages_of_round
from flight_assets_tests.faults.truth import verify
from flight_assets_tests.integration.conftest import run_command

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1_200)]
SEED = 78
RECREATED_S = 60.0
GHOST = "UA9999-EWR-20260601"


def send(settings, sent, number: int, count: int) -> None:
    messages = messages_of_round(SEED, number)[:count]
    assert publish(messages, settings.kafka_bootstrap_servers, settings.kafka_topic).acknowledged == len(
        messages
    )
    sent.add(messages)


def process() -> str:
    return calm_attempt().problem


def admin(settings):
    from kafka import KafkaAdminClient

    return KafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap_servers)


def test_two_runs_at_once_process_everything_once(target, sent):
    send(target, sent, 0, 40)
    with ThreadPoolExecutor(2) as both:
        problems = list(both.map(lambda _: process(), range(2)))
    assert problems == ["", ""]
    assert verify(target, sent).problems == []


def test_a_topic_that_gains_partitions_loses_nothing(target, sent):
    client = admin(target)
    before = len(client.describe_topics([target.kafka_topic])[0]["partitions"])
    client.create_partitions({target.kafka_topic: before + 1})
    client.close()
    send(target, sent, 1, 60)
    assert process() == ""
    ledger = Ledger(Hdfs(target))
    assert len(ledger.next_offsets()) == before + 1
    assert verify(target, sent).problems == []


@pytest.mark.forgets_messages
def test_offsets_that_expired_before_they_landed_are_recorded_and_counted(target, sent):
    from kafka import TopicPartition

    assert process() == ""  # what earlier tests have left
    ledger, lost_before = Ledger(Hdfs(target)), counts(target).lost
    landed = {int(partition): offset for partition, offset in ledger.next_offsets().items()}
    send(target, sent, 2, 60)
    client = admin(target)
    client.delete_records(
        {TopicPartition(target.kafka_topic, partition): offset + 3 for partition, offset in landed.items()}
    )
    client.close()
    assert process() == ""
    record = ledger.record(ledger.last_done("hive_fact"))
    assert {partition: (lost.first, lost.last) for partition, lost in record.lost.items()} == {
        str(partition): (offset, offset + 2) for partition, offset in landed.items()
    }
    assert record.record_count == 60 - 3 * len(landed)
    assert f'"lost": {lost_before + 3 * len(landed)}' in run_command("flights", "counts", "--json").stdout


def recreate(settings) -> None:
    """Delete the topic and create it again, as an operator does by mistake."""
    client = admin(settings)
    client.delete_topics([settings.kafka_topic])
    client.close()
    deadline = time.monotonic() + RECREATED_S
    while True:
        try:
            kafka.ensure_topic(
                settings, settings.kafka_topic, settings.kafka_partitions, settings.kafka_retention_days
            )
            if set(kafka.end_offsets(settings).values()) == {0}:
                return
        except (FlightsError, KafkaError) as error:
            problem = str(error)
        assert time.monotonic() < deadline, problem
        time.sleep(0.5)


def shown_live(settings, flight_id: str) -> None:
    """A flight that live processing has shown, from a message far beyond those of the new topic."""
    with mongo.database(settings) as db:
        flights = db[mongo.FLIGHTS]
        other = flights.find_one({"batch_id": {"$ne": UNCONFIRMED}})
        version = other["version"] | {"kafka_offset": 10**9}
        own = {"_id": flight_id, "flight_id": flight_id, "batch_id": UNCONFIRMED, "version": version}
        flights.insert_one(other | own)


@pytest.mark.forgets_messages
def test_a_topic_that_was_created_again_is_read_from_its_beginning(target, house) -> None:
    """Runs last of all: nothing else may read the topic that was there before."""
    ledger = Ledger(Hdfs(target))
    assert process() == ""  # what earlier tests have left
    last = ledger.last_done(STEPS[-1])
    kept = {table.name: house.read(table).count() for table in (STAGING, QUARANTINE)}
    recreate(target)
    shown_live(target, GHOST)
    content = [message for number in (30, 31) for message in messages_of_round(SEED, number)]
    assert publish(content, target.kafka_bootstrap_servers, target.kafka_topic).failed == 0
    assert "flights ledger new-topic" in process()
    assert ledger.last_done(STEPS[0]) == last
    run_command("flights", "ledger", "new-topic", "--reason", "created again")
    with mongo.database(target) as db:
        assert db[mongo.FLIGHTS].find_one({"_id": GHOST}) is None
    assert process() == ""
    records = [ledger.record(number) for number in range(last + 1, ledger.last_done(STEPS[-1]) + 1)]
    assert sum(record.record_count for record in records) == len(content)
    assert min(span.first for record in records for span in record.offsets.values()) == 0
    assert [record.lost for record in records] == [{}] * len(records)
    now = {table.name: house.read(table).count() for table in (STAGING, QUARANTINE)}
    for table, count in ((STAGING, "staged"), (QUARANTINE, "quarantined")):
        assert now[table.name] - kept[table.name] == sum(getattr(record, count) for record in records)
    assert counts(target).problems == []
    # Positions of the two topics are the same, and no key is there twice for that.
    assert [result.name for result in evaluate_tables(house) if not result.passed] == []
