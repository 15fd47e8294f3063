"""Remove archives: expire old ones, and give up an unfinished one."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from flight_assets.archive import files
from flight_assets.archive.record import READABLE, UNFINISHED, Archives, Restore, State
from flight_assets.archive.restore import Restored, write_back
from flight_assets.archive.steps import LEASE_WAIT_S, Archiver
from flight_assets.contracts.tables import FACT
from flight_assets.errors import FlightsError
from flight_assets.stores import lease

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import DataFrame

    from flight_assets.archive.record import ArchiveRecord
    from flight_assets.stores.warehouse import Warehouse


def expire(archiver: Archiver) -> list[str]:
    """Delete the files of archives whose newest document is older than ``archive_retention_days``.

    Returns their names.
    Off (returns nothing) while that setting is 0. The record stays, and says that it expired.
    """
    days = archiver.settings.archive_retention_days
    if not days:
        return []
    with lease.hold(archiver.settings, "flights archive expire", LEASE_WAIT_S, lease.ARCHIVING):
        limit = archiver.now() - timedelta(days=days)
        ended = [record for record in archiver.archives.records() if _is_over(record, limit)]
        for record in ended:
            _remove(archiver, archiver.archives, record)
        if ended:
            files.write_metadata_table(archiver.open_warehouse(), archiver.archives.records())
        return [record.archive_id for record in ended]


def _is_over(record: ArchiveRecord, limit: datetime) -> bool:
    if record.state is State.EXPIRING:
        return True
    return record.state is State.DONE and record.last_ingestion is not None and record.last_ingestion < limit


def _remove(archiver: Archiver, archives: Archives, record: ArchiveRecord) -> None:
    """Out of the view first, so that no query meets files that are going."""
    record.state = State.EXPIRING
    archives.save(record)
    files.unregister(archiver.open_warehouse(), archiver.settings, record)
    archiver.hdfs.delete(record.directory)
    record.state = State.EXPIRED
    archives.save(record)


def abandon(archiver: Archiver, archive_id: str, reason: str) -> Restored:
    """Give up an unfinished archive. The documents it deleted become hot again, and its files leave the view.

    The documents come from the fact table, which has the newest state of each flight. Damaged files do not
    matter.

    Raises:
        FlightsError: there is no such archive, or it is finished.
        LeaseBusy: an archive or a restore runs.
    """
    with lease.hold(
        archiver.settings, f"flights archive abandon {archive_id}", LEASE_WAIT_S, lease.ARCHIVING
    ):
        record = archiver.archives.record(archive_id)
        if record.state not in UNFINISHED:
            raise FlightsError(
                f"archive {archive_id} is {record.state}, there is nothing to give up: `flights archive"
                " restore` brings it back"
            )
        warehouse, at = archiver.open_warehouse(), archiver.now()
        others = [
            each
            for each in archiver.archives.records()
            if each.state in READABLE and each.archive_id != archive_id
        ]
        restored, kept = write_back(_states_taken(warehouse, record, others), archiver.settings, at, reason)
        files.unregister(warehouse, archiver.settings, record)
        record.restores.append(
            Restore(timestamp=at, reason=reason, selection="given up", restored=restored, kept_newer=kept)
        )
        record.reason += f"; given up: {reason}"
        record.state = State.ABANDONED
        archiver.archives.save(record)
        files.write_metadata_table(warehouse, archiver.archives.records())
        return Restored(restored, kept, (archive_id,))


def _states_taken(warehouse: Warehouse, record: ArchiveRecord, others: Sequence[ArchiveRecord]) -> DataFrame:
    """Return the newest states that an archive's ranges of ingestion hold and that no other archive has."""
    from pyspark.sql import functions as F

    taken = F.lit(False)
    for each in record.slices:
        taken |= (F.col("ingestion_timestamp") >= F.lit(each.start)) & (
            F.col("ingestion_timestamp") < F.lit(each.end)
        )
    states = warehouse.read(FACT).where(taken).withColumn("archive_id", F.lit(record.archive_id))
    for other in others:
        states = states.join(
            files.read(warehouse, other.storage_location).select("flight_id", "event_id"),
            ["flight_id", "event_id"],
            "left_anti",
        )
    return states.select(*FACT.column_names, "archive_id")
