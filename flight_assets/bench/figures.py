"""Measured figures, and runs of several sides in turn, so that a busy moment of the machine affects all."""

from __future__ import annotations

import json
import platform
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

import psutil


@dataclass(frozen=True)
class Figure:
    """Value with its unit, and the measurements behind it.

    ``sides`` are by the name of what was measured, in ``side_unit``.
    Where the sides are points of a curve, in order, ``curve_over`` says over what.
    """

    value: float
    unit: str
    sides: Mapping[str, list[float]] = field(default_factory=dict)
    side_unit: str = "s"
    note: str = ""
    curve_over: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the figure for JSON: value, unit, and by side median, least, most and all measurements."""
        sides = {
            name: {
                "median": median(values),
                "min": min(values),
                "max": max(values),
                "all": values,
                "unit": self.side_unit,
            }
            for name, values in self.sides.items()
        }
        return {
            "value": self.value,
            "unit": self.unit,
            "sides": sides,
            "note": self.note,
            "curve_over": self.curve_over,
        }

    def sides_as_text(self) -> str:
        """Return the median and the spread of each side as text."""
        shown = [
            f"{name} {median(values):.3g} ({min(values):.3g}–{max(values):.3g}) {self.side_unit}"
            for name, values in self.sides.items()
        ]
        return "; ".join(shown)


def tell(what: str, seconds: Mapping[str, float]) -> None:
    """Print a repetition's time on standard error, so that a bench that fails late has shown it."""
    sys.stderr.write(f"{what}: {', '.join(f'{name} {taken:.1f} s' for name, taken in seconds.items())}\n")


def interleaved(sides: Mapping[str, Callable[[], object]], repetitions: int) -> dict[str, list[float]]:
    """Seconds that each side took, one of each in turn, ``repetitions`` times."""
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(repetitions):
        for name, run in sides.items():
            began = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - began)
    return seconds


@contextmanager
def sampling(look: Callable[[], None], every_s: float) -> Iterator[None]:
    """Calls ``look`` at once and then every so often, beside the block, until that ends."""
    stop = threading.Event()

    def watch() -> None:
        while True:
            look()
            if stop.wait(every_s):
                return

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def ratio(seconds: Mapping[str, list[float]], numerator: str, denominator: str) -> float:
    """Median of one side over the median of the other."""
    return median(seconds[numerator]) / median(seconds[denominator])


VERSIONS_OF = (
    *("pyspark", "dagster", "xgboost", "pyarrow", "pandas", "numpy", "pymongo", "kafka-python"),
    *("polars", "confluent-kafka", "duckdb"),
)


def machine() -> dict[str, Any]:
    """Return the machine of the measurement: processor, cores, memory, load before it, and versions."""
    processor = next(
        (line.split(":", 1)[1].strip() for line in _cpuinfo() if line.startswith("model name")),
        platform.processor(),
    )
    return {
        "processor": processor,
        "cores": psutil.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "load_before": round(psutil.getloadavg()[0], 2),
        "system": f"{platform.system()} {platform.release()}",
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {"python": platform.python_version()} | {name: version(name) for name in VERSIONS_OF},
    }


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []


def report(figures: Mapping[str, Figure], measured_on: Mapping[str, Any]) -> dict[str, Any]:
    """Return the object that `flights bench --json` prints: figures by name, and ``machine``."""
    return {"machine": dict(measured_on)} | {name: figure.as_dict() for name, figure in figures.items()}


def markdown(reported: Mapping[str, Any]) -> str:
    """Return a report as Markdown: a table with a row per figure, the machine, and the curves.

    Each side is its median (least–most).
    """
    lines = ["| figure | measured | sides: median (least–most) | |", "|---|---|---|---|"]
    for name, figure in reported.items():
        if name != "machine":
            sides = "; ".join(
                f"{side} {of['median']:.3g} ({of['min']:.3g}–{of['max']:.3g}) {of['unit']}"
                for side, of in figure["sides"].items()
            )
            lines.append(
                f"| `{name}` | {figure['value']:.3g} {figure['unit']} | {sides} | {figure['note']} |"
            )
    on = reported["machine"]
    versions = ", ".join(f"{name} {number}" for name, number in on["versions"].items())
    lines += [
        "",
        (
            f"{on['processor']}, {on['cores']} cores, {on['memory_gb']} GB, {on['measured_at'][:10]};"
            f" {versions}."
        ),
    ]
    for name, figure in reported.items():
        if figure.get("curve_over"):
            points = {side: of["median"] for side, of in figure["sides"].items()}
            lines += ["", chart(f"{name}: seconds over {figure['curve_over']}", points, "line")]
    return "\n".join(lines)


def chart(title: str, points: Mapping[str, float], kind: str) -> str:
    """Return a Mermaid chart, which GitHub draws: seconds by name; ``kind`` is ``bar`` or ``line``."""
    names = ", ".join(f'"{name}"' for name in points)
    values = ", ".join(f"{seconds:.3g}" for seconds in points.values())
    top = f"{1.1 * max(points.values()):.2g}"
    rows = [f'title "{title}"', f"x-axis [{names}]", f'y-axis "seconds" 0 --> {top}', f"{kind} [{values}]"]
    return "\n".join(["```mermaid", "xychart-beta", *(f"    {row}" for row in rows), "```"])


if __name__ == "__main__":
    sys.stdout.write(markdown(json.load(sys.stdin)) + "\n")
