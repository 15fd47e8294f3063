"""Latency from Kafka to the stores: of live processing, and of finished batches."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd

from flight_assets.events.live import search_of
from flight_assets.pipeline.live import latency as latency_of_live
from flight_assets.provenance import METADATA_ROOT, STEPS, Ledger
from flight_assets.queries.live import AGGREGATION_MS, typed
from flight_assets.stores.mongo import FLIGHTS

if TYPE_CHECKING:
    from pymongo.database import Database

    from flight_assets.stores.hdfs import Hdfs

    Mongo = Database[dict[str, Any]]


def live_latency(db: Mongo) -> pd.DataFrame:
    """One row if live processing runs.

    Columns: processes, messages in a minute, p50_s, p95_s, p99_s, search, forecasts_problem.

    The latency runs from Kafka taking a message until its flight is in MongoDB. Of several processes it is
    the slowest one's. Null without messages. ``search`` is the state of the search for complex events.
    ``forecasts_problem`` says why current forecasts fail, null if they do not.
    """
    found = latency_of_live.current(db)
    names = {"p50_s": "0.5", "p95_s": "0.95", "p99_s": "0.99"}
    row: dict[str, Any] = {
        name: max((each["quantiles"][key] for each in found if each["quantiles"]), default=None)
        for name, key in names.items()
    }
    row |= {"processes": len(found), "messages": sum(each["messages"] for each in found)}
    row["search"] = search_of(found)
    problems = (each.get("forecasts_problem") for each in found)
    row["forecasts_problem"] = next(filter(None, problems), None)
    columns = ["processes", "messages", *names, "search", "forecasts_problem"]
    frame = pd.DataFrame([row] if found else [], columns=columns)
    return frame.astype(dict.fromkeys(names, "float64") | dict.fromkeys(columns[:2], "int64"))


def latency(db: Mongo, hdfs: Hdfs, batches: int = 60) -> pd.DataFrame:
    """One row per finished batch, oldest first: batch_id, finished (UTC), flights, p50_s, p95_s.

    The latency of a flight runs from its ingestion_timestamp until its batch has reached every store. That
    moment is the last write of the batch's record on HDFS, which follows its data.
    """
    last = Ledger(hdfs).last_done(STEPS[-1])
    finished = _finished_at(hdfs, range(max(0, last + 1 - batches), last + 1))
    if not finished:
        return typed(
            pd.DataFrame(columns=["batch_id", "finished", "flights", "p50_s", "p95_s"]), times=("finished",)
        )
    second = {"$dateTrunc": {"date": "$ingestion_timestamp", "unit": "second"}}
    oldest = min(finished.values()) - timedelta(days=1)
    pipeline = [
        {"$match": {"ingestion_timestamp": {"$gte": oldest}, "batch_id": {"$in": list(finished)}}},
        {"$group": {"_id": {"batch_id": "$batch_id", "second": second}, "flights": {"$sum": 1}}},
    ]
    ages: dict[int, list[tuple[float, int]]] = {}
    for row in db[FLIGHTS].aggregate(pipeline, maxTimeMS=AGGREGATION_MS):
        batch_id = int(row["_id"]["batch_id"])
        age = (finished[batch_id] - row["_id"]["second"]).total_seconds()
        ages.setdefault(batch_id, []).append((age, row["flights"]))
    rows = [
        {"batch_id": batch_id, "finished": finished[batch_id], "flights": sum(count for _, count in found)}
        | {"p50_s": weighted_quantile(found, 0.5), "p95_s": weighted_quantile(found, 0.95)}
        for batch_id, found in sorted(ages.items())
    ]
    frame = pd.DataFrame(rows, columns=["batch_id", "finished", "flights", "p50_s", "p95_s"])
    return typed(frame, times=("finished",))


def weighted_quantile(values: list[tuple[float, int]], quantile: float) -> float:
    """Return the weighted quantile: the least value with that share of the weight at or below it.

    ``values``: (value, weight), at least one.
    """
    ordered = sorted(values)
    wanted, seen = quantile * sum(weight for _, weight in ordered), 0
    for value, weight in ordered:
        seen += weight
        if seen >= wanted:
            return value
    return ordered[-1][0]


def _finished_at(hdfs: Hdfs, batches: range) -> dict[int, datetime]:
    modified = hdfs.modified_in(METADATA_ROOT)
    numbers = {f"batch_{batch_id:08d}.json": batch_id for batch_id in batches}
    return {numbers[name]: moment for name, moment in modified.items() if name in numbers}
