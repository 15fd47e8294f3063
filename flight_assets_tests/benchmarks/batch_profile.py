"""Where the seconds of a batch go: ``python -m flight_assets_tests.benchmarks.batch_profile [EVENTS]`` sends a batch, a row per place.

The job runs in this process, so that each call to Spark can be seen with the function of ours that made it. A step's time outside of such
calls is HDFS, Kafka, MongoDB and Dagster's own events. What a run of its own process adds is the figure ``orchestration_vs_inprocess``.
"""

from __future__ import annotations

import sys
import time
from collections import Counter, defaultdict
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any

from dagster import DagsterEventType, DagsterInstance
from pyspark.sql.connect.client import SparkConnectClient
from tabulate import tabulate

from flight_assets.provenance import STEPS, WHOLE_JOB
from flight_assets.settings import PROJECT_DIR, get_settings
from flight_assets_tests.benchmarks.batch_spec import send_batch
from flight_assets_tests.benchmarks.figures import chart
from flight_assets_tests.benchmarks.runs import automation_paused

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

CALLS = ("to_table", "to_pandas", "execute_command", "execute_command_as_iterator", "_analyze", "config", "_create_conn")
PACKAGE = str(PROJECT_DIR / "flight_assets") + "/"
DEFAULT_EVENTS = 1_000


class Trace:
    """Seconds and number of calls to Spark by step and function."""

    def __init__(self) -> None:
        self.seconds: defaultdict[tuple[str, str], float] = defaultdict(float)
        self.calls: Counter[tuple[str, str]] = Counter()
        self._is_inside = False

    def wrapped(self, call: Any) -> Any:
        """The method, timed where it is not part of another."""

        @wraps(call)
        def timed(*args: Any, **kwargs: Any) -> Any:
            if self._is_inside:
                return call(*args, **kwargs)
            self._is_inside, began = True, time.perf_counter()
            try:
                return call(*args, **kwargs)
            finally:
                self._is_inside = False
                place = _place()
                self.seconds[place] += time.perf_counter() - began
                self.calls[place] += 1

        return timed


def _place() -> tuple[str, str]:
    """The step and the innermost function of ours that are under way."""
    ours = []
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        path = frame.f_code.co_filename
        if path.startswith(PACKAGE):
            ours.append((path.removeprefix(PACKAGE).removesuffix(".py"), frame.f_code.co_name))
        frame = frame.f_back
    step = next((name for _, name in ours if name in STEPS), "around the steps")
    return step, ".".join(ours[0]) if ours else "?"


@contextmanager
def tracing() -> Iterator[Trace]:
    """Time the client's calls inside the block."""
    trace = Trace()
    methods = {name: getattr(SparkConnectClient, name) for name in CALLS if hasattr(SparkConnectClient, name)}
    for name, method in methods.items():
        setattr(SparkConnectClient, name, trace.wrapped(method))
    try:
        yield trace
    finally:
        for name, method in methods.items():
            setattr(SparkConnectClient, name, method)


def profile(events: int) -> list[tuple[str, str, int | None, float]]:
    """Rows of step, place, calls and seconds, in the order of the steps, the longest first; the last row of each step is its rest."""
    from flight_assets.definitions import defs

    settings = get_settings()
    with automation_paused(settings), DagsterInstance.from_config(str(settings.dagster_home)) as instance:
        job = defs.resolve_job_def(WHOLE_JOB)
        job.execute_in_process(instance=instance)
        send_batch(settings, events)
        with tracing() as trace:
            began = time.perf_counter()
            result = job.execute_in_process(instance=instance)
            whole = time.perf_counter() - began
    spans = {event.step_key: event.event_specific_data for event in result.all_events if event.event_type == DagsterEventType.STEP_SUCCESS}
    of_step = {step: spans[step].duration_ms / 1_000 for step in STEPS}  # type: ignore[union-attr]
    of_step["around the steps"] = whole - sum(of_step.values())
    rows: list[tuple[str, str, int | None, float]] = []
    for step, seconds in of_step.items():
        found = [(place, trace.calls[step, place], spent) for (at, place), spent in trace.seconds.items() if at == step]
        found.sort(key=lambda row: -row[2])
        rows += [(step, place, calls, spent) for place, calls, spent in found]
        rows.append((step, "outside of Spark", None, seconds - sum(spent for _, _, spent in found)))
    return rows


def main() -> None:
    """Print the table, and the steps as a Mermaid chart."""
    events = int(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_EVENTS
    rows = profile(events)
    sys.stdout.write(tabulate(rows, ("step", "where", "calls", "s"), floatfmt=".2f") + "\n")
    of_step: defaultdict[str, float] = defaultdict(float)
    for step, _, _, seconds in rows:
        of_step[step] += seconds
    sys.stdout.write(chart(f"seconds of a batch of {events:,} events", of_step, "bar") + "\n")
    sys.stdout.write(f"in all {sum(seconds for *_, seconds in rows):.1f} s, {sum(calls or 0 for _, _, calls, _ in rows)} calls to Spark\n")


if __name__ == "__main__":
    main()
