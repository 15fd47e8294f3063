"""Exact counts and sums over trailing windows, for many keys at once. No domain knowledge here.

Everything is an integer, so a sum does not depend on the history before its window. A flight has the same
features, to the bit, with a year or with two days of events.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

# A sort key has seconds since 1970 in the lower bits, until 2514, and the group code in the upper ones: 2^29
# groups.
TIME_BITS = 34
TIME_LIMIT_S = 1 << TIME_BITS
NO_KEY = 0


class Moments:
    """Pairs of key and time to query timelines at.

    They are sorted once: every window of a scope uses the same ones.
    """

    def __init__(self, keys: IntArray, times_s: IntArray) -> None:
        self._order = np.argsort(pack(keys, np.maximum(times_s, 0)), kind="stable")
        self._keys, self._times_s = keys[self._order], times_s[self._order]

    def search(self, packed: IntArray, back_s: int) -> IntArray:
        """Return for each moment, in given order, the number of points before (key, time − back_s)."""
        wanted = pack(self._keys, np.maximum(self._times_s - back_s, 0))
        found = np.empty(len(wanted), dtype=np.int64)
        # Sorted look-ups walk the array once. Random ones miss the processor's cache at every step.
        found[self._order] = np.searchsorted(packed, wanted, side="left")
        return found

    def starts(self, packed: IntArray) -> IntArray:
        """Return the position of the first point of each moment's key."""
        return self.search(packed, TIME_LIMIT_S)

    def __len__(self) -> int:
        return len(self._keys)


class Timeline:
    """Points in time of many keys, with values to sum.

    Keys are positive integers; an unknown key has no points. Points of equal key and time keep their given
    order.
    """

    def __init__(
        self, keys: IntArray, times_s: IntArray, values: Mapping[str, IntArray] | None = None
    ) -> None:
        rows = np.flatnonzero(keys != NO_KEY)
        packed = pack(keys[rows], times_s[rows])
        order = np.argsort(packed, kind="stable")
        self._packed = packed[order]
        self._rows = rows[order]
        self._values = values or {}
        self._totals: dict[str, IntArray] = {}

    def before(self, moments: Moments, back_s: int = 0) -> IntArray:
        """Return positions: from there on, the points of a moment's key are at time − back_s or later."""
        return moments.search(self._packed, back_s)

    def starts(self, moments: Moments) -> IntArray:
        """Return the position of the first point of each moment's key."""
        return moments.starts(self._packed)

    def total(self, name: str, first: IntArray, last: IntArray) -> IntArray:
        """Return the sum of a value over the points from ``first`` up to, not including, ``last``."""
        if name not in self._totals:
            self._totals[name] = np.concatenate([[0], np.cumsum(self._values[name][self._rows])])
        sums = self._totals[name]
        return sums[last] - sums[first]

    def rows(self, positions: IntArray) -> IntArray:
        """Return the rows of the input at these positions."""
        return self._rows[positions]

    def __len__(self) -> int:
        return len(self._packed)


class Spans:
    """Half-open spans of time [start, end) of many keys.

    Count the open ones at a moment, and sum values over them.
    """

    def __init__(
        self, keys: IntArray, starts_s: IntArray, ends_s: IntArray, values: Mapping[str, IntArray]
    ) -> None:
        real = ends_s > starts_s
        chosen = {name: value[real] for name, value in values.items()}
        self._starts = Timeline(keys[real], starts_s[real], chosen)
        self._ends = Timeline(keys[real], ends_s[real], chosen)

    def open_at(self, moments: Moments, name: str) -> tuple[IntArray, IntArray]:
        """Return the number of spans with start < time <= end, and the sum of the named value over them."""
        started = (self._starts.starts(moments), self._starts.before(moments))
        ended = (self._ends.starts(moments), self._ends.before(moments))
        count = (started[1] - started[0]) - (ended[1] - ended[0])
        return count, self._starts.total(name, *started) - self._ends.total(name, *ended)


def mean_or_nan(total: IntArray, count: IntArray, scale: float) -> FloatArray:
    """Return total / (scale × count), NaN if the count is 0."""
    known = count > 0
    return np.where(known, total / (scale * np.where(known, count, 1)), np.nan)


def pack(keys: IntArray, times_s: IntArray) -> IntArray:
    """Return one sort key per point: its group first, then its time."""
    return (keys << TIME_BITS) | times_s
