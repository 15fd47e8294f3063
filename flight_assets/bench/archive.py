"""Archive against its floor in one run."""

from __future__ import annotations

import os
import threading
import time
from contextlib import contextmanager
from datetime import timedelta
from statistics import median
from typing import TYPE_CHECKING

import psutil

from flight_assets.archive import files
from flight_assets.archive.record import READABLE, ArchiveRecord
from flight_assets.archive.restore import Selection, restore
from flight_assets.archive.steps import Archiver
from flight_assets.bench.archive_floor import DATABASE, bare_insert, floor, refill
from flight_assets.bench.figures import Figure, sampling
from flight_assets.bench.hot_flights import fact_rows, now
from flight_assets.contracts.tables import ARCHIVE_METADATA, FACT
from flight_assets.errors import FlightsError
from flight_assets.queries.flights import FlightFinder
from flight_assets.stores import lease, mongo
from flight_assets.stores.table_ddl import create_statement
from flight_assets.stores.warehouse import Warehouse, open_warehouse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flight_assets.settings import Settings


# Real documents weigh 1.34 kB with their indexes' share: 250,000 are 334 MB, past the threshold of 300.
DOCUMENTS = 250_000
QUICK_DOCUMENTS = 20_000

# Archives of the curve. Its largest is not the one beside the floor, which is the first that Spark has to do.
SIZES, QUICK_SIZES = (10_000, 50_000, 100_000, DOCUMENTS), (5_000, 10_000, QUICK_DOCUMENTS)
OTHER_FLIGHTS = 10_000_000
BATCH_DOCUMENTS = 1_000
BATCHES_ALONE = 5
LOOKUPS = 30


def measure(settings: Settings, quick: bool) -> dict[str, Figure]:
    """Return the archive's figures by name.

    - ``archive_vs_floor``, ``restore_vs_bulk_insert``: speed as a share of the floor's; more is better.
    - ``extra_memory_gb``: rise of the resident memory of Spark, its workers and this process.
    - ``batch_latency_during_archive``: batch time as a multiple of that without an archive.
    - ``combined_query_ms``: median of warm look-ups of one flight, hot and cold.
    - ``archive_growth``: seconds per document of the largest archive over those of the next smaller one.
    """
    own = settings.model_copy(update={"mongo_database": DATABASE, "warehouse_database": DATABASE})
    count = QUICK_DOCUMENTS if quick else DOCUMENTS
    with _stores(own) as (warehouse, archives):
        floors = [floor(own, count)]
        ids = refill(own, count)
        alone = [_batch(own, warehouse, nth) for nth in range(1 + BATCHES_ALONE)][1:]
        archiver = Archiver(own, lambda: warehouse, purpose="flights bench")
        with _memory(own) as memory:
            began = time.perf_counter()
            record = archiver.run()
            archive_s = time.perf_counter() - began
        if record is None or record.deleted != count:
            raise FlightsError(f"the archive took {record.deleted if record else 0} of {count} documents")
        archives.append(record)
        lookups = _lookups(own, ids)
        floors.append(floor(own, count))
        insert_s = bare_insert(own, count)
        began = time.perf_counter()
        restore(archiver, Selection(archive_id=record.archive_id), "benchmark")
        restore_s = time.perf_counter() - began
        during = _batches_during_archive(own, warehouse, archives)
        curve = {size: _one_archive(own, archiver, size) for size in (QUICK_SIZES if quick else SIZES)}
    return {
        "archive_growth": _growth(curve),
        "archive_vs_floor": Figure(
            median(floors) / archive_s,
            "share",
            {"floor": floors, "archive": [archive_s]},
            note=f"{count} documents; {_steps(record)}",
        ),
        "restore_vs_bulk_insert": Figure(
            insert_s / restore_s, "share", {"insert": [insert_s], "restore": [restore_s]}
        ),
        "extra_memory_gb": Figure(memory["extra_gb"], "GB"),
        "batch_latency_during_archive": Figure(
            median(during) / median(alone), "times", {"alone": alone, "during": during}
        ),
        "combined_query_ms": Figure(median(lookups), "ms", {"lookups": lookups}, side_unit="ms"),
    }


def _batches_during_archive(
    own: Settings, warehouse: Warehouse, archives: list[ArchiveRecord]
) -> list[float]:
    """Return the seconds of batches beside a second archive.

    They take half of its time; in service, it is a part of each minute.
    """
    during: list[float] = []
    second = threading.Thread(target=lambda: archives.append(_run(own)))
    second.start()
    while second.is_alive():
        during.append(_batch(own, warehouse, 1 + BATCHES_ALONE + len(during)))
        second.join(during[-1])
    second.join()
    return during


def _growth(curve: dict[int, float]) -> Figure:
    """Return the growth of an archive's time with its documents, one archive of each size."""
    per_document = [seconds / size for size, seconds in curve.items()]
    sides = {f"{size // 1_000}k": [seconds] for size, seconds in curve.items()}
    note = "seconds per document of the largest over those of the next smaller"
    return Figure(per_document[-1] / per_document[-2], "ratio", sides, note=note, curve_over="documents")


