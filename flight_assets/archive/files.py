"""Cold side of an archive: export to Parquet by Spark, verification, and the tables over published files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flight_assets.archive import columns, tasks
from flight_assets.archive.record import ARCHIVE_ROOT, ArchivedFile, ArchiveRecord, State, WrittenFile
from flight_assets.contracts.tables import ARCHIVE_METADATA, FACT
from flight_assets.errors import FlightsError
from flight_assets.stores import mongo
from flight_assets.transforms.flights import ORDER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import pyarrow as pa
    from pyspark.sql import DataFrame

    from flight_assets.settings import Settings
    from flight_assets.stores.hdfs import Hdfs
    from flight_assets.stores.warehouse import Warehouse

FILES = "archived_files"
VIEW = "archived_flight_events"
UNITED = "all_flight_events"


class ArchiveDamaged(FlightsError):
    """Files of an archive are missing or do not hold what was written."""


def export(warehouse: Warehouse, settings: Settings, hdfs: Hdfs, record: ArchiveRecord) -> None:
    """Write the planned slices to the temporary directory and record each file with its rows and checksum.

    A repeat starts again from the first slice. Documents updated or deleted since the plan are left out. So
    are those that do not fit the contract, which are counted.
    """
    hdfs.delete(record.temporary)
    work = tasks.Export(settings, record.temporary, tuple(record.slices), record.restored_since)
    found = tasks.each(warehouse, work, len(record.slices))
    record.written = [WrittenFile(**each) for each in found if "path" in each]
    for each in found:
        if "slice" in each:
            record.slices[each["slice"]].held_back = each["held_back"]
    record.held_back = sum(each.held_back for each in record.slices)
    record.record_count = sum(each.rows for each in record.written)
    record.checksum = total(record.written)


def total(found: Sequence[WrittenFile]) -> str:
    """Return the checksum of all rows of some files."""
    return str(sum(int(each.checksum) for each in found) % 2**64)


def read(warehouse: Warehouse, location: str) -> DataFrame:
    """Return the archived rows below a location, in the columns of the fact table."""
    return warehouse.spark.read.schema(columns.spark_schema()).parquet(location).select(*FACT.column_names)


def read_back(
    warehouse: Warehouse, settings: Settings, directory: str, paths: Sequence[str]
) -> tuple[list[ArchivedFile], list[str]]:
    """Return the content of files on HDFS, read whole, and the errors of the unreadable ones."""
    found = tasks.each(warehouse, tasks.ReadBack(settings, directory, tuple(paths)), len(paths))
    return [ArchivedFile(**each) for each in found if "problem" not in each], tasks.problems(found)


def verify_written(
    warehouse: Warehouse, settings: Settings, hdfs: Hdfs, directory: str, written: Sequence[WrittenFile]
) -> list[ArchivedFile]:
    """Read back what an export wrote; returns the files as they are on HDFS.

    Raises:
        ArchiveDamaged: a file is missing, unreadable, differs in rows or checksum, or is not one of them; the
            message names each.
    """
    found, wrong = read_back(warehouse, settings, directory, [each.path for each in written])
    there = {each.path: each for each in found}
    for each in written:
        now = there.get(each.path)
        if now and (now.rows, now.checksum) != (each.rows, each.checksum):
            wrong.append(
                f"{each.path} has {now.rows} rows with checksum {now.checksum} instead of {each.rows} with"
                f" {each.checksum}"
            )
    wrong += [
        f"{path} is not one of its files"
        for path in sorted(set(_listed(hdfs, directory)) - {each.path for each in written})
    ]
    if wrong:
        raise ArchiveDamaged(f"{directory} is damaged: {'; '.join(wrong)}")
    return found


def _listed(hdfs: Hdfs, directory: str) -> list[str]:
    dates = [name for name in hdfs.list(directory) if name.startswith("processing_date=")]
    return [f"{day}/{name}" for day in dates for name in hdfs.list(f"{directory}/{day}")]


def refuse_changed(hdfs: Hdfs, record: ArchiveRecord) -> None:
    """Look at the names and lengths of an archive's files.

    Raises:
        ArchiveDamaged: one is missing or has another length; the message names each.
    """
    problems = []
    for each in record.files:
        length = hdfs.size_bytes(f"{record.directory}/{each.path}")
        if length != each.bytes:
            problems.append(
                f"{each.path} is missing"
                if not length
                else f"{each.path} has {length} bytes instead of {each.bytes}"
            )
    if problems:
        raise ArchiveDamaged(
            f"archive {record.archive_id} at {record.directory} is damaged: {'; '.join(problems)}"
        )


def refuse_damaged(warehouse: Warehouse, settings: Settings, hdfs: Hdfs, record: ArchiveRecord) -> None:
    """Read every file of a published archive and compare counts and checksums with the record.

    Raises:
        ArchiveDamaged: one is missing, cannot be read or holds something else; the message names each.
    """
    refuse_changed(hdfs, record)
    try:
        verify_written(warehouse, settings, hdfs, record.directory, record.files)
    except ArchiveDamaged as error:
        raise ArchiveDamaged(f"archive {record.archive_id}: {error}") from error


def delete_from_hot(
    warehouse: Warehouse, settings: Settings, record: ArchiveRecord, chosen: Sequence[ArchivedFile]
) -> int:
    """Delete from the hot store what some files of an archive hold.

    Returns how many of their flights are hot in another state.

    Raises:
        ArchiveDamaged: a file does not have the bytes that were verified; nothing of it was deleted.
    """
    work = tasks.Delete(settings, record.directory, tuple((each.path, each.sha256) for each in chosen))
    found = tasks.each(warehouse, work, len(chosen))
    wrong = tasks.problems(found)
    if wrong:
        raise ArchiveDamaged(
            f"archive {record.archive_id} at {record.directory} is damaged: {'; '.join(wrong)}"
        )
    return sum(int(each["left"]) for each in found)


def create_views(warehouse: Warehouse, settings: Settings) -> None:
    """Create what is missing of the external table over published files, and the two views.

    ``archived_flight_events``: every archived state. ``all_flight_events``: every flight once in its newest
    state, hot or cold, and the archive that holds that state if one does. The fact table has each flight's
    newest state whatever an archive does, so the view is right at every step of one. Those of an older
    version gain the columns that were added since.
    """
    spark = warehouse.spark
    present = {row.tableName for row in spark.sql(f"SHOW TABLES IN {warehouse.database}").collect()}
    files, archived, united = (f"{warehouse.database}.{name}" for name in (FILES, VIEW, UNITED))
    known = {
        name: set(spark.table(f"{warehouse.database}.{name}").columns)
        for name in (FILES, VIEW, UNITED)
        if name in present
    }
    if len(known) == 3 and all({*FACT.column_names, "archive_id"} <= names for names in known.values()):
        return
    flat = {column.name: column.type for column in FACT.columns if column.name != "processing_date"}
    added = {name: flat[name] for name in flat if FILES in known and name not in known[FILES]}
    names = ", ".join(FACT.column_names)
    state = f"flight_id, {', '.join(ORDER)}"
    states = f"SELECT {state}, min(archive_id) AS archive_id FROM {archived} GROUP BY ALL"  # noqa: S608 - names of the contract
    for statement in (
        (
            f"CREATE TABLE IF NOT EXISTS {files} ({_definitions(flat)}, archive_id STRING,"
            " processing_date DATE) USING parquet PARTITIONED BY (archive_id, processing_date) LOCATION"
            f" '{settings.hdfs_path(ARCHIVE_ROOT)}/_table'"
        ),
        *([f"ALTER TABLE {files} ADD COLUMNS ({_definitions(added)})"] if added else []),
        f"CREATE OR REPLACE VIEW {archived} AS SELECT {names}, archive_id FROM {files}",  # noqa: S608 - names of the contract
        f"CREATE OR REPLACE VIEW {united} AS SELECT f.*, a.archive_id FROM {warehouse.name(FACT)} f "  # noqa: S608 - names of the contract
        f"LEFT JOIN ({states}) a USING ({state})",
    ):
        spark.sql(statement).collect()


def _definitions(columns_of: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {kind}" for name, kind in columns_of.items())


def register(warehouse: Warehouse, settings: Settings, record: ArchiveRecord) -> None:
    """Make a published archive's files part of the view. A repeat changes nothing."""
    create_views(warehouse, settings)
    days = sorted({columns.date_of(each.path) for each in record.files})
    partitions = " ".join(
        f"PARTITION (archive_id = '{record.archive_id}', processing_date = '{day}') "
        f"LOCATION '{settings.hdfs_path(record.directory)}/{columns.date_directory(day)}'"
        for day in days
    )
    warehouse.spark.sql(f"ALTER TABLE {warehouse.database}.{FILES} ADD IF NOT EXISTS {partitions}").collect()


