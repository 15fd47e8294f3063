"""Platform, naive pipeline and floor over the same messages, with the same rows as result."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pyarrow as pa
import pyarrow.compute as pc

from flight_assets.bench import naive
from flight_assets.bench.runs import Run, run_job
from flight_assets.contracts.tables import FACT, PREDICTIONS, QUARANTINE, STAGING, Table
from flight_assets.errors import FlightsError
from flight_assets.stores import mongo
from flight_assets.stores.hdfs import Hdfs
from flight_assets.stores.models import ModelStore
from flight_assets.stores.warehouse import Warehouse, open_warehouse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flight_assets.bench.batch_spec import BatchSpec
    from flight_assets.settings import Settings

ROOT = "/bench"
NAIVE, FLOOR = "bench_naive", "bench_floor"
TIMEOUT_S = 900
PREDICTED_TO_DIGITS = 6
# Columns that identify a row, and computed ones.
# The forecast that the platform shows may be the baseline's, and its interval follows earlier outcomes.
# So the model's own values are compared.
COMPARED = {
    STAGING: ("event_id", "flight_id", "kafka_partition", "kafka_offset", "hour", "quality_score"),
    QUARANTINE: ("topic", "kafka_partition", "kafka_offset"),
    PREDICTIONS: (
        "prediction_id",
        "model_delay_minutes",
        "model_high_minutes",
        "outcome",
        "actual_delay_minutes",
    ),
    FACT: (
        "flight_id",
        "event_id",
        "event_type",
        "actual_delay_minutes",
        "quality_score",
    ),
}


@dataclass(frozen=True)
class Sides:
    """Three sides; ``model`` is a file with the champion, pickled, for the naive one."""

    settings: Settings
    warehouse: Warehouse
    model: Path

    def platform(self) -> Run:
        """Process what waits in the topic."""
        return run_job(self.settings, "process_flights")

    def naive(self, spec: BatchSpec) -> float:
        """Seconds of the naive pipeline."""
        command, environment = naive.command(
            self.settings, replace(spec, database=NAIVE, root=f"{ROOT}/naive"), self.model
        )
        return _run(command, environment)[0]

    def floor(self, spec: BatchSpec) -> tuple[float, dict[str, float]]:
        """Seconds of the floor's process, and of the parts of its work.

        The rest is Python's start and imports.
        """
        own = replace(spec, database=FLOOR, root=f"{ROOT}/floor")
        places = {
            "FLIGHTS_HOME": str(self.settings.home),
            "FLIGHTS_PORT_OFFSET": str(self.settings.port_offset),
        }
        command = [sys.executable, "-m", "flight_assets.bench.floor", own.to_json()]
        seconds, output = _run(command, psutil.Process().environ() | places)
        return seconds, json.loads(output)

    def differences(self, spec: BatchSpec, side: str) -> list[str]:
        """Return the differences between the rows of a side and the platform's, one sentence per store."""
        found = []
        for table, columns in COMPARED.items():
            ours = self.warehouse.read(table).where(f"batch_id = {spec.batch_id}").select(*columns).toArrow()
            theirs = self._rows(side, table, spec, columns)
            found += _difference(f"{side}: {table.name}", _set_of(ours), _set_of(theirs))
        with mongo.connect(self.settings) as client:
            documents = [client[name][mongo.FLIGHTS] for name in (self.settings.mongo_database, side)]
            sets = [
                {_state(each) for each in flights.find({"batch_id": spec.batch_id})} for flights in documents
            ]
        return found + _difference(f"{side}: MongoDB", *sets)

    def _rows(self, side: str, table: Table, spec: BatchSpec, columns: tuple[str, ...]) -> pa.Table:
        if side == FLOOR:
            return (
                Hdfs(self.settings)
                .open_parquet(f"{ROOT}/floor/{table.name}/batch-{spec.batch_id}.parquet")
                .read(list(columns))
            )
        # Another application has written to it: this one would look at the files that it found the last time.
        self.warehouse.spark.catalog.refreshTable(f"{NAIVE}.{table.name}")
        rows = self.warehouse.spark.table(f"{NAIVE}.{table.name}").where(f"batch_id = {spec.batch_id}")
        return rows.select(*columns).toArrow()


def _run(command: list[str], environment: dict[str, str]) -> tuple[float, str]:
    began = time.perf_counter()
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    seconds = time.perf_counter() - began
    if done.returncode:
        lines = (done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}").splitlines()
        raise FlightsError(f"a side of the measurement failed: {lines[-1]}")
    return seconds, done.stdout


def _set_of(rows: pa.Table) -> set[tuple[Any, ...]]:
    columns = [
        pc.round(column, PREDICTED_TO_DIGITS) if pa.types.is_floating(column.type) else column
        for column in rows.columns
    ]
    return set(zip(*(column.to_pylist() for column in columns), strict=True))


def _state(document: dict[str, Any]) -> tuple[Any, ...]:
    return (
        document["_id"],
        document["event_id"],
        document["version"]["kafka_offset"],
        document["prediction"] is not None,
    )


def _difference(what: str, ours: set[tuple[Any, ...]], theirs: set[tuple[Any, ...]]) -> list[str]:
    if not ours:
        return [f"{what}: the platform has no rows"]
    if ours == theirs:
        return []
    return [
        f"{what}: {len(ours - theirs)} rows are missing and {len(theirs - ours)} are not the platform's, e.g."
        f" {min(ours ^ theirs, key=str)}"
    ]


@contextmanager
def three_sides(settings: Settings) -> Iterator[Sides]:
    """Empty stores for the naive pipeline and the floor beside the platform's.

    They are removed in the end.
    """
    hdfs, warehouse = Hdfs(settings), open_warehouse(settings)
    version = ModelStore(hdfs).champion()
    if version is None:
        raise FlightsError("there is no model to predict with: run `flights model train` before measuring")
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "model.pkl"
        model.write_bytes(pickle.dumps(ModelStore(hdfs).load(version, settings.pickled_model_sha256)))
        _remove(settings, warehouse, hdfs)
        warehouse.spark.sql(f"CREATE DATABASE {NAIVE}").collect()
        for name in (NAIVE, FLOOR):
            mongo.ensure_collection(settings.model_copy(update={"mongo_database": name}))
        try:
            yield Sides(settings, warehouse, model)
        finally:
            _remove(settings, warehouse, hdfs)


def _remove(settings: Settings, warehouse: Warehouse, hdfs: Hdfs) -> None:
    warehouse.spark.sql(f"DROP DATABASE IF EXISTS {NAIVE} CASCADE").collect()
    hdfs.delete(ROOT)
    with mongo.connect(settings) as client:
        for name in (NAIVE, FLOOR):
            client.drop_database(name)
