"""Questions that pages still ask, so that their answers are computed again before they expire."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

from flight_assets.queries.cache.query import Query

WANTED_S = 150  # two refreshes of a page and some slack
MAX_WANTED = 200


class Wanted:
    """Newest questions, at most ``MAX_WANTED``, each for ``WANTED_S`` seconds after it was last asked."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked: dict[str, tuple[float, Query]] = {}

    def add(self, queries: Sequence[Query]) -> None:
        """Note that these questions were asked now."""
        with self._lock:
            for query in queries:
                identity = query.identity()
                self._asked.pop(identity, None)
                self._asked[identity] = (time.monotonic(), query)
            while len(self._asked) > MAX_WANTED:
                self._asked.pop(next(iter(self._asked)))

    def recent(self) -> list[Query]:
        """Return the questions that are still wanted and forget the others."""
        now = time.monotonic()
        with self._lock:
            self._asked = {name: entry for name, entry in self._asked.items() if now - entry[0] < WANTED_S}
            return [query for _, query in self._asked.values()]

    def forget(self, query: Query) -> None:
        """Drop a question until somebody asks it again."""
        with self._lock:
            self._asked.pop(query.identity(), None)
