"""Loop of live processing: send new messages through the lane, and open a new lane after a failure."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from flight_assets.events.live import LiveSearch
from flight_assets.pipeline.live import latency, shares
from flight_assets.pipeline.live.lane import open_lane
from flight_assets.pipeline.live.latency import Latencies
from flight_assets.stores import kafka, outage

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from flight_assets.pipeline.live.lane import Lane
    from flight_assets.pipeline.live.shares import Shares
    from flight_assets.settings import Settings

# Shortest time between two reads of the topic.
EVERY_S = 0.2
# Interval at which the share of the partitions is agreed with other live processes.
SHARED_EVERY_S = 2.0
# Interval between two refreshes of current forecasts. The process that has the first partition makes them.
REFRESHED_EVERY_S = 5.0
# Interval of progress reports, and of the check whether batches have overtaken the lane.
TOLD_EVERY_S = 60.0
# After each failure the pause doubles, up to the interval of the schedule.
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0


def process_live(settings: Settings, stop: threading.Event, say: Callable[[str], None]) -> None:
    """Write events to MongoDB as they come, until ``stop`` is set.

    Scheduled batches write them to all stores later. Several processes share the partitions of the topic.

    After a failure, ``say`` gets one sentence. A process then begins again with the first message that no
    batch has staged. It does the same when it takes over partitions.
    """
    pause = FIRST_PAUSE_S
    while not stop.is_set():
        began = time.monotonic()
        try:
            with shares.joined(settings) as own:
                while not stop.is_set():
                    _follow(settings, stop, own, say)
        except Exception as error:  # any error of a store's client is reported and retried
            say(outage.explain(settings, error))
            pause = FIRST_PAUSE_S if time.monotonic() - began > LONGEST_PAUSE_S else pause
            stop.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE_S)


def _follow(settings: Settings, stop: threading.Event, own: Shares, say: Callable[[str], None]) -> None:
    """Send new messages through a lane until batches have overtaken it, or partitions were taken over."""
    partitions = kafka.end_offsets(settings).keys()
    own.update(partitions)
    with (
        open_lane(settings) as lane,
        kafka.following(settings, lane.begins_at) as messages,
        LiveSearch(settings, lane.begins_at, say) as search,
    ):
        lane.on_events = search.add
        latencies, taken = Latencies(), 0
        shared = told = refreshed = time.monotonic()
        try:
            while not stop.is_set():
                began = time.monotonic()
                if began - shared > SHARED_EVERY_S:
                    if own.update(partitions):
                        say(f"taking over: now writing partitions {sorted(own.partitions)}")
                        return
                    shared = began
                own.check()
                taken += _take(lane, messages, own, latencies, search)
                if began - refreshed > REFRESHED_EVERY_S and min(partitions) in own.partitions:
                    lane.refresh()
                    refreshed = began
                if began - told > TOLD_EVERY_S:
                    if taken:
                        say(f"{taken:,} messages; {_seconds(latencies)} after Kafka took them")
                    if lane.is_overtaken():
                        say("batches were faster: going on after the last one that is staged")
                        return
                    told, taken = began, 0
                stop.wait(began + EVERY_S - time.monotonic())
        finally:
            latency.forget(lane.db, own.name)


def _take(
    lane: Lane,
    messages: Callable[[], pa.Table],
    own: Shares,
    latencies: Latencies,
    search: LiveSearch,
) -> int:
    """Take the new messages, and note the latency of those written here. Returns their number."""
    asked = time.time()
    raw = messages()
    lane.take(raw, own.partitions)
    if not kafka.has_more(raw):
        search.complete(asked)
    mine = pa.array(sorted(own.partitions), raw["kafka_partition"].type)
    written = raw.filter(pc.is_in(raw["kafka_partition"], mine))
    latencies.add(written["ingestion_timestamp"], datetime.now(UTC))
    latencies.write(lane.db, own.name, own.partitions, search.status(), lane.forecasts_problem)
    return len(written["kafka_offset"])


def _seconds(latencies: Latencies) -> str:
    """Return the quantiles of the last minute as text."""
    found = latencies.figures()["quantiles"]
    return ", ".join(f"p{float(name) * 100:.0f} {seconds:.1f} s" for name, seconds in found.items())
