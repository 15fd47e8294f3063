"""Asset ``hdfs_archive``: documents moved from the hot store to verified Parquet on HDFS.

It does not hold the processing lease, so batches continue meanwhile.
"""

from datetime import date
from typing import Any

from dagster import (
    AssetExecutionContext,
    Config,
    Failure,
    MaterializeResult,
    MetadataValue,
    OpExecutionContext,
    asset,
    job,
    op,
)
from pydantic import Field

from flight_assets.archive.record import ArchiveRecord
from flight_assets.archive.removal import expire
from flight_assets.archive.restore import Selection, restore, verify
from flight_assets.archive.steps import Archiver
from flight_assets.assets.pipeline import OWNERS, table_schema
from flight_assets.contracts.tables import FACT
from flight_assets.settings import get_settings
from flight_assets.stores import outage, warehouse

POOL = "archiving"
ISO_DATE_OR_NONE = r"^(\d{4}-\d{2}-\d{2})?$"


def archiver_of_run(run_id: str, log: Any = None) -> Archiver:  # noqa: ANN401 - Dagster's log manager
    """Return an archiver for the stores of this process; it logs each state that it reaches."""
    settings = get_settings()

    def tell(record: ArchiveRecord) -> None:
        if log is not None:
            log.info("archive %s is %s", record.archive_id, record.state)

    return Archiver(
        settings, lambda: warehouse.open_warehouse(settings), reached=tell, purpose=f"Dagster run {run_id}"
    )


@asset(
    deps=["mongo_hot"],
    kinds={"spark", "hdfs", "parquet"},
    pool=POOL,
    group_name="archive",
    owners=OWNERS,
    code_version="1",
)
def hdfs_archive(context: AssetExecutionContext) -> MaterializeResult[None]:
    """One row per archived document, in the columns of the fact table.

    Parquet below /archive/mongodb_archive/<archive_id>.
    """
    archiver = archiver_of_run(context.run.run_id, context.log)
    try:
        record = archiver.run()
    except Exception as error:
        raise Failure(outage.explain(archiver.settings, error)) from error
    if record is None:
        return MaterializeResult(metadata={"archived": 0, "reason": archiver.preview()[1].reason})
    if record.shortened_window:
        context.log.warning("%s", record.reason)
    return MaterializeResult(metadata=metadata(record))


def metadata(record: ArchiveRecord) -> dict[str, Any]:
    """Return an archive's record as Dagster metadata."""
    sizes = {name: getattr(record, name) for name in ("size_before", "size_after_delete", "size_after")}
    return {
        "archive_id": record.archive_id,
        "state": record.state.value,
        "reason": record.reason,
        "archived": record.record_count or 0,
        "deleted": record.deleted,
        "left_newer": record.left_newer,
        "held_back": record.held_back,
        "file_size_mb": record.file_size_mb or 0.0,
        "files": len(record.files),
        "checksum": record.checksum or "",
        "location": MetadataValue.path(record.storage_location),
        "first_ingestion": str(record.first_ingestion),
        "last_ingestion": str(record.last_ingestion),
        "compaction": record.compaction or "",
        "duration_s": sum(record.seconds.values()),
        "seconds": MetadataValue.json(record.seconds),
        "dbstats": MetadataValue.json({name: size.model_dump() for name, size in sizes.items() if size}),
        "dagster/column_schema": table_schema(FACT),
        "dagster/row_count": record.record_count or 0,
    }


class VerifyConfig(Config):
    """Archive to verify."""

    archive_id: str = Field(description="name of the archive, such as mongodb_000000")


class RestoreConfig(Config):
    """Archived flights to restore, and the reason."""

    archive_id: str = Field(default="", description="all of this archive")
    flight_id: str = Field(default="", description="one flight")
    first_date: str = Field(
        default="",
        pattern=ISO_DATE_OR_NONE,
        description="flights scheduled on this date (YYYY-MM-DD) or later",
    )
    last_date: str = Field(
        default="", pattern=ISO_DATE_OR_NONE, description="flights scheduled on this date or earlier"
    )
    reason: str = Field(description="kept in the documents and in the archive's record")


@op(pool=POOL)
def verify_files(context: OpExecutionContext, config: VerifyConfig) -> None:
    """Read an archive's files again, and compare them with its record."""
    record = verify(archiver_of_run(context.run.run_id), config.archive_id)
    context.log.info(
        "%d files of %s hold what was written: %s rows",
        len(record.files),
        record.archive_id,
        record.record_count,
    )


@op(pool=POOL)
def restore_flights(context: OpExecutionContext, config: RestoreConfig) -> None:
    """Restore archived flights to the hot store."""
    first, last = (
        date.fromisoformat(text) if text else None for text in (config.first_date, config.last_date)
    )
    selection = Selection(config.archive_id or None, first, last, config.flight_id or None)
    if selection == Selection():
        raise Failure("say what: archive_id, flight_id, first_date or last_date")
    done = restore(archiver_of_run(context.run.run_id), selection, config.reason)
    context.log.info("%d restored, %d were hot in the same or a newer state", done.restored, done.kept_newer)


@op(pool=POOL)
def expire_old_archives(context: OpExecutionContext) -> None:
    """Delete the files of archives past their retention, if one is set."""
    context.log.info("expired: %s", ", ".join(expire(archiver_of_run(context.run.run_id))) or "none")


@job(description="Reads an archive's files again and compares counts and checksums with its record.")
def verify_archive() -> None:
    """Run the one step of the job."""
    verify_files()


@job(description="Brings archived flights back into MongoDB; a newer hot document stays.")
def restore_archive() -> None:
    """Run the one step of the job."""
    restore_flights()


@job(description="Deletes archives that are older than archive_retention_days; does nothing while that is 0.")
def expire_archives() -> None:
    """Run the one step of the job."""
    expire_old_archives()
