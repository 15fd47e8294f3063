"""From the topic to raw Parquet on HDFS, one directory per batch, byte for byte.

The order of a batch: its plan is written, then its directory, then its record. The plan fixes the offsets and how tasks share them, so
a batch that died is written again to the same rows in the same files. `_SUCCESS` says that a directory is complete.

What bounds a batch: its messages by ``max_events_per_batch``, its bytes by messages times what is kept of one (``KEPT_BYTES`` of key and
of value). So that batches of large messages stay small, a plan also divides ``BATCH_BYTES`` by the mean size in the batch before.
Memory does not depend on the batch: readers hold one answer of a broker and one block, Spark one row group of ``ROW_GROUP_BYTES``.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pydantic import AwareDatetime, BaseModel, Field

from flight_assets.contracts.tables import BATCH_METADATA
from flight_assets.errors import FlightsError
from flight_assets.provenance import (
    METADATA_ROOT,
    STEPS,
    BatchRecord,
    OffsetRange,
    archive_id,
    raw_path,
    versions_in_use,
)
from flight_assets.stores import kafka, kafka_reader
from flight_assets.stores.kafka_records import Clock
from flight_assets.stores.raw_files import RawFiles, read_back

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession

    from flight_assets.provenance import Ledger
    from flight_assets.settings import Settings
    from flight_assets.stores.hdfs import Hdfs
    from flight_assets.stores.kafka_reader import TopicReader
    from flight_assets.stores.warehouse import Warehouse

PLANS = f"{METADATA_ROOT}/plans"
BATCH_BYTES = 1 << 30
ROW_GROUP_BYTES = 32 << 20
# Fewer messages are read by one task: a second one would spend longer on connecting.
MESSAGES_PER_TASK = 10_000
BYTES_PER_MB = 1_000_000
RAW_COLUMNS = (
    "key BINARY, value BINARY, topic STRING, kafka_partition INT, kafka_offset BIGINT, ingestion_timestamp TIMESTAMP, value_bytes BIGINT"
)


class Share(BaseModel):
    """Offsets of one partition that one task reads, both ends included."""

    partition: int
    first: int
    last: int


class Plan(BaseModel):
    """What a batch takes from the topic, fixed before anything is read."""

    batch_id: int
    made_at: AwareDatetime = Field(description="no message counts as taken by the broker after this time")
    tasks: list[list[Share]] = Field(description="what each task reads, in order; each writes a file of its own")
    lost: dict[str, OffsetRange] = Field(description="per partition, offsets that retention deleted before this plan")
    next_offsets: dict[str, int] = Field(description="per partition, the first offset after this batch and all before")

    @property
    def ranges(self) -> dict[int, OffsetRange]:
        """The offsets of the batch per partition."""
        found: dict[int, OffsetRange] = {}
        for share in (share for task in self.tasks for share in task):
            first = found[share.partition].first if share.partition in found else share.first
            found[share.partition] = OffsetRange(first=first, last=share.last)
        return found


def plan_batch(settings: Settings, hdfs: Hdfs, ledger: Ledger, ends: dict[int, int]) -> Plan | None:
    """Return the plan of the next batch, the one that was made before if the batch died; None if there is nothing to land.

    Offsets without any message, such as those of an aborted transaction, are nothing to land. ``ends``: the topic's end offsets.

    Raises:
        FlightsError: the topic ends before what has landed, so it is not the topic that it was.
    """
    landed, batch_id = ledger.next_offsets(), ledger.last_done(STEPS[0]) + 1
    if not has_news(ends, landed):
        return None
    known = read_plan(hdfs, batch_id)
    if known and all(ends.get(number, 0) > taken.last for number, taken in known.ranges.items()):
        return known
    with kafka.reader(settings) as topic:
        lost = expired_ranges(topic.oldest(ends), landed)
        firsts = {number: lost[str(number)].last + 1 if str(number) in lost else landed.get(str(number), 0) for number in ends}
        now = datetime.now(UTC)
        if not any(_has_messages(topic, number, first, ends[number], kafka.clock(settings, now)) for number, first in firsts.items()):
            return None
    most = _most_messages(settings, ledger.record(batch_id - 1) if batch_id else None)
    ranges = _within(most, {number: (first, ends[number]) for number, first in firsts.items() if first < ends[number]})
    tasks = shared_out(ranges, settings.spark_parallelism)
    upto = {str(share.partition): share.last + 1 for task in tasks for share in task}
    plan = Plan(batch_id=batch_id, made_at=now, tasks=tasks, lost=lost, next_offsets=landed | upto)
    hdfs.write(_plan_path(batch_id), plan.model_dump_json().encode())
    hdfs.delete(_plan_path(batch_id - 1))
    return plan


def read_plan(hdfs: Hdfs, batch_id: int) -> Plan | None:
    """The plan of a batch; None if it has none, as batches that version 1 of the platform landed."""
    try:
        return Plan.model_validate_json(hdfs.read(_plan_path(batch_id)))
    except FileNotFoundError:
        return None


def _plan_path(batch_id: int) -> str:
    return f"{PLANS}/batch_{batch_id:08d}.json"


def _has_messages(topic: TopicReader, partition: int, first: int, end: int, clock: Clock) -> bool:
    return next(topic.read(partition, first, end, clock), None) is not None


def _most_messages(settings: Settings, before: BatchRecord | None) -> int:
    if before is None or not before.record_count:
        return settings.max_events_per_batch
    mean_bytes = (before.message_bytes or 0) / before.record_count
    return min(settings.max_events_per_batch, max(MESSAGES_PER_TASK, int(BATCH_BYTES / max(1.0, mean_bytes))))


def _within(most: int, ranges: Mapping[int, tuple[int, int]]) -> dict[int, tuple[int, int]]:
    """The ranges (first, end), each cut in proportion so that they have ``most`` offsets together, but at least one each."""
    total = sum(end - first for first, end in ranges.values())
    share = min(1.0, most / max(1, total))
    return {number: (first, first + max(1, int((end - first) * share))) for number, (first, end) in ranges.items()}


def shared_out(ranges: Mapping[int, tuple[int, int]], most_tasks: int) -> list[list[Share]]:
    """Share ranges (first, end) among tasks, in order and evenly; a task of fewer than ``MESSAGES_PER_TASK`` is not worth it."""
    total = sum(end - first for first, end in ranges.values())
    count = max(1, min(most_tasks, total // MESSAGES_PER_TASK))
    tasks: list[list[Share]] = [[] for _ in range(count)]
    taken = 0
    for number, (first, end) in sorted(ranges.items()):
        while first < end:
            task = taken * count // total
            upto = min(end, first - taken + -(-(task + 1) * total // count))
            tasks[task].append(Share(partition=number, first=first, last=upto - 1))
            taken, first = taken + upto - first, upto
    return tasks


def write_batch(spark: SparkSession, settings: Settings, plan: Plan) -> None:
    """Read what a plan says and write it to the batch's directory, over what an attempt that died has left. One Spark call.

    Raises:
        Exception: what Spark's client raises; the directory is not complete then.
    """
    rows = spark.range(0, len(plan.tasks), 1, len(plan.tasks)).mapInArrow(_landed(settings, plan), RAW_COLUMNS)
    writer = rows.write.mode("overwrite").option("parquet.block.size", ROW_GROUP_BYTES)
    writer.parquet(settings.hdfs_path(raw_path(plan.batch_id)))


def _landed(settings: Settings, plan: Plan) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def land(numbers: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        clock = kafka.clock(settings, plan.made_at)
        with kafka.reader(settings) as topic:
            for share in (share for block in numbers for number in block[0].to_pylist() for share in plan.tasks[number]):
                records = topic.read(share.partition, share.first, share.last + 1, clock)
                yield from kafka_reader.blocks(records, settings.kafka_topic, share.partition)

    return land


def read_raw(spark: SparkSession, settings: Settings, batch_id: int) -> DataFrame:
    """The messages of a batch: ``RAW_COLUMNS`` and batch_id. ``value_bytes`` is null in batches of version 1."""
    from pyspark.sql import functions as F

    rows = spark.read.schema(RAW_COLUMNS).parquet(settings.hdfs_path(raw_path(batch_id)))
    return rows.withColumn("batch_id", F.lit(batch_id).cast("bigint"))


def read_locations(spark: SparkSession, locations: list[str]) -> DataFrame:
    """As ``read_raw``, the messages of whole directories, whether of one batch each or merged; the directory's name tells which."""
    from pyspark.sql import functions as F

    rows = spark.read.schema(f"{RAW_COLUMNS}, batch_id BIGINT").parquet(*locations)
    of_directory = F.regexp_extract(F.col("_metadata.file_path"), r"/archive_(\d+)/[^/]*$", 1).try_cast("bigint")
    return rows.withColumn("batch_id", F.coalesce("batch_id", of_directory))


