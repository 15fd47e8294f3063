"""Land the topic's messages as raw Parquet on HDFS, one directory per batch, byte for byte.

A batch is written in this order: plan, directory, record. The plan fixes the offsets and how tasks share
them. So a batch that died is written again to the same rows in the same files. `_SUCCESS` marks a complete
directory.

``max_events_per_batch`` bounds the messages of a batch, and each keeps at most ``KEPT_BYTES`` of key and of
value. To keep batches of large messages small, a plan also divides ``BATCH_BYTES`` by the mean size in the
batch before. Memory does not depend on the batch. A reader holds one answer of a broker and one block; a
Spark task holds one row group of ``ROW_GROUP_BYTES``.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from flight_assets.contracts.tables import BATCH_METADATA
from flight_assets.contracts.units import BYTES_PER_MB
from flight_assets.errors import FlightsError
from flight_assets.platform.patches.spark_known_columns import with_columns_known
from flight_assets.provenance import (
    STEPS,
    BatchRecord,
    OffsetRange,
    archive_id,
    raw_path,
    versions_in_use,
)
from flight_assets.stores import kafka, kafka_arrow
from flight_assets.stores.kafka_records import Clock
from flight_assets.stores.landing_plan import Plan, most_messages, plan_path, read_plan, shared_out, within
from flight_assets.stores.raw_files import RawFiles, read_back
from flight_assets.stores.topic_lag import ANOTHER_TOPIC, expired_ranges, has_news

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql.types import StructType

    from flight_assets.provenance import Ledger
    from flight_assets.settings import Settings
    from flight_assets.stores.hdfs import Hdfs
    from flight_assets.stores.kafka_reader import TopicReader
    from flight_assets.stores.warehouse import Warehouse

ROW_GROUP_BYTES = 32 << 20

RAW_COLUMNS = (
    "key BINARY, value BINARY, topic STRING, kafka_partition INT, kafka_offset BIGINT, ingestion_timestamp"
    " TIMESTAMP, value_bytes BIGINT"
)


def plan_batch(
    topic: TopicReader, settings: Settings, hdfs: Hdfs, ledger: Ledger, ends: dict[int, int]
) -> Plan | None:
    """Return the plan of the next batch, or None if there is nothing to land.

    A batch that died keeps its plan.
    Offsets without any message, such as those of an aborted transaction, do not count. ``ends``: the
    topic's end offsets.

    Raises:
        FlightsError: the topic ends before what has landed, so it is not the topic that it was.
    """
    landed, batch_id = ledger.next_offsets(), ledger.last_done(STEPS[0]) + 1
    if not has_news(ends, landed):
        return None
    before = ledger.record(batch_id - 1) if batch_id > ledger.topic_start().first_batch else None
    known, topic_id = read_plan(hdfs, batch_id), topic.topic_id()
    _refuse_another_topic(topic_id, before, known)
    if known and all(ends.get(number, 0) > taken.last for number, taken in known.ranges.items()):
        return known
    now = datetime.now(UTC)
    oldest = topic.oldest(ends)
    firsts = {number: max(landed.get(str(number), 0), oldest[number]) for number in ends}
    clock = kafka.clock(settings, now)
    messages = {
        number: topic.first_message(number, firsts[number], end, clock) for number, end in ends.items()
    }
    if messages == ends:
        return None
    most = most_messages(settings.max_events_per_batch, before)
    upto = within(most, {number: (messages[number], end) for number, end in ends.items()})
    ranges = {number: (first, upto[number]) for number, first in firsts.items() if first < upto[number]}
    plan = Plan(
        batch_id=batch_id,
        made_at=now,
        tasks=shared_out(ranges, settings.spark_parallelism),
        lost=expired_ranges(oldest, landed),
        topic_id=topic_id,
        next_offsets=landed | {str(number): end for number, (_, end) in ranges.items()},
    )
    hdfs.write(plan_path(batch_id), plan.model_dump_json().encode())
    hdfs.delete(plan_path(batch_id - 1))
    return plan


def _refuse_another_topic(topic_id: str, *known: BatchRecord | Plan | None) -> None:
    """Return if the topic is the one of these, as far as its id is known.

    Raises:
        FlightsError: a topic of the same name was created anew. Its offsets mean other messages.
    """
    if any(each.topic_id != topic_id for each in known if each and each.topic_id and topic_id):
        raise FlightsError(f"the topic was deleted and created again. {ANOTHER_TOPIC}")


def write_batch(spark: SparkSession, settings: Settings, plan: Plan) -> None:
    """Read the messages of a plan and overwrite the batch's directory with them. One Spark write.

    Raises:
        Exception: any error of Spark's client; the directory is incomplete then.
    """
    from pyspark.sql import types as T

    numbers = with_columns_known(
        spark.range(0, len(plan.tasks), 1, len(plan.tasks)), T.StructType([T.StructField("id", T.LongType())])
    )
    rows = numbers.mapInArrow(_landed(settings, plan), _raw_type())
    writer = rows.write.mode("overwrite").option("parquet.block.size", ROW_GROUP_BYTES)
    writer.parquet(settings.hdfs_path(raw_path(plan.batch_id)))


def _raw_type() -> StructType:
    """``RAW_COLUMNS`` as a type; of the text, Spark's client would ask the server what it means."""
    from pyspark.sql import types as T

    kinds = {
        "BINARY": T.BinaryType,
        "STRING": T.StringType,
        "INT": T.IntegerType,
        "BIGINT": T.LongType,
        "TIMESTAMP": T.TimestampType,
    }
    columns = (column.split() for column in RAW_COLUMNS.split(", "))
    return T.StructType([T.StructField(name, kinds[kind]()) for name, kind in columns])


