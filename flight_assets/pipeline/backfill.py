"""Rebuild days of staging, quarantine, predictions and fact from the raw layer, to the same rows.

A day is a UTC date of ingestion. Each table's rows of the days are replaced in one commit, in the order of
the pipeline. A rebuild that died is repeated as a whole. The rows of other days count as correct. Rebuild all
damaged days in one call, because a flight's events may spread over several days.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING

from flight_assets.contracts.ranges import date_ranges, in_date_ranges, in_ranges, merged
from flight_assets.contracts.tables import FACT, PREDICTIONS, QUARANTINE, STAGING
from flight_assets.errors import FlightsError
from flight_assets.pipeline import early_predictions, rollups
from flight_assets.pipeline.batch_rows import BatchRows
from flight_assets.pipeline.flights import flights, with_known_predictions, with_truth
from flight_assets.pipeline.move_batch import as_moved
from flight_assets.pipeline.predict import prediction_rows
from flight_assets.pipeline.predictors import Predictors
from flight_assets.pipeline.stage import (
    QUARANTINED,
    STAGED,
    check_messages,
    numbered,
    quarantined_rows,
    with_outcome,
)
from flight_assets.provenance import STEPS, Ledger
from flight_assets.stores import landing, lease
from flight_assets.stores.dimensions import read_reference
from flight_assets.stores.warehouse import computed
from flight_assets.transforms.flights import flight_rows
from flight_assets.transforms.inputs import Checks

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from datetime import date

    from pyspark.sql import DataFrame

    from flight_assets.settings import Settings
    from flight_assets.stores.hdfs import Hdfs
    from flight_assets.stores.warehouse import Warehouse

LEASE_WAIT_S = 600.0
# Batches that one Spark plan predicts. With more, planning would take longer than predicting.
BATCHES_AT_ONCE = 8


@dataclass(frozen=True)
class Rebuilt:
    """Rows of each table in the rebuilt days, and the number of messages behind them."""

    messages: int
    staged: int
    quarantined: int
    predictions: int
    flights: int


def rebuild_days(
    warehouse: Warehouse, hdfs: Hdfs, settings: Settings, days: Collection[date], say: Callable[[str], None]
) -> Rebuilt:
    """Rebuild the days under the processing lease, and their flights' days of the rollups.

    Raises:
        FlightsError: batches wait to be processed, the raw layer has no message of one of the days, or the
            contract or the reference data has changed.
    """
    with lease.hold(settings, f"backfill of {', '.join(map(str, sorted(days)))}", LEASE_WAIT_S):
        ledger = Ledger(hdfs)
        if any(ledger.pending(step) for step in STEPS[1:]):
            raise FlightsError("batches wait to be processed: run `flights process` first, then the backfill")
        messages, staged, quarantined = _rebuild_events(warehouse, ledger, days)
        say(f"{staged} events staged, {quarantined} messages quarantined")
        made = _rebuild_predictions(warehouse, ledger, days, say)
        rebuilt = _rebuild_flights(warehouse, days)
        say(f"{made} predictions, {rebuilt} flights")
    flight_dates = [
        row.flight_date
        for row in warehouse.read(STAGING).where(_is_of(days)).select("flight_date").distinct().collect()
    ]
    for table in rollups.ROLLUPS:
        rollups.update_rollup(warehouse, settings, table, flight_dates)
    return Rebuilt(messages, staged, quarantined, made, rebuilt)


def _is_of(days: Collection[date]) -> str:
    return in_date_ranges("processing_date", date_ranges(days, limit=len(days)))


def _rebuild_events(warehouse: Warehouse, ledger: Ledger, days: Collection[date]) -> tuple[int, int, int]:
    from pyspark.sql import functions as F

    locations = landing.raw_locations(warehouse, ledger)
    raw = landing.read_locations(warehouse.spark, locations).where(
        F.to_date("ingestion_timestamp").isin(*days)
    )
    checks = Checks.of(warehouse.settings, read_reference(warehouse))
    found = [ledger.record(row.batch_id) for row in raw.select("batch_id").distinct().collect()]
    moved = {record.batch_id: record.moved for record in found if record.moved}
    messages = computed(numbered(as_moved(check_messages(raw, checks), moved)))
    _refuse_days_without_messages(messages, days)
    # An event is staged once: an event that another day has staged is a duplicate here, in whatever order
    # they came.
    ids = messages.select("event_id").where("event_id IS NOT NULL")
    elsewhere = (
        warehouse.read(STAGING)
        .where(f"NOT ({_is_of(days)})")
        .select("event_id")
        .join(ids, "event_id", "left_semi")
    )
    classified = computed(with_outcome(messages, elsewhere))
    groups = {
        (row.batch_id, row.outcome): row["count"]
        for row in classified.groupBy("batch_id", "outcome").count().collect()
    }
    _refuse_other_verdicts(ledger, groups)
    warehouse.replace_where(classified.where(F.col("outcome") == STAGED), STAGING, _is_of(days))
    warehouse.replace_where(quarantined_rows(classified), QUARANTINE, _is_of(days))
    totals = {
        outcome: sum(count for (_, found), count in groups.items() if found == outcome)
        for outcome in (STAGED, QUARANTINED)
    }
    return sum(groups.values()), totals[STAGED], totals[QUARANTINED]


def _refuse_days_without_messages(messages: DataFrame, days: Collection[date]) -> None:
    from pyspark.sql import functions as F

    found = {
        row.day for row in messages.select(F.to_date("ingestion_timestamp").alias("day")).distinct().collect()
    }
    if missing := sorted(set(days) - found):
        raise FlightsError(
            f"the raw layer has no message that Kafka took on {', '.join(map(str, missing))} (UTC): see"
            " `flights counts`"
        )


def _refuse_other_verdicts(ledger: Ledger, groups: dict[tuple[int, str], int]) -> None:
    """Raise if a batch would get other counts than its record has.

    A batch that is only partly in the days may have fewer.
    """
    for batch_id in sorted({batch_id for batch_id, _ in groups}):
        record = ledger.record(batch_id)
        found = tuple(groups.get((batch_id, outcome), 0) for outcome in (STAGED, QUARANTINED))
        recorded = (record.staged or 0, record.quarantined or 0)
        is_whole = (
            sum(count for (number, _), count in groups.items() if number == batch_id) == record.record_count
        )
        if (
            (found != recorded)
            if is_whole
            else any(new > old for new, old in zip(found, recorded, strict=True))
        ):
            raise FlightsError(
                f"batch {batch_id} had {recorded[0]} events staged and {recorded[1]} messages quarantined,"
                f" now it would have {found[0]} and {found[1]}: the contract or the dimensions have changed"
                " since, or an earlier day is damaged"
            )


def _rebuild_predictions(
    warehouse: Warehouse, ledger: Ledger, days: Collection[date], say: Callable[[str], None]
) -> int:
    """Repeat the predictions of the days' batches, each with its own model and the events staged up to it.

    Returns the rows.
    """
    staged = warehouse.read(STAGING).where(_is_of(days)).select("batch_id").distinct().collect()
    batches, rebuilt = sorted(row.batch_id for row in staged), 0
    for start in range(0, len(batches), BATCHES_AT_ONCE):
        some = batches[start : start + BATCHES_AT_ONCE]
        parts = [
            part for batch_id in some if (part := _predictions_of(warehouse, ledger, batch_id)) is not None
        ]
        none = warehouse.read(PREDICTIONS).limit(0)
        made = computed(reduce(lambda left, right: left.unionByName(right), parts, none))
        rebuilt += int(made.count())
        warehouse.replace_where(made, PREDICTIONS, in_ranges("batch_id", merged(some, limit=len(some))))
        say(f"{start + len(some)} of {len(batches)} batches predicted again")
    return rebuilt


def _predictions_of(warehouse: Warehouse, ledger: Ledger, batch_id: int) -> DataFrame | None:
    """Return the rows of ``predictions`` that the batch made; None if it had no model."""
    record = ledger.record(batch_id)
    if not record.model_version:
        return None
    rows = BatchRows(warehouse)
    predictors = Predictors(
        record.model_version, pinned_sha256=warehouse.settings.pickled_model_sha256, keeps_trust=False
    )
    scope = rows.scope(record, state_upto=ledger.last_done(STEPS[-1]))
    early = early_predictions.kept_of_batch(ledger.hdfs, batch_id)
    none = warehouse.read(PREDICTIONS).limit(0)
    made = flights(warehouse, rows.events(record), scope, predictors, early, none)
    return prediction_rows(made.where("is_announced"), batch_id).drop("is_predicted_now")


def _rebuild_flights(warehouse: Warehouse, days: Collection[date]) -> int:
    """Rebuild the flights whose newest event Kafka took on one of the days. Returns their number."""
    from pyspark.sql import functions as F

    staging = warehouse.read(STAGING)
    ids = staging.where(_is_of(days)).select("flight_id").distinct()
    rows = flight_rows(staging.join(F.broadcast(ids), "flight_id", "left_semi")).where(_is_of(days))
    rebuilt = computed(with_truth(with_known_predictions(rows, warehouse.read(PREDICTIONS))))
    warehouse.replace_where(rebuilt, FACT, _is_of(days))
    return int(rebuilt.count())
