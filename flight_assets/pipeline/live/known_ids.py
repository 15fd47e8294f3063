"""Set of known events, as hashes of their ids."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Hashes = npt.NDArray[np.int64]

# The set takes some 60 bytes a hash, the sorted array 8. At this size the set moves into the array.
LOOSE_AT_MOST = 100_000


class KnownIds:
    """Hashes of the event_ids that were staged or taken."""

    def __init__(self, hashes: Hashes) -> None:
        self._sorted = np.sort(hashes)
        self._loose: set[int] = set()

    def take_new(self, hashes: Hashes) -> npt.NDArray[np.bool_]:
        """Return True for each hash that is new, at its first place only. Then all are known."""
        places = np.searchsorted(self._sorted, hashes)
        inside = places < len(self._sorted)
        is_new = ~inside
        is_new[inside] = self._sorted[places[inside]] != hashes[inside]
        for index in np.flatnonzero(is_new):
            number = int(hashes[index])
            is_new[index] = number not in self._loose
            self._loose.add(number)
        if len(self._loose) > LOOSE_AT_MOST:
            self._sorted = np.sort(np.concatenate([self._sorted, np.fromiter(self._loose, np.int64)]))
            self._loose.clear()
        return is_new
