"""A batch that is held up, moved to quarantine as a whole: the way out when its cause cannot be mended.

1. The record notes the intent, and runs refuse the batch until the move is complete.
2. Every message becomes a row of ``quarantined_events``.
3. The stores forget what the batch brought; its staged events go last.
4. The record gets its new counts, and its failed checks become warnings.

Each part may be repeated, so calling it again completes a move that died.
An archive keeps the states that it has taken already.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from flight_assets.contracts.message import Reason
from flight_assets.contracts.ranges import date_ranges, in_date_ranges
from flight_assets.contracts.tables import (
    CHALLENGER_PREDICTIONS,
    FACT,
    PREDICTIONS,
    QUARANTINE,
    SIDE_COLUMNS,
    STAGED_IDS,
    STAGING,
)
from flight_assets.errors import FlightsError
from flight_assets.pipeline import check_rules, checks, rollups
from flight_assets.pipeline.flights import with_known_predictions, with_truth
from flight_assets.pipeline.predict import replace_outcomes
from flight_assets.pipeline.stage import NOTHING_STAGED
from flight_assets.pipeline.write_fact import replace_flights
from flight_assets.pipeline.write_hot import rows_of
from flight_assets.provenance import STEPS, Ledger
from flight_assets.stores import landing, lease, mongo, mongo_documents, mongo_writes
from flight_assets.stores.warehouse import computed
from flight_assets.transforms.flights import flight_rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pyspark.sql import DataFrame

    from flight_assets.contracts.ranges import DateRange
    from flight_assets.provenance import BatchRecord
    from flight_assets.settings import Settings
    from flight_assets.stores.hdfs import Hdfs
    from flight_assets.stores.warehouse import Warehouse

LEASE_WAIT_S = 120.0
_NOTHING_DONE = ("flights", "to_predict", "predicted", "seen_too_late", "upserted", "out_of_order", "merged")


def move_batch(settings: Settings, warehouse: Warehouse, hdfs: Hdfs, batch_id: int, why: str) -> BatchRecord:
    """Move a batch that is held up to quarantine, under the processing lease. Returns its record.

    The next run takes the batches behind it.

    Raises:
        FlightsError: the batch is not the first that waits, or its rows do not add up afterwards.
        LeaseBusy: a run is processing, and still was after two minutes.
    """
    with lease.hold(settings, f"moving batch {batch_id} to quarantine", LEASE_WAIT_S) as still_held:
        ledger = Ledger(hdfs)
        record = _first_waiting(ledger, batch_id)
        record.moved = why
        record.staged = None
        ledger.save(record)
        _quarantine(warehouse, settings, record)
        _forget_flights(warehouse, ledger, batch_id)
        for table in (STAGING, STAGED_IDS):
            warehouse.delete_batch(table, batch_id)
        _set_counts(record, warehouse)
        still_held()
        ledger.save(record)
        for step in STEPS[:2]:
            ledger.mark_done(step, max(batch_id, ledger.last_done(step)))
        ledger.remove_unpredicted(batch_id)
    return record


def as_moved(checked: DataFrame, moved: Mapping[int, str]) -> DataFrame:
    """Return checked messages, those of moved batches rejected, with the move's reason as detail."""
    for batch_id, why in moved.items():
        is_moved = F.col("batch_id") == batch_id
        verdict = {
            "reason": F.lit(Reason.BATCH_MOVED.value),
            "detail": F.lit(why),
            "event_id": F.lit(None).cast("string"),
        }
        checked = checked.withColumns(
            {name: F.when(is_moved, value).otherwise(F.col(name)) for name, value in verdict.items()}
        )
    return checked


def _first_waiting(ledger: Ledger, batch_id: int) -> BatchRecord:
    first = ledger.last_done(STEPS[-1]) + 1
    if batch_id != first or not ledger.hdfs.exists(ledger.path(batch_id)):
        raise FlightsError(
            f"batch {batch_id} is not the first that waits: `flights ledger blocked` lists those that do"
        )
    return ledger.record(batch_id)


