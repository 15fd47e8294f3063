"""From the topic to raw Parquet on HDFS, one directory per batch, byte for byte.

The stream's checkpoint fixes the offsets of a batch before it is written; a batch that died is written again with the same offsets
over what was there. So a directory, once complete, always holds the same messages.
"""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

from flight_assets.contracts.tables import BATCH_METADATA
from flight_assets.errors import FlightsError
from flight_assets.provenance import (
    ARCHIVE_ID,
    CHECKPOINT,
    RAW_ROOT,
    STEPS,
    BatchRecord,
    ColumnType,
    OffsetRange,
    archive_id,
    raw_path,
    versions_in_use,
)
from flight_assets.stores.kafka import spark_security_options

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

    from flight_assets.provenance import Ledger
    from flight_assets.settings import Settings
    from flight_assets.stores.hdfs import Hdfs
    from flight_assets.stores.warehouse import Warehouse

# Landing takes 250,000 messages in seconds; a run that needs longer than this for what is in the topic has a broken broker or HDFS.
LANDING_TIMEOUT_S = 1_800
BYTES_PER_MB = 1_000_000
SINK = "flights.Landing"
RAW_COLUMNS = "key BINARY, value BINARY, topic STRING, kafka_partition INT, kafka_offset BIGINT, ingestion_timestamp TIMESTAMP"


def land_new_messages(spark: SparkSession, settings: Settings, expired: bool = False) -> None:
    """Write every message that is new in the topic, as one or more batches. Nothing new: nothing written.

    With ``expired``, go on with what is left of a topic whose retention has overtaken the pipeline; else that fails the stream. What
    is lost shows as a gap between batches, which ``describe_landed`` records.

    Raises:
        FlightsError: the stream failed, or did not end in time.
    """
    query = (
        _kafka_rows(spark, settings, expired)
        .writeStream.format(SINK)
        .option("directory", settings.hdfs_path(f"{RAW_ROOT}/{ARCHIVE_ID}"))
        .option("checkpointLocation", settings.hdfs_path(CHECKPOINT))
        .trigger(availableNow=True)
        .start()
    )
    if not query.awaitTermination(LANDING_TIMEOUT_S):
        query.stop()
        raise FlightsError(f"landing took more than {LANDING_TIMEOUT_S} s: see `flights logs spark` and `flights logs kafka`")
    problem = query.exception()
    if problem is not None:
        raise FlightsError(f"landing failed: {str(problem).splitlines()[0]}")


def _kafka_rows(spark: SparkSession, settings: Settings, expired: bool) -> DataFrame:
    timeout_ms = str(int(settings.timeout_s * 1000))
    stream = (
        spark.readStream.format("kafka")
        .option("kafka.bootstrap.servers", settings.kafka_bootstrap_servers)
        .option("subscribe", settings.kafka_topic)
        .option("startingOffsets", "earliest")
        .option("failOnDataLoss", str(not expired).lower())
        .option("maxOffsetsPerTrigger", str(settings.max_events_per_batch))
        .option("kafka.request.timeout.ms", timeout_ms)
        .option("kafka.default.api.timeout.ms", timeout_ms)
        .options(**spark_security_options(settings))
        .load()
    )
    return stream.selectExpr(
        "key", "value", "topic", "partition AS kafka_partition", "offset AS kafka_offset", "timestamp AS ingestion_timestamp"
    )


def read_raw(spark: SparkSession, settings: Settings, batch_id: int) -> DataFrame:
    """The messages of a batch: key, value, topic, kafka_partition, kafka_offset, ingestion_timestamp, batch_id."""
    from pyspark.sql import functions as F

    rows = spark.read.parquet(settings.hdfs_path(raw_path(batch_id)))
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


def describe_landed(
    spark: SparkSession, hdfs: Hdfs, settings: Settings, batch_id: int, landed: dict[str, int], begins: dict[int, int]
) -> BatchRecord:
    """The record of a batch as it lies on HDFS; its figures are read back from the files.

    ``landed``: next offsets before it. ``begins``: the topic's oldest offsets; a gap that they do not explain is not recorded as lost.
    """
    from pyspark.sql import functions as F

    raw = read_raw(spark, settings, batch_id)
    offsets = (
        raw.groupBy("kafka_partition")
        .agg(
            F.count("*").alias("count"),
            F.min("kafka_offset").alias("first"),
            F.max("kafka_offset").alias("last"),
            F.max("ingestion_timestamp").alias("newest"),
            F.min("ingestion_timestamp").alias("oldest"),
            F.sum(_bytes("key") + _bytes("value")).alias("bytes"),
        )
        .orderBy("kafka_partition")
        .collect()
    )
    gaps = expired_ranges({row.kafka_partition: row.first for row in offsets}, landed)
    return BatchRecord(
        batch_id=batch_id,
        archive_id=archive_id(batch_id),
        # Spark gives times without a zone, in this machine's.
        timestamp=max((row.newest.astimezone(UTC) for row in offsets), default=None),
        oldest=min((row.oldest.astimezone(UTC) for row in offsets), default=None),
        record_count=sum(row["count"] for row in offsets),
        message_bytes=sum(row.bytes for row in offsets),
        file_size_mb=round(hdfs.size_bytes(raw_path(batch_id)) / BYTES_PER_MB, 3),
        storage_location=settings.hdfs_path(raw_path(batch_id)),
        schema=[ColumnType(name=field.name, type=field.dataType.simpleString()) for field in raw.schema.fields],
        offsets={str(row.kafka_partition): OffsetRange(first=row.first, last=row.last) for row in offsets},
        lost={partition: gap for partition, gap in gaps.items() if gap.last < begins.get(int(partition), 0)},
        next_offsets=landed | {str(row.kafka_partition): row.last + 1 for row in offsets},
        versions=versions_in_use(),
    )


def _bytes(column: str) -> Column:
    from pyspark.sql import functions as F

    return F.coalesce(F.octet_length(column), F.lit(0))
