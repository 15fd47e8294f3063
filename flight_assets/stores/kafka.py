"""Client of the flight topic: create it, read its offsets and its new messages."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from flight_assets.errors import FlightsError, StoreUnavailable
from flight_assets.stores import kafka_arrow, kafka_reader
from flight_assets.stores.kafka_reader import TopicReader
from flight_assets.stores.kafka_records import Clock, headers_of
from flight_assets.stores.kafka_topic import MILLISECONDS_PER_DAY, topic_settings, unsafe_settings

if TYPE_CHECKING:
    import pyarrow as pa
    from kafka import KafkaAdminClient, KafkaConsumer

    from flight_assets.settings import Settings
    from flight_assets.stores.kafka_records import Record

MECHANISM = "SCRAM-SHA-512"
# Messages and bytes of one read of the topic; one more block at most.
MESSAGES_AT_ONCE = 20_000
BYTES_AT_ONCE = 16 << 20
# A new partition of the topic is noticed after this time.
METADATA_MAX_AGE_MS = 30_000


def client_options(settings: Settings) -> dict[str, object]:
    """Return address, encryption, login and timeouts for every Kafka client of the platform."""
    timeout_ms = int(settings.timeout_s * 1000)
    return {
        "bootstrap_servers": settings.kafka_bootstrap_servers,
        "bootstrap_timeout_ms": timeout_ms,
        "request_timeout_ms": timeout_ms,
        **security_options(settings),
    }


def security_options(settings: Settings) -> dict[str, object]:
    """Return TLS and login of a kafka-python client; nothing without a certificate authority."""
    if not settings.kafka_ca_file:
        return {}
    tls: dict[str, object] = {"security_protocol": _protocol(settings), "ssl_cafile": settings.kafka_ca_file}
    if not settings.kafka_user:
        return tls
    login = {
        "sasl_plain_username": settings.kafka_user,
        "sasl_plain_password": settings.kafka_password.get_secret_value(),
    }
    return {**tls, "sasl_mechanism": MECHANISM, **login}


def _protocol(settings: Settings) -> str:
    return "SASL_SSL" if settings.kafka_user else "SSL"


@contextmanager
def _answering(settings: Settings) -> Iterator[None]:
    from kafka.errors import KafkaError

    try:
        yield
    except KafkaError as error:
        raise StoreUnavailable(
            "Kafka", settings.kafka_bootstrap_servers, f"start it with `flights up` ({error!r})"
        ) from error


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
        client = KafkaConsumer(
            group_id=None,
            enable_auto_commit=False,
            allow_auto_create_topics=False,
            isolation_level="read_committed",
            metadata_max_age_ms=METADATA_MAX_AGE_MS,
            receive_message_max_bytes=kafka_reader.ANSWER_BYTES,
            # The client raises this limit for fetches of its own, which are not used here.
            fetch_max_bytes=kafka_reader.FETCH_BYTES,
            **client_options(settings),
        )
        try:
            yield client
        finally:
            client.close()


def log_folders(settings: Settings) -> list[tuple[int, int, float, float]]:
    """Return broker, number of the folder, total and free bytes of each folder of messages.

    Brokers from version 3.3 on say it.
    """
    with _admin(settings) as admin:
        answers = admin.describe_log_dirs()
    return [
        (answer["broker"], number, float(folder["total_bytes"]), float(folder["usable_bytes"]))
        for answer in answers
        for number, folder in enumerate(answer["log_dirs"], 1)
    ]


def ensure_topic(settings: Settings, name: str, partitions: int, retention_days: int) -> None:
    """Create a topic with ``topic_settings`` if it is not there; an existing one is left as it is."""
    from kafka.admin import NewTopic
    from kafka.errors import TopicAlreadyExistsError

    topic = NewTopic(
        name, num_partitions=partitions, replication_factor=-1, topic_configs=topic_settings(retention_days)
    )
    with _admin(settings) as admin:
        if name in admin.list_topics():
            return
        try:
            admin.create_topics([topic], timeout_ms=int(settings.timeout_s * 1000))
        except TopicAlreadyExistsError:
            return
        admin.wait_for_topics([name], timeout_ms=int(settings.timeout_s * 1000))


def topic_warnings(settings: Settings) -> list[str]:
    """Return a sentence for each setting of the flight topic that is not safe, with the safe value.

    Raises:
        StoreUnavailable: no broker answers, or the user of the settings may not read them.
    """
    from kafka.admin import ConfigResource, ConfigResourceType

    topic = settings.kafka_topic
    with _admin(settings) as admin:
        if topic not in admin.list_topics():
            return []
        answer = admin.describe_configs(
            [ConfigResource(ConfigResourceType.TOPIC, topic)], config_filter="all"
        )
    found = {name: str(entry["value"]) for name, entry in answer["topic"][topic].items()}
    return unsafe_settings(topic, found, settings.kafka_retention_days)


def end_offsets(settings: Settings) -> dict[int, int]:
    """Return, per partition of the flight topic, the offset after the last one that can be read.

    That is the last stable offset: what a transaction has written while it is open lies behind it. Empty if
    there is no such topic.
    """
    with reader(settings) as topic:
        return topic.ends()


def messages_before(settings: Settings, moments: Sequence[datetime]) -> list[int]:
    """Return how many offsets the flight topic gave out before each moment, from its own timestamps.

    A message takes one offset, and so does the marker that ends a transaction. Messages whose retention has
    ended count still. The topic stamps messages when it takes them, so its time index is in order.
    """
    from kafka import TopicPartition

    with _consumer(settings) as consumer:
        numbers = consumer.partitions_for_topic(settings.kafka_topic) or set()
        partitions = [TopicPartition(settings.kafka_topic, number) for number in sorted(numbers)]
        ends = consumer.end_offsets(partitions)
        counts = []
        for moment in moments:
            found = consumer.offsets_for_times(dict.fromkeys(partitions, int(moment.timestamp() * 1000)))
            counts.append(
                sum(ends[key] if found.get(key) is None else found[key].offset for key in partitions)
            )
        return counts


def newest_timestamp(settings: Settings, ends: dict[int, int]) -> datetime | None:
    """Return when the newest batch before the end offsets was written, in UTC; None if there is none.

    With CreateTime this is a producer's time. A time in the future is not believed.
    """
    with reader(settings) as topic:
        times = [topic.newest_ms(number, end) for number, end in ends.items()]
    newest_ms = max((ms for ms in times if ms is not None), default=None)
    return (
        None
        if newest_ms is None
        else datetime.fromtimestamp(min(newest_ms, clock(settings).now_ms) / 1000, UTC)
    )


@contextmanager
def reader(settings: Settings) -> Iterator[TopicReader]:
    """Yield a reader of the flight topic; it is closed afterwards.

    Raises:
        StoreUnavailable: no broker answers within ``timeout_s``.
    """
    with _consumer(settings) as consumer:
        yield TopicReader(consumer, settings.kafka_topic, settings.timeout_s)


def clock(settings: Settings, now: datetime | None = None) -> Clock:
    """Return the range of believable record times for a read at ``now``, by default the current time.

    A time of a producer (CreateTime) counts if it lies in the topic's retention before that moment. Any other
    record counts as taken at that moment. So an ingestion time is never in the future, and a batch has few
    dates.
    """
    now_ms = int((now or datetime.now(UTC)).timestamp() * 1000)
    return Clock(now_ms - settings.kafka_retention_days * MILLISECONDS_PER_DAY, now_ms)


@contextmanager
def following(settings: Settings, starts: Mapping[int, int]) -> Iterator[Callable[[], pa.Table]]:
    """Yield a function that returns the committed messages since its last call, from these offsets on.

    Partitions that are not in ``starts`` begin with their oldest message; partitions that the topic gains are
    taken up. A table has about ``MESSAGES_AT_ONCE`` messages or ``BYTES_AT_ONCE`` bytes at most. The next
    call returns what is left. Columns: key, value, topic, kafka_partition, kafka_offset, ingestion_timestamp
    (UTC), value_bytes.

    Raises:
        StoreUnavailable: no broker answers within ``timeout_s``. It must be opened again then.
        FlightsError: the topic was truncated, or there was an error before.
    """
    with reader(settings) as topic:
        streams: dict[int, Iterator[Record | None]] = {}
        has_failed = False

        def messages() -> pa.Table:
            nonlocal has_failed
            if has_failed:
                raise FlightsError(
                    "following the topic has failed before: open it again where the messages so far end"
                )
            has_failed = True
            with _answering(settings):
                for number in topic.partitions():
                    if number not in streams:
                        streams[number] = topic.follow(number, starts.get(number, 0), lambda: clock(settings))
                table = _look(settings.kafka_topic, streams)
            has_failed = False
            return table

        yield messages


def _look(topic: str, streams: dict[int, Iterator[Record | None]]) -> pa.Table:
    """Return the new messages of the partitions, within the limits.

    A partition that fills them comes last next time.
    """
    import pyarrow as pa

    found, rows, size = [kafka_arrow.arrow([], topic, 0)], 0, 0
    for number in list(streams):
        for block in kafka_arrow.blocks(streams[number], topic, number):
            found.append(block)
            rows, size = rows + block.num_rows, size + block.nbytes
            if rows >= MESSAGES_AT_ONCE or size >= BYTES_AT_ONCE:
                streams[number] = streams.pop(number)
                return pa.Table.from_batches(found)
    return pa.Table.from_batches(found)


def has_more(looked: pa.Table) -> bool:
    """Return whether a look of ``following`` has filled its limits, so that messages may have been left."""
    return bool(looked.num_rows >= MESSAGES_AT_ONCE or looked.nbytes >= BYTES_AT_ONCE)


def headers_since(settings: Settings, starts: dict[int, int], header: str) -> Iterator[tuple[str, str]]:
    """Yield, for each message from these offsets on that has a header, its value and topic-partition-offset.

    Offsets that retention has deleted meanwhile are passed over.
    """
    ends = end_offsets(settings)
    with reader(settings) as topic:
        for number, start in starts.items():
            for record in topic.read(number, start, ends.get(number, 0), clock(settings)):
                value = next((value for name, value in headers_of(record) if name == header.encode()), None)
                if value is not None:
                    yield value.decode(errors="replace"), f"{settings.kafka_topic}-{number}-{record.offset}"
