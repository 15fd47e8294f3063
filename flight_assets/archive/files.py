"""The cold side of an archive: exporting to Parquet by Spark, reading back, the tables over published files."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from flight_assets.archive import columns, hot
from flight_assets.archive.record import ARCHIVE_ROOT, ArchivedFile, ArchiveRecord, State
from flight_assets.contracts.tables import ARCHIVE_METADATA, FACT
from flight_assets.errors import FlightsError
from flight_assets.stores import mongo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import pyarrow as pa
    from pyspark.sql import Column, DataFrame

    from flight_assets.settings import Settings
    from flight_assets.stores.hdfs import Hdfs
    from flight_assets.stores.warehouse import Warehouse

# Target of a file: 50,000 flights, which real ones fill to about 4 MB of Parquet in row groups of half a MB. A worker holds one such
# slice in memory (60 MB); a reader of one flight reads one row group.
DOCUMENTS_PER_FILE = 50_000
ROW_GROUP_BYTES = 2_000_000
ROWS_PER_BATCH = 5_000
FILES = "archived_files"
VIEW = "archived_flight_events"
UNITED = "all_flight_events"


class ArchiveDamaged(FlightsError):
    """Files of an archive are missing or do not hold what was written."""


def export(house: Warehouse, settings: Settings, record: ArchiveRecord) -> None:
    """Write the planned slices to the temporary directory, one file or more each, and note how many rows with which checksum went out.

    A repeat overwrites. Documents that were updated or deleted since the plan are not in their slice any more and stay out.
    """
    from pyspark.sql import Observation
    from pyspark.sql import functions as F

    # Spark's old default for times, INT96, has no statistics, so that reads of a range of time could not skip anything.
    house.spark.conf.set("spark.sql.parquet.outputTimestampType", "TIMESTAMP_MICROS")
    rows = house.spark.range(0, len(record.slices), 1, len(record.slices)).mapInArrow(_reader(settings, record), columns.spark_schema())
    seen = Observation()
    (
        rows.observe(seen, F.count("*").alias("rows"), checksum().alias("checksum"))
        .sortWithinPartitions("processing_date", "flight_id")
        .write.mode("overwrite")
        .partitionBy("processing_date")
        .option("compression", "snappy")
        .option("parquet.block.size", str(ROW_GROUP_BYTES))
        .option("maxRecordsPerFile", str(2 * DOCUMENTS_PER_FILE))
        .parquet(settings.hdfs_path(record.temporary))
    )
    record.record_count = int(seen.get["rows"])
    record.checksum = str(seen.get["checksum"] or 0)


def checksum() -> Column:
    """Sum of xxhash64 over all columns of each row: the same rows give the same sum in any order, and a doubled row another."""
    from pyspark.sql import functions as F

    return F.sum(F.xxhash64(*FACT.column_names).cast("decimal(20,0)"))


def _reader(settings: Settings, record: ArchiveRecord) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    ranges = [(each.start, each.end) for each in record.slices]
    match = hot.archivable(record.restored_since)

    def run(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        with mongo.database(settings) as db:
            for batch in batches:
                for nth in batch.column("id").to_pylist():
                    rows = columns.read_table(db[mongo.FLIGHTS], match | hot.taken_between(*ranges[nth]))
                    yield from rows.to_batches(max_chunksize=ROWS_PER_BATCH)

    return run


def read(house: Warehouse, location: str) -> DataFrame:
    """The archived rows below a location, in the columns of the fact table."""
    return house.spark.read.schema(columns.spark_schema()).parquet(location).select(*FACT.column_names)


def read_back(house: Warehouse, settings: Settings, hdfs: Hdfs, directory: str) -> list[ArchivedFile]:
    """What is in each file of a directory, read whole from HDFS."""
    from pyspark.sql import functions as F

    if not hdfs.exists(directory):
        raise ArchiveDamaged(f"{directory} is missing")
    url = settings.hdfs_path(directory)
    rows = house.spark.read.schema(columns.spark_schema()).parquet(url).withColumn("_path", F.col("_metadata.file_path"))
    ranges = {
        f"{side}_{name}": function(column).alias(f"{side}_{name}")
        for name, column in (("ingestion", "ingestion_timestamp"), ("flight_id", "flight_id"), ("flight_date", "flight_date"))
        for side, function in (("first", F.min), ("last", F.max))
    }
    found = (
        rows.groupBy("_path")
        .agg(F.count("*").alias("rows"), checksum().alias("checksum"), F.max("batch_id").alias("last_batch_id"), *ranges.values())
        .orderBy("_path")
        .collect()
    )
    files = [
        {name: row[name] for name in ("rows", "last_batch_id", *ranges)}
        | {"path": row["_path"].split(f"{directory}/", 1)[1], "checksum": str(row["checksum"])}
        | {name: _utc(row[name]) for name in ("first_ingestion", "last_ingestion")}
        for row in found
    ]
    return [ArchivedFile(bytes=hdfs.size_bytes(f"{directory}/{each['path']}"), **each) for each in files]


def _utc(moment: datetime) -> datetime:
    """Spark gives times without a zone, in this machine's."""
    return moment.astimezone(UTC)


