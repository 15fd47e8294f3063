"""Client of the warehouse: Delta tables in the Hive metastore, through one Spark application over Connect."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from multiprocessing.util import Finalize
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

from flight_assets.contracts.ranges import in_date_ranges
from flight_assets.contracts.tables import TABLES, Table, arrow_schema
from flight_assets.errors import FlightsError
from flight_assets.platform.patches.spark_checkpoint_session import checkpointed
from flight_assets.platform.patches.spark_command_rows import command_rows
from flight_assets.platform.patches.spark_local_rows import local_rows
from flight_assets.platform.patches.spark_one_call import arrow_rows
from flight_assets.settings import get_settings
from flight_assets.stores.delta_log import DeltaLog
from flight_assets.stores.hdfs import Hdfs
from flight_assets.stores.spark_connection import refuse_unreachable, silence
from flight_assets.stores.spark_types import struct
from flight_assets.stores.table_ddl import column_definition, create_statement, listed, table_properties

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd
    from pyspark.sql import DataFrame, SparkSession

    from flight_assets.contracts.ranges import DateRange
    from flight_assets.settings import Settings

_RELEASED_AT_EXIT: set[str] = set()


def connect(settings: Settings) -> SparkSession:
    """Return the Spark Connect session of this process, in UTC; a new one after a restart of the server.

    Raises:
        StoreUnavailable: nothing answers at the Connect address within ``timeout_s``.
    """
    from pyspark.errors import PySparkException
    from pyspark.sql import SparkSession

    refuse_unreachable(settings)
    # After a server restart, the first call on an old session only closes it. A process may have two of them,
    # the thread's and the default one. The next session is new.
    for _ in ("the thread's", "the default"):
        session = SparkSession.builder.remote(settings.spark_remote).getOrCreate()
        try:
            return prepare(session, settings).spark
        except PySparkException:
            if not session.client.is_closed:
                raise
            session.stop()  # otherwise it stays the default one, and each call would make another session
    return prepare(SparkSession.builder.remote(settings.spark_remote).getOrCreate(), settings).spark


def open_warehouse(settings: Settings) -> Warehouse:
    """Return the warehouse through the session of this process."""
    return Warehouse(connect(settings), settings.warehouse_database, settings)


def prepare(session: SparkSession, settings: Settings) -> Warehouse:
    """Return the warehouse through a Connect session: UTC, waits of a minute, writable for the pipeline."""
    from pyspark.sql.connect.client.retries import DefaultPolicy

    _release_at_exit(session, settings)
    session.client.set_retry_policies([DefaultPolicy(max_retries=6, max_backoff=10_000)])
    # Sessions are read-only unless they ask for more, so that clients of HiveServer2 change nothing by
    # accident.
    if settings.role == "pipeline":
        session.conf.set("spark.flights.readOnly", "false")
    return Warehouse(session, settings.warehouse_database, settings)


def _release_at_exit(session: SparkSession, settings: Settings) -> None:
    """Release a session's computed frames when this process ends.

    Otherwise Spark keeps them for half an hour.
    """
    session_id: str = session.session_id  # type: ignore[attr-defined]
    if session_id not in _RELEASED_AT_EXIT:
        _RELEASED_AT_EXIT.add(session_id)
        # Unlike atexit, this also works in the processes of Dagster's runs.
        Finalize(None, _release, (session, settings), exitpriority=0)


def _release(session: SparkSession, settings: Settings) -> None:
    # A stopped Spark holds nothing, and a hanging one must not keep the process alive.
    if silence(settings, wait=False) is None:
        session.client.set_retry_policies([])
        session.stop()


class Merged(NamedTuple):
    """Rows that a MERGE inserted and updated."""

    inserted: int
    updated: int


class TableFiles:
    """Files of the tables in one database, to read them without Spark."""

    def __init__(self, settings: Settings, database: str | None = None) -> None:
        self.settings = settings
        self.database = database or settings.warehouse_database

    def log(self, table: Table) -> DeltaLog:
        """Return the Delta log of a table."""
        return DeltaLog(Hdfs(self.settings), f"{self.settings.warehouse_dir}/{self.database}.db/{table.name}")


class Warehouse(TableFiles):
    """Reads and idempotent writes of the tables in one database of the metastore."""

    def __init__(self, spark: SparkSession, database: str, settings: Settings | None = None) -> None:
        super().__init__(settings or get_settings(), database)
        self.spark = spark

    def name(self, table: Table) -> str:
        """Return the table's name in SQL."""
        return f"{self.database}.{table.name}"

    def read(self, table: Table) -> DataFrame:
        """Return the table's current rows."""
        return self.spark.table(self.name(table))

    def ask(self, query: str) -> pd.DataFrame:
        """Return the rows of a SELECT, in memory: times with zone in UTC, dates as ``date``.

        Raises:
            FlightsError: a table does not exist.
        """
        from pyspark.errors import AnalysisException

        try:
            return self.spark.sql(query).toArrow().to_pandas()
        except AnalysisException as error:
            if error.getCondition() != "TABLE_OR_VIEW_NOT_FOUND":
                raise
            missing = (error.getMessageParameters() or {}).get("relationName", "a table")
            raise FlightsError(
                f"{missing.replace('`', '')} is not there: run `flights up`, which creates what is missing"
            ) from error

    def version(self, table: Table) -> int:
        """Return the table's newest version."""
        return int(self.spark.sql(f"DESCRIBE HISTORY {self.name(table)} LIMIT 1").collect()[0].version)

    def path(self, table: Table) -> str:
        """Return the table's folder on HDFS."""
        location = str(self.spark.sql(f"DESCRIBE DETAIL {self.name(table)}").collect()[0].location)
        return f"/{location.split('/', 3)[3]}"

    def snapshot(self, table: Table) -> DataFrame:
        """Return the table's current version; later writes do not change the frame."""
        return self.spark.sql(f"SELECT * FROM {self.name(table)} VERSION AS OF {self.version(table)}")  # noqa: S608 - names of the contract

    def create_tables(self) -> None:
        """Create the database and the missing tables of the contract. Existing tables get new columns."""
        self.spark.sql(f"CREATE DATABASE IF NOT EXISTS {self.database}").collect()
        present = {row.tableName for row in self.spark.sql(f"SHOW TABLES IN {self.database}").collect()}
        for table in TABLES:
            if table.name not in present:
                self.spark.sql(create_statement(self.name(table), table)).collect()
            else:
                self._add_new_columns(table)
                self._set_properties(table)

    def _set_properties(self, table: Table) -> None:
        """Set the table's properties from the contract. If they are equal, nothing is written."""
        wanted = table_properties(table)
        present = {
            row.key: row.value for row in self.spark.sql(f"SHOW TBLPROPERTIES {self.name(table)}").collect()
        }
        if any(present.get(key) != value for key, value in wanted.items()):
            self.spark.sql(f"ALTER TABLE {self.name(table)} SET TBLPROPERTIES ({listed(wanted)})").collect()

    def _add_new_columns(self, table: Table) -> None:
        """Add the columns that are missing; they are null in older rows.

        Nothing else about a table changes.
        """
        there = set(self.read(table).columns)
        missing = [column_definition(column) for column in table.columns if column.name not in there]
        if missing:
            self.spark.sql(f"ALTER TABLE {self.name(table)} ADD COLUMNS ({', '.join(missing)})").collect()

    def append_once(self, rows: DataFrame, table: Table, batch_id: int, writer: str = "") -> None:
        """Append the rows of a batch. A repeat of this or an earlier batch writes nothing.

        Delta keeps the last batch per table and ``writer`` as a transaction id, so a writer's batches must
        come in order.
        """
        ordered = rows.select(*table.column_names)
        app = f"{table.name}:{writer}" if writer else table.name
        ordered.write.format("delta").mode("append").option("txnAppId", app).option(
            "txnVersion", str(batch_id)
        ).saveAsTable(self.name(table))

    def append(self, rows: pd.DataFrame, table: Table) -> None:
        """Append a few local rows, times in UTC. A repeat appends them again."""
        types = ", ".join(f"{column.name} {column.type}" for column in table.columns)
        frame = self.spark.createDataFrame(rows[list(table.column_names)], types)
        frame.write.format("delta").mode("append").saveAsTable(self.name(table))

    def rows(self, table: Table, rows: list[dict[str, Any]]) -> DataFrame:
        """Return a frame of rows for a table. A column that a row does not name is null."""
        schema = arrow_schema(table)
        return local_rows(self.spark, pa.Table.from_pylist(rows, schema), struct(schema))

    def replace(self, rows: DataFrame, table: Table) -> None:
        """Replace the whole content of a table in one commit."""
        rows.select(*table.column_names).write.format("delta").mode("overwrite").saveAsTable(self.name(table))

    def update_row(self, rows: DataFrame, table: Table) -> None:
        """Replace the rows of a table by those with the same key. Rows with a new key are not added."""
        view = f"update_of_{table.name}"
        rows.createOrReplaceTempView(view)
        on = " AND ".join(f"t.{name} = s.{name}" for name in table.key)
        self.spark.sql(
            f"MERGE INTO {self.name(table)} t USING {view} s ON {on} WHEN MATCHED THEN UPDATE SET *"
        ).collect()

    def replace_where(self, rows: DataFrame, table: Table, condition: str) -> None:
        """Replace the rows that meet a condition by others that meet it, in one commit."""
        ordered = rows.select(*table.column_names)
        ordered.write.format("delta").mode("overwrite").option("replaceWhere", condition).saveAsTable(
            self.name(table)
        )

    def delete_all(self, table: Table) -> None:
        """Delete every row of a table, in one commit."""
        self.spark.sql(f"DELETE FROM {self.name(table)}").collect()  # noqa: S608 - names of the contract

    def delete_batch(self, table: Table, batch_id: int) -> None:
        """Delete the rows of a table that carry a batch's number."""
        self.spark.sql(f"DELETE FROM {self.name(table)} WHERE batch_id = {batch_id}").collect()  # noqa: S608 - names of the contract

    def count_of_batch(self, table: Table, batch_id: int) -> int:
        """Return the number of a table's rows with this batch number."""
        return int(self.read(table).where(f"batch_id = {batch_id}").count())

    def merge(
        self,
        table: Table,
        rows: DataFrame,
        clauses: str,
        flight_dates: Sequence[DateRange],
        condition: str = "true",
    ) -> Merged:
        """MERGE rows by flight, in one commit: target ``t``, source ``s``.

        Without flight dates, nothing changes.

        Args:
            table: a table with flight_id and flight_date.
            rows: computed rows, since Delta reads them twice.
            clauses: the WHEN clauses.
            flight_dates: ranges that cover the rows' flight dates. Delta skips the files of other days.
            condition: a further SQL condition for a match.
        """
        if not flight_dates:
            return Merged(0, 0)
        on = (
            "t.flight_id = s.flight_id AND t.flight_date = s.flight_date AND"
            f" {in_date_ranges('t.flight_date', flight_dates)}"
        )
        statement = f"MERGE INTO {self.name(table)} t USING {{source}} s ON {on} AND {condition} {clauses}"
        result = command_rows(self.spark.sql(statement, source=rows)).to_pylist()[0]
        return Merged(int(result["num_inserted_rows"]), int(result["num_updated_rows"]))


def together(*calls: Callable[[], Any]) -> list[Any]:
    """Return the results of calls made in parallel.

    A small query mostly waits for one planning thread of Spark.

    After all have ended, raises the error of the first failed call.
    """
    with ThreadPoolExecutor(max(1, len(calls))) as pool:
        return [done.result() for done in [pool.submit(call) for call in calls]]


def computed(frame: DataFrame) -> DataFrame:
    """Compute the frame now, and keep it in Spark's memory or on disk while the result is referenced.

    Queries on the result are planned from its rows alone. With Spark's cache, each would analyse the whole
    plan again.
    """
    return checkpointed(frame)


def collected(frame: DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a frame as dicts, times in UTC, in one call to Spark."""
    return list(arrow_rows(frame).to_pylist())