def _steps(record: ArchiveRecord) -> str:
    return ", ".join(f"{name} {seconds:.1f} s" for name, seconds in record.seconds.items())


def _run(own: Settings) -> ArchiveRecord:
    warehouse = open_warehouse(own)
    # Selection is hot was restored a moment ago; without the hold it may leave again at once.
    at_once = own.model_copy(update={"archive_restore_hold_hours": 0.0})
    record = Archiver(at_once, lambda: warehouse, purpose="flights bench, second").run()
    if record is None:
        raise FlightsError("nothing was archived the second time")
    return record


def _one_archive(own: Settings, archiver: Archiver, count: int) -> float:
    """Seconds of an archive of that many flights, none of which another archive has."""
    refill(own, count, first=OTHER_FLIGHTS + count)
    began = time.perf_counter()
    record = archiver.run()
    seconds = time.perf_counter() - began
    if record is None or record.deleted != count:
        raise FlightsError(f"the archive took {record.deleted if record else 0} of {count} documents")
    return seconds


@contextmanager
def _stores(own: Settings) -> Iterator[tuple[Warehouse, list[ArchiveRecord]]]:
    """Yield a warehouse of its own and a list for the archives made; both are removed in the end."""
    warehouse = open_warehouse(own)
    archiver = Archiver(own, lambda: warehouse)
    if archiver.archives.unfinished():
        raise FlightsError("an archive is unfinished: `flights archive run` first")
    warehouse.spark.sql(f"CREATE DATABASE IF NOT EXISTS {DATABASE}").collect()
    for table in (FACT, ARCHIVE_METADATA):
        warehouse.spark.sql(create_statement(warehouse.name(table), table)).collect()
    before = set(archiver.archives.ids())
    made: list[ArchiveRecord] = []
    try:
        yield warehouse, made
    finally:
        for archive_id in set(archiver.archives.ids()) - before:
            record = archiver.archives.record(archive_id)
            if record.state in READABLE:
                files.unregister(warehouse, own, record)
            for path in (record.directory, record.temporary):
                archiver.hdfs.delete(path)
            archiver.archives.forget(archive_id)
        warehouse.spark.sql(f"DROP DATABASE IF EXISTS {DATABASE} CASCADE").collect()
        with mongo.connect(own) as client:
            client.drop_database(DATABASE)


def _batch(own: Settings, warehouse: Warehouse, nth: int) -> float:
    """Return seconds of a batch's writes: 1,000 flights merged into the fact table and into the hot store."""
    from pyspark.sql import functions as F

    from flight_assets.contracts.ranges import date_ranges
    from flight_assets.pipeline.flights import Scope
    from flight_assets.pipeline.write_fact import merge_flights
    from flight_assets.pipeline.write_hot import upsert_from_spark

    rows = list(
        fact_rows(BATCH_DOCUMENTS, now() - timedelta(hours=1), now(), first=5_000_000 + nth * BATCH_DOCUMENTS)
    )
    types = ", ".join(f"{column.name} {column.type}" for column in FACT.columns)
    states = warehouse.spark.createDataFrame(
        [tuple(row[name] for name in FACT.column_names) for row in rows], types
    )
    with lease.hold(own, "flights bench", wait_s=60.0):
        began = time.perf_counter()
        merge_flights(warehouse, states, Scope(0, date_ranges({row["flight_date"] for row in rows}), []))
        upsert_from_spark(states.withColumn("is_newest", F.lit(True)), own)
        return time.perf_counter() - began


def _lookups(own: Settings, ids: list[str]) -> list[float]:
    finder = FlightFinder(own)
    took = []
    for flight_id in [ids[0], *ids[:: max(1, len(ids) // LOOKUPS)]]:
        began = time.perf_counter()
        if finder.find(flight_id) is None:
            raise FlightsError(f"{flight_id} is neither hot nor cold")
        took.append((time.perf_counter() - began) * 1_000)
    finder.close()
    return took[1:]


@contextmanager
def _memory(own: Settings) -> Iterator[dict[str, float]]:
    """Watches the resident memory of Spark with its Python workers and of this process.

    Gives the rise to the highest, in GB.
    """
    from flight_assets.platform import launcher

    spark = next(row.pid for row in launcher.status(own) if row.name == "spark")
    watched = [psutil.Process(os.getpid())] + ([psutil.Process(spark)] if spark else [])
    found = {"extra_gb": 0.0}
    start = _resident(watched)

    def look() -> None:
        found["extra_gb"] = max(found["extra_gb"], (_resident(watched) - start) / 1e9)

    with sampling(look, 0.2):
        yield found


def _resident(roots: list[psutil.Process]) -> int:
    total = 0
    for root in roots:
        for process in [root, *root.children(recursive=True)]:
            try:
                total += process.memory_info().rss
            except psutil.NoSuchProcess:
                continue
    return total
