"""Kafka: the topic of flight events, how it is created, and how far it has been written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from flight_assets.errors import StoreUnavailable

if TYPE_CHECKING:
    import pyarrow as pa
    from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
    from kafka.consumer.fetcher import ConsumerRecord

    from flight_assets.settings import Settings

MECHANISM = "SCRAM-SHA-512"
MILLISECONDS_PER_DAY = 24 * 60 * 60 * 1000
# How many messages and bytes one look at the topic takes, and those of one more answer at most.
MESSAGES_AT_ONCE = 20_000
BYTES_AT_ONCE = 16 << 20


def client_options(settings: Settings) -> dict[str, object]:
    """Address, encryption, login and timeouts that every Kafka client of the platform uses."""
    timeout_ms = int(settings.timeout_s * 1000)
    return {
        "bootstrap_servers": settings.kafka_bootstrap_servers,
        "bootstrap_timeout_ms": timeout_ms,
        "request_timeout_ms": timeout_ms,
        **security_options(settings),
    }


def security_options(settings: Settings) -> dict[str, object]:
    """For a kafka-python client: TLS against a certificate authority, and who signs in; nothing without an authority."""
    if not settings.kafka_ca_file:
        return {}
    tls: dict[str, object] = {"security_protocol": _protocol(settings), "ssl_cafile": settings.kafka_ca_file}
    if not settings.kafka_user:
        return tls
    login = {"sasl_plain_username": settings.kafka_user, "sasl_plain_password": settings.kafka_password.get_secret_value()}
    return {**tls, "sasl_mechanism": MECHANISM, **login}


def spark_security_options(settings: Settings) -> dict[str, str]:
    """The same for Spark's Kafka source, whose client is Java's. Spark has the password in a file of its own: options show in its plans."""
    if not settings.kafka_ca_file:
        return {}
    tls = {"kafka.ssl.truststore.type": "PEM", "kafka.ssl.truststore.location": settings.kafka_ca_file}
    return {"kafka.security.protocol": _protocol(settings), "kafka.sasl.mechanism": MECHANISM, **tls}


def _protocol(settings: Settings) -> str:
    return "SASL_SSL" if settings.kafka_user else "SSL"


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


def messages_before(settings: Settings, moments: Sequence[datetime]) -> list[int]:
    """How many messages the flight topic took before each moment, from its own timestamps; the unit of difference is messages.

    Messages whose retention has ended count still. The topic stamps messages when it takes them, so its time index is in order.
    """
    from kafka import TopicPartition

    with _consumer(settings) as consumer:
        numbers = consumer.partitions_for_topic(settings.kafka_topic) or set()
        partitions = [TopicPartition(settings.kafka_topic, number) for number in sorted(numbers)]
        ends = consumer.end_offsets(partitions)
        counts = []
        for moment in moments:
            found = consumer.offsets_for_times(dict.fromkeys(partitions, int(moment.timestamp() * 1000)))
            counts.append(sum(ends[key] if found.get(key) is None else found[key].offset for key in partitions))
        return counts


def newest_timestamp(settings: Settings, ends: dict[int, int]) -> datetime | None:
    """When the broker took the newest message before the end offsets, in UTC; None if there is none."""
    from kafka import TopicPartition

    with _consumer(settings) as consumer:
        keys = {TopicPartition(settings.kafka_topic, number): end for number, end in ends.items() if end > 0}
        if not keys:
            return None
        consumer.assign(list(keys))
        for key, end in keys.items():
            consumer.seek(key, end - 1)
        found = consumer.poll(timeout_ms=int(settings.timeout_s * 1000), max_records=len(keys))
        times = [record.timestamp for records in found.values() for record in records]
    return datetime.fromtimestamp(max(times) / 1000, UTC) if times else None


@contextmanager
def following(settings: Settings, starts: Mapping[int, int]) -> Iterator[Callable[[], pa.Table]]:
    """A function that gives the topic's messages from these offsets on, each once: what has come since it was asked last, some ten
    thousands at most. Partitions that are not in ``starts`` begin with their oldest message.

    Columns are those of a raw batch: key, value, topic, kafka_partition, kafka_offset, ingestion_timestamp (UTC).
    """  # noqa: D205
    from kafka import TopicPartition

    with _consumer(settings) as consumer:
        keys = [TopicPartition(settings.kafka_topic, number) for number in consumer.partitions_for_topic(settings.kafka_topic) or ()]
        begins = consumer.beginning_offsets(keys)
        consumer.assign(keys)
        for key in keys:
            consumer.seek(key, max(starts.get(key.partition, 0), begins[key]))

        def messages() -> pa.Table:
            taken: list[ConsumerRecord] = []
            size = 0
            with _answering(settings):
                for records in _polled(consumer, settings, consumer.end_offsets(keys)):
                    taken += records
                    size += sum(record.serialized_key_size + record.serialized_value_size for record in records)
                    if len(taken) >= MESSAGES_AT_ONCE or size >= BYTES_AT_ONCE:
                        break
            return _table(taken)

        yield messages


def _polled(consumer: KafkaConsumer, settings: Settings, ends: Mapping[TopicPartition, int]) -> Iterator[list[ConsumerRecord]]:
    """What lies before these offsets, in parts as they come. ``poll`` alone gives what it has fetched when it was called last.

    Raises:
        StoreUnavailable: nothing came within ``timeout_s``.
    """
    while any(consumer.position(key) < end for key, end in ends.items()):
        found = consumer.poll(timeout_ms=int(settings.timeout_s * 1000))
        if not found:
            raise StoreUnavailable("Kafka", settings.kafka_bootstrap_servers, "it sent nothing of what its offsets promise; try again")
        yield [record for records in found.values() for record in records]


def _table(records: Sequence[ConsumerRecord]) -> pa.Table:
    import pyarrow as pa

    columns = {
        "key": pa.array([record.key for record in records], pa.binary()),
        "value": pa.array([record.value for record in records], pa.binary()),
        "topic": pa.array([record.topic for record in records], pa.string()),
        "kafka_partition": pa.array([record.partition for record in records], pa.int32()),
        "kafka_offset": pa.array([record.offset for record in records], pa.int64()),
        # Kafka's are of milliseconds, Spark's of microseconds.
        "ingestion_timestamp": pa.array([record.timestamp * 1_000 for record in records], pa.timestamp("us", "UTC")),
    }
    return pa.table(columns)


def headers_since(settings: Settings, starts: dict[int, int], header: str) -> Iterator[tuple[str, str]]:
    """Of the messages from these offsets to the topic's ends, those that carry a header: its value, and topic-partition-offset.

    Offsets that retention has deleted meanwhile are passed over.
    """
    from kafka import TopicPartition

    with _consumer(settings) as consumer:
        keys = {TopicPartition(settings.kafka_topic, number): start for number, start in starts.items()}
        ends = consumer.end_offsets(list(keys))
        begins = consumer.beginning_offsets(list(keys))
        consumer.assign(list(keys))
        for key, start in keys.items():
            consumer.seek(key, max(start, begins[key]))
        for records in _polled(consumer, settings, ends):
            for record in records:
                value = next((value for name, value in record.headers if name == header), None)
                if value is not None:
                    yield value.decode(), f"{record.topic}-{record.partition}-{record.offset}"
