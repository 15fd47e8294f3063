"""Whatever other producers do to the topic, no message is lost, doubled or fatal. On real services.

Tests share the stores; each compares with the state it found. ``count`` fails when the stores do not add up.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from flight_assets.contracts.message import MAX_MESSAGE_BYTES
from flight_assets.contracts.tables import QUARANTINE
from flight_assets.provenance import Ledger
from flight_assets.queries import operations
from flight_assets.stores import kafka, kafka_arrow, kafka_reader, landing
from flight_assets.stores.hdfs import Hdfs
from flight_assets.stores.kafka_topic import topic_settings
from flight_assets_tests.integration.conftest import flights_with_defects, run_command
from flight_assets_tests.integration.kafka_messages import (
    MEGABYTE,
    bomb,
    good,
    produce,
    send_all,
    transactions,
)
from flight_assets_tests.record_batches import CODECS, batch, record

pytestmark = pytest.mark.integration


@pytest.fixture
def new_rows(quiet_platform, house, process) -> Callable[[], list]:
    """Run the pipeline; returns the raw rows that landed in the run, by partition and offset."""

    def run() -> list:
        ledger = Ledger(Hdfs(quiet_platform))
        before = ledger.last_done("hive_fact")
        process()
        assert ledger.last_done("hive_fact") == ledger.last_done("raw_kafka_batch"), "no batch is held up"
        numbers = range(before + 1, ledger.last_done("raw_kafka_batch") + 1)
        frames = [landing.read_raw(house.spark, quiet_platform, batch_id) for batch_id in numbers]
        rows = [row for frame in frames for row in frame.collect()]
        return sorted(rows, key=lambda row: (row.kafka_partition, row.kafka_offset))

    return run


def values(rows: list) -> list[bytes | None]:
    return [row.value and bytes(row.value) for row in rows]


def reasons(house, rows: list) -> dict[tuple[int, int], str]:
    """Partition and offset of the rows that were rejected, with the reason."""
    wanted = {(row.kafka_partition, row.kafka_offset) for row in rows}
    found = house.read(QUARANTINE).select("kafka_partition", "kafka_offset", "reason").collect()
    return {
        place: row.reason for row in found if (place := (row.kafka_partition, row.kafka_offset)) in wanted
    }


@pytest.mark.parametrize("name", CODECS)
def test_every_codec_lands_byte_for_byte(name, quiet_platform, new_rows, count) -> None:
    before = count()
    sent = good(40 + 15 * list(CODECS).index(name), 30)
    packed = b"".join(record(at, value, key) for at, (key, value) in enumerate(sent))
    produce(quiet_platform, 0, batch(packed, len(sent), name=name, attributes=0))
    rows = new_rows()
    assert [(bytes(row.key), bytes(row.value)) for row in rows] == sent
    assert count()["staged"] == before["staged"] + 30


@pytest.mark.parametrize("kind", ["gzip", "zstd"])
def test_a_bomb_of_200_mb_is_one_rejected_message_and_its_neighbours_are_staged(
    kind, quiet_platform, new_rows, house, count
) -> None:
    before, pid = count(), spark_pid(quiet_platform)
    sent = good(145 if kind == "gzip" else 160, 20)
    produce(quiet_platform, 1, bomb(200 * MEGABYTE, sent, kind))
    rows = new_rows()
    assert len(rows) == 21
    assert (values(rows)[10], rows[10].value_bytes) == (b" " * (MAX_MESSAGE_BYTES + 1), 200 * MEGABYTE)
    assert reasons(house, rows) == {(1, rows[10].kafka_offset): "too_large"}
    after = count()
    assert (after["staged"], after["quarantined"]) == (before["staged"] + 20, before["quarantined"] + 1)
    assert spark_pid(quiet_platform) == pid, "Spark has not died"
    ledger = Ledger(Hdfs(quiet_platform))
    assert ledger.record(ledger.last_done("hive_fact")).message_bytes > 200 * MEGABYTE


def spark_pid(settings) -> int:
    from flight_assets.platform import launcher

    return next(row.pid for row in launcher.status(settings) if row.name == "spark")


def test_only_committed_messages_land_and_an_open_transaction_delays_what_is_behind_it(
    quiet_platform, new_rows, send, count
) -> None:
    before = count()
    committed, aborted, pending, plain = (
        good(175, 8),
        good(190, 8),
        good(205, 8),
        flights_with_defects(220, 6, share=0.0),
    )
    with transactions(quiet_platform, "first") as first, transactions(quiet_platform, "second") as second:
        first.begin_transaction()
        send_all(first, quiet_platform, committed)
        first.commit_transaction(30)
        assert sorted(values(new_rows())) == sorted(value for _, value in committed)
        first.begin_transaction()
        send_all(first, quiet_platform, aborted)
        first.abort_transaction(30)
        assert new_rows() == []
        assert count()["kafka_acknowledged"] == before["kafka_acknowledged"] + 8
        second.begin_transaction()
        send_all(second, quiet_platform, pending)
        send(plain)
        assert new_rows() == []
        lag = operations.topic_lag(quiet_platform)
        assert (lag["held"].sum(), lag["lag"].sum()) == (len(pending) + len(plain), 0), "it is told"
        second.commit_transaction(30)
    assert operations.topic_lag(quiet_platform)["held"].sum() == 0
    rows = new_rows()
    assert sorted(values(rows)) == sorted(
        [*(value for _, value in pending), *(message.value for message in plain)]
    )
    after = count()
    assert after["staged"] == before["staged"] + 22
    assert after["kafka_acknowledged"] == before["kafka_acknowledged"] + 22
    assert after["quarantined"] == before["quarantined"]


def test_live_reading_gives_committed_messages_only_once_and_no_more_than_a_look_may_have(
    quiet_platform, send, new_rows, monkeypatch
) -> None:
    monkeypatch.setattr(kafka, "MESSAGES_AT_ONCE", 10)
    monkeypatch.setattr(kafka_arrow, "BLOCK_ROWS", 10)
    committed, aborted, plain = good(235, 30), good(250, 30), flights_with_defects(265, 30, share=0.0)
    with (
        kafka.following(quiet_platform, kafka.end_offsets(quiet_platform)) as look,
        transactions(quiet_platform, "third") as producer,
    ):
        assert look().num_rows == 0
        for sent, end in ((aborted, producer.abort_transaction), (committed, producer.commit_transaction)):
            producer.begin_transaction()
            send_all(producer, quiet_platform, sent)
            end(30)
        send(plain)
        found = []
        while (table := look()).num_rows:
            assert table.num_rows < 20, "a look ends with the block that fills it"
            found += table["value"].to_pylist()
    assert sorted(found) == sorted(
        [*(value for _, value in committed), *(message.value for message in plain)]
    )
    assert len(new_rows()) == 60, "batches take the same"


def test_tombstones_null_keys_and_headers_that_are_no_text_land(
    quiet_platform, new_rows, house, count
) -> None:
    before, (key, value) = count(), good(280, 1)[0]
    odd = [(b"\xff\xfe", b"\x80"), (b"", None)]
    produce(
        quiet_platform,
        0,
        batch(record(0, None) + record(1, value, None, odd) + record(2, b"", b""), 3, attributes=0),
    )
    rows = new_rows()
    assert [(row.key and bytes(row.key), row.value_bytes) for row in rows] == [
        (b"key", None),
        (None, len(value)),
        (b"", 0),
    ]
    assert set(reasons(house, rows)) == {(0, rows[0].kafka_offset), (0, rows[2].kafka_offset)}
    assert count()["staged"] == before["staged"] + 1
    assert key


@contextmanager
def topic_with(settings, **changes: str) -> Iterator[None]:
    """The topic as others may have made it; then as it was. Names with underscores for dots."""
    names = {name.replace("_", "."): value for name, value in changes.items()}
    set_topic(settings, names)
    yield
    set_topic(settings, {name: topic_settings(settings.kafka_retention_days)[name] for name in names})


def set_topic(settings, changes: dict[str, str]) -> None:
    from kafka import KafkaAdminClient
    from kafka.admin import ConfigResource, ConfigResourceType

    admin = KafkaAdminClient(**kafka.client_options(settings))
    try:
        admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, settings.kafka_topic, configs=changes)])
    finally:
        admin.close()


@pytest.fixture
def stamped_by_producers(quiet_platform) -> Iterator[None]:
    with topic_with(quiet_platform, message_timestamp_type="CreateTime"):
        yield


@contextmanager
def kafka_of(monkeypatch, settings, answer_bytes: int) -> Iterator[kafka_reader.TopicReader]:
    """A reader that takes no larger answers."""
    monkeypatch.setattr(kafka_reader, "ANSWER_BYTES", answer_bytes)
    with kafka.reader(settings) as topic:
        yield topic


def test_a_batch_that_is_larger_than_any_answer_may_be_is_told_and_passed_over(
    quiet_platform, new_rows, monkeypatch
) -> None:
    first, ((key, value),) = kafka.end_offsets(quiet_platform)[0], good(310, 1)
    with topic_with(quiet_platform, max_message_bytes="4000000"):
        produce(quiet_platform, 0, batch(record(0, secrets.token_bytes(3_000_000)), 1, attributes=0))
        assert "max.message.bytes=1048588" in str(kafka.topic_warnings(quiet_platform))
    produce(quiet_platform, 0, batch(record(0, value, key), 1, attributes=0))
    with monkeypatch.context() as small, kafka_of(small, quiet_platform, answer_bytes=2_500_000) as topic:
        found = list(topic.read(0, first, first + 2, kafka.clock(quiet_platform)))
    assert [entry.offset for entry in found] == [first, first + 1]
    assert found[0].value_bytes == kafka_reader.UNREADABLE
    assert (found[0].value or b"").endswith(b"are in a batch of more than 2500000 bytes")
    assert found[1].value == value
    assert [row.value_bytes for row in new_rows()] == [3_000_000, len(value or b"")], (
        "the shipped limit is larger"
    )


@pytest.mark.usefixtures("stamped_by_producers")
def test_times_of_producers_count_within_the_retention_only_and_doctor_warns(
    quiet_platform, new_rows, count
) -> None:
    before, now = count(), datetime.now(UTC)
    stamps = [
        now - timedelta(hours=3),
        now + timedelta(minutes=50),
        datetime(2013, 1, 1, tzinfo=UTC),
        datetime.fromtimestamp(0, UTC),
    ]
    base_ms = int(now.timestamp() * 1000)
    sent = good(295, 4)
    deltas = [int(stamp.timestamp() * 1000) - base_ms for stamp in stamps]
    packed = b"".join(
        record(at, value, key, delta_ms=delta)
        for at, ((key, value), delta) in enumerate(zip(sent, deltas, strict=True))
    )
    produce(quiet_platform, 0, batch(packed, 4, attributes=0, first_ms=base_ms, max_ms=base_ms + max(deltas)))
    rows = new_rows()
    took = [row.ingestion_timestamp.astimezone(UTC) for row in rows]
    assert abs(took[0] - stamps[0]) < timedelta(milliseconds=1)
    assert len(set(took[1:])) == 1
    assert now - timedelta(milliseconds=1) <= took[1] <= datetime.now(UTC)
    assert count()["raw"] == before["raw"] + 4
    assert "message.timestamp.type=LogAppendTime" in run_command("flights", "doctor").stdout.replace("\n", "")
    assert kafka.newest_timestamp(quiet_platform, kafka.end_offsets(quiet_platform)) <= datetime.now(UTC)


def test_a_topic_of_ours_has_nothing_to_warn_of(quiet_platform) -> None:
    assert kafka.topic_warnings(quiet_platform) == []