def raw_locations(house: Warehouse, ledger: Ledger) -> list[str]:
    """Every directory that holds the raw messages of landed batches, each once: one per batch, or a merged one for many."""
    rows = house.read(BATCH_METADATA).select("storage_location").distinct().collect()
    unfinished = range(ledger.last_done(STEPS[-1]) + 1, ledger.last_done(STEPS[0]) + 1)
    return sorted({row.storage_location for row in rows} | {ledger.record(batch_id).storage_location for batch_id in unfinished})


def lost_messages(house: Warehouse, ledger: Ledger) -> int:
    """How many messages the topic's retention deleted before they could land, over all batches."""
    from pyspark.sql import functions as F

    done = ledger.last_done(STEPS[-1])
    ranges = F.map_values(F.from_json("record", "lost MAP<STRING, STRUCT<first: BIGINT, last: BIGINT>>")["lost"])
    rows = house.read(BATCH_METADATA).where(f"batch_id <= {done}")
    spans = rows.select(F.explode(ranges).alias("lost")).select(F.col("lost.last") - F.col("lost.first") + 1)
    recorded = sum(row[0] for row in spans.collect())
    unfinished = [ledger.record(batch_id) for batch_id in range(done + 1, ledger.last_done(STEPS[0]) + 1)]
    return int(recorded) + sum(lost.last - lost.first + 1 for record in unfinished for lost in record.lost.values())


