"""Kafka 3.9 with ZooKeeper, with the properties of its container: the platform's own code against it, and a
kill -9 of the broker.

It needs no platform: `FLIGHTS_PROFILE=cluster .venv/bin/pytest -s -W
ignore::pytest.PytestUnraisableExceptionWarning flight_assets_tests/cluster/test_zookeeper.py`. Without `-W`
pytest ends with what kafka-python leaves behind of a broker that was killed: sockets that it could not
connect.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from flight_assets.producer.events import Message
from flight_assets.producer.publish import PublishResult, publish
from flight_assets.producer.synthetic import synthetic_messages
from flight_assets.settings import Settings
from flight_assets.stores import kafka, topic_lag
from flight_assets.stores.kafka_topic import MILLISECONDS_PER_DAY
from flight_assets_tests.cluster import zookeeper
from flight_assets_tests.conftest import PORT_OFFSET
from flight_assets_tests.told import say

EVENTS = 50_000
EVENTS_A_FAULT = 6_000
RATE_PER_S = 400.0
PARTITIONS = 3
RETENTION_DAYS = 7
DELIVERY_TIMEOUT_S = 120.0
LANDING_TIMEOUT_S = 240
NUMBER = "number"
ANCHOR = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def broker_settings(tmp_path_factory) -> Settings:
    settings = zookeeper.broker_settings(tmp_path_factory.mktemp("zookeeper"), PORT_OFFSET)
    say("zookeeper", f"{zookeeper.fetch(settings)} jars with their hashes")
    return settings


@pytest.fixture(scope="module")
def broker(broker_settings) -> Iterator[zookeeper.Server]:
    """A running broker with the flight topic."""
    began = time.monotonic()
    keeper = zookeeper.start_zookeeper(broker_settings)
    try:
        server = zookeeper.start_broker(broker_settings)
        try:
            zookeeper.wait_for(broker_settings, server)
            say("zookeeper", f"ZooKeeper and the broker up after {time.monotonic() - began:.1f} s")
            kafka.ensure_topic(broker_settings, broker_settings.kafka_topic, PARTITIONS, RETENTION_DAYS)
            yield server
        finally:
            server.stop()
    finally:
        keeper.stop()


def send(
    settings: Settings,
    numbers: range,
    rate_per_s: float = 0.0,
    on_progress: Callable[[int, int], None] | None = None,
) -> PublishResult:
    """Messages that carry their numbers; every one must be acknowledged."""
    made = synthetic_messages(numbers.start, len(numbers), ANCHOR)
    messages: Iterator[Message] = (
        replace(message, headers=((NUMBER, str(number).encode()),))
        for number, message in zip(numbers, made, strict=True)
    )
    address, topic = settings.kafka_bootstrap_servers, settings.kafka_topic
    result = publish(messages, address, topic, rate_per_s, on_progress, delivery_timeout_s=DELIVERY_TIMEOUT_S)
    assert (result.acknowledged, result.failed) == (len(numbers), 0)
    return result


def counted(settings: Settings, starts: dict[int, int]) -> Counter[int]:
    """How often each number is in the topic from these offsets on."""
    return Counter(int(number) for number, _ in kafka.headers_since(settings, starts, NUMBER))


def test_the_topic_has_the_platforms_properties(broker, broker_settings):
    from kafka import KafkaAdminClient
    from kafka.admin import ConfigResource, ConfigResourceType

    kafka.ensure_topic(broker_settings, broker_settings.kafka_topic, PARTITIONS + 1, RETENTION_DAYS)
    assert set(kafka.end_offsets(broker_settings)) == set(range(PARTITIONS))
    admin = KafkaAdminClient(**kafka.client_options(broker_settings))
    try:
        found = admin.describe_configs(
            [ConfigResource(ConfigResourceType.TOPIC, broker_settings.kafka_topic)]
        )
    finally:
        admin.close()
    properties = {
        key: found["topic"][broker_settings.kafka_topic][key]["value"]
        for key in ("retention.ms", "message.timestamp.type")
    }
    assert properties == {
        "retention.ms": str(RETENTION_DAYS * MILLISECONDS_PER_DAY),
        "message.timestamp.type": "LogAppendTime",
    }


def test_what_is_acknowledged_is_read_back_once(broker, broker_settings):
    starts, before = kafka.end_offsets(broker_settings), datetime.now(UTC)
    result = send(broker_settings, range(EVENTS))
    say(
        "zookeeper",
        f"{EVENTS} messages acknowledged in {result.seconds:.1f} s, {EVENTS / result.seconds:,.0f} a second",
    )
    began = time.monotonic()
    assert counted(broker_settings, starts) == Counter(range(EVENTS))
    say("zookeeper", f"read back in {time.monotonic() - began:.1f} s, each once")
    ends = kafka.end_offsets(broker_settings)
    assert sum(ends.values()) - sum(starts.values()) == EVENTS
    # The events are of June; the broker's clock counts.
    assert before - timedelta(seconds=1) <= kafka.newest_timestamp(broker_settings, ends) <= datetime.now(UTC)
    assert kafka.messages_before(broker_settings, [before, datetime.now(UTC)]) == [
        sum(starts.values()),
        sum(ends.values()),
    ]


def test_a_killed_broker_loses_nothing_that_it_acknowledged(broker, broker_settings):
    starts = kafka.end_offsets(broker_settings)
    figures: dict[str, float] = {}

    def strike() -> None:
        broker.kill()
        killed = time.monotonic()
        broker.start()
        figures["restarts"] = zookeeper.wait_for(broker_settings, broker)
        figures["back"] = time.monotonic() - killed

    striker = threading.Thread(target=strike)

    def strike_in_the_middle(acknowledged: int, _sent: int) -> None:
        if acknowledged > EVENTS_A_FAULT / 3 and "acknowledged" not in figures:
            figures["acknowledged"] = acknowledged
            striker.start()

    numbers = range(EVENTS, EVENTS + EVENTS_A_FAULT)
    result = send(broker_settings, numbers, RATE_PER_S, strike_in_the_middle)
    striker.join()
    assert figures["acknowledged"] < EVENTS_A_FAULT
    say(
        "zookeeper",
        f"killed after {figures['acknowledged']:.0f} acknowledged: back after {figures['back']:.0f} s,"
        f" {figures['restarts']} more starts",
    )
    say("zookeeper", f"all {len(numbers)} acknowledged after {result.seconds:.0f} s")
    assert counted(broker_settings, starts) == Counter(numbers)


def test_spark_lands_all_of_it_as_a_batch(broker, broker_settings):
    assert topic_lag.has_news(kafka.end_offsets(broker_settings), {})
    began = time.monotonic()
    command = [
        sys.executable,
        "-m",
        "flight_assets_tests.cluster.land",
        broker_settings.kafka_bootstrap_servers,
        broker_settings.home / "hdfs",
    ]
    # Set by pyspark in a process that is a client of Connect, as this one is after the cluster's tests.
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ("SPARK_CONNECT_MODE_ENABLED", "SPARK_REMOTE")
    }
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=LANDING_TIMEOUT_S, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    landed = json.loads(done.stdout.splitlines()[-1])
    ends = kafka.end_offsets(broker_settings)
    assert landed == {str(partition): [end, end] for partition, end in ends.items()}
    assert not topic_lag.has_news(ends, {partition: count for partition, (count, _) in landed.items()})
    say(
        "zookeeper",
        f"Spark landed {sum(ends.values())} messages in {time.monotonic() - began:.0f} s, its start included",
    )
