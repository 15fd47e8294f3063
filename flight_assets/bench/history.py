"""Cost of much history for a page's query: before and after compaction, and against DuckDB.

Flights come from a Spark ``range``, so that ten million take minutes. They are in databases of their own,
removed in the end.
"""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from flight_assets.bench.figures import Figure, interleaved, ratio
from flight_assets.bench.warehouse_flights import fact_rows, rows_of
from flight_assets.contracts.tables import FACT, Table
from flight_assets.errors import FlightsError
from flight_assets.pipeline import maintenance
from flight_assets.queries import flight_rows
from flight_assets.queries.filters import Filters
from flight_assets.stores.hdfs import Hdfs
from flight_assets.stores.table_ddl import create_statement
from flight_assets.stores.warehouse import Warehouse, connect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flight_assets.settings import Settings
    from flight_assets.stores.warehouse import Warehouse

NAME = "bench_history"
MINUTE_FILES, FLIGHTS_PER_MINUTE = 1_440, 100
FLIGHTS, FLIGHTS_AT_ONCE = 10_000_000, 1_000_000
DAYS = 365
QUERY = Filters(airlines=("UA",))
FIRST_DAY = date(2026, 6, 1)
MINUTES_QUERY = replace(QUERY, first=FIRST_DAY, until=FIRST_DAY)
SHOWN = 200
# Rows of the measurement in the platform's own tables; no batch has this number.
FILLER_BATCH = -1


def measure(settings: Settings, quick: bool) -> dict[str, Figure]:
    """``compaction_query_speedup``: times faster after it.

    ``history_query_vs_duckdb``: Spark's time over DuckDB's.
    """
    files, flights, days, repetitions = (144, 100_000, 30, 3) if quick else (MINUTE_FILES, FLIGHTS, DAYS, 7)
    with (
        own_table(settings, f"{NAME}_minutes", FACT) as minutes,
        own_table(settings, f"{NAME}_compacted", FACT) as compacted,
    ):
        compaction = _compaction(settings, minutes, compacted, files, repetitions)
    with own_table(settings, NAME, FACT) as warehouse:
        fill(warehouse, (FACT,), flights, datetime.now(UTC).date() - timedelta(days=days), days)
        against_duckdb = _against_duckdb(settings, warehouse, repetitions)
    return {"compaction_query_speedup": compaction, "history_query_vs_duckdb": against_duckdb}


@contextmanager
def own_table(settings: Settings, database: str, *tables: Table) -> Iterator[Warehouse]:
    """Yield a database with empty tables of the contract and their properties; it is removed at the end."""
    warehouse = Warehouse(connect(settings), database)
    warehouse.spark.sql(f"DROP DATABASE IF EXISTS {database} CASCADE").collect()
    warehouse.spark.sql(f"CREATE DATABASE {database}").collect()
    for table in tables:
        warehouse.spark.sql(create_statement(warehouse.name(table), table)).collect()
    try:
        yield warehouse
    finally:
        warehouse.spark.sql(f"DROP DATABASE IF EXISTS {database} CASCADE").collect()


def _ask(warehouse: Warehouse, filters: Filters) -> list[str]:
    return list(flight_rows.flights(warehouse, filters, SHOWN)["flight_id"])


def _compaction(
    settings: Settings, minutes: Warehouse, compacted: Warehouse, files: int, repetitions: int
) -> Figure:
    """Measure the query over a day of one file a minute, as batches leave them, and after OPTIMIZE."""
    for warehouse in (minutes, compacted):
        day = warehouse.spark.sql(fact_rows(files * FLIGHTS_PER_MINUTE, 1)).selectExpr(
            "* EXCEPT (processing_date)", "flight_date AS processing_date"
        )
        day.select(*FACT.column_names).repartition(files, "flight_id").write.format("delta").mode(
            "append"
        ).saveAsTable(warehouse.name(FACT))
    change = maintenance.optimize(compacted, settings, FACT)
    if _ask(compacted, MINUTES_QUERY) != _ask(minutes, MINUTES_QUERY) or change.after >= change.before:
        raise FlightsError(
            f"OPTIMIZE made {change.after} of {change.before} files, and the query must find the same in them"
        )
    sides = interleaved(
        {"before": lambda: _ask(minutes, MINUTES_QUERY), "after": lambda: _ask(compacted, MINUTES_QUERY)},
        repetitions,
    )
    share = _live_bytes(compacted) / _live_bytes(minutes)
    note = (
        f"{change.before:,} files of about {FLIGHTS_PER_MINUTE} flights against {change.after}, {share:.2f}"
        " of the bytes on disk"
    )
    return Figure(ratio(sides, "before", "after"), "times", sides, note=note)


