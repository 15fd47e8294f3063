"""The loop of continuous processing: what comes to the topic goes through the lane, and after a failure the lane begins anew."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from flight_assets.continuous.lane import open_lane
from flight_assets.stores import kafka, lease, outage

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from flight_assets.settings import Settings

# Looks at the topic are at least this far apart: each costs Spark half a second, whatever has come.
EVERY_S = 1.0
# How often a lane that batches have overtaken is looked for.
OVERTAKEN_EVERY_S = 30.0
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
        looked = time.monotonic()
        while not stop.is_set():
            began = time.monotonic()
            still_held()
            lane.take(messages())
            if began - looked > OVERTAKEN_EVERY_S:
                looked = began
                if lane.is_overtaken():
                    say("batches were faster: going on after the last one that is staged")
                    return
            stop.wait(began + EVERY_S - time.monotonic())
