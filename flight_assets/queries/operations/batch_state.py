"""Topic, steps and batches: the backlog, the progress and the durations of the pipeline."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TYPE_CHECKING

import pandas as pd

from flight_assets.provenance import PLANS, STEPS, Ledger
from flight_assets.queries.operations.common import patient
from flight_assets.stores import kafka
from flight_assets.stores.hdfs import Hdfs

if TYPE_CHECKING:
    from flight_assets.provenance import BatchRecord
    from flight_assets.settings import Settings

RECENT_BATCHES = 20
BATCH_COLUMNS = (
    "batch_id",
    "timestamp",
    "messages",
    "staged",
    "duplicate",
    "quarantined",
    "seconds",
    "messages_per_s",
)
LAG_COLUMNS = ("partition", "end_offset", "next_offset", "lag", "held")


def topic_lag(settings: Settings) -> pd.DataFrame:
    """One row per partition of the topic: ``LAG_COLUMNS``.

    Lag = offsets from the first message that waits to the end. Markers and aborted messages of transactions
    before that message are no lag. ``next_offset``: the first that no batch has taken.
    ``held``: offsets that wait behind the end because a transaction before them is open.
    """
    quick = patient(settings)
    with kafka.reader(quick) as topic:
        landed, clock = Ledger(Hdfs(quick)).next_offsets(), kafka.clock(quick)
        ends = sorted(topic.ends().items())
        nexts = [max(landed.get(str(number), 0), topic.oldest([number])[number]) for number, _ in ends]
        firsts = [
            topic.first_message(number, first, end, clock)
            for (number, end), first in zip(ends, nexts, strict=True)
        ]
        held = [topic.held(number, end) for number, end in ends]
    rows = [
        (number, end, taken, end - first, behind)
        for (number, end), taken, first, behind in zip(ends, nexts, firsts, held, strict=True)
    ]
    return pd.DataFrame(rows, columns=list(LAG_COLUMNS))


def step_progress(settings: Settings) -> pd.DataFrame:
    """Return one row per step, in order: step, last_batch (−1: none), pending (batches that wait for it)."""
    ledger = Ledger(Hdfs(patient(settings)))
    last = [ledger.last_done(step) for step in STEPS]
    pending = [0, *(before - own for before, own in pairwise(last))]
    return pd.DataFrame({"step": STEPS, "last_batch": last, "pending": pending})


def batch_records(settings: Settings, last: int = RECENT_BATCHES) -> list[BatchRecord]:
    """Return the records of the newest batches that have passed every step, oldest first."""
    ledger = Ledger(Hdfs(patient(settings)))
    end = ledger.last_done(STEPS[-1]) + 1
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(ledger.record, range(max(0, end - last), end)))


def batches(settings: Settings, last: int = RECENT_BATCHES) -> pd.DataFrame:
    """One row per finished batch, oldest first: ``BATCH_COLUMNS`` and ``seconds_<step>``.

    timestamp is that of its newest message, UTC. ``messages_per_s`` is the rate of landing.
    """
    rows = []
    for record in batch_records(settings, last):
        landing = record.seconds.get(STEPS[0], 0.0)
        rate = record.record_count / landing if landing else None
        counts = (record.record_count, record.staged, record.duplicate, record.quarantined)
        durations = [record.seconds.get(step) for step in STEPS]
        rows.append(
            (record.batch_id, record.timestamp, *counts, sum(record.seconds.values()), rate, *durations)
        )
    frame = pd.DataFrame(rows, columns=[*BATCH_COLUMNS, *(f"seconds_{step}" for step in STEPS)])
    return frame.assign(timestamp=pd.to_datetime(frame["timestamp"], utc=True))


def streaming(settings: Settings) -> dict[str, int]:
    """Return how far landing is: planned (offsets are fixed) and committed (landed) batch; −1 = none."""
    hdfs = Hdfs(patient(settings))
    planned = [int(name.removeprefix("batch_").removesuffix(".json")) for name in hdfs.list(PLANS)]
    committed = Ledger(hdfs).last_done(STEPS[0])
    return {"planned": max(planned, default=committed), "committed": committed}
