"""Running baseline: the arrival delay to expect from airline, origin and local hour alone.

The state is plain: fading histograms of outcomes, of all flights and by group. Outcomes come in the order in
which they became known. No I/O, no clock.

A forecast starts with the figures of the local hour. It adds how the airline's figures, and the origin's,
differ from those of all flights. A group's difference counts with weight n / (n + m) for n outcomes: a group
with few of them is like all flights. A level follows the newest outcomes: it moves the median while most of
them are later, or earlier, than forecast, and returns to 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from flight_assets.delay_model.evaluate import COVERAGE, LATE_MINUTES

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

# Figures of a group, in this order: quantiles and mean in minutes, and the share that is 15 minutes late.
FIGURES = ("low", "median", "high", "mean", "late_share")
LOW, MEDIAN, HIGH, MEAN, LATE_SHARE = range(len(FIGURES))
_LEVELS = ((1 - COVERAGE) / 2, 0.5, (1 + COVERAGE) / 2)
# Edges of the bins, minutes. Delays are whole minutes, and most of them are small.
EDGES = np.array(
    [
        *(-720.5, -120.5, -90.5, -75.5, -60.5, -52.5, -46.5, -42.5, -38.5, -35.5, -32.5),
        *np.arange(-30.5, 31),
        *(33.5, 36.5, 40.5, 45.5, 50.5, 55.5, 60.5, 70.5, 80.5, 90.5, 105.5, 120.5, 140.5, 160.5, 180.5),
        *(210.5, 240.5, 300.5, 360.5, 480.5, 720.5, 1_440.5),
    ]
)
BINS = len(EDGES) - 1
_CENTRES = (EDGES[:-1] + EDGES[1:]) / 2
_IS_LATE = _CENTRES > LATE_MINUTES - 1
# Minutes that the level moves for an outcome above or below the median, and the share of it that is lost
# then. Both were chosen by replay.
LEVEL_STEP_MINUTES, LEVEL_LOSS = 0.03, 0.005
HOURS = 24
ALL, HOUR, AIRLINE, ORIGIN = "all", "hour", "airline", "origin"
# Outcomes at which a group's own figures count by half.
SHRINKAGE = {ALL: 200.0, HOUR: 300.0, AIRLINE: 300.0, ORIGIN: 300.0}
# After so many later outcomes, an outcome counts 1/e as much.
MEMORY = 60_000.0
# Groups of one kind that a state keeps, and the count below which one is forgotten.
MOST_GROUPS, LEAST_COUNT = 1_000, 0.5

# Figures before any outcome, by four hours of the origin's clock: the 587,130 flights between US airports
# that arrived in January 2008 (On-Time Performance, US Bureau of Transportation Statistics, public domain).
PRIOR_HOURS = 4
PRIOR: FloatArray = np.array(
    [
        [-27.0, -4.0, 52.9, 2.4, 0.190],
        [-22.0, -3.0, 41.0, 3.2, 0.159],
        [-22.0, -1.5, 64.0, 6.9, 0.218],
        [-21.0, 0.0, 89.0, 11.8, 0.268],
        [-22.0, 2.0, 102.0, 15.2, 0.314],
        [-22.0, 1.0, 92.0, 13.1, 0.303],
    ]
)


@dataclass
class Baseline:
    """State of the running baseline. ``counts``: histogram by kind and name of group."""

    counts: dict[str, dict[str, FloatArray]] = field(default_factory=lambda: {kind: {} for kind in SHRINKAGE})
    level_minutes: float = 0.0

    def predict(
        self, airlines: Sequence[str], origins: Sequence[str], hours: Sequence[int | None]
    ) -> FloatArray:
        """Return FIGURES of each flight: one row per flight. ``hours``: local hour of departure, or None."""
        names = {AIRLINE: list(airlines), ORIGIN: list(origins), HOUR: [str(hour) for hour in hours]}
        every, count = self._of(ALL, [""])
        prior = PRIOR.mean(axis=0)
        level = prior + _weight(count, ALL) * (every - prior)
        found, counts = self._of(HOUR, names[HOUR])
        usual = level + _prior_of(hours) - prior
        made: FloatArray = usual + _weight(counts, HOUR) * (found - usual)
        for kind in (AIRLINE, ORIGIN):
            found, counts = self._of(kind, names[kind])
            made += _weight(counts, kind) * (found - every)
        made[:, MEDIAN] += self.level_minutes
        made[:, LOW] = np.minimum(made[:, LOW], made[:, MEDIAN] - 1)
        made[:, HIGH] = np.maximum(made[:, HIGH], made[:, MEDIAN] + 1)
        made[:, LATE_SHARE] = np.clip(made[:, LATE_SHARE], 0.005, 0.995)
        return made

    def learn(
        self,
        airlines: Sequence[str],
        origins: Sequence[str],
        hours: Sequence[int | None],
        actual: FloatArray,
    ) -> None:
        """Take outcomes, in the order in which they became known.

        The level compares them with the present figures. Those of their forecasts are hours old, and a level
        that followed them would overshoot.
        """
        sides = np.sign(actual - self.predict(airlines, origins, hours)[:, MEDIAN])
        for side in sides.tolist():
            self.level_minutes += LEVEL_STEP_MINUTES * side - LEVEL_LOSS * self.level_minutes
        fade = float(np.exp(-len(actual) / MEMORY))
        bins = np.clip(np.searchsorted(EDGES, actual, side="right") - 1, 0, BINS - 1)
        names = {ALL: [""] * len(actual), HOUR: [str(hour) for hour in hours]}
        for kind, of_kind in (names | {AIRLINE: list(airlines), ORIGIN: list(origins)}).items():
            groups = self.counts[kind]
            for name, histogram in groups.items():
                groups[name] = histogram * fade
            for name, place in zip(of_kind, bins, strict=True):
                groups.setdefault(name, np.zeros(BINS))[place] += 1

    def _of(self, kind: str, names: Sequence[str]) -> tuple[FloatArray, FloatArray]:
        """Return the figures and the count of each named group; zeros for an unknown one."""
        distinct = sorted(set(names))
        known = [name for name in distinct if name in self.counts[kind]]
        place = {name: nth for nth, name in enumerate(known)}
        histograms = np.array([self.counts[kind][name] for name in known]).reshape(len(known), BINS)
        made = np.vstack([figures(histograms), np.zeros(len(FIGURES))])
        counts = np.append(histograms.sum(axis=1), 0.0)
        chosen = [place.get(name, len(known)) for name in names]
        return made[chosen], counts[chosen]

    def to_plain(self) -> dict[str, Any]:
        """Return the state as plain values, rounded; groups with too few outcomes are left out."""
        counts = {}
        for kind, groups in self.counts.items():
            sums = {name: float(histogram.sum()) for name, histogram in groups.items()}
            kept = sorted(sums, key=lambda name: (-sums[name], name))[:MOST_GROUPS]
            counts[kind] = {name: _sparse(groups[name]) for name in sorted(kept) if sums[name] >= LEAST_COUNT}
        return {"counts": counts, "level_minutes": round(self.level_minutes, 4)}

    @classmethod
    def from_plain(cls, values: Mapping[str, Any]) -> Baseline:
        """Return the state of ``to_plain``."""
        counts = {
            kind: {name: _dense(pairs) for name, pairs in values["counts"].get(kind, {}).items()}
            for kind in SHRINKAGE
        }
        return cls(counts, float(values["level_minutes"]))


def figures(histograms: FloatArray) -> FloatArray:
    """Return FIGURES of histograms, one row each; quantiles are interpolated in a bin, empty ones give 0.

    A row's figures are the same to the bit beside any other rows. A product of matrices would not be: its
    order of adding depends on the number of rows.
    """
    totals = histograms.sum(axis=1)
    some = np.where(totals > 0, totals, 1.0)
    cumulated = np.cumsum(histograms, axis=1) / some[:, None]
    made = np.zeros((len(histograms), len(FIGURES)))
    for column, level in enumerate(_LEVELS):
        place = np.minimum((cumulated < level).sum(axis=1), BINS - 1)
        rows = np.arange(len(histograms))
        below = np.where(place > 0, cumulated[rows, np.maximum(place - 1, 0)], 0.0)
        inside = cumulated[rows, place] - below
        part = np.where(inside > 0, (level - below) / np.where(inside > 0, inside, 1.0), 0.5)
        made[:, column] = EDGES[place] + part * (EDGES[place + 1] - EDGES[place])
    made[:, MEAN] = (histograms * _CENTRES).sum(axis=1) / some
    made[:, LATE_SHARE] = (histograms * _IS_LATE).sum(axis=1) / some
    made[totals <= 0] = 0.0
    return made


def _weight(counts: FloatArray, kind: str) -> FloatArray:
    weights: FloatArray = (counts / (counts + SHRINKAGE[kind]))[:, None]
    return weights


def _prior_of(hours: Sequence[int | None]) -> FloatArray:
    """Return the prior's figures by hour; their mean without an hour."""
    mean = PRIOR.mean(axis=0)
    rows = [mean if hour is None else PRIOR[int(hour) % HOURS // PRIOR_HOURS] for hour in hours]
    return np.array(rows).reshape(len(rows), len(FIGURES))


def _sparse(histogram: FloatArray) -> list[float]:
    """Return the occupied bins as pairs of number and count, in one list."""
    occupied = np.flatnonzero(histogram >= LEAST_COUNT / 100)
    return [value for place in occupied for value in (int(place), round(float(histogram[place]), 2))]


def _dense(pairs: Sequence[float]) -> FloatArray:
    histogram = np.zeros(BINS)
    histogram[np.array(pairs[::2], dtype=np.intp)] = pairs[1::2]
    return histogram