def refuse_changed(hdfs: Hdfs, record: ArchiveRecord) -> None:
    """Look at the names and lengths of an archive's files.

    Raises:
        ArchiveDamaged: one is missing or has another length; the message names each.
    """
    problems = []
    for each in record.files:
        length = hdfs.size_bytes(f"{record.directory}/{each.path}")
        if length != each.bytes:
            problems.append(f"{each.path} is missing" if not length else f"{each.path} has {length} bytes instead of {each.bytes}")
    if problems:
        raise ArchiveDamaged(f"archive {record.archive_id} at {record.directory} is damaged: {'; '.join(problems)}")


def refuse_damaged(house: Warehouse, settings: Settings, hdfs: Hdfs, record: ArchiveRecord) -> None:
    """Read every file of a published archive and compare counts and checksums with the record.

    Raises:
        ArchiveDamaged: one is missing, cannot be read or holds something else; the message names each.
    """
    refuse_changed(hdfs, record)
    try:
        found = {each.path: each for each in read_back(house, settings, hdfs, record.directory)}
    except Exception as error:
        bad = [each.path for each in record.files if not _is_readable(house, settings, f"{record.directory}/{each.path}")]
        if not bad:
            raise
        raise ArchiveDamaged(f"archive {record.archive_id} at {record.directory} is damaged: cannot read {', '.join(bad)}") from error
    bad = [
        each.path
        for each in record.files
        if each.path not in found or (found[each.path].rows, found[each.path].checksum) != (each.rows, each.checksum)
    ]
    unknown = sorted(set(found) - {each.path for each in record.files})
    if bad or unknown:
        raise ArchiveDamaged(
            f"archive {record.archive_id} at {record.directory} is damaged: count or checksum differ in {', '.join(bad) or 'no file'}"
            + (f"; files that are not its own: {', '.join(unknown)}" if unknown else "")
        )


def _is_readable(house: Warehouse, settings: Settings, path: str) -> bool:
    from pyspark.errors import PySparkException

    try:
        # The directory's date is a column of the table, not of the file.
        house.spark.read.schema(columns.spark_schema()).parquet(settings.hdfs_path(path)).agg(checksum()).collect()
    except PySparkException:
        return False
    return True


def create_views(house: Warehouse, settings: Settings) -> None:
    """Create what is missing of the external table over published files, and the two views.

    ``archived_flight_events``: every archived state. ``all_flight_events``: every flight once in its newest state, hot or cold, and the
    archive that holds that state if one does. The fact table has each flight's newest state whatever an archive does, so the view is
    right at every step of one.
    """
    flat = ", ".join(f"{column.name} {column.type}" for column in FACT.columns if column.name != "processing_date")
    names = ", ".join(FACT.column_names)
    files, archived, united = (f"{house.database}.{name}" for name in (FILES, VIEW, UNITED))
    states = f"SELECT flight_id, timestamp, kafka_offset, min(archive_id) AS archive_id FROM {archived} GROUP BY ALL"  # noqa: S608
    for statement in (
        f"CREATE TABLE IF NOT EXISTS {files} ({flat}, archive_id STRING, processing_date DATE) USING parquet "
        f"PARTITIONED BY (archive_id, processing_date) LOCATION '{settings.hdfs_path(ARCHIVE_ROOT)}/_table'",
        f"CREATE VIEW IF NOT EXISTS {archived} AS SELECT {names}, archive_id FROM {files}",  # noqa: S608
        f"CREATE VIEW IF NOT EXISTS {united} AS SELECT f.*, a.archive_id FROM {house.name(FACT)} f "  # noqa: S608
        f"LEFT JOIN ({states}) a USING (flight_id, timestamp, kafka_offset)",
    ):
        house.spark.sql(statement).collect()