def _landed(settings: Settings, plan: Plan) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def land(numbers: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        clock = kafka.clock(settings, plan.made_at)
        with kafka.reader(settings) as topic:
            for share in (
                share for block in numbers for number in block[0].to_pylist() for share in plan.tasks[number]
            ):
                records = topic.read(share.partition, share.first, share.last + 1, clock)
                yield from kafka_arrow.blocks(records, settings.kafka_topic, share.partition)

    return land


def read_raw(spark: SparkSession, settings: Settings, batch_id: int) -> DataFrame:
    """Return the messages of a batch: ``RAW_COLUMNS`` and batch_id.

    ``value_bytes`` is null in older batches.
    """
    from pyspark.sql import functions as F
    from pyspark.sql import types as T

    rows = spark.read.schema(RAW_COLUMNS).parquet(settings.hdfs_path(raw_path(batch_id)))
    return with_columns_known(
        rows.withColumn("batch_id", F.lit(batch_id).cast("bigint")), _raw_type().add("batch_id", T.LongType())
    )


def read_locations(spark: SparkSession, locations: list[str]) -> DataFrame:
    """Return the messages of directories, each of one batch or merged, with the columns of ``read_raw``."""
    from pyspark.sql import functions as F

    rows = spark.read.schema(f"{RAW_COLUMNS}, batch_id BIGINT").parquet(*locations)
    of_directory = F.regexp_extract(F.col("_metadata.file_path"), r"/archive_(\d+)/[^/]*$", 1).try_cast(
        "bigint"
    )
    return rows.withColumn("batch_id", F.coalesce("batch_id", of_directory))


def raw_locations(warehouse: Warehouse, ledger: Ledger) -> list[str]:
    """Return each directory with raw messages of landed batches once: of one batch, or merged."""
    rows = warehouse.read(BATCH_METADATA).select("storage_location").distinct().collect()
    unfinished = range(ledger.last_done(STEPS[-1]) + 1, ledger.last_done(STEPS[0]) + 1)
    return sorted(
        {row.storage_location for row in rows}
        | {ledger.record(batch_id).storage_location for batch_id in unfinished}
    )


def describe_landed(
    topic: TopicReader, settings: Settings, hdfs: Hdfs, batch_id: int, landed: dict[str, int]
) -> BatchRecord:
    """Return the record of a batch that is complete on HDFS, with figures read back from its files.

    If offsets of the plan have no message, the topic is read again. A message that it has and the files lack
    counts as missing. ``landed``: the next offsets before the batch.
    """
    found = read_back(hdfs, raw_path(batch_id))
    plan = read_plan(hdfs, batch_id)
    wanted = plan.ranges if plan else found.ranges
    lost = _lost(plan, found, landed, topic.oldest(wanted))
    ranges = {number: _after(lost.get(str(number)), span) for number, span in wanted.items()}
    rows = {number: found.within(number, span) for number, span in ranges.items()}
    gaps = {number: span.last + 1 - span.first - len(rows[number]) for number, span in ranges.items()}
    gone = sum(
        _not_landed(topic, number, ranges[number], rows[number]) for number, gap in gaps.items() if gap
    )
    return BatchRecord(
        batch_id=batch_id,
        archive_id=archive_id(batch_id),
        timestamp=found.newest,
        oldest=found.oldest,
        record_count=found.count,
        message_bytes=found.bytes,
        file_size_mb=round(hdfs.size_bytes(raw_path(batch_id)) / BYTES_PER_MB, 3),
        storage_location=settings.hdfs_path(raw_path(batch_id)),
        schema=found.schema,
        offsets={str(number): span for number, span in ranges.items()},
        lost=lost,
        without_message=sum(gaps.values()),
        off=gone + found.count - sum(map(len, rows.values())),
        unreadable=found.unreadable,
        next_offsets=(
            plan.next_offsets
            if plan
            else landed | {str(number): span.last + 1 for number, span in ranges.items()}
        ),
        topic_id=plan.topic_id if plan else "",
        versions=versions_in_use(),
    )


def _lost(
    plan: Plan | None, found: RawFiles, landed: dict[str, int], oldest: Mapping[int, int]
) -> dict[str, OffsetRange]:
    """Return the offsets that retention deleted before they were read.

    ``oldest``: the topic's oldest offsets now.
    """
    if plan is None:
        gaps = expired_ranges({number: span.first for number, span in found.ranges.items()}, landed)
        return {number: gap for number, gap in gaps.items() if gap.last < oldest.get(int(number), 0)}
    lost = dict(plan.lost)
    for number, span in plan.ranges.items():
        landed_from = found.ranges[number].first if number in found.ranges else span.last + 1
        upto = min(landed_from, oldest.get(number, 0))
        if upto > span.first:
            first = lost[str(number)].first if str(number) in lost else span.first
            lost[str(number)] = OffsetRange(first=first, last=upto - 1)
    return lost


def _after(lost: OffsetRange | None, span: OffsetRange) -> OffsetRange:
    return OffsetRange(first=max(span.first, lost.last + 1), last=span.last) if lost else span


def _not_landed(topic: TopicReader, partition: int, span: OffsetRange, landed: set[int]) -> int:
    """Return how many messages of the range have not landed, by a second read of the topic."""
    records = topic.read(partition, span.first, span.last + 1, Clock(0, 0))
    return sum(record.offset not in landed for record in records)
