"""Topic, steps and batches: the backlog, the progress and the durations of the pipeline."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TYPE_CHECKING

import pandas as pd

from flight_assets.provenance import CHECKPOINT, STEPS, Ledger
from flight_assets.queries.operations.common import patient
from flight_assets.stores import kafka
from flight_assets.stores.hdfs import Hdfs

if TYPE_CHECKING:
    from flight_assets.provenance import BatchRecord
    from flight_assets.settings import Settings

RECENT_BATCHES = 20
BATCH_COLUMNS = ("batch_id", "timestamp", "messages", "staged", "duplicate", "quarantined", "seconds", "messages_per_s")
LAG_COLUMNS = ("partition", "end_offset", "next_offset", "lag")


def topic_lag(settings: Settings) -> pd.DataFrame:
    """One row per partition of the topic: ``LAG_COLUMNS``; lag = end offset − first offset that no batch has taken, in messages."""
    quick = patient(settings)
    ends, landed = kafka.end_offsets(quick), Ledger(Hdfs(quick)).next_offsets()
    rows = [(number, end, landed.get(str(number), 0), end - landed.get(str(number), 0)) for number, end in sorted(ends.items())]
    return pd.DataFrame(rows, columns=list(LAG_COLUMNS))


def step_progress(settings: Settings) -> pd.DataFrame:
    """One row per step of the pipeline, in order: step, last_batch (−1: none), pending (batches that wait for it)."""
    ledger = Ledger(Hdfs(patient(settings)))
    last = [ledger.last_done(step) for step in STEPS]
    pending = [0, *(before - own for before, own in pairwise(last))]
    return pd.DataFrame({"step": STEPS, "last_batch": last, "pending": pending})


def batch_records(settings: Settings, last: int = RECENT_BATCHES) -> list[BatchRecord]:
    """The records of the newest batches that have passed every step, oldest first."""
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
        rows.append((record.batch_id, record.timestamp, *counts, sum(record.seconds.values()), rate, *durations))
    frame = pd.DataFrame(rows, columns=[*BATCH_COLUMNS, *(f"seconds_{step}" for step in STEPS)])
    return frame.assign(timestamp=pd.to_datetime(frame["timestamp"], utc=True))


def streaming(settings: Settings) -> dict[str, int]:
    """Return progress of the landing stream's checkpoint; −1 = none.

    ``planned`` is the last batch whose offsets are fixed, ``committed`` the last one written.
    """
    hdfs = Hdfs(patient(settings))
    newest = {name: [int(entry) for entry in hdfs.list(f"{CHECKPOINT}/{folder}") if entry.isdigit()] for name, folder in _CHECKPOINTS}
    return {name: max(entries, default=-1) for name, entries in newest.items()}


_CHECKPOINTS = (("planned", "offsets"), ("committed", "commits"))
