"""Fewer and larger files: tables compacted, files that no reader needs removed, raw batch directories of days past merged.

Every change is one commit or one rename of a pointer, so a reader sees the files before it or those after it. OPTIMIZE holds the
processing lease: a batch's MERGE that lost the race against it would fail. What compaction leaves behind stays long enough for every
read that had begun: Delta's files for ``warehouse.RETENTION``, raw directories for ``raw_retention_hours``.
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
    """How many files there were and are."""

    before: int
    after: int


def optimize(house: Warehouse, settings: Settings, table: Table, condition: str = "") -> FileChange:
    """Merge the small data files of a table, or of the partitions that meet a condition; its rows stay as they are."""
    before = _data_files(house, table)
    with lease.hold(settings, f"OPTIMIZE of {table.name}", LEASE_WAIT_S):
        house.spark.sql(f"OPTIMIZE {house.name(table)} {f'WHERE {condition}' if condition else ''}").collect()
    return FileChange(before, _data_files(house, table))


def _data_files(house: Warehouse, table: Table) -> int:
    """Data files of the table's newest version."""
    return int(house.spark.sql(f"DESCRIBE DETAIL {house.name(table)}").collect()[0].numFiles)


def vacuum(house: Warehouse, hdfs: Hdfs, table: Table) -> FileChange:
    """Remove the files that no version of the table's retention (a property of it) names. Counts all files below the table's folder."""
    path = house.path(table)
    before = hdfs.file_count(path)
    house.spark.sql(f"VACUUM {house.name(table)}").collect()
    return FileChange(before, hdfs.file_count(path))


def compact_raw(house: Warehouse, hdfs: Hdfs, settings: Settings, day: date) -> FileChange:
    """Merge the raw directories of the finished batches of a day (UTC, of their newest message) into one; bytes and offsets stay.

    In this order, each step repeatable: write the new directory and compare it with the old ones; point the rows of ``batch_metadata``
    to it in one commit, which is what readers go by; let the JSON records follow. ``remove_compacted`` takes the old directories later.
    """
    with lease.hold(settings, f"raw compaction of {day}", LEASE_WAIT_S, RAW_LEASE):
        records = _records_of(house, day)
        own = [record for record in records if record.storage_location.endswith(record.archive_id)]
        before = sum(hdfs.file_count(f"{RAW_ROOT}/{record.archive_id}") for record in own)
        after = before
        if len(own) > 1:
            target = f"{RAW_ROOT}/{archive_id(own[0].batch_id)}-{own[-1].batch_id:08d}"
            _merge_directories(house, settings, own, target)
            moved = [record.model_copy(update={"storage_location": settings.hdfs_path(target)}) for record in own]
            with lease.hold(settings, f"raw compaction of {day}", LEASE_WAIT_S):
                _point_rows(house, moved)
            after = hdfs.file_count(target)
        _let_records_follow(Ledger(hdfs), _records_of(house, day))
    return FileChange(before, after)


def _records_of(house: Warehouse, day: date) -> list[BatchRecord]:
    rows = house.read(BATCH_METADATA).where(f"to_date(timestamp) = DATE'{day}'").orderBy("batch_id").select("record").collect()
    return [BatchRecord.model_validate_json(row.record) for row in rows]


def _merge_directories(house: Warehouse, settings: Settings, records: list[BatchRecord], target: str) -> None:
    locations = [record.storage_location for record in records]
    files = math.ceil(sum(record.file_size_mb for record in records) * 1e6 / RAW_FILE_BYTES)
    messages = landing.read_locations(house.spark, locations)
    ordered = messages.repartitionByRange(max(1, files), "batch_id").sortWithinPartitions("batch_id", "kafka_partition", "kafka_offset")
    ordered.write.mode("overwrite").parquet(settings.hdfs_path(target))
    written = landing.read_locations(house.spark, [settings.hdfs_path(target)])
    if _fingerprint(written) != _fingerprint(messages):
        raise FlightsError(f"{target} does not hold the messages of the directories that it was made of: those stay in use")


def _fingerprint(messages: DataFrame) -> dict[int, tuple[int, int]]:
    """Per batch, how many messages and the XOR of the hashes of their columns."""
    from pyspark.sql import functions as F

    hashed = messages.groupBy("batch_id").agg(
        F.count("*").alias("messages"), F.bit_xor(F.xxhash64(*(name for name in messages.columns if name != "batch_id"))).alias("hash")
    )
    return {row.batch_id: (row.messages, row.hash) for row in hashed.collect()}


def _point_rows(house: Warehouse, records: list[BatchRecord]) -> None:
    frame = pd.DataFrame([{name: record.row()[name] for name in ("batch_id", "storage_location", "record")} for record in records])
    house.spark.createDataFrame(frame, "batch_id BIGINT, storage_location STRING, record STRING").createOrReplaceTempView("moved_batches")
    house.spark.sql(
        f"MERGE INTO {house.name(BATCH_METADATA)} t USING moved_batches s ON t.batch_id = s.batch_id "
        "WHEN MATCHED THEN UPDATE SET t.storage_location = s.storage_location, t.record = s.record"
    ).collect()


def _let_records_follow(ledger: Ledger, records: list[BatchRecord]) -> None:
    for record in records:
        if ledger.record(record.batch_id).storage_location != record.storage_location:
            ledger.save(record)


def remove_compacted(house: Warehouse, hdfs: Hdfs, settings: Settings, now: datetime | None = None) -> int:
    """Remove the raw directories whose batches have been read from a merged one for ``raw_retention_hours``. Returns how many."""
    before = (now or datetime.now(UTC)) - timedelta(hours=settings.raw_retention_hours)
    present = [name for name in hdfs.list(RAW_ROOT) if name.removeprefix("archive_").isdigit()]
    rows = house.read(BATCH_METADATA).select("batch_id", "storage_location").collect()
    merged = {archive_id(row.batch_id): row.storage_location for row in rows if not row.storage_location.endswith(archive_id(row.batch_id))}
    settled = {path for path in set(merged.values()) if hdfs.modified(f"{path.removeprefix(settings.hdfs_url)}/_SUCCESS") < before}
    removable = [name for name in present if merged.get(name) in settled]
    for name in removable:
        hdfs.delete(f"{RAW_ROOT}/{name}")
    return len(removable)
