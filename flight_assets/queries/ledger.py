"""Ledger for people: the records of batches, and the checks that stop one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flight_assets.provenance import STEPS, BatchRecord, CheckResult, Ledger
from flight_assets.stores.hdfs import Hdfs

if TYPE_CHECKING:
    from flight_assets.settings import Settings


def records(settings: Settings, batch_id: int | None = None, last: int | None = None) -> list[BatchRecord]:
    """Return the record of one batch, or of the last so many, in order.

    Raises FlightsError if there is no such batch.
    """
    ledger = Ledger(Hdfs(settings))
    return [ledger.record(batch_id)] if batch_id is not None else ledger.records(last)


def find_record(settings: Settings, batch_id: int) -> BatchRecord | None:
    """Return the record of a batch, or None if it has not landed."""
    known = Ledger(Hdfs(settings))
    return known.record(batch_id) if batch_id <= known.last_done(STEPS[0]) else None


def held_up(records: list[BatchRecord]) -> list[tuple[int, CheckResult]]:
    """Return the checks that hold a batch up, each with its batch."""
    return [(record.batch_id, result) for record in records for result in record.checks if result.blocks]


@dataclass(frozen=True)
class Waiting:
    """A batch that is not done: the step that it waits for, why, and what to do."""

    batch_id: int
    step: str
    why: str
    remedy: str


def waiting(ledger: Ledger) -> list[Waiting]:
    """Return the batches that have landed and are not done, in order, and one that a check holds up."""
    done = {step: ledger.last_done(step) for step in STEPS}
    end = done[STEPS[0]] + 1
    end += ledger.hdfs.exists(ledger.path(end))
    return [_waiting(ledger, done, batch_id) for batch_id in range(done[STEPS[-1]] + 1, end)]


def _waiting(ledger: Ledger, done: dict[str, int], batch_id: int) -> Waiting:
    step = next(step for step in STEPS if done[step] < batch_id)
    first = done[step] + 1
    if batch_id > first:
        return Waiting(batch_id, step, f"behind batch {first}", f"nothing: it follows batch {first}")
    record = ledger.record(batch_id)
    failed = [result for result in record.checks if result.blocks and result.asset == step]
    way_out = f"`flights ledger quarantine {batch_id} --reason …`"
    if record.moved is not None:
        return Waiting(
            batch_id,
            step,
            "moved to quarantine",
            "`flights process`" if record.staged == 0 else f"repeat {way_out}",
        )
    if not failed:
        why = "no check has failed: the next run takes it"
        return Waiting(batch_id, step, why, f"`flights process`; if that fails again and again, {way_out}")
    accepts = ", ".join(f"`flights ledger accept {batch_id} {result.name} --reason …`" for result in failed)
    return Waiting(
        batch_id,
        step,
        "; ".join(f"{result.name}: {result.detail}" for result in failed),
        f"mend the cause and the next run goes on; if the data is right, {accepts}; if not, {way_out}",
    )
