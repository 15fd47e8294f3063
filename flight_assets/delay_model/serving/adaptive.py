"""Intervals that follow the outcomes: online quantile tracking of conformal factors, each tail alone.

Source: Angelopoulos, Candès & Tibshirani 2023, "Conformal PID Control for Time Series Prediction", NeurIPS
36, arXiv:2307.16895, section 2.1. After each outcome the factor of a tail grows if the delay was beyond it,
and shrinks if not. The ratio of both steps keeps 5 % beyond. Here the factor multiplies the distance from the
median, and the steps are those of its logarithm, so a factor stays positive at any scale.

The factor of an airline is that of all flights times its own. Its own is pulled back to 1 at each step, so an
airline with few outcomes has the factor of all flights. No I/O, no clock.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from flight_assets.delay_model.evaluate import COVERAGE
from flight_assets.delay_model.serving.conformal import MIN_DISTANCE_MINUTES

FloatArray = npt.NDArray[np.float64]

# Share of the delays beyond each end that the factors steer for. It is a little less than the promised 5 %:
# an outcome is known some hours after its forecast, and in a storm those hours are missed.
BEYOND = (1 - COVERAGE) / 2 - 0.0045
# Change of a factor's logarithm for a delay beyond the end, times (1 − BEYOND); chosen by replay.
STEP = 0.15
AIRLINE_STEP, AIRLINE_PULL = 0.03, 0.002
# Bounds of a factor's logarithm.
LEAST, MOST = math.log(0.05), math.log(200.0)
MOST_AIRLINES = 1_000
LOW, HIGH = 0, 1


@dataclass
class Tails:
    """Logarithms of the factors for one maker of predictions: of both tails, and by airline on top."""

    overall: list[float] = field(default_factory=lambda: [0.0, 0.0])
    airlines: dict[str, list[float]] = field(default_factory=dict)
    outcomes: int = 0

    def interval(
        self, airlines: Sequence[str], low: FloatArray, median: FloatArray, high: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Return the ends of the intervals with the present factors, in minutes."""
        own = np.array([self.airlines.get(name, (0.0, 0.0)) for name in airlines]).reshape(-1, 2)
        factors = np.exp(np.clip(np.array(self.overall) + own, LEAST, MOST))
        return (
            median - _distance(median - low) * factors[:, LOW],
            median + _distance(high - median) * factors[:, HIGH],
        )

    def learn(
        self,
        airlines: Sequence[str],
        actual: FloatArray,
        low: FloatArray,
        median: FloatArray,
        high: FloatArray,
    ) -> None:
        """Take outcomes, in the order in which they became known. The ends are those before any factor."""
        below = _logarithm((median - actual) / _distance(median - low))
        above = _logarithm((actual - median) / _distance(high - median))
        for airline, *scores in zip(airlines, below.tolist(), above.tolist(), strict=True):
            own = self.airlines.setdefault(airline, [0.0, 0.0])
            for tail, score in enumerate(scores):
                missed = (score > self.overall[tail]) - BEYOND
                missed_own = (score > self.overall[tail] + own[tail]) - BEYOND
                self.overall[tail] = min(max(self.overall[tail] + STEP * missed, LEAST), MOST)
                own[tail] = min(max(own[tail] * (1 - AIRLINE_PULL) + AIRLINE_STEP * missed_own, LEAST), MOST)
        self.outcomes += len(actual)

    def factors(self) -> list[float]:
        """Return the factors of all flights: of the lower and of the upper tail."""
        return [math.exp(value) for value in self.overall]

    def to_plain(self) -> dict[str, Any]:
        """Return the state as plain values, rounded."""
        farthest = sorted(self.airlines, key=lambda name: (-max(map(abs, self.airlines[name])), name))
        return {
            "overall": [round(value, 5) for value in self.overall],
            "airlines": {
                name: [round(value, 5) for value in self.airlines[name]]
                for name in sorted(farthest[:MOST_AIRLINES])
            },
            "outcomes": self.outcomes,
        }

    @classmethod
    def from_plain(cls, values: Mapping[str, Any]) -> Tails:
        """Return the state of ``to_plain``."""
        airlines = {name: list(own) for name, own in values["airlines"].items()}
        return cls(list(values["overall"]), airlines, int(values["outcomes"]))


def _distance(minutes: FloatArray) -> FloatArray:
    return np.maximum(minutes, MIN_DISTANCE_MINUTES)


def _logarithm(ratios: FloatArray) -> FloatArray:
    """Return the logarithm; that of a delay on the other side of the median is below every factor's."""
    return np.log(np.maximum(ratios, 1e-6))