def _live_bytes(warehouse: Warehouse) -> int:
    """Bytes of the data files of the fact table's newest version."""
    return int(warehouse.spark.sql(f"DESCRIBE DETAIL {warehouse.name(FACT)}").collect()[0].sizeInBytes)


# No message is of such a flight; and what events and predictions have beside the columns of the flight.
_FILLER = (
    *(
        f"CAST({FILLER_BATCH} AS BIGINT) AS batch_id",
        "concat(flight_id, '/', kafka_offset) AS flight_id",
        "1 AS schema_version",
    ),
    *(
        "event_id AS prediction_id",
        "timestamp AS prediction_timestamp",
        "to_date(timestamp) AS prediction_date",
    ),
    *(
        "xxhash64(event_id) AS event_hash",
        "trunc(processing_date, 'MM') AS processing_month",
        "event_type AS outcome",
    ),
    *("timestamp AS outcome_timestamp", "kafka_offset AS outcome_offset"),
)


def fill(warehouse: Warehouse, tables: tuple[Table, ...], flights: int, from_day: date, days: int) -> None:
    """Append many flights of many days to tables, in parts that each have days of their own."""
    parts = max(1, flights // FLIGHTS_AT_ONCE)
    for part in range(parts):
        first_day = from_day + timedelta(days=part * (days // parts))
        rows = warehouse.spark.sql(
            fact_rows(flights // parts, days // parts, part * (flights // parts), first_day.isoformat())
        )
        rows = rows.selectExpr("* EXCEPT (batch_id, flight_id)", *_FILLER)
        for table in tables:
            rows_of(table, rows).write.format("delta").mode("append").saveAsTable(warehouse.name(table))


def _against_duckdb(settings: Settings, warehouse: Warehouse, repetitions: int) -> Figure:
    """Return the time of the page's list of flights against one SELECT of DuckDB.

    DuckDB reads copies of the table's Parquet files on the local disk.
    """
    hdfs = Hdfs(settings)
    with tempfile.TemporaryDirectory(dir=settings.home) as folder:
        copies = _copied(hdfs, warehouse, Path(folder))
        engine = duckdb.connect(config={"threads": 2})
        engine.execute("SET TimeZone = 'UTC'")
        query = (
            f"SELECT {', '.join(flight_rows.FLIGHT_COLUMNS)} FROM read_parquet('{folder}/*.parquet') WHERE"
            f" {QUERY.sql()} ORDER BY scheduled_departure DESC, flight_id LIMIT {SHOWN}"
        )
        if _ask(warehouse, QUERY) != engine.execute(query).df()["flight_id"].tolist():
            raise FlightsError("DuckDB finds other flights than the page")
        sides = interleaved(
            {"page": lambda: _ask(warehouse, QUERY), "duckdb": lambda: engine.execute(query).df()},
            repetitions,
        )
        engine.close()
        flights = warehouse.read(FACT).count()
    note = (
        f"{flights:,} flights in {copies} files; the latest of one airline; DuckDB reads local copies, Spark"
        " HDFS"
    )
    return Figure(ratio(sides, "page", "duckdb"), "ratio", sides, note=note)


def _copied(hdfs: Hdfs, warehouse: Warehouse, folder: Path) -> int:
    """Copy the table's live data files to a local folder; returns how many."""
    from pyspark.sql import functions as F

    paths = [
        row.path
        for row in (
            warehouse.read(FACT).select(F.col("_metadata.file_path").alias("path")).distinct().collect()
        )
    ]
    for number, path in enumerate(paths):
        (folder / f"{number}.parquet").write_bytes(hdfs.read(f"/{path.split('/', 3)[3]}"))
    return len(paths)