def _quarantine(warehouse: Warehouse, settings: Settings, record: BatchRecord) -> None:
    verdict = {
        "reason": F.lit(Reason.BATCH_MOVED.value),
        "detail": F.lit(record.moved),
        "processing_date": F.to_date("ingestion_timestamp"),
    }
    rows = landing.read_raw(warehouse.spark, settings, record.batch_id).withColumns(verdict)
    warehouse.replace_where(rows, QUARANTINE, f"batch_id = {record.batch_id}")


def _forget_flights(warehouse: Warehouse, ledger: Ledger, batch_id: int) -> None:
    """Bring every store to its content without the batch, by the other batches that it has taken."""
    staging = warehouse.read(STAGING)
    touched = computed(staging.where(f"batch_id = {batch_id}").select("flight_id", "flight_date").distinct())
    days = [row.flight_date for row in touched.select("flight_date").distinct().collect()]
    if not days:
        return
    ranges = date_ranges(days)
    for table in (PREDICTIONS, CHALLENGER_PREDICTIONS):
        warehouse.delete_batch(table, batch_id)
    others = staging.where(f"batch_id != {batch_id} AND {in_date_ranges('flight_date', ranges)}")
    others = computed(others.join(F.broadcast(touched.select("flight_id")), "flight_id", "left_semi"))

    def without_it(step: str) -> DataFrame:
        return _states(warehouse, others.where(f"batch_id <= {ledger.last_done(step)}"), ranges)

    replace_outcomes(warehouse, without_it("predictions"), ranges)
    _replace_documents(warehouse.settings, touched, without_it("mongo_hot"))
    replace_flights(warehouse, touched, without_it("hive_fact"), ranges)
    if ledger.last_done("mongo_hot") >= batch_id:
        for table in rollups.ROLLUPS:
            rollups.update_rollup(warehouse, warehouse.settings, table, days)


def _states(warehouse: Warehouse, events: DataFrame, days: Sequence[DateRange]) -> DataFrame:
    known = warehouse.read(PREDICTIONS).where(in_date_ranges("flight_date", days))
    return computed(with_truth(with_known_predictions(flight_rows(events), known, SIDE_COLUMNS)))


def _replace_documents(settings: Settings, touched: DataFrame, states: DataFrame) -> None:
    """Replace the documents of these flights by their states, and delete those without one.

    Live ones wait for their batch.
    """
    rows = [
        row for batch in states.select(*FACT.column_names).toArrow().to_batches() for row in rows_of(batch)
    ]
    ids = touched.select("flight_id").toArrow()["flight_id"].to_pylist()
    with mongo.database(settings) as db:
        mongo_writes.replace_confirmed(
            db[mongo.FLIGHTS], ids, [mongo_documents.document(row) for row in rows]
        )


def _set_counts(record: BatchRecord, warehouse: Warehouse) -> None:
    """Set the counts of a batch of rejects alone, and let its failed checks pass as warnings."""
    for name, value in (NOTHING_STAGED | dict.fromkeys(_NOTHING_DONE, 0)).items():
        setattr(record, name, value)
    record.accepted |= {result.name: str(record.moved) for result in record.checks if result.blocks}
    record.quarantined = record.record_count
    record.quarantined_by_reason = (
        {Reason.BATCH_MOVED.value: record.record_count} if record.record_count else {}
    )
    for step in STEPS:
        record.note_checks(
            step,
            [
                result
                for result in record.checks
                if result.asset == step and result.name != checks.CONSERVED.name
            ],
        )
    conserved = check_rules.messages_conserved(
        record, 0, warehouse.count_of_batch(QUARANTINE, record.batch_id)
    )
    if not conserved.passed:
        raise FlightsError(
            f"batch {record.batch_id} was moved, but its rows do not add up: {conserved.detail}; see its raw"
            " files"
        )
    record.note_checks(
        "staged_events", [*(each for each in record.checks if each.asset == "staged_events"), conserved]
    )
