"""Batch against the naive pipeline and the floor; cost of an empty run, of Dagster and of MongoDB; memory."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from statistics import median
from typing import TYPE_CHECKING, Any

import psutil
from pymongo import ReplaceOne
from pyspark.sql import functions as F

from flight_assets.bench import batch_profile
from flight_assets.bench.batch_spec import BatchSpec, send_batch
from flight_assets.bench.figures import Figure, ratio, sampling, tell
from flight_assets.bench.runs import Run, automation_paused, has_work
from flight_assets.bench.sides import FLOOR, NAIVE, Sides, three_sides
from flight_assets.contracts.tables import FACT
from flight_assets.errors import FlightsError
from flight_assets.pipeline.write_hot import upsert_from_spark
from flight_assets.provenance import STEPS
from flight_assets.stores import mongo, mongo_documents
from flight_assets.stores.warehouse import computed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flight_assets.settings import Settings

UPSERTS = "bench_upserts"
SMALL, LARGE = 1_000, 100_000
REPETITIONS, LARGE_REPETITIONS = 5, 3
# Batches before the first that counts, since Java compiles Spark for minutes after a start; one more is of
# the large size.
WARM_UP = 10
SAMPLE_EVERY_S = 2.0
BYTES_PER_GB = 1e9
SAME_ROWS = "every side's rows compared"

_EMPTY_ASSETS = """
import json, sys, time
began = time.perf_counter()
from dagster import asset, materialize
imported = time.perf_counter()
def empty(name, deps):
    @asset(name=name, deps=deps)
    def step(): pass
    return step
