"""Profile of a batch: ``python -m flight_assets.bench.batch_profile [EVENTS]`` sends one.

One row per place.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import defaultdict
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any

from dagster import DagsterEventType, DagsterInstance
from pyspark.sql.connect.client import SparkConnectClient
from tabulate import tabulate

from flight_assets.bench.batch_spec import send_batch
from flight_assets.bench.figures import chart
from flight_assets.bench.runs import automation_paused, covered
from flight_assets.provenance import STEPS, WHOLE_JOB
from flight_assets.settings import PROJECT_DIR, get_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

CALLS = (
    "to_table",
    "to_pandas",
    "execute_command",
    "execute_command_as_iterator",
    "_analyze",
    "config",
    "_create_conn",
)
PACKAGE = str(PROJECT_DIR / "flight_assets") + "/"
DEFAULT_EVENTS = 1_000
AROUND = "around the steps"


class Trace:
    """Begin and end of each call to Spark, by step and function."""

    def __init__(self) -> None:
        self.spans: defaultdict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
        self._thread = threading.local()

    def calls(self) -> int:
        """Return how many calls there were."""
        return sum(len(spans) for spans in self.spans.values())

    def wrapped(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """Return the method, timed where it is not part of another."""

        @wraps(call)
        def timed(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - whatever the method takes and returns
            if getattr(self._thread, "is_inside", False):
                return call(*args, **kwargs)
            self._thread.is_inside, began = True, time.perf_counter()
            try:
                return call(*args, **kwargs)
            finally:
                self._thread.is_inside = False
                self.spans[_place()].append((began, time.perf_counter()))

        return timed


def _place() -> tuple[str, str]:
    """Return the current step of the main thread, and this thread's innermost function of the project."""
    under_way = [name for _, name in _ours(sys._current_frames().get(threading.main_thread().ident or 0))]
    ours = [".".join(each) for each in _ours(sys._getframe(2))]
    return next((name for name in under_way if name in STEPS), AROUND), ours[0] if ours else "?"


def _ours(frame: FrameType | None) -> list[tuple[str, str]]:
    """Module and name of the functions of ours that a frame is in, the innermost first."""
    found = []
    while frame is not None:
        path = frame.f_code.co_filename
        if path.startswith(PACKAGE):
            found.append((path.removeprefix(PACKAGE).removesuffix(".py"), frame.f_code.co_name))
        frame = frame.f_back
    return found


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


def profile(events: int) -> tuple[dict[str, float], Trace]:
    """Seconds of each step of a batch of so many events, and the calls to Spark in them."""
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
    ended = {
        event.step_key: event.event_specific_data
        for event in result.all_events
        if event.event_type == DagsterEventType.STEP_SUCCESS
    }
    of_step = {step: ended[step].duration_ms / 1_000 for step in STEPS}  # type: ignore[union-attr]
    return of_step | {AROUND: whole - sum(of_step.values())}, trace


def table(of_step: dict[str, float], trace: Trace) -> list[tuple[str, str, int | None, float]]:
    """Rows of step, place, calls and seconds, in the order of the steps, the longest first.

    The last row of each step is its rest.
    """
    rows: list[tuple[str, str, int | None, float]] = []
    for step, seconds in of_step.items():
        here = {place: spans for (at, place), spans in trace.spans.items() if at == step}
        found = [(step, place, len(spans), covered(spans)) for place, spans in here.items()]
        rows += sorted(found, key=lambda row: -row[3])
        rows.append(
            (
                step,
                "outside of Spark",
                None,
                seconds - covered([span for spans in here.values() for span in spans]),
            )
        )
    return rows


def main() -> None:
    """Print the table, and the steps as a Mermaid chart."""
    events = int(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_EVENTS
    of_step, trace = profile(events)
    rows = table(of_step, trace)
    sys.stdout.write(tabulate(rows, ("step", "where", "calls", "s"), floatfmt=".2f") + "\n")
    sys.stdout.write(chart(f"seconds of a batch of {events:,} events", of_step, "bar") + "\n")
    sys.stdout.write(
        f"in all {sum(of_step.values()):.1f} s, {sum(calls or 0 for _, _, calls, _ in rows)} calls to Spark\n"
    )


if __name__ == "__main__":
    main()