def unregister(warehouse: Warehouse, settings: Settings, record: ArchiveRecord) -> None:
    """Take an archive's files out of the view."""
    create_views(warehouse, settings)
    warehouse.spark.sql(
        f"ALTER TABLE {warehouse.database}.{FILES} DROP IF EXISTS PARTITION (archive_id ="
        f" '{record.archive_id}')"
    ).collect()


def write_metadata_table(warehouse: Warehouse, records: Sequence[ArchiveRecord]) -> None:
    """Make ``archive_metadata`` say what the records on HDFS say."""
    import pandas as pd

    rows: list[dict[str, Any]] = [
        record.row()
        for record in records
        if record.state not in (State.PLANNED, State.EXPORTED, State.VERIFIED)
    ]
    if not rows:
        return
    types = ", ".join(f"{column.name} {column.type}" for column in ARCHIVE_METADATA.columns)
    frame = pd.DataFrame(rows)[list(ARCHIVE_METADATA.column_names)]
    warehouse.replace(warehouse.spark.createDataFrame(frame, types), ARCHIVE_METADATA)


def archived_only(warehouse: Warehouse, settings: Settings) -> int:
    """Return the number of flights that are in kept archives and not in the hot store."""
    if not warehouse.spark.catalog.tableExists(f"{warehouse.database}.{FILES}"):
        return 0
    archived = warehouse.spark.table(f"{warehouse.database}.{VIEW}").select("flight_id").distinct()
    missing = archived.mapInArrow(_not_hot(settings), "missing long").agg({"missing": "sum"}).collect()[0][0]
    return int(missing or 0)


