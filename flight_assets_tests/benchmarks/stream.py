"""The stream at the one-minute cadence: how long an event takes from Kafka to MongoDB, and which rate is held without growing lag.

The schedule runs as always; messages come at a steady rate meanwhile. Needs a running platform with a model, and leaves its flights there:
measure on a platform of its own.
"""

from __future__ import annotations

import subprocess
import sys
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import quantiles
from typing import TYPE_CHECKING, Any

from flight_assets.errors import FlightsError
from flight_assets.producer.publish import publish
from flight_assets.producer.synthetic import synthetic_messages
from flight_assets.provenance import STEPS, Ledger
from flight_assets.stores import kafka, landing, lease, mongo
from flight_assets.stores.hdfs import Hdfs
from flight_assets_tests.benchmarks.batch_spec import send_batch
from flight_assets_tests.benchmarks.figures import Figure
from flight_assets_tests.benchmarks.runs import automation_paused, run_job

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flight_assets.producer.events import Message
    from flight_assets.producer.publish import PublishResult
    from flight_assets.settings import Settings

CADENCE_S = 60.0
# The rate that stands for the figure comes first.
LATENCY_RATES, LATENCY_MINUTES = (100, 10, 1_000, 3_000), 10.0
QUICK_LATENCY_RATES, QUICK_MINUTES = (50,), 0.5
RATES = (500, 1_000, 2_000, 3_000, 5_000)
HELD_MINUTES = 10
QUICK_EVENTS = 20_000
# How long the last events may take to become visible before the measurement gives up.
DRAIN_S = 300.0
LAG_EVERY_S = 1.0
# A sender that this machine does not let keep its rate has not shown that the rate is held.
RATE_KEPT = 0.95
# Lag swings with the cadence; from one minute's peak to the next it may differ by this much and not count as growing.
GROWTH_ALLOWED = 1.25


def measure(settings: Settings, quick: bool) -> dict[str, Figure]:
    """``latency_p95_s`` and ``continuous_p95_s``: acknowledged by Kafka until visible in MongoDB, of the newest state of each flight, with
    a batch a minute and with continuous processing; ``sustained_events_per_s``: the highest of the rates tried whose lag did not grow
    (quick: events per second of one large run).
    """
    rates, minutes = (QUICK_LATENCY_RATES, QUICK_MINUTES) if quick else (LATENCY_RATES, LATENCY_MINUTES)
    found = {"latency_p95_s": _latencies(settings, rates, minutes, "a batch a minute")}
    with _continuous_processing(settings):
        found["continuous_p95_s"] = _latencies(settings, rates, minutes, "batches as events come")
    return found | {"sustained_events_per_s": _one_large_run(settings) if quick else _highest_rate(settings)}


@contextmanager
def _continuous_processing(settings: Settings) -> Iterator[None]:
    """The command that processes continuously, in a process of its own, for the length of the block."""
    command = [str(Path(sys.executable).parent / "flights"), "process", "--continuously"]
    with subprocess.Popen(command) as process:
        deadline = time.monotonic() + DRAIN_S
        try:
            while lease.holder(settings, lease.CONTINUOUS) is None:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise FlightsError("continuous processing did not start: see its message above")
                time.sleep(LAG_EVERY_S)
            yield
        finally:
            process.terminate()


def _messages(settings: Settings, count: int) -> list[Message]:
    """Messages that were never sent, made beforehand so that making them takes nothing from the platform."""
    seed = sum(kafka.end_offsets(settings).values())
    return list(synthetic_messages(seed, count, datetime.now(UTC)))


@contextmanager
def _sending(settings: Settings, messages: list[Message], rate: int) -> Iterator[Future[PublishResult]]:
    """What sends at a steady rate; it is done, and every message is acknowledged, when the block ends."""
    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(publish, messages, settings.kafka_bootstrap_servers, settings.kafka_topic, rate)
        yield sending
    sending.result()


def _latencies(settings: Settings, rates: tuple[int, ...], minutes: float, how: str) -> Figure:
    """The 95th percentile at the first rate; sides are p50, p95 and p99 at each rate."""
    sides, backlogs = {}, []
    for rate in rates:
        seconds, backlog = _latency(settings, rate, minutes)
        cuts = quantiles(seconds, n=100)
        sides[f"{rate}/s"] = [cuts[49], cuts[94], cuts[98]]
        backlogs.append(f"{backlog:,} at {rate}/s")
    note = f"{how}; each rate for {minutes:g} min; sides: p50, p95, p99; messages not landed at the end of sending: {', '.join(backlogs)}"
    return Figure(sides[f"{rates[0]}/s"][1], "s", sides, note=note)


