"""Latency of live processing: from Kafka taking a message until its flight is in MongoDB."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    import numpy.typing as npt
    import pyarrow as pa

# Figures are of the messages of so many seconds, and are written so often.
WINDOW_S = 60.0
EVERY_S = 5.0
# Figures that have not been renewed for so long are of a process that has ended.
CURRENT_S = 30.0
STATUS = "live_status"
QUANTILES = (0.5, 0.95, 0.99)


class Latencies:
    """Latencies of the last WINDOW_S, in seconds."""

    def __init__(self) -> None:
        self._recent: deque[tuple[float, npt.NDArray[np.float64]]] = deque()
        self._written_at = -EVERY_S

    def add(self, ingested: pa.ChunkedArray, now: datetime) -> None:
        """Add messages by the time when Kafka took them (UTC), visible in MongoDB ``now``."""
        if len(ingested):
            taken_us = ingested.combine_chunks().cast("int64").to_numpy()
            self._recent.append((time.monotonic(), now.timestamp() - taken_us / 1e6))

    def figures(self) -> dict[str, Any]:
        """Return the number of messages, and their quantiles in seconds; no quantiles without messages."""
        while self._recent and self._recent[0][0] < time.monotonic() - WINDOW_S:
            self._recent.popleft()
        if not self._recent:
            return {"messages": 0, "quantiles": {}}
        seconds = np.concatenate([values for _, values in self._recent])
        found = np.quantile(seconds, QUANTILES)
        return {
            "messages": len(seconds),
            "quantiles": {str(name): float(value) for name, value in zip(QUANTILES, found, strict=True)},
        }

    def write(
        self,
        db: Any,  # noqa: ANN401 - pymongo's generic type
        name: str,
        partitions: Collection[int],
        search: Mapping[str, Any],
        forecasts_problem: str | None = None,
    ) -> None:
        """Write the figures of a process, and how its search and forecasts do, at most every EVERY_S."""
        if time.monotonic() - self._written_at >= EVERY_S:
            self._written_at = time.monotonic()
            beside = {"search": dict(search), "forecasts_problem": forecasts_problem}
            fields = {"$literal": self.figures() | {"partitions": sorted(partitions)} | beside}
            db[STATUS].update_one(
                {"_id": name},
                [{"$replaceWith": {"_id": name, "at": "$$NOW", "figures": fields}}],
                upsert=True,
            )


def current(db: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - pymongo's generic type
    """Return the figures of the live processes.

    They are process, partitions, messages, quantiles (s), search and forecasts_problem.
    """
    age = {"$subtract": ["$$NOW", "$at"]}
    found = db[STATUS].find({"$expr": {"$lt": [age, CURRENT_S * 1000]}})
    return [{"process": each["_id"], **each["figures"]} for each in found]


def forget(db: Any, name: str = "") -> None:  # noqa: ANN401 - pymongo's generic type
    """Delete the figures of a process that ends, and of those that have died."""
    age = {"$subtract": ["$$NOW", "$at"]}
    db[STATUS].delete_many({"$or": [{"_id": name}, {"$expr": {"$gte": [age, CURRENT_S * 1000]}}]})
