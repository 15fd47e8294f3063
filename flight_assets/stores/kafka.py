"""Kafka: the topic of flight events, how it is created, and how far it has been written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from flight_assets.errors import StoreUnavailable

if TYPE_CHECKING:
    from kafka import KafkaAdminClient, KafkaConsumer

    from flight_assets.settings import Settings

MILLISECONDS_PER_DAY = 24 * 60 * 60 * 1000


def client_options(settings: Settings) -> dict[str, object]:
    """Address and timeouts that every Kafka client of the platform uses."""
    timeout_ms = int(settings.timeout_s * 1000)
    return {
        "bootstrap_servers": settings.kafka_bootstrap_servers,
        "bootstrap_timeout_ms": timeout_ms,
        "request_timeout_ms": timeout_ms,
    }


@contextmanager
def _answering(settings: Settings) -> Iterator[None]:
    from kafka.errors import KafkaError

    try:
        yield
    except KafkaError as error:
        raise StoreUnavailable("Kafka", settings.kafka_bootstrap_servers, f"start it with `flights up` ({error!r})") from error


@contextmanager
def _admin(settings: Settings) -> Iterator[KafkaAdminClient]:
    from kafka import KafkaAdminClient

    with _answering(settings):
        client = KafkaAdminClient(**client_options(settings))
        try:
            yield client
        finally:
            client.close()


@contextmanager
def _consumer(settings: Settings) -> Iterator[KafkaConsumer]:
    from kafka import KafkaConsumer

    with _answering(settings):
        client = KafkaConsumer(group_id=None, enable_auto_commit=False, allow_auto_create_topics=False, **client_options(settings))
        try:
            yield client
        finally:
            client.close()


def ensure_topic(settings: Settings, name: str, partitions: int, retention_days: int) -> None:
    """Create a topic if it is not there; an existing one is left as it is."""
    from kafka.admin import NewTopic
    from kafka.errors import TopicAlreadyExistsError

    config = {"retention.ms": str(retention_days * MILLISECONDS_PER_DAY), "message.timestamp.type": "LogAppendTime"}
    topic = NewTopic(name, num_partitions=partitions, replication_factor=-1, topic_configs=config)
    with _admin(settings) as admin:
        if name in admin.list_topics():
            return
        try:
            admin.create_topics([topic], timeout_ms=int(settings.timeout_s * 1000))
        except TopicAlreadyExistsError:
            return
        admin.wait_for_topics([name], timeout_ms=int(settings.timeout_s * 1000))


def begin_offsets(settings: Settings) -> dict[int, int]:
    """Per partition of the flight topic, the oldest offset that retention has left. Empty if there is no such topic."""
    from kafka import TopicPartition

    with _consumer(settings) as consumer:
        partitions = consumer.partitions_for_topic(settings.kafka_topic) or set()
        begins = consumer.beginning_offsets([TopicPartition(settings.kafka_topic, number) for number in partitions])
        return {key.partition: int(offset) for key, offset in begins.items()}


def end_offsets(settings: Settings) -> dict[int, int]:
    """Per partition of the flight topic, the offset that the next message will get. Empty if there is no such topic.

    The topic is written by idempotent, not transactional producers, so each offset is one acknowledged message.
    """
    from kafka import TopicPartition

    with _consumer(settings) as consumer:
        partitions = consumer.partitions_for_topic(settings.kafka_topic) or set()
        ends = consumer.end_offsets([TopicPartition(settings.kafka_topic, number) for number in partitions])
        return {key.partition: int(offset) for key, offset in ends.items()}
