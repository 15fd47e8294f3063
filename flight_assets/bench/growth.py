"""Growth: the same batch and the same queries beside ever more flights in the warehouse and the hot store.

Fills the platform's own tables and its hot store, and removes the rows in the end. Needs a running platform
with a model, and sends batches to it: measure on one of its own. The bench ``quarter`` measures days of
batches, ``archive`` the size of an archive.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from math import ceil
from statistics import median
from typing import TYPE_CHECKING

from flight_assets.bench import batch_spec, hot_flights
from flight_assets.bench.figures import Figure, interleaved, tell
from flight_assets.bench.history import FILLER_BATCH, QUERY, SHOWN, fill
from flight_assets.bench.runs import automation_paused, has_work, run_job
from flight_assets.contracts.tables import FACT, PREDICTIONS, STAGED_IDS, STAGING
from flight_assets.errors import FlightsError
from flight_assets.pipeline import maintenance
from flight_assets.provenance import STEPS, Ledger
from flight_assets.queries import flight_rows
from flight_assets.stores import mongo
from flight_assets.stores.hdfs import Hdfs
from flight_assets.stores.warehouse import open_warehouse

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from flight_assets.settings import Settings
    from flight_assets.stores.warehouse import Warehouse

FLIGHTS = (10_000, 100_000, 1_000_000, 10_000_000)
QUICK_FLIGHTS = FLIGHTS[:1]
DOCUMENTS = (10_000, 50_000, 250_000)
# About what all airlines of the United States have a day.
FLIGHTS_PER_DAY = 27_000
BATCH = 1_000
# Batches are of the newest of the days that are filled, in turn.
BATCH_DAYS = 3
NOON = time(12)
REPETITIONS = 3
QUESTION_DAYS = 30
QUESTIONS = 5
IDS_PER_DELETE = 10_000
# The tables that grow with the flights, each with the column of its partitions.
FILLED = {
    FACT: "processing_date",
    STAGING: "processing_date",
    STAGED_IDS: "processing_month",
    PREDICTIONS: "prediction_date",
}


def measure(settings: Settings, quick: bool) -> dict[str, Figure]:
    """Return the figures of growth by name; quickly, only the first, of one batch each beside QUICK_FLIGHTS.

    - ``growth_10m_vs_empty``, ``growth_hot_store_full_vs_empty``: a batch's time beside the most flights over
      its time without them.
    - ``growth_month_query_10m_vs_10k``: a page's query for the latest flights of one airline in a month,
      largest over smallest.
    - ``growth_whole_query_10m_vs_10k``: the same query in all of history.
    """
    with automation_paused(settings):
        if has_work(settings):
            run_job(settings, "process_flights")
        found = _over_warehouse(settings, QUICK_FLIGHTS if quick else FLIGHTS, quick)
        return found if quick else found | {"growth_hot_store_full_vs_empty": _over_hot_store(settings)}


def _batches(batch: Callable[[], float], quick: bool) -> list[float]:
    """Seconds of some batches, after one that does not count; quickly, of one."""
    if quick:
        return [batch()]
    batch()
    return [batch() for _ in range(REPETITIONS)]


def _over_warehouse(settings: Settings, sizes: tuple[int, ...], quick: bool) -> dict[str, Figure]:
    """Measure batches of today: as things are, behind ever longer a history, and without it."""
    warehouse = open_warehouse(settings)
    there = warehouse.read(FACT).count()
    today = _next_day(settings) + timedelta(days=ceil(max(sizes) / FLIGHTS_PER_DAY))
    batch = partial(_batch, settings, today)
    batches = {"none": _batches(batch, quick)}
    questions: dict[str, dict[str, list[float]]] = {"month": {}, "whole": {}}
    filled, begin = 0, today + timedelta(days=1)
    try:
        for size in sizes:
            days = ceil((size - filled) / FLIGHTS_PER_DAY)
            begin -= timedelta(days=days)
            fill(warehouse, tuple(FILLED), size - filled, begin, days)
            for table in FILLED:
                maintenance.optimize(warehouse, settings, table)
            filled = size
            batches[_short(size)] = _batches(batch, quick)
            asked = _questions(warehouse, today)
            for name in questions:
                questions[name][_short(size)] = asked[name]
            tell(
                f"{size:,} flights",
                {"batch": median(batches[_short(size)])}
                | {name: median(took) for name, took in asked.items()},
            )
    finally:
        _remove_filler(warehouse, begin, today)
    if not quick:
        batches["none"] += _batches(batch, quick)
    note = (
        f"batch of {BATCH:,} messages; flights, as many events and predictions, {FLIGHTS_PER_DAY:,} a day,"
        " compacted, "
    )
    note += f"added to {there:,}; 'none' before{'' if quick else ' and after'}"
    found = {"growth_10m_vs_empty": _curve(batches, note)}
    if quick:
        return found
    return found | {
        "growth_month_query_10m_vs_10k": _curve(
            questions["month"], f"the latest {SHOWN} flights of one airline in {QUESTION_DAYS} days"
        ),
        "growth_whole_query_10m_vs_10k": _curve(
            questions["whole"], f"the latest {SHOWN} flights of one airline since ever"
        ),
    }


def _remove_filler(warehouse: Warehouse, begin: date, today: date) -> None:
    for table, day in FILLED.items():
        condition = (
            f"{day} BETWEEN trunc(DATE'{begin}', 'MM') AND DATE'{today + timedelta(days=2)}' AND batch_id"
            f" = {FILLER_BATCH}"
        )
        warehouse.spark.sql(f"DELETE FROM {warehouse.name(table)} WHERE {condition}").collect()


def _questions(warehouse: Warehouse, today: date) -> dict[str, list[float]]:
    whole = replace(QUERY, until=today)
    month = replace(whole, first=today - timedelta(days=QUESTION_DAYS - 1))
    ask: dict[str, Callable[[], pd.DataFrame]] = {
        "month": lambda: flight_rows.flights(warehouse, month, SHOWN),
        "whole": lambda: flight_rows.flights(warehouse, whole, SHOWN),
    }
    for name, question in ask.items():
        if question().empty:
            raise FlightsError(f"the question to the {name} finds no flight")
    return interleaved(ask, QUESTIONS)


def _over_hot_store(settings: Settings) -> Figure:
    """Batches beside ever more documents of the last days, which are removed in the end."""
    batch = partial(_batch, settings, _next_day(settings))
    batches = {"none": _batches(batch, quick=False)}
    newest = hot_flights.now()
    filled = 0
    ids: list[str] = []
    try:
        for size in DOCUMENTS:
            ids += hot_flights.fill(settings, size - filled, newest - timedelta(days=5), newest, first=filled)
            filled = size
            batches[_short(size)] = _batches(batch, quick=False)
            tell(f"{size:,} documents", {"batch": median(batches[_short(size)])})
    finally:
        with mongo.database(settings) as db:
            for start in range(0, len(ids), IDS_PER_DELETE):
                db[mongo.FLIGHTS].delete_many({"_id": {"$in": ids[start : start + IDS_PER_DELETE]}})
    batches["none"] += _batches(batch, quick=False)
    return _curve(
        batches,
        f"batch of {BATCH:,} messages; documents in MongoDB added to what it had; 'none' before and after",
    )


def _curve(sides: dict[str, list[float]], note: str) -> Figure:
    """Return the last point over the first."""
    points = [median(seconds) for seconds in sides.values()]
    return Figure(points[-1] / points[0], "ratio", sides, note=note, curve_over="flights")


def _short(count: int) -> str:
    return f"{count // 1_000_000}M" if count >= 1_000_000 else f"{count // 1_000}k"


def _next_day(settings: Settings) -> date:
    return batch_spec.day_of(_next_batch(settings)).date()


def _next_batch(settings: Settings) -> int:
    return Ledger(Hdfs(settings)).last_done(STEPS[0]) + 1


def _batch(settings: Settings, today: date) -> float:
    day = today - timedelta(days=_next_batch(settings) % BATCH_DAYS)
    batch_spec.send_batch(settings, BATCH, datetime.combine(day, NOON, UTC))
    return run_job(settings, "process_flights").seconds
