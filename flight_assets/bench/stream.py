"""Stream at the one-minute schedule: latency from Kafka to MongoDB, and the highest rate with steady lag."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import takewhile
from math import ceil
from pathlib import Path
from statistics import quantiles
from typing import TYPE_CHECKING

from flight_assets.bench.batch import BYTES_PER_GB, resident
from flight_assets.bench.disk import disk_bytes
from flight_assets.bench.figures import Figure, tell
from flight_assets.bench.runs import automation_paused, run_job
from flight_assets.bench.stream_lag import (
    DRAIN_S,
    Visible,
    is_growing,
    lag,
    refuse_backlog,
    wait_until_visible,
)
from flight_assets.errors import FlightsError
from flight_assets.pipeline.live.shares import MEMBER
from flight_assets.producer.publish import publish
from flight_assets.producer.synthetic import synthetic_messages
from flight_assets.provenance import WHOLE_JOB
from flight_assets.stores import kafka, lease, mongo

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from flight_assets.producer.events import Message
    from flight_assets.producer.publish import PublishResult
    from flight_assets.settings import Settings

CADENCE_S = 60.0

# The rate that stands for the latencies' figures.
FIGURE_RATE = 100
RATES, MINUTES = (10, FIGURE_RATE, 1_000, 3_000), 10.0

# The next rate after those above: if the last of them was held, and if it was not.
HIGHER, LOWER = 5_000, 2_000
LIVE_RATES = (10, FIGURE_RATE, 1_000)
QUICK_RATES, QUICK_MINUTES = (FIGURE_RATE,), 1 / 6
OUTAGE_RATE, OUTAGE_S = 500, 3_600
LAG_EVERY_S = 1.0

# A sender that this machine does not let keep its rate has not shown that the rate is held.
RATE_KEPT = 0.95
MILLION = 1_000_000

# Parts of a change that a latency needs: a document has a thousand bytes more.
TIMES_ONLY = [
    {
        "$project": {
            "wallTime": 1,
            "documentKey": 1,
            "fullDocument.ingestion_timestamp": 1,
            "fullDocument.version": 1,
        }
    }
]


def measure(settings: Settings, quick: bool) -> dict[str, Figure]:
    """Return the figures of the stream by name; quickly, at one rate for some seconds and without an outage.

    - ``latency_p95_s``, ``live_p95_s``: seconds from Kafka's acknowledgement until the flight's newest state
      is in MongoDB,
      with a batch a minute and with live processing.
    - ``sustained_events_per_s``: the highest of the rates tried whose lag did not grow.
    - ``recovery_s``: seconds until an hour's messages are in MongoDB after processing comes back, while more
      arrive.
    - ``disk_gb_per_million_events``, ``memory_gb_per_million_events``: what those messages added to all
      services.
    """
    minutes = QUICK_MINUTES if quick else MINUTES
    minutely = [_at_rate(settings, rate, minutes) for rate in (QUICK_RATES if quick else RATES)]
    found = {"latency_p95_s": _latencies(minutely, "a batch a minute")}
    if not quick:
        minutely.append(_at_rate(settings, HIGHER if minutely[-1].held else LOWER, minutes))
    found["sustained_events_per_s"] = _highest(minutely, minutes)
    with _live_processing(settings):
        live = [
            _at_rate(settings, rate, minutes, ask_for_batch=quick)
            for rate in (QUICK_RATES if quick else LIVE_RATES)
        ]
        found["live_p95_s"] = _latencies(live, "live processing")
    return found if quick else found | _recovery(settings, OUTAGE_S)


@contextmanager
def _live_processing(settings: Settings) -> Iterator[None]:
    """Run live processing in a process of its own for the length of the block."""
    command = [str(Path(sys.executable).parent / "flights"), "process", "--live"]
    with subprocess.Popen(command) as process:
        deadline = time.monotonic() + DRAIN_S
        try:
            while not lease.names(settings, MEMBER):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise FlightsError("live processing did not start: see its message above")
                time.sleep(LAG_EVERY_S)
            yield
        finally:
            process.terminate()


def _messages(settings: Settings, count: int) -> list[Message]:
    """Messages that were never sent, made beforehand so that making them takes nothing from the platform."""
    seed = sum(kafka.end_offsets(settings).values())
    return list(synthetic_messages(seed, count, datetime.now(UTC)))


@contextmanager
def _sending(settings: Settings, messages: Iterable[Message], rate: int) -> Iterator[Future[PublishResult]]:
    """Send at a steady rate in the background. The block ends when every message is acknowledged."""
    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(publish, messages, settings.kafka_bootstrap_servers, settings.kafka_topic, rate)
        yield sending
    sending.result()


@dataclass(frozen=True)
class AtRate:
    """Messages sent at a steady rate, and their latency.

    - ``seconds``: of each document, from Kafka's acknowledgement to its write in MongoDB.
    - ``backlog``: messages that had not landed when the last one was acknowledged.
    - ``peaks``: the largest backlog of each minute.
    - ``sent_at``: messages per second.
    """

    rate: int
    seconds: list[float]
    backlog: int
    peaks: list[float]
    sent_at: float

    @property
    def held(self) -> bool:
        """Return True if it was sent at that rate and the backlog did not grow."""
        return self.sent_at >= RATE_KEPT * self.rate and not is_growing(self.peaks)

    @property
    def percentiles(self) -> list[float]:
        """p50, p95 and p99 of the latency, in seconds."""
        cuts = quantiles(self.seconds, n=100)
        return [cuts[49], cuts[94], cuts[98]]


def _latencies(measured: list[AtRate], how: str) -> Figure:
    """Return the 95th percentile at FIGURE_RATE; sides are p50, p95 and p99 at each rate."""
    backlogs = ", ".join(f"{each.backlog:,} at {each.rate}/s" for each in measured)
    p95 = next(each.percentiles[1] for each in measured if each.rate == FIGURE_RATE)
    note = f"{how}; sides: p50, p95, p99; messages not landed at the end of sending: {backlogs}"
    return Figure(p95, "s", {f"{each.rate}/s": each.percentiles for each in measured}, note=note)


def _highest(measured: list[AtRate], minutes: float) -> Figure:
    held = max((each.rate for each in measured if each.held), default=0)
    peaks = {f"{each.rate}/s": each.peaks for each in sorted(measured, key=lambda each: each.rate)}
    note = (
        f"each rate for {minutes:.2g} min; not held: {_not_held(measured)}; sides are the lag's peak in each"
        " minute, in messages"
    )
    return Figure(held, "events/s", peaks, "messages", note)


def _not_held(measured: list[AtRate]) -> str:
    return (
        ", ".join(f"{each.rate}/s (sent at {each.sent_at:.0f}/s)" for each in measured if not each.held)
        or "none"
    )


def _at_rate(settings: Settings, rate: int, minutes: float, *, ask_for_batch: bool = False) -> AtRate:
    """Send at that rate for so long and wait until all of it is visible.

    The wait is for the next scheduled batch, or for one that is asked for then.
    """
    refuse_backlog(settings)
    messages = _messages(settings, int(rate * minutes * CADENCE_S))
    peaks = [0.0] * ceil(minutes)
    with (
        mongo.connect(settings) as client,
        client[settings.mongo_database][mongo.FLIGHTS].watch(TIMES_ONLY) as changes,
    ):
        visible = Visible(changes)
        with _sending(settings, messages, rate) as sending:
            began = looked = time.monotonic()
            while not sending.done():
                visible.take()
                if time.monotonic() - looked >= LAG_EVERY_S:
                    looked = time.monotonic()
                    minute = min(len(peaks) - 1, int((looked - began) / CADENCE_S))
                    peaks[minute] = max(peaks[minute], float(lag(settings)))
        ends = kafka.end_offsets(settings)
        backlog = lag(settings, ends)
        if ask_for_batch:
            run_job(settings, WHOLE_JOB)
        wait_until_visible(settings, ends, visible.take)
        while visible.take():
            pass
    if not visible.seconds:
        raise FlightsError("no document changed in MongoDB: does the schedule process_every_minute run?")
    found = AtRate(rate, visible.seconds, backlog, peaks, len(messages) / sending.result().seconds)
    shown = dict(zip(("p50", "p95", "p99"), found.percentiles, strict=True))
    tell(f"{rate}/s for {minutes:.2g} min, then {backlog:,} not landed", shown)
    return found


def _recovery(settings: Settings, outage_s: int) -> dict[str, Figure]:
    """Process nothing for that long at OUTAGE_RATE, then everything, while messages go on coming."""
    refuse_backlog(settings)
    missed = OUTAGE_RATE * outage_s
    disk, memory = disk_bytes(settings), resident(settings)["PSS"]
    with automation_paused(settings):
        publish(_messages(settings, missed), settings.kafka_bootstrap_servers, settings.kafka_topic)
        ends = kafka.end_offsets(settings)
        # Making them takes minutes, in which nothing must be processed yet.
        more_messages = _messages(settings, missed)
    caught_up = threading.Event()
    coming = takewhile(lambda _: not caught_up.is_set(), more_messages)
    with _sending(settings, coming, OUTAGE_RATE) as sending:
        began = time.monotonic()
        try:
            wait_until_visible(settings, ends, lambda: time.sleep(LAG_EVERY_S))
        finally:
            caught_up.set()
        recovery_s = time.monotonic() - began
    more = sending.result().sent
    wait_until_visible(settings, kafka.end_offsets(settings), lambda: time.sleep(LAG_EVERY_S))
    millions = (missed + more) / MILLION
    added = {
        name: [(size - disk.get(name, 0)) / BYTES_PER_GB / millions]
        for name, size in disk_bytes(settings).items()
    }
    rise = (resident(settings)["PSS"] - memory) / BYTES_PER_GB / millions
    note = (
        f"{missed:,} messages missed in {outage_s:,} s at {OUTAGE_RATE}/s, which went on: {more:,} more came"
        " meanwhile"
    )
    per_million = f"after {missed + more:,} events"
    return {
        "recovery_s": Figure(recovery_s, "s", note=note),
        "disk_gb_per_million_events": Figure(
            sum(size for [size] in added.values()), "GB", added, "GB", per_million
        ),
        "memory_gb_per_million_events": Figure(
            rise, "GB", note=f"PSS of all services {per_million}, less that before"
        ),
    }
