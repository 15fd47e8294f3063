"""Floor of the archive: a cursor read by PyArrow, a Parquet write, a delete by equal ids, a bare insert."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flight_assets.bench.hot_flights import fact_rows, fill, now
from flight_assets.errors import FlightsError
from flight_assets.stores import mongo, mongo_documents

if TYPE_CHECKING:
    from pymongo.collection import Collection

    from flight_assets.settings import Settings

DATABASE = "bench_archive"
AGE = timedelta(days=12)
IDS_PER_DELETE = 100_000

_FLOOR = """
import json, sys, time, warnings
warnings.simplefilter("ignore")
import pyarrow.parquet as pq
from pymongo import MongoClient
from pymongoarrow.api import find_arrow_all
uri, database, collection, path, at_once = sys.argv[1:]
flights = MongoClient(uri, w="majority", journal=True)[database][collection]
began = time.perf_counter()
table = find_arrow_all(flights, {})
pq.write_table(table, path, compression="snappy")
ids = table["_id"].to_pylist()
for start in range(0, len(ids), int(at_once)):
    flights.delete_many({"_id": {"$in": ids[start:start + int(at_once)]}})
print(json.dumps({"seconds": time.perf_counter() - began, "rows": table.num_rows}))
"""


def _clear(own: Settings) -> None:
    with mongo.connect(own) as client:
        client[DATABASE].drop_collection(mongo.FLIGHTS)


def refill(own: Settings, count: int, first: int = 0) -> list[str]:
    """Fill the emptied hot store with that many flights, and return their ids."""
    _clear(own)
    return fill(own, count, now() - AGE, now() - AGE + timedelta(days=4), first)


def floor(own: Settings, count: int) -> float:
    """Seconds of the bare floor over the same documents.

    In a process of its own, so that its memory is not the archive's.
    """
    refill(own, count)
    with tempfile.TemporaryDirectory() as folder:
        words = [
            own.mongo_uri,
            DATABASE,
            mongo.FLIGHTS,
            str(Path(folder) / "floor.parquet"),
            str(IDS_PER_DELETE),
        ]
        done = subprocess.run(
            [sys.executable, "-c", _FLOOR, *words], capture_output=True, text=True, check=True, timeout=1_200
        )
    found = json.loads(done.stdout)
    if found["rows"] != count:
        raise FlightsError(f"the floor read {found['rows']} of {count} documents")
    return float(found["seconds"])


def bare_insert(own: Settings, count: int) -> float:
    """Seconds of inserting the same documents, ready in memory, without anything else."""
    _clear(own)
    mongo.ensure_collection(own)
    seconds = 0.0
    with mongo.database(own) as db:
        waiting: list[dict[str, Any]] = []
        for row in fact_rows(count, now() - AGE, now() - AGE + timedelta(days=4)):
            waiting.append(mongo_documents.document(row))
            if len(waiting) == 10_000:
                seconds += _insert(db[mongo.FLIGHTS], waiting)
                waiting = []
        seconds += _insert(db[mongo.FLIGHTS], waiting) if waiting else 0.0
        db[mongo.FLIGHTS].delete_many({})
    return seconds


def _insert(flights: Collection[dict[str, Any]], documents: list[dict[str, Any]]) -> float:
    began = time.perf_counter()
    flights.insert_many(documents, ordered=False)
    return time.perf_counter() - began
