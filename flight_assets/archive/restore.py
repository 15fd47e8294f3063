"""Restore archived flights to MongoDB, any number of times, and verify an archive."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from flight_assets.archive import columns, files, tasks
from flight_assets.archive.record import READABLE, Restore
from flight_assets.archive.steps import LEASE_WAIT_S, Archiver
from flight_assets.errors import FlightsError
from flight_assets.stores import lease, mongo, mongo_documents
from flight_assets.transforms.flights import ORDER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import pyarrow as pa
    from pyspark.sql import Column, DataFrame

    from flight_assets.archive.record import ArchiveRecord
    from flight_assets.settings import Settings
    from flight_assets.stores.warehouse import Warehouse

DUPLICATE_KEY = 11_000


@dataclass(frozen=True)
class Selection:
    """Archived flights to restore: of one archive, of scheduled dates (both included), or one flight."""

    archive_id: str | None = None
    first_date: date | None = None
    last_date: date | None = None
    flight_id: str | None = None

    def __str__(self) -> str:
        parts = [
            f"archive {self.archive_id}" if self.archive_id else "",
            f"flight {self.flight_id}" if self.flight_id else "",
        ]
        if self.first_date or self.last_date:
            parts.append(f"flights of {self.first_date or 'the beginning'} to {self.last_date or 'the end'}")
        return ", ".join(part for part in parts if part) or "everything"

    def touches(self, record: ArchiveRecord) -> bool:
        """Return True if an archive may hold one of these flights."""
        if self.archive_id and record.archive_id != self.archive_id:
            return False
        return any(self._may_hold(each) for each in record.files)

    def _may_hold(self, each: Any) -> bool:  # noqa: ANN401
        begins_too_late = self.last_date is not None and each.first_flight_date > self.last_date
        ends_too_early = self.first_date is not None and each.last_flight_date < self.first_date
        outside = (
            self.flight_id is not None and not each.first_flight_id <= self.flight_id <= each.last_flight_id
        )
        return not (begins_too_late or ends_too_early or outside)

    def condition(self) -> Column:
        """Return the rows of these flights."""
        from pyspark.sql import functions as F

        found = F.lit(True)
        if self.first_date:
            found &= F.col("flight_date") >= F.lit(self.first_date)
        if self.last_date:
            found &= F.col("flight_date") <= F.lit(self.last_date)
        if self.flight_id:
            found &= F.col("flight_id") == self.flight_id
        return found


@dataclass(frozen=True)
class Restored:
    """Outcome of a restore: ``restored`` are hot again, ``kept_newer`` were hot already, as new or newer."""

    restored: int
    kept_newer: int
    archives: tuple[str, ...]


def restore(archiver: Archiver, selection: Selection, reason: str) -> Restored:
    """Bring archived flights back into the hot store, each in the newest state that any archive has of it.

    A hot document of the same or a newer state stays. Restored documents carry when, whence and why
    (``restored``), and are not archived again for ``archive_restore_hold_hours``. The archive keeps them too,
    so that nothing is lost if the hot store is.

    Raises:
        FlightsError: there is no such archive, or its files are damaged.
        LeaseBusy: an archive or another restore runs.
    """
    with lease.hold(
        archiver.settings, f"flights archive restore ({selection})", LEASE_WAIT_S, lease.ARCHIVING
    ):
        return _restore(archiver, selection, reason)


def _restore(archiver: Archiver, selection: Selection, reason: str) -> Restored:
    readable = [record for record in archiver.archives.records() if record.state in READABLE]
    if selection.archive_id:
        _refuse_unreadable(archiver.archives.record(selection.archive_id))
    chosen = [record for record in readable if selection.touches(record)]
    if not chosen:
        return Restored(0, 0, ())
    for record in chosen:
        files.refuse_changed(archiver.hdfs, record)
    at = archiver.now()
    rows = _newest(archiver.open_warehouse(), archiver.settings, readable, chosen, selection)
    upserted, kept = write_back(rows, archiver.settings, at, reason)
    for record in chosen:
        record.restores.append(
            Restore(timestamp=at, reason=reason, selection=str(selection), restored=upserted, kept_newer=kept)
        )
        archiver.archives.save(record)
    return Restored(upserted, kept, tuple(record.archive_id for record in chosen))


def _refuse_unreadable(record: ArchiveRecord) -> None:
    if record.state not in READABLE:
        raise FlightsError(
            f"archive {record.archive_id} is {record.state}: only published archives can be restored"
        )


def _newest(
    warehouse: Warehouse,
    settings: Settings,
    readable: Sequence[ArchiveRecord],
    chosen: Sequence[ArchiveRecord],
    selection: Selection,
) -> DataFrame:
    """Return the rows to restore: those chosen of which no other archive has a newer state."""
    from pyspark.sql import functions as F

    def of(records: Sequence[ArchiveRecord]) -> DataFrame:
        made = [
            files.read(warehouse, record.storage_location).withColumn("archive_id", F.lit(record.archive_id))
            for record in records
        ]
        union = made[0]
        for each in made[1:]:
            union = union.unionByName(each)
        return union.where(selection.condition())

    rows = of(chosen)
    dates = [(each.first_flight_date, each.last_flight_date) for record in chosen for each in record.files]
    first, last = min(pair[0] for pair in dates), max(pair[1] for pair in dates)
    rivals = [
        record
        for record in readable
        if any(each.first_flight_date <= last and each.last_flight_date >= first for each in record.files)
    ]
    if len(rivals) == 1:
        return rows
    # The same event may be in two archives: then the one with its prediction counts, then the later archive.
    version = F.struct(
        *ORDER, "batch_id", F.col("model_version").isNotNull().alias("predicted"), "archive_id"
    )
    newest = of(rivals).groupBy("flight_id").agg(F.max(version).alias("newest"))
    return rows.join(newest, "flight_id").where(version == F.col("newest")).drop("newest")


def write_back(rows: DataFrame, settings: Settings, at: datetime, reason: str) -> tuple[int, int]:
    """Write rows of the archive to the hot store. Returns how many were restored, and how many not."""
    from pyspark.sql import functions as F

    found = (
        rows.mapInArrow(_restorer(settings, at, reason), "restored long, kept_newer long")
        .agg(F.sum("restored").alias("restored"), F.sum("kept_newer").alias("kept_newer"))
        .collect()[0]
    )
    return found.restored or 0, found.kept_newer or 0


def _restorer(
    settings: Settings, at: datetime, reason: str
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def run(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        with mongo.database(settings) as db:
            for restored, kept in tasks.overlapped(
                lambda batch: put_back(db[mongo.FLIGHTS], _documents(batch, at, reason)), batches
            ):
                yield pa.RecordBatch.from_pydict(
                    {"restored": pa.array([restored], pa.int64()), "kept_newer": pa.array([kept], pa.int64())}
                )

    return run


def _documents(batch: pa.RecordBatch, at: datetime, reason: str) -> list[dict[str, Any]]:
    import pyarrow as pa

    markers = [
        {"at": at, "archive_id": archive_id, "reason": reason}
        for archive_id in batch.column("archive_id").to_pylist()
    ]
    found = columns.documents(pa.Table.from_batches([batch]))
    return [document | {"restored": marker} for document, marker in zip(found, markers, strict=True)]


def put_back(flights: Any, documents: Sequence[dict[str, Any]]) -> tuple[int, int]:  # noqa: ANN401 - pymongo's generic type
    """Insert each document; one whose flight is hot replaces it only if it is newer.

    Returns how many were written and how many not.
    """
    from pymongo.errors import BulkWriteError

    if not documents:
        return 0, 0
    try:
        flights.insert_many(documents, ordered=False)
    except BulkWriteError as error:
        refused = [entry for entry in error.details["writeErrors"] if entry["code"] != DUPLICATE_KEY]
        if refused or error.details.get("writeConcernErrors"):
            first = (refused or error.details["writeConcernErrors"])[0]
            raise FlightsError(
                f"MongoDB refused to restore {len(refused)} documents, the first because:"
                f" {first.get('errmsg', first)}"
            ) from error
        met = [documents[entry["index"]] for entry in error.details["writeErrors"]]
        replaced = sum(_replace_older(flights, document) for document in met)
        return len(documents) - len(met) + replaced, len(met) - replaced
    return len(documents), 0


def _replace_older(flights: Any, document: dict[str, Any]) -> int:  # noqa: ANN401
    return int(flights.replace_one(mongo_documents.replaced_by(document), document).modified_count)


def verify(archiver: Archiver, archive_id: str) -> ArchiveRecord:
    """Read every file of an archive again and compare counts and checksums with its record.

    Returns the record.

    Raises:
        FlightsError: there is no such archive, or it is not published.
        ArchiveDamaged: a file is missing, unreadable or different; the message names it.
    """
    record = archiver.archives.record(archive_id)
    _refuse_unreadable(record)
    files.refuse_damaged(archiver.open_warehouse(), archiver.settings, archiver.hdfs, record)
    return record