def without_archived(warehouse: Warehouse, states: DataFrame) -> DataFrame:
    """Return the states of flights of which no archive holds a newer one.

    A flight that has left the hot store cannot be compared with. Without this step, a late event would
    bring an older state back as the newest. Dates are literals, so that Spark skips the files of other
    days.
    """
    from pyspark.sql import functions as F

    if not warehouse.spark.catalog.tableExists(f"{warehouse.database}.{FILES}"):
        return states
    dates = states.agg(F.min("flight_date"), F.max("flight_date")).collect()[0]
    if dates[0] is None:
        return states
    version = F.struct(*ORDER)
    archived = warehouse.spark.table(f"{warehouse.database}.{VIEW}").where(
        F.col("flight_date").between(F.lit(dates[0]), F.lit(dates[1]))
    )
    newest = archived.groupBy("flight_id").agg(F.max(version).alias("archived"))
    return (
        states.join(newest, "flight_id", "left")
        .where(F.col("archived").isNull() | (version >= F.col("archived")))
        .drop("archived")
    )


def _not_hot(settings: Settings) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def run(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        with mongo.database(settings) as db:
            for batch in batches:
                ids = batch.column("flight_id").to_pylist()
                hot_ones = db[mongo.FLIGHTS].count_documents({"_id": {"$in": ids}})
                yield pa.RecordBatch.from_pydict({"missing": pa.array([len(ids) - hot_ones], pa.int64())})

    return run
