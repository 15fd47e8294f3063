"""Order in which every step of the pipeline commits a batch, in one function."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from flight_assets import logs
from flight_assets.contracts.tables import BATCH_METADATA
from flight_assets.pipeline import check_results
from flight_assets.provenance import STEPS
from flight_assets.stores.warehouse import together

if TYPE_CHECKING:
    from collections.abc import Callable

    from flight_assets.provenance import BatchRecord, CheckResult, Ledger
    from flight_assets.stores.warehouse import Warehouse


@dataclass(frozen=True)
class Done:
    """Result of a step's work on a batch: values for the fields of its record, and check results."""

    counts: dict[str, Any] = field(default_factory=dict)
    checks: list[CheckResult] = field(default_factory=list)


class Run(Protocol):
    """Stores of a run that holds the processing lease."""

    @property
    def ledger(self) -> Ledger:
        """Records of the batches."""

    @property
    def warehouse(self) -> Warehouse:
        """Client of the tables."""

    def still_held(self) -> None:
        """Raise LeaseLost if another run has taken over."""

    def found(self, step: str, batch_id: int | None, results: list[CheckResult]) -> None:
        """Receive check results, to report them."""


def run_step(step: str, work: Callable[[BatchRecord], Done], run: Run) -> list[BatchRecord]:
    """Run a step for each batch that waits for it, in order. Returns their records.

    1. Work: the step writes to its stores. Writes are idempotent, so a run that dies before 5 repeats it
       safely.
    2. Checks: what was written is compared with what was read.
    3. Lease: a run stops here if another has taken over its lease (promise P6).
    4. Save: the batch's record gets counts, check results and duration. A failed integrity check stops this
       batch and later ones, until it is repaired or accepted. After the last step, the record goes to the
       warehouse and never changes again. If a run dies before 5, the next run only repeats that.
    5. Mark done: the next step may take the batch, and this step never takes it again.

    Raises:
        LeaseLost: another run has taken over and repeats the step.
        FlightsError: a move of the batch to quarantine is not complete.
    """
    records = []
    last_done = run.ledger.last_done(STEPS[-1])
    for batch_id in run.ledger.pending(step):
        began = time.monotonic()
        record = run.ledger.record(batch_id)
        record.refuse_half_moved()
        logs.note(batch_id=batch_id)
        try:
            if _is_final(step, record):
                _close(record, run)
                passed = True
            else:
                passed = commit(step, record, work(record), began, run, last_done)
            records.append(record)
        finally:
            logs.note(batch_id=None)
        if not passed:
            break
    return records


def commit(step: str, record: BatchRecord, done: Done, began: float, run: Run, last_done: int) -> bool:
    """Commit a batch after its work: stages 2 to 5 of ``run_step``. Returns False if a check stops it.

    ``last_done``: the last batch that was done when the step began. Records up to it are final.
    """
    for name, value in done.counts.items():
        setattr(record, name, value)
    results = record.note_checks(step, done.checks)
    record.seconds[step] = round(time.monotonic() - began, 3)
    run.still_held()
    # A step that is repeated for a batch that is done leaves its final record as it is.
    if last_done < record.batch_id:
        run.ledger.save(record)
    run.found(step, record.batch_id, results)
    failed = [result for result in results if result.blocks]
    if failed:
        check_results.keep_results(run.warehouse, failed, record.batch_id, writer=f"failed in {step}")
        return False
    if step == STEPS[-1]:
        _close(record, run)
    else:
        run.ledger.mark_done(step, record.batch_id)
    return True


def _is_final(step: str, record: BatchRecord) -> bool:
    """Return whether a run saved the last step's work and died before it marked the batch as done."""
    return step == STEPS[-1] and step in record.seconds and not any(result.blocks for result in record.checks)


def _close(record: BatchRecord, run: Run) -> None:
    """Write a batch's final record to the warehouse, unless it is there, and mark the batch as done."""
    run.still_held()
    warehouse = run.warehouse
    together(
        lambda: check_results.keep_results(warehouse, record.checks, record.batch_id),
        lambda: warehouse.append_once(
            warehouse.rows(BATCH_METADATA, [record.row()]), BATCH_METADATA, record.batch_id
        ),
    )
    run.ledger.mark_done(STEPS[-1], record.batch_id)
