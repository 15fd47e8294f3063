"""Loop of live processing: send new messages through the lane, and open a new lane after a failure."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pyarrow.compute as pc

from flight_assets.continuous.lane import open_lane
from flight_assets.stores import kafka, lease, outage

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from flight_assets.settings import Settings

# Shortest time between two reads of the topic.
EVERY_S = 1.0
# Interval of progress reports, and of the check whether batches have overtaken the lane.
TOLD_EVERY_S = 60.0
# After each failure the pause doubles, up to the interval of the schedule.
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0


def process_continuously(settings: Settings, stop: threading.Event, say: Callable[[str], None]) -> None:
    """Write events to MongoDB as they come, until ``stop`` is set.

    Scheduled batches write them to all stores later.

    After a failure, ``say`` gets one sentence, and processing restarts at the first message that no batch has
    staged.

    Raises:
        LeaseBusy: another live process is running.
    """
    pause = FIRST_PAUSE_S
    while not stop.is_set():
        began = time.monotonic()
        try:
            with lease.hold(settings, "continuous processing", 0, lease.CONTINUOUS) as still_held:
                while not stop.is_set():
                    _follow(settings, stop, still_held, say)
        except lease.LeaseBusy:
            raise
        except Exception as error:  # any error of a store's client is reported and retried
            say(outage.explain(settings, error))
            pause = FIRST_PAUSE_S if time.monotonic() - began > LONGEST_PAUSE_S else pause
            stop.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE_S)


def _follow(
    settings: Settings, stop: threading.Event, still_held: Callable[[], None], say: Callable[[str], None]
) -> None:
    """Send new messages through one lane, until ``stop`` is set or batches have overtaken the lane."""
    with open_lane(settings) as lane, kafka.following(settings, lane.begins_at) as messages:
        told, taken, slowest = time.monotonic(), 0, timedelta()
        while not stop.is_set():
            began = time.monotonic()
            still_held()
            raw = messages()
            lane.take(raw)
            if raw.num_rows:
                taken += raw.num_rows
                slowest = max(slowest, datetime.now(UTC) - pc.min(raw["ingestion_timestamp"]).as_py())
            if began - told > TOLD_EVERY_S:
                if taken:
                    say(
                        f"{taken:,} messages, the slowest {slowest.total_seconds():.1f} s after Kafka took it"
                    )
                if lane.is_overtaken():
                    say("batches were faster: going on after the last one that is staged")
                    return
                told, taken, slowest = began, 0, timedelta()
            stop.wait(began + EVERY_S - time.monotonic())