names = [f"empty_{number}" for number in range(int(sys.argv[1]))]
assets = [empty(name, names[max(0, at - 1):at]) for at, name in enumerate(names)]
ready = time.perf_counter()
assert materialize(assets).success
print(json.dumps({"call": time.perf_counter() - ready, "import": imported - began}))
"""


def measure(settings: Settings, quick: bool) -> dict[str, Figure]:
    """Return the figures of a batch by name.

    - ``batch_1k_vs_naive``, ``batch_100k_vs_naive``, ``batch_100k_vs_floor``: the other side's time in
      multiples of the platform's.
    - ``spark_calls_per_batch``: requests to Spark that a batch of 1,000 events makes.
    - ``empty_run_s``: seconds of a run without data.
    - ``orchestration_vs_inprocess``: what Dagster adds, as a multiple of an in-process run of empty assets.
    - ``mongo_upsert_vs_bulk``: documents per second as a share of the bare write's.
    - ``platform_rss_gb``: the most that all processes of the platform had resident during the large batches.
    """
    with automation_paused(settings), three_sides(settings) as sides:
        if has_work(settings):
            sides.platform()
        figures = _quickly(sides) if quick else _in_full(sides)
        calls = batch_profile.profile(SMALL)[1].calls()
        return figures | {
            "spark_calls_per_batch": Figure(
                calls, "calls", note=f"{SMALL:,} messages, in the process of a run"
            )
        }


def _quickly(sides: Sides) -> dict[str, Figure]:
    """Measure one batch, which stands for every size, and one run without news for the platform alone."""
    with _memory(sides.settings) as memory:
        batch = _batch(sides, SMALL)
    return _figures(
        [batch],
        [batch],
        [(sides.platform(), None)],
        [_empty_assets()],
        _upserts(sides, batch.spec, 1),
        memory,
    )


def _in_full(sides: Sides) -> dict[str, Figure]:
    for _ in range(WARM_UP):
        warm = send_batch(sides.settings, SMALL)
        sides.platform()
    empty = [_nothing_new(sides, warm) for _ in range(REPETITIONS)]
    smalls = [_batch(sides, SMALL) for _ in range(REPETITIONS)]
    materialized = [_empty_assets() for _ in range(REPETITIONS)]
    send_batch(sides.settings, LARGE)
    sides.platform()
    larges = [_batch(sides, LARGE) for _ in range(LARGE_REPETITIONS)]
    upserts = _upserts(sides, larges[-1].spec, REPETITIONS)
    # A run of its own, since looking at the memory takes a little of the processor.
    send_batch(sides.settings, LARGE)
    with _memory(sides.settings) as memory:
        sides.platform()
    return _figures(smalls, larges, empty, materialized, upserts, memory)


def _figures(
    smalls: list[_Measured],
    larges: list[_Measured],
    empty: list[tuple[Run, float | None]],
    materialized: list[dict[str, float]],
    upserts: Figure,
    memory: dict[str, list[float]],
) -> dict[str, Figure]:
    runs = [each.run for each in smalls]
    small, large = (f"{measured[0].spec.messages:,} messages" for measured in (smalls, larges))
    return {
        "batch_1k_vs_naive": _against(smalls, "naive", f"{small}; {SAME_ROWS}; {_queued(runs)}"),
        "batch_100k_vs_naive": _against(larges, "naive", f"{large}; {SAME_ROWS}"),
        "batch_100k_vs_floor": _against(larges, "floor", f"{large}; {SAME_ROWS}; {_parts(larges)}"),
        "empty_run_s": _empty_run(empty),
        "orchestration_vs_inprocess": _orchestration(runs, materialized),
        "mongo_upsert_vs_bulk": upserts,
        "platform_rss_gb": Figure(
            max(memory["PSS"]),
            "GB",
            memory,
            "GB",
            f"PSS, its highest in a batch of {large}; shared pages count once",
        ),
    }


class _Measured:
    """One batch through all three sides."""

    def __init__(
        self, spec: BatchSpec, run: Run, naive_s: float, floor_s: float, floor_parts: dict[str, float]
    ) -> None:
        self.spec, self.run, self.floor_parts = spec, run, floor_parts
        self.seconds = {"platform": run.seconds, "naive": naive_s, "floor": floor_s}


def _batch(sides: Sides, messages: int) -> _Measured:
    """Raises FlightsError if a side's rows are not the platform's."""
    spec = send_batch(sides.settings, messages)
    run = sides.platform()
    naive_s = sides.naive(spec)
    floor_s, parts = sides.floor(spec)
    differences = sides.differences(spec, NAIVE) + sides.differences(spec, FLOOR)
    if differences:
        raise FlightsError(
            f"the sides of batch {spec.batch_id} do not hold the same: {'; '.join(differences)}"
        )
    measured = _Measured(spec, run, naive_s, floor_s, parts)
    tell(f"{messages:,} messages", measured.seconds)
    return measured


def _nothing_new(sides: Sides, before: BatchSpec) -> tuple[Run, float | None]:
    run, naive_s = sides.platform(), sides.naive(_nothing_of(before))
    tell("nothing new", {"platform": run.seconds, "naive": naive_s})
    return run, naive_s


def _nothing_of(spec: BatchSpec) -> BatchSpec:
    return replace(spec, batch_id=-1, spans={number: (end, end) for number, (_, end) in spec.spans.items()})


def _against(measured: list[_Measured], other: str, note: str) -> Figure:
    sides = {name: [each.seconds[name] for each in measured] for name in (other, "platform")}
    return Figure(ratio(sides, other, "platform"), "times", sides, note=note)


def _queued(runs: list[Run]) -> str:
    return f"before its start a run waited {median([run.queued_s for run in runs]):.1f} s in Dagster's queue"


def _parts(measured: list[_Measured]) -> str:
    names = measured[0].floor_parts
    parts = {name: median([each.floor_parts[name] for each in measured]) for name in names}
    shown = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in parts.items())
    return f"the floor's work {sum(parts.values()):.1f} s ({shown}), the rest starts Python"


def _empty_run(empty: list[tuple[Run, float | None]]) -> Figure:
    sides = {"platform": [run.seconds for run, _ in empty]}
    note = f"nothing new in the topic; {_queued([run for run, _ in empty])}"
    if naive_s := [seconds for _, seconds in empty if seconds is not None]:
        sides["naive"] = naive_s
        note += f"; {ratio(sides, 'platform', 'naive'):.2f} of what the naive pipeline takes for nothing"
    return Figure(median(sides["platform"]), "s", sides, note=note)


def _empty_assets() -> dict[str, float]:
    """Return seconds of an in-process ``materialize`` of empty assets, one per step, in a new process."""
    command = [sys.executable, "-W", "ignore", "-c", _EMPTY_ASSETS, str(len(STEPS))]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    return dict(json.loads(done.stdout))


def _orchestration(runs: list[Run], materialized: list[dict[str, float]]) -> Figure:
    sides = {
        "run less its steps": [run.seconds - run.steps_s for run in runs],
        "materialize": [each["call"] for each in materialized],
        "importing dagster": [each["import"] for each in materialized],
    }
    note = (
        f"{len(STEPS)} assets; the run's side includes its process's start and imports, the other's does not,"
        " so they are given beside it"
    )
    return Figure(ratio(sides, "run less its steps", "materialize"), "ratio", sides, note=note)


def _upserts(sides: Sides, spec: BatchSpec, repetitions: int) -> Figure:
    """Measure the write of a batch's documents: by the platform from Spark's rows, and by one bulk write."""
    own = sides.settings.model_copy(update={"mongo_database": UPSERTS})
    seconds: dict[str, list[float]] = {"platform": [], "bare": []}
    stored = sides.warehouse.read(FACT).where(f"batch_id = {spec.batch_id}")
    states = computed(stored.withColumn("is_newest", F.lit(True)))
    with mongo.connect(own) as client:
        documents = [mongo_documents.document(row) for row in states.drop("is_newest").toArrow().to_pylist()]
        flights = client[UPSERTS][mongo.FLIGHTS]
        writes = [ReplaceOne({"_id": each["_id"]}, each, upsert=True) for each in documents]
        work: dict[str, Any] = {
            "platform": lambda: upsert_from_spark(states, own, len(documents)),
            "bare": lambda: flights.bulk_write(writes, ordered=False),
        }
        try:
            # The first round warms both up and does not count.
            for nth in range(1 + repetitions):
                for side, write in work.items():
                    client.drop_database(UPSERTS)
                    mongo.ensure_collection(own)
                    began = time.perf_counter()
                    write()
                    seconds[side] += [time.perf_counter() - began] if nth else []
                    _refuse_other_count(side, flights.count_documents({}), len(documents))
        finally:
            client.drop_database(UPSERTS)
    note = (
        f"{len(documents):,} documents into an empty collection with its indexes and validator, majority and"
        " journaled"
    )
    return Figure(ratio(seconds, "bare", "platform"), "share", seconds, note=note)


def _refuse_other_count(side: str, found: int, expected: int) -> None:
    if found != expected:
        raise FlightsError(f"{side} wrote {found} documents, {expected} were to be written")


@contextmanager
def _memory(settings: Settings) -> Iterator[dict[str, list[float]]]:
    """Collect the resident memory of all platform processes in GB every SAMPLE_EVERY_S: ``PSS``, ``RSS``."""
    found: dict[str, list[float]] = {"PSS": [], "RSS": []}

    def look() -> None:
        for name, total in resident(settings).items():
            found[name].append(total / BYTES_PER_GB)

    with sampling(look, SAMPLE_EVERY_S):
        yield found


def resident(settings: Settings) -> dict[str, int]:
    """``PSS`` and ``RSS`` of the platform's processes in bytes.

    They are found by the mark that they inherit from its supervisor.
    """
    from flight_assets.platform.supervision import HOME_MARK

    total = {"PSS": 0, "RSS": 0}
    for process in psutil.process_iter():
        try:
            if process.environ().get(HOME_MARK) == str(settings.home):
                memory = process.memory_full_info()
                total["PSS"] += memory.pss
                total["RSS"] += memory.rss
        except psutil.Error:  # it ended meanwhile, or is another user's
            continue
    return total