def register(house: Warehouse, settings: Settings, record: ArchiveRecord) -> None:
    """Make a published archive's files part of the view. A repeat changes nothing."""
    create_views(house, settings)
    days = sorted({each.path.split("/", 1)[0].split("=", 1)[1] for each in record.files})
    partitions = " ".join(
        f"PARTITION (archive_id = '{record.archive_id}', processing_date = '{day}') "
        f"LOCATION '{settings.hdfs_path(record.directory)}/processing_date={day}'"
        for day in days
    )
    house.spark.sql(f"ALTER TABLE {house.database}.{FILES} ADD IF NOT EXISTS {partitions}").collect()


def unregister(house: Warehouse, settings: Settings, record: ArchiveRecord) -> None:
    """Take an archive's files out of the view."""
    create_views(house, settings)
    house.spark.sql(f"ALTER TABLE {house.database}.{FILES} DROP IF EXISTS PARTITION (archive_id = '{record.archive_id}')").collect()


def write_metadata_table(house: Warehouse, records: Sequence[ArchiveRecord]) -> None:
    """Make ``archive_metadata`` say what the records on HDFS say."""
    import pandas as pd

    rows: list[dict[str, Any]] = [record.row() for record in records if record.state not in (State.PLANNED, State.EXPORTED, State.VERIFIED)]
    if not rows:
        return
    types = ", ".join(f"{column.name} {column.type}" for column in ARCHIVE_METADATA.columns)
    frame = pd.DataFrame(rows)[list(ARCHIVE_METADATA.column_names)]
    house.replace(house.spark.createDataFrame(frame, types), ARCHIVE_METADATA)


def archived_only(house: Warehouse, settings: Settings) -> int:
    """How many flights are in archives that are still there and not in the hot store."""
    if not house.spark.catalog.tableExists(f"{house.database}.{FILES}"):
        return 0
    archived = house.spark.table(f"{house.database}.{VIEW}").select("flight_id").distinct()
    missing = archived.mapInArrow(_not_hot(settings), "missing long").agg({"missing": "sum"}).collect()[0][0]
    return int(missing or 0)


def without_archived(house: Warehouse, states: DataFrame) -> DataFrame:
    """The states of flights of which no archive holds a newer one.

    A flight that has left the hot store is not there to be compared with, so a late event would bring an older state back as its newest.
    The states' dates as literals let Spark skip the files of other days.
    """
    from pyspark.sql import functions as F

    if not house.spark.catalog.tableExists(f"{house.database}.{FILES}"):
        return states
    dates = states.agg(F.min("flight_date"), F.max("flight_date")).collect()[0]
    if dates[0] is None:
        return states
    version = F.struct("timestamp", "kafka_offset")
    archived = house.spark.table(f"{house.database}.{VIEW}").where(F.col("flight_date").between(F.lit(dates[0]), F.lit(dates[1])))
    newest = archived.groupBy("flight_id").agg(F.max(version).alias("archived"))
    return states.join(newest, "flight_id", "left").where(F.col("archived").isNull() | (version >= F.col("archived"))).drop("archived")


def _not_hot(settings: Settings) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def run(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        with mongo.database(settings) as db:
            for batch in batches:
                ids = batch.column("flight_id").to_pylist()
                hot_ones = db[mongo.FLIGHTS].count_documents({"_id": {"$in": ids}})
                yield pa.RecordBatch.from_pydict({"missing": pa.array([len(ids) - hot_ones], pa.int64())})

    return run
