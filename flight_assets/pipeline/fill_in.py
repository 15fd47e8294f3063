"""Predictions for batches that had no usable model, from the events known at the announcement."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from flight_assets.contracts.tables import PREDICTIONS
from flight_assets.pipeline import early_predictions, rollups
from flight_assets.pipeline.flights import flights
from flight_assets.pipeline.predict import merge_predictions, prediction_counts
from flight_assets.pipeline.write_fact import merge_flights
from flight_assets.pipeline.write_hot import fill_in_predictions
from flight_assets.provenance import STEPS
from flight_assets.stores.warehouse import computed

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspark.sql import DataFrame

    from flight_assets.pipeline.batch_rows import BatchRows
    from flight_assets.pipeline.flights import Scope
    from flight_assets.pipeline.predictors import Predictors
    from flight_assets.provenance import BatchRecord, Ledger


def fill_in(rows: BatchRows, ledger: Ledger, models: Predictors, amend: Callable[[BatchRecord], None]) -> int:
    """Predict the flights of batches that had no model, and write them to every store. Returns their number.

    ``amend`` saves a record that changes after its batch is done.
    """
    filled, warehouse, models = 0, rows.warehouse, replace(models, keeps_trust=False)
    stored = ledger.last_done(STEPS[-1])
    for batch_id in ledger.unpredicted():
        record = ledger.record(batch_id)
        scope = rows.scope(record, state_upto=max(stored, batch_id))
        early = early_predictions.kept_of_batch(ledger.hdfs, batch_id)
        made = computed(
            flights(warehouse, rows.events(record), scope, models, early).where(F.col("is_announced"))
        )
        merge_predictions(warehouse, made, scope)
        found = prediction_counts(warehouse, made, scope)
        record.to_predict, record.predicted, record.model_version = (
            found["to_predict"],
            found["predicted"],
            models.champion,
        )
        amend(record)
        if batch_id <= stored:
            _into_later_stores(rows, made, scope)
        ledger.remove_unpredicted(batch_id)
        filled += record.predicted or 0
    return filled


def _into_later_stores(rows: BatchRows, made: DataFrame, scope: Scope) -> None:
    """Write predictions to the fact table, MongoDB and the rollups.

    Call it only for a batch that is already there.
    """
    warehouse = rows.warehouse
    merge_flights(warehouse, made, scope)
    fill_in_predictions(
        warehouse.read(PREDICTIONS).where(f"batch_id = {scope.batch_id} AND {scope.of_its_days}"),
        warehouse.settings,
    )
    # These rows have old batch numbers, so the rollups would not notice the change.
    days = [row.flight_date for row in made.select("flight_date").distinct().collect()]
    for table in rollups.ROLLUPS:
        rollups.update_rollup(warehouse, warehouse.settings, table, days)
