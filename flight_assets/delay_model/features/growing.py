"""Timelines that take more points, with the answers of ``Timeline`` and ``Spans`` over the same points.

A timeline has a large sorted part and a small sorted tail. New points go to the tail, which is merged when it
is full. A query searches both, so its cost does not depend on how many points there are, except for the depth
of a binary search. A position counts the points of both parts in their merged order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from flight_assets.delay_model.features.timeline import NO_KEY, IntArray, Moments, Spans, Timeline, pack

TAIL_AT_LEAST = 2_048
# The tail may have this share of the points, so that a merge is paid for by as many new points.
TAIL_SHARE = 64
Hashes = npt.NDArray[np.uint64]


class GrowingArray:
    """Array that grows at its end, in amortised constant time per value."""

    def __init__(self, dtype: npt.DTypeLike) -> None:
        self._data: npt.NDArray[Any] = np.empty(1_024, dtype)
        self._length = 0

    def extend(self, values: npt.NDArray[Any]) -> None:
        """Append values."""
        needed = self._length + len(values)
        if needed > len(self._data):
            grown = np.empty(max(needed, 2 * len(self._data)), self._data.dtype)
            grown[: self._length] = self.values
            self._data = grown
        self._data[self._length : needed] = values
        self._length = needed

    @property
    def values(self) -> npt.NDArray[Any]:
        """The values so far: a view, which can be written to."""
        return self._data[: self._length]

    def __len__(self) -> int:
        return self._length


class _Part:
    """Points in order of key, time and tie, with the running totals of their values."""

    def __init__(self, packed: IntArray, ties: Hashes, rows: IntArray) -> None:
        self.packed, self.ties, self.rows = packed, ties, rows
        self._totals: dict[str, IntArray] = {}

    def totals(self, name: str, values: Callable[[str], IntArray]) -> IntArray:
        """Return the sum of a value over the points before each position."""
        if name not in self._totals:
            self._totals[name] = np.concatenate([[0], np.cumsum(values(name)[self.rows])])
        return self._totals[name]

    def places(self, packed: IntArray, ties: Hashes) -> IntArray:
        """Return the number of own points before each of these points."""
        low = np.searchsorted(self.packed, packed, side="left").astype(np.int64)
        high = np.searchsorted(self.packed, packed, side="right").astype(np.int64)
        while True:
            is_open = np.flatnonzero(low < high)
            if not len(is_open):
                return low
            middle = (low[is_open] + high[is_open]) // 2
            is_before = self.ties[middle] < ties[is_open]
            low[is_open[is_before]] = middle[is_before] + 1
            high[is_open[~is_before]] = middle[~is_before]


def _sorted(packed: IntArray, ties: Hashes, rows: IntArray) -> _Part:
    order = np.lexsort((ties, packed))
    return _Part(packed[order], ties[order], rows[order])


_NONE = (np.empty(0, np.int64), np.empty(0, np.uint64), np.empty(0, np.int64))


class GrowingTimeline(Timeline):
    """``Timeline`` that takes more points. Points of equal key and time are in the order of their ties.

    ``values`` returns a column to sum by name; the rows of the points count into it.
    """

    def __init__(self, values: Callable[[str], IntArray]) -> None:
        self._columns = values
        self._base, self._tail = _Part(*_NONE), _Part(*_NONE)
        # Position of each point of the tail in the merged order.
        self._ranks = _NONE[0]

    def extend(self, keys: IntArray, times_s: IntArray, ties: Hashes, rows: IntArray) -> None:
        """Add points; those without a key are left out."""
        real = np.flatnonzero(keys != NO_KEY)
        if not len(real):
            return
        tail = self._tail
        self._tail = _sorted(
            np.concatenate([tail.packed, pack(keys[real], times_s[real])]),
            np.concatenate([tail.ties, ties[real]]),
            np.concatenate([tail.rows, rows[real]]),
        )
        places = self._base.places(self._tail.packed, self._tail.ties)
        if len(places) > TAIL_AT_LEAST + len(self._base.packed) // TAIL_SHARE:
            parts = ("packed", "ties", "rows")
            self._base = _Part(
                *(np.insert(getattr(self._base, name), places, getattr(self._tail, name)) for name in parts)
            )
            self._tail, places = _Part(*_NONE), _NONE[0]
        self._ranks = places + np.arange(len(places))

    def before(self, moments: Moments, back_s: int = 0) -> IntArray:
        """Return positions: from there on, the points of a moment's key are at time − back_s or later."""
        return moments.search(self._base.packed, back_s) + moments.search(self._tail.packed, back_s)

    def starts(self, moments: Moments) -> IntArray:
        """Return the position of the first point of each moment's key."""
        return moments.starts(self._base.packed) + moments.starts(self._tail.packed)

    def total(self, name: str, first: IntArray, last: IntArray) -> IntArray:
        """Return the sum of a value over the points from ``first`` up to, not including, ``last``."""
        return self._total_before(name, last) - self._total_before(name, first)

    def _total_before(self, name: str, positions: IntArray) -> IntArray:
        in_tail = np.searchsorted(self._ranks, positions, side="left")
        of_base, of_tail = self._base.totals(name, self._columns), self._tail.totals(name, self._columns)
        total: IntArray = of_base[positions - in_tail] + of_tail[in_tail]
        return total

    def rows(self, positions: IntArray) -> IntArray:
        """Return the rows of the points at these positions."""
        if not len(self._ranks):
            return self._base.rows[positions]
        in_tail = np.searchsorted(self._ranks, positions, side="left")
        nearest = np.minimum(in_tail, len(self._ranks) - 1)
        is_tail = self._ranks[nearest] == positions
        if not len(self._base.rows):
            return self._tail.rows[nearest]
        of_base = np.minimum(positions - in_tail, len(self._base.rows) - 1)
        return np.where(is_tail, self._tail.rows[nearest], self._base.rows[of_base])

    def __len__(self) -> int:
        return len(self._base.packed) + len(self._tail.packed)


class GrowingSpans(Spans):
    """``Spans`` that takes more spans, and takes some back."""

    def __init__(self, values: Callable[[str], IntArray]) -> None:
        self._added = GrowingTimeline(values), GrowingTimeline(values)
        self._removed = GrowingTimeline(values), GrowingTimeline(values)

    def extend(
        self, keys: IntArray, starts_s: IntArray, ends_s: IntArray, rows: IntArray, signs: IntArray
    ) -> None:
        """Add spans, or take them back where the sign is negative. None ends before it starts."""
        for sign, timelines in ((1, self._added), (-1, self._removed)):
            chosen = np.flatnonzero((ends_s > starts_s) & (signs == sign))
            ties = np.zeros(len(chosen), np.uint64)
            for timeline, times_s in zip(timelines, (starts_s, ends_s), strict=True):
                timeline.extend(keys[chosen], times_s[chosen], ties, rows[chosen])

    def open_at(self, moments: Moments, name: str) -> tuple[IntArray, IntArray]:
        """Return the number of spans with start < time <= end, and the sum of the named value over them."""
        count = np.zeros(len(moments), np.int64)
        total = count.copy()
        for sign, (starts, ends) in ((1, self._added), (-1, self._removed)):
            for part, timeline in ((sign, starts), (-sign, ends)):
                first, last = timeline.starts(moments), timeline.before(moments)
                count += part * (last - first)
                total += part * timeline.total(name, first, last)
        return count, total
