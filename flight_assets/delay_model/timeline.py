"""Exact counts and sums over trailing windows of many keys at once.

Everything is an integer, so that a sum does not depend on how much history lies before the window: the features of a flight are the
same bits whether a year or two days of events are given. No domain knowledge here.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

# Times are seconds since 1970 in the lower bits of a sort key, group codes in the upper ones: until the year 2514, and 2^29 groups.
TIME_BITS = 34
TIME_LIMIT_S = 1 << TIME_BITS
NO_KEY = 0


class Timeline:
    """Points in time of many keys, with values to sum. Keys are positive integers; a key that never occurs has no points.

    Points of the same key and time keep the order in which they are given.
    """

    def __init__(self, keys: IntArray, times_s: IntArray, values: Mapping[str, IntArray] | None = None) -> None:
        rows = np.flatnonzero(keys != NO_KEY)
        packed = _pack(keys[rows], times_s[rows])
        order = np.argsort(packed, kind="stable")
        self._packed = packed[order]
        self._rows = rows[order]
        self._values = values or {}
        self._totals: dict[str, IntArray] = {}

    def position(self, keys: IntArray, times_s: IntArray) -> IntArray:
        """How many points sort before (key, time): all points of this key from there on happen at that time or later."""
        wanted = _pack(keys, np.maximum(times_s, 0))
        # Sorted look-ups walk the array once; random ones miss the cache at every step.
        order = np.argsort(wanted, kind="stable")
        found = np.empty(len(wanted), dtype=np.int64)
        found[order] = np.searchsorted(self._packed, wanted[order], side="left")
        return found

    def total(self, name: str, first: IntArray, last: IntArray) -> IntArray:
        """The sum of a value over the points from position ``first`` up to, not including, position ``last``."""
        if name not in self._totals:
            self._totals[name] = np.concatenate([[0], np.cumsum(self._values[name][self._rows])])
        sums = self._totals[name]
        return sums[last] - sums[first]

    def rows(self, positions: IntArray) -> IntArray:
        """The rows of the input at these positions; -1 is not allowed."""
        return self._rows[positions]

    def __len__(self) -> int:
        return len(self._packed)


class Spans:
    """Half-open spans of time [start, end) of many keys: how many are open at a moment, and sums over those."""

    def __init__(self, keys: IntArray, starts_s: IntArray, ends_s: IntArray, values: Mapping[str, IntArray] | None = None) -> None:
        real = ends_s > starts_s
        chosen = {name: value[real] for name, value in (values or {}).items()}
        self._starts = Timeline(keys[real], starts_s[real], chosen)
        self._ends = Timeline(keys[real], ends_s[real], chosen)

    def open_at(self, keys: IntArray, times_s: IntArray, name: str = "") -> tuple[IntArray, IntArray]:
        """The number of spans with start < time <= end, and the sum of the named value over them (0 without a name)."""
        none = np.zeros_like(times_s)
        started = (self._starts.position(keys, none), self._starts.position(keys, times_s))
        ended = (self._ends.position(keys, none), self._ends.position(keys, times_s))
        count = (started[1] - started[0]) - (ended[1] - ended[0])
        if not name:
            return count, none
        return count, self._starts.total(name, *started) - self._ends.total(name, *ended)


def mean_or_nan(total: IntArray, count: IntArray, scale: float) -> FloatArray:
    """The total / (scale × count), NaN where there is nothing to average."""
    known = count > 0
    return np.where(known, total / (scale * np.where(known, count, 1)), np.nan)


def _pack(keys: IntArray, times_s: IntArray) -> IntArray:
    return (keys << TIME_BITS) | times_s
