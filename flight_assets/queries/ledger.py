"""Ledger for people: the records of batches, and the checks that stop one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flight_assets.provenance import BatchRecord, CheckResult, Ledger
from flight_assets.stores.hdfs import Hdfs

if TYPE_CHECKING:
    from flight_assets.settings import Settings


def records(settings: Settings, batch_id: int | None = None, last: int | None = None) -> list[BatchRecord]:
    """Return the record of one batch, or of the last so many, in order.

    Raises FlightsError if there is no such batch.
    """
    ledger = Ledger(Hdfs(settings))
    return [ledger.record(batch_id)] if batch_id is not None else ledger.records(last)


def held_up(records: list[BatchRecord]) -> list[tuple[int, CheckResult]]:
    """Return the checks that hold a batch up, each with its batch."""
    return [(record.batch_id, result) for record in records for result in record.checks if result.blocks]