def has_news(ends: dict[int, int], landed: dict[str, int]) -> bool:
    """Whether the topic has messages that have not landed. ``ends`` are its end offsets, ``landed`` the ledger's next offsets.

    Raises:
        FlightsError: the topic ends before what has landed, so it is not the topic that it was.
    """
    for partition, end in ends.items():
        taken = landed.get(str(partition), 0)
        if end < taken:
            raise FlightsError(
                f"partition {partition} of the topic ends at offset {end}, but offsets up to {taken - 1} have landed: "
                "the topic was deleted or truncated; set FLIGHTS_KAFKA_TOPIC to a new one, or start anew with `flights reset`"
            )
    return waiting(ends, landed) > 0


def waiting(ends: dict[int, int], landed: dict[str, int]) -> int:
    """How many messages up to the topic's end offsets have not landed: the lag."""
    return sum(max(0, end - landed.get(str(partition), 0)) for partition, end in ends.items())


def expired_ranges(begins: dict[int, int], landed: dict[str, int]) -> dict[str, OffsetRange]:
    """Per partition, the offsets that had not landed and that the topic no longer has. ``begins`` are its oldest offsets.

    Nothing is lost before the first batch: a topic may be older than the platform.
    """
    taken = {str(partition): landed.get(str(partition), 0) for partition in begins} if landed else {}
    return {
        str(partition): OffsetRange(first=taken[str(partition)], last=begin - 1)
        for partition, begin in begins.items()
        if begin > taken.get(str(partition), begin)
    }


def describe_landed(settings: Settings, hdfs: Hdfs, batch_id: int, landed: dict[str, int]) -> BatchRecord:
    """Return the record of a batch that lies on HDFS complete; its figures are read back from its files.

    Where offsets of the plan have no message, the topic is read a second time: what it has and the files do not is missing.
    ``landed``: the next offsets before the batch.
    """
    found = read_back(hdfs, raw_path(batch_id))
    plan = read_plan(hdfs, batch_id)
    wanted = plan.ranges if plan else found.ranges
    with kafka.reader(settings) as topic:
        lost = _lost(plan, found, landed, topic.oldest(wanted))
        ranges = {number: _after(lost.get(str(number)), span) for number, span in wanted.items()}
        rows = {number: found.within(number, span) for number, span in ranges.items()}
        gaps = {number: span.last + 1 - span.first - len(rows[number]) for number, span in ranges.items()}
        gone = sum(_not_landed(topic, number, ranges[number], rows[number]) for number, gap in gaps.items() if gap)
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
        next_offsets=plan.next_offsets if plan else landed | {str(number): span.last + 1 for number, span in ranges.items()},
        versions=versions_in_use(),
    )


def _lost(plan: Plan | None, found: RawFiles, landed: dict[str, int], oldest: Mapping[int, int]) -> dict[str, OffsetRange]:
    """What retention deleted before the plan, and between the plan and the reading. ``oldest``: the topic's by now."""
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
    """How many messages a second reading of the range finds that have not landed."""
    records = topic.read(partition, span.first, span.last + 1, Clock(0, 0))
    return sum(record.offset not in landed for record in records)
