"""Step ``predict``: write predictions of announced flights to ``predictions``, and outcomes beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F

from flight_assets.contracts.tables import (
    CHALLENGER_PREDICTIONS,
    EVENT_ORDER_TYPE,
    PREDICTED_COLUMNS,
    PREDICTIONS,
)
from flight_assets.stores.warehouse import collected
from flight_assets.transforms.flights import ORDER

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import DataFrame

    from flight_assets.contracts.ranges import DateRange
    from flight_assets.pipeline.flights import Scope
    from flight_assets.stores.warehouse import Merged, Warehouse

_OUTCOME_COLUMNS = (
    "outcome",
    "actual_delay_minutes",
    "error_minutes",
    "outcome_timestamp",
    "outcome_offset",
    "newest_event",
)
# Rows older than the column newest_event have the event of their outcome instead.
_KNOWN_EVENT = (
    "coalesce(t.newest_event, named_struct('timestamp', t.outcome_timestamp, 'ingestion_timestamp',"
    " t.outcome_timestamp, 'kafka_partition', -1, 'kafka_offset', t.outcome_offset))"
)
# A late event that is older than the newest may change the plan, and the plan decides the outcome.
_OTHER_OUTCOME = " OR ".join(
    f"NOT (s.{name} <=> t.{name})" for name in ("outcome", "actual_delay_minutes", "error_minutes")
)


def prediction_rows(flights: DataFrame, batch_id: int) -> DataFrame:
    """Return the predicted flights as rows of ``predictions``.

    ``batch_id``: the batch of predictions that are new.
    """
    is_over = F.col("outcome").isNotNull()
    columns = {
        "newest_event": F.struct(*ORDER).cast(EVENT_ORDER_TYPE),
        "outcome_timestamp": F.when(is_over, F.col("timestamp")),
        "outcome_offset": F.when(is_over, F.col("kafka_offset")),
        "prediction_date": F.to_date("prediction_timestamp"),
        "batch_id": F.lit(batch_id).cast("bigint"),
    }
    return (
        flights.where(F.col("prediction_id").isNotNull())
        .withColumns(columns)
        .select(*PREDICTIONS.column_names, "is_predicted_now")
    )


def merge_predictions(warehouse: Warehouse, flights: DataFrame, scope: Scope) -> Merged:
    """Insert new predictions, and update the outcomes of predicted flights to their newest event.

    An existing prediction never changes. A repeat writes nothing, and neither does a run that works on older
    events. With the same newest event, an outcome that a changed plan has changed is updated.
    """
    assignments = ", ".join(f"t.{name} = s.{name}" for name in _OUTCOME_COLUMNS)
    names = ", ".join(PREDICTIONS.column_names)
    values = ", ".join(f"s.{name}" for name in PREDICTIONS.column_names)
    replanned = f"s.newest_event = {_KNOWN_EVENT} AND ({_OTHER_OUTCOME})"
    newer = f"s.newest_event > {_KNOWN_EVENT} OR ({replanned})"
    update = f"WHEN MATCHED AND ({newer}) THEN UPDATE SET {assignments}"
    insert = f"WHEN NOT MATCHED AND s.is_predicted_now THEN INSERT ({names}) VALUES ({values})"  # noqa: S608 - names of the contract
    clauses = f"{update} {insert}"
    return warehouse.merge(PREDICTIONS, prediction_rows(flights, scope.batch_id), clauses, scope.flight_dates)


def replace_outcomes(warehouse: Warehouse, flights: DataFrame, days: Sequence[DateRange]) -> None:
    """Set the outcomes of predicted flights to those of these states, whichever is newer."""
    assignments = ", ".join(f"t.{name} = s.{name}" for name in _OUTCOME_COLUMNS)
    rows = prediction_rows(flights.withColumn("is_predicted_now", F.lit(False)), 0)
    warehouse.merge(PREDICTIONS, rows, f"WHEN MATCHED THEN UPDATE SET {assignments}", days)


def merge_challenger(warehouse: Warehouse, flights: DataFrame, scope: Scope) -> int:
    """Insert the challenger's predictions, one per flight and version. Returns the rows inserted."""
    said = {name: F.col("challenger")[name] for name in PREDICTED_COLUMNS}
    rows = flights.where(F.col("challenger").isNotNull()).withColumns(
        said
        | {
            "prediction_date": F.to_date("prediction_timestamp"),
            "batch_id": F.lit(scope.batch_id).cast("bigint"),
        }
    )
    rows = rows.select(*CHALLENGER_PREDICTIONS.column_names)
    clauses = "WHEN NOT MATCHED THEN INSERT *"
    return warehouse.merge(
        CHALLENGER_PREDICTIONS, rows, clauses, scope.flight_dates, "t.model_version = s.model_version"
    ).inserted


def prediction_counts(warehouse: Warehouse, flights: DataFrame, scope: Scope) -> dict[str, Any]:
    """Return counts: flights, announced, first seen too late, predicted; rows and keys in the table."""
    of_flights = flights.agg(
        F.count_if("is_announced").alias("to_predict"),
        F.count_if(F.col("is_first_seen") & ~F.col("is_announced")).alias("seen_too_late"),
        F.count_if(F.col("is_announced") & F.col("prediction_id").isNotNull()).alias("predicted"),
        F.count("*").alias("flights"),
    )
    there = warehouse.read(PREDICTIONS).where(f"batch_id = {scope.batch_id} AND {scope.of_its_days}")
    of_table = there.agg(F.count("*").alias("rows"), F.count_distinct("flight_id").alias("keys"))
    return {name: int(count) for name, count in collected(of_flights.crossJoin(of_table))[0].items()}
