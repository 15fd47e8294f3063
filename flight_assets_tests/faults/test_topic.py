"""What happens to the topic itself: partitions added, offsets expired; and two runs started at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from flight_assets.provenance import Ledger
from flight_assets.queries.counts import counts
from flight_assets.stores.hdfs import Hdfs
from flight_assets_tests.faults.attempts import calm_attempt
from flight_assets_tests.faults.campaign import messages_of_round
from flight_assets_tests.faults.truth import verify
from flight_assets_tests.integration.conftest import run_command

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1_200)]
SEED = 78


def send(settings, sent, number: int, count: int) -> None:
    from flight_assets.producer.publish import publish

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