def _latency(settings: Settings, rate: int, minutes: float) -> tuple[list[float], int]:
    """Watches MongoDB's changes: each says when the server took the document, and the document when Kafka took its message.

    Returns the seconds of each, and how many messages had not landed when the last was acknowledged.
    """
    _refuse_backlog(settings)
    messages = _messages(settings, int(rate * minutes * CADENCE_S))
    seconds: list[float] = []
    with mongo.connect(settings) as client, client[settings.mongo_database][mongo.FLIGHTS].watch() as changes:
        with _sending(settings, messages, rate) as sending:
            while not sending.done():
                _take(changes, seconds)
        ends = kafka.end_offsets(settings)
        backlog = _lag(settings, ends)
        deadline = time.monotonic() + DRAIN_S
        while _is_behind(settings, ends):
            if time.monotonic() > deadline:
                raise FlightsError(f"not every message was in MongoDB {DRAIN_S:.0f} s after the last was sent")
            _take(changes, seconds)
        while _take(changes, seconds):
            pass
    if not seconds:
        raise FlightsError("no document changed in MongoDB: does the schedule process_every_minute run?")
    return seconds, backlog


def _take(changes: Any, seconds: list[float]) -> bool:
    """Take the changes that are there; returns whether there were any."""
    before = len(seconds)
    while (change := changes.try_next()) is not None:
        if "fullDocument" in change:
            seconds.append((_utc(change["wallTime"]) - _utc(change["fullDocument"]["ingestion_timestamp"])).total_seconds())
    time.sleep(0.2)
    return len(seconds) > before


def _utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _refuse_backlog(settings: Settings) -> None:
    """Messages of before the measurement would count as having taken all that time."""
    if _is_behind(settings, kafka.end_offsets(settings)):
        raise FlightsError("messages wait in the topic: run `flights process` before measuring")


def _is_behind(settings: Settings, ends: dict[int, int]) -> bool:
    """Whether a message before these offsets has not been through the step that writes to MongoDB."""
    ledger = Ledger(Hdfs(settings))
    return _lag(settings, ends) > 0 or ledger.last_done("mongo_hot") < ledger.last_done(STEPS[0])


def _lag(settings: Settings, ends: dict[int, int] | None = None) -> int:
    """Messages in the topic, or before its offsets ``ends``, that no batch has taken."""
    return landing.waiting(ends or kafka.end_offsets(settings), Ledger(Hdfs(settings)).next_offsets())


def _highest_rate(settings: Settings) -> Figure:
    peaks: dict[str, list[float]] = {}
    held = 0
    for rate in RATES:
        peaks[f"{rate}/s"], sent_at = _lag_peaks(settings, rate, HELD_MINUTES)
        if is_growing(peaks[f"{rate}/s"]) or sent_at < RATE_KEPT * rate:
            break
        held = rate
    note = f"each rate for {HELD_MINUTES} min until one was not held or not reached; sides are the lag's peak in each minute, in messages"
    return Figure(held, "events/s", peaks, "messages", note)


def _lag_peaks(settings: Settings, rate: int, minutes: int) -> tuple[list[float], float]:
    """The largest lag in each minute of sending at a rate, and the rate that was reached."""
    messages = _messages(settings, int(rate * minutes * CADENCE_S))
    peaks = [0.0] * minutes
    with _sending(settings, messages, rate) as sending:
        began = time.monotonic()
        while not sending.done():
            minute = min(minutes - 1, int((time.monotonic() - began) / CADENCE_S))
            peaks[minute] = max(peaks[minute], float(_lag(settings)))
            time.sleep(LAG_EVERY_S)
    return peaks, len(messages) / sending.result().seconds


def is_growing(peaks: list[float]) -> bool:
    """Whether the lag's peaks rise from minute to minute, beyond its swing: the second half's largest over the first half's.

    The first minute is left out when there are more than two: it starts from nothing.
    """
    settled = peaks[1:] if len(peaks) > 2 else peaks
    half = max(1, len(settled) // 2)
    return max(settled[half:]) > GROWTH_ALLOWED * max(settled[:half])


def _one_large_run(settings: Settings) -> Figure:
    with automation_paused(settings):
        run_job(settings, "process_flights")
        send_batch(settings, QUICK_EVENTS)
        seconds = run_job(settings, "process_flights").seconds
    note = f"not held over minutes: {QUICK_EVENTS:,} messages over the seconds of their run, with nobody sending beside it"
    return Figure(QUICK_EVENTS / seconds, "events/s", {"run": [seconds]}, note=note)
