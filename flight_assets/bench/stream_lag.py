"""Messages that wait: the lag of the topic, and the latency of each document that MongoDB takes."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from flight_assets.errors import FlightsError
from flight_assets.provenance import STEPS, Ledger
from flight_assets.stores import kafka, topic_lag
from flight_assets.stores.hdfs import Hdfs

if TYPE_CHECKING:
    from collections.abc import Callable

    from flight_assets.settings import Settings


# How long what was sent may take to become visible before the measurement gives up.
DRAIN_S = 3_600.0

# Lag swings with the cadence; from one minute's peak to the next it may differ by this much and not count as
# growing.
GROWTH_ALLOWED = 1.25


def wait_until_visible(settings: Settings, ends: dict[int, int], meanwhile: Callable[[], object]) -> None:
    """Return when all before these offsets is in MongoDB; raise FlightsError after ``DRAIN_S``."""
    deadline = time.monotonic() + DRAIN_S
    while _is_behind(settings, ends):
        if time.monotonic() > deadline:
            raise FlightsError(f"not every message was in MongoDB {DRAIN_S:.0f} s after the last was sent")
        meanwhile()


@dataclass
class Visible:
    """Watch MongoDB's changes: when it took each document, and when Kafka took its message.

    ``seconds``: of each state of a flight, until MongoDB first had it; that a batch confirms it later does
    not count.
    """

    changes: Any
    seconds: list[float] = field(default_factory=list)
    _seen: set[tuple[str, int, int]] = field(default_factory=set)

    def take(self) -> bool:
        """Take the changes that are there; returns whether there were any."""
        taken = False
        while (change := self.changes.try_next()) is not None:
            taken = True
            document = change.get("fullDocument")
            if not document:
                continue
            state = (
                change["documentKey"]["_id"],
                document["version"]["timestamp_us"],
                document["version"]["kafka_offset"],
            )
            if state not in self._seen:
                self._seen.add(state)
                self.seconds.append(
                    (_utc(change["wallTime"]) - _utc(document["ingestion_timestamp"])).total_seconds()
                )
        time.sleep(0.2)
        return taken


def _utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def refuse_backlog(settings: Settings) -> None:
    """Messages of before the measurement would count as having taken all that time."""
    if _is_behind(settings, kafka.end_offsets(settings)):
        raise FlightsError("messages wait in the topic: run `flights process` before measuring")


def _is_behind(settings: Settings, ends: dict[int, int]) -> bool:
    """Return True if a message before these offsets has not passed the step that writes to MongoDB."""
    ledger = Ledger(Hdfs(settings))
    return lag(settings, ends) > 0 or ledger.last_done("mongo_hot") < ledger.last_done(STEPS[0])


def lag(settings: Settings, ends: dict[int, int] | None = None) -> int:
    """Messages in the topic, or before its offsets ``ends``, that no batch has taken."""
    return topic_lag.waiting(ends or kafka.end_offsets(settings), Ledger(Hdfs(settings)).next_offsets())


def is_growing(peaks: list[float]) -> bool:
    """Return True if the backlog's peaks rise: the second half's largest is beyond the first half's swing.

    The first minute is left out when there are more than two: it starts from nothing.
    """
    settled = peaks[1:] if len(peaks) > 2 else peaks
    if len(settled) < 2:
        return False
    half = len(settled) // 2
    return max(settled[half:]) > GROWTH_ALLOWED * max(settled[:half])
