"""Errors of model and running baseline on the same outcomes of the last day, and who shall serve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

HOUR_S, DAY_S = 3_600, 86_400
# With fewer outcomes the model is not judged.
MIN_OUTCOMES = 200
# A day counts in full up to so many outcomes; of a faster history load only the newest ones count.
MOST_OUTCOMES, OUTCOMES_PER_PART = 20_000, 1_000
# Once the baseline serves, the model must be so much better to serve again, so that they do not alternate.
RETURN_RATIO = 0.97


@dataclass
class Scores:
    """Sums over the outcomes of the last day: parts of [hour, outcomes, model's error, baseline's error].

    An outcome is of the hour in which the broker took it.
    """

    parts: list[list[float]] = field(default_factory=list)

    @property
    def outcomes(self) -> int:
        """Number of outcomes."""
        return int(sum(part[1] for part in self.parts))

    @property
    def are_enough(self) -> bool:
        """Return whether there are enough outcomes to compare the two."""
        return self.outcomes >= MIN_OUTCOMES

    def add(self, taken_s: IntArray, model_errors: FloatArray, baseline_errors: FloatArray) -> None:
        """Add absolute errors in minutes, and drop what is older than a day."""
        hours = taken_s // HOUR_S
        for hour in np.unique(hours):
            chosen = hours == hour
            if not self.parts or self.parts[-1][0] != hour or self.parts[-1][1] >= OUTCOMES_PER_PART:
                self.parts.append([int(hour), 0, 0.0, 0.0])
            part = self.parts[-1]
            part[1] += int(chosen.sum())
            part[2] += float(model_errors[chosen].sum())
            part[3] += float(baseline_errors[chosen].sum())
        newest = max(part[0] for part in self.parts)
        self.parts = [part for part in self.parts if part[0] > newest - DAY_S // HOUR_S]
        while self.outcomes - self.parts[0][1] >= MOST_OUTCOMES:
            self.parts.pop(0)

    def figures(self) -> dict[str, float]:
        """Return outcomes, and the mean absolute error of both in minutes; NaN without outcomes."""
        count = self.outcomes
        model, baseline = (sum(part[column] for part in self.parts) for column in (2, 3))
        nan = float("nan")
        return {
            "outcomes": float(count),
            "model_mae_minutes": model / count if count else nan,
            "baseline_mae_minutes": baseline / count if count else nan,
        }

    def errors_minutes(self) -> dict[str, float]:
        """Return the mean absolute error by maker, minutes; NaN without outcomes."""
        figures = self.figures()
        return {"model": figures["model_mae_minutes"], "baseline": figures["baseline_mae_minutes"]}

    def prefer_baseline(self, is_serving: bool) -> bool:
        """Return whether the baseline shall serve. ``is_serving``: it does now."""
        if not self.are_enough:
            return is_serving
        figures = self.figures()
        allowed = figures["baseline_mae_minutes"] * (RETURN_RATIO if is_serving else 1.0)
        return figures["model_mae_minutes"] > allowed

    def to_plain(self) -> list[list[float]]:
        """Return the state as plain values, rounded."""
        return [[int(hour), int(count), round(a, 3), round(b, 3)] for hour, count, a, b in self.parts]

    @classmethod
    def from_plain(cls, values: Sequence[Sequence[float]]) -> Scores:
        """Return the state of ``to_plain``."""
        return cls([list(part) for part in values])
