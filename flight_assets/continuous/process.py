"""The loop of continuous processing: what comes to the topic goes through the lane, and after a failure the lane begins anew."""

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

# Looks at the topic are at least this far apart: each costs Spark half a second, whatever has come.
EVERY_S = 1.0
# How often it is told what has come through, and a lane that batches have overtaken is looked for.
TOLD_EVERY_S = 60.0
# After a failure the next try comes later each time, up to the cadence of the schedule.
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0


def process_continuously(settings: Settings, stop: threading.Event, say: Callable[[str], None]) -> None:
    """Bring events into MongoDB as they come, until ``stop`` is set; the schedule's batches take them into every store and confirm them.

    What fails is told to ``say`` in one sentence and tried again, from the first message that no batch has staged.

    Raises:
        LeaseBusy: another process does so already.
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
        except Exception as error:  # whatever a store's client raises: told, and tried again
            say(outage.explain(settings, error))
            pause = FIRST_PAUSE_S if time.monotonic() - began > LONGEST_PAUSE_S else pause
            stop.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE_S)


def _follow(settings: Settings, stop: threading.Event, still_held: Callable[[], None], say: Callable[[str], None]) -> None:
    """Take what comes through one lane, until told to stop or until batches have staged what it has not come to."""
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
                    say(f"{taken:,} messages, the slowest {slowest.total_seconds():.1f} s after Kafka took it")
                if lane.is_overtaken():
                    say("batches were faster: going on after the last one that is staged")
                    return
                told, taken, slowest = began, 0, timedelta()
            stop.wait(began + EVERY_S - time.monotonic())
