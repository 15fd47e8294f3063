"""Compact tables, remove files that no reader needs, and merge the raw batch directories of past days.

Every change is one commit, so a reader sees all files before it or all files after it. OPTIMIZE holds the
processing lease, because a MERGE at the same time would fail. Replaced files stay for reads that have begun:
Delta's files for ``warehouse.RETENTION``, raw directories for ``raw_retention_hours``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pandas as pd

from flight_assets.contracts.tables import BATCH_METADATA, Table
from flight_assets.errors import FlightsError
from flight_assets.provenance import RAW_ROOT, BatchRecord, Ledger, archive_id
from flight_assets.stores import landing, lease

if TYPE_CHECKING:
    from datetime import date

    from pyspark.sql import DataFrame

    from flight_assets.settings import Settings
    from flight_assets.stores.hdfs import Hdfs
    from flight_assets.stores.warehouse import Warehouse

LEASE_WAIT_S = 600.0
RAW_LEASE = "raw compaction"
# One HDFS block: a file of this size is read by one task and costs the NameNode one entry.
RAW_FILE_BYTES = 128 * 1024 * 1024


@dataclass(frozen=True)
class FileChange:
    """Number of files before and after."""

    before: int
    after: int


def optimize(warehouse: Warehouse, settings: Settings, table: Table, condition: str = "") -> FileChange:
    """Merge the small data files of a table, or of the partitions that meet a condition.

    The rows do not change.
    """
    before = _data_files(warehouse, table)
    with lease.hold(settings, f"OPTIMIZE of {table.name}", LEASE_WAIT_S):
        warehouse.spark.sql(
            f"OPTIMIZE {warehouse.name(table)} {f'WHERE {condition}' if condition else ''}"
        ).collect()
    return FileChange(before, _data_files(warehouse, table))


def _data_files(warehouse: Warehouse, table: Table) -> int:
    """Return the number of data files in the table's newest version."""
    return int(warehouse.spark.sql(f"DESCRIBE DETAIL {warehouse.name(table)}").collect()[0].numFiles)


def vacuum(warehouse: Warehouse, hdfs: Hdfs, table: Table) -> FileChange:
    """Remove the files that no version within the table's retention uses.

    Counts all files in the table's folder.
    """
    path = warehouse.path(table)
    before = hdfs.file_count(path)
    warehouse.spark.sql(f"VACUUM {warehouse.name(table)}").collect()
    return FileChange(before, hdfs.file_count(path))


def compact_raw(warehouse: Warehouse, hdfs: Hdfs, settings: Settings, day: date) -> FileChange:
    """Merge the raw directories of a day's finished batches into one. Bytes and offsets do not change.

    A batch belongs to the UTC day of its newest message. The steps, each repeatable:

    1. Write the new directory, and compare it with the old ones.
    2. Point the rows of ``batch_metadata`` to it in one commit. Readers go by these rows.
    3. Update the JSON records.

    ``remove_compacted`` removes the old directories later.
    """
    with lease.hold(settings, f"raw compaction of {day}", LEASE_WAIT_S, RAW_LEASE):
        records = _records_of(warehouse, day)
        own = [record for record in records if record.storage_location.endswith(record.archive_id)]
        before = sum(hdfs.file_count(f"{RAW_ROOT}/{record.archive_id}") for record in own)
        after = before
        if len(own) > 1:
            target = f"{RAW_ROOT}/{archive_id(own[0].batch_id)}-{own[-1].batch_id:08d}"
            _merge_directories(warehouse, settings, own, target)
            moved = [
                record.model_copy(update={"storage_location": settings.hdfs_path(target)}) for record in own
            ]
            with lease.hold(settings, f"raw compaction of {day}", LEASE_WAIT_S):
                _point_rows(warehouse, moved)
            after = hdfs.file_count(target)
        _let_records_follow(Ledger(hdfs), _records_of(warehouse, day))
    return FileChange(before, after)


def _records_of(warehouse: Warehouse, day: date) -> list[BatchRecord]:
    rows = (
        warehouse.read(BATCH_METADATA)
        .where(f"to_date(timestamp) = DATE'{day}'")
        .orderBy("batch_id")
        .select("record")
        .collect()
    )
    return [BatchRecord.model_validate_json(row.record) for row in rows]


def _merge_directories(
    warehouse: Warehouse, settings: Settings, records: list[BatchRecord], target: str
) -> None:
    locations = [record.storage_location for record in records]
    files = math.ceil(sum(record.file_size_mb for record in records) * 1e6 / RAW_FILE_BYTES)
    messages = landing.read_locations(warehouse.spark, locations)
    ordered = messages.repartitionByRange(max(1, files), "batch_id").sortWithinPartitions(
        "batch_id", "kafka_partition", "kafka_offset"
    )
    ordered.write.mode("overwrite").parquet(settings.hdfs_path(target))
    written = landing.read_locations(warehouse.spark, [settings.hdfs_path(target)])
    if _fingerprint(written) != _fingerprint(messages):
        raise FlightsError(
            f"{target} does not hold the messages of the directories that it was made of: those stay in use"
        )


def _fingerprint(messages: DataFrame) -> dict[int, tuple[int, int]]:
    """Return by batch the number of messages, and the XOR of the hashes of their columns."""
    from pyspark.sql import functions as F

    hashed = messages.groupBy("batch_id").agg(
        F.count("*").alias("messages"),
        F.bit_xor(F.xxhash64(*(name for name in messages.columns if name != "batch_id"))).alias("hash"),
    )
    return {row.batch_id: (row.messages, row.hash) for row in hashed.collect()}


def _point_rows(warehouse: Warehouse, records: list[BatchRecord]) -> None:
    frame = pd.DataFrame(
        [
            {name: record.row()[name] for name in ("batch_id", "storage_location", "record")}
            for record in records
        ]
    )
    warehouse.spark.createDataFrame(
        frame, "batch_id BIGINT, storage_location STRING, record STRING"
    ).createOrReplaceTempView("moved_batches")
    warehouse.spark.sql(
        f"MERGE INTO {warehouse.name(BATCH_METADATA)} t USING moved_batches s ON t.batch_id = s.batch_id "
        "WHEN MATCHED THEN UPDATE SET t.storage_location = s.storage_location, t.record = s.record"
    ).collect()


def _let_records_follow(ledger: Ledger, records: list[BatchRecord]) -> None:
    for record in records:
        if ledger.record(record.batch_id).storage_location != record.storage_location:
            ledger.save(record)


def remove_compacted(
    warehouse: Warehouse, hdfs: Hdfs, settings: Settings, now: datetime | None = None
) -> int:
    """Remove the raw directories that a merged one replaced ``raw_retention_hours`` ago or earlier.

    Returns their number.
    """
    before = (now or datetime.now(UTC)) - timedelta(hours=settings.raw_retention_hours)
    present = [name for name in hdfs.list(RAW_ROOT) if name.removeprefix("archive_").isdigit()]
    rows = warehouse.read(BATCH_METADATA).select("batch_id", "storage_location").collect()
    merged = {
        archive_id(row.batch_id): row.storage_location
        for row in rows
        if not row.storage_location.endswith(archive_id(row.batch_id))
    }
    settled = {
        path
        for path in set(merged.values())
        if hdfs.modified(f"{path.removeprefix(settings.hdfs_url)}/_SUCCESS") < before
    }
    removable = [name for name in present if merged.get(name) in settled]
    for name in removable:
        hdfs.delete(f"{RAW_ROOT}/{name}")
    return len(removable)
