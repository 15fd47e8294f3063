"""A measured figure, and runs of several sides in turn, so that a busy moment of the machine hits all of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Any


@dataclass(frozen=True)
class Figure:
    """A value with its unit; ``sides`` are the measurements behind it, by the name of what was measured, in ``side_unit``."""

    value: float
    unit: str
    sides: Mapping[str, list[float]] = field(default_factory=dict)
    side_unit: str = "s"
    note: str = ""

    def as_dict(self) -> dict[str, Any]:
        """For JSON: the value, its unit, and of each side the median, least, most and every measurement."""
        sides = {
            name: {"median": median(values), "min": min(values), "max": max(values), "all": values, "unit": self.side_unit}
            for name, values in self.sides.items()
        }
        return {"value": self.value, "unit": self.unit, "sides": sides, "note": self.note}

    def sides_as_text(self) -> str:
        """Of each side the median and the spread, for a person."""
        shown = [
            f"{name} {median(values):.3g} ({min(values):.3g}–{max(values):.3g}) {self.side_unit}" for name, values in self.sides.items()
        ]
        return "; ".join(shown)


def interleaved(sides: Mapping[str, Callable[[], object]], repetitions: int) -> dict[str, list[float]]:
    """Seconds that each side took, one of each in turn, ``repetitions`` times."""
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(repetitions):
        for name, run in sides.items():
            began = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - began)
    return seconds


def ratio(seconds: Mapping[str, list[float]], numerator: str, denominator: str) -> float:
    """Median of one side over the median of the other."""
    return median(seconds[numerator]) / median(seconds[denominator])
