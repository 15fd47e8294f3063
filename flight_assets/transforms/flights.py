"""From events to flights: the newest state of each, with its prediction and what came true."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any

from pyspark.sql import Window
from pyspark.sql import functions as F

from flight_assets.contracts.message import EventType
from flight_assets.contracts.tables import FACT, PREDICTED_COLUMNS, PREDICTIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pyspark.sql import Column, DataFrame

# The columns that say how a flight ended, each with the column of the event that it comes from.
OUTCOME_SOURCES = {
    "outcome": "event_type",
    "actual_delay_minutes": "arrival_delay_minutes",
    "outcome_timestamp": "timestamp",
    "outcome_offset": "kafka_offset",
}


def newest_per_flight(events: DataFrame) -> DataFrame:
    """One row per flight, from the newest event of each by (timestamp, Kafka offset). Key: flight_id."""
    newest_first = Window.partitionBy("flight_id").orderBy(F.col("timestamp").desc(), F.col("kafka_offset").desc())
    return events.withColumn("_nth", F.row_number().over(newest_first)).where(F.col("_nth") == 1).drop("_nth")


def newest_rows(events: Iterable[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """By flight the row that ``newest_per_flight`` gives, of events given as rows of ``staging_flight_events``."""
    return {row["flight_id"]: row for row in sorted(events, key=itemgetter("timestamp", "kafka_offset"))}


def flight_states(events: DataFrame, predictions: DataFrame) -> DataFrame:
    """One row per flight of the events, with the columns of ``fact_flight_events``: newest state, prediction, actual, error.

    ``predictions`` has one row per flight at most; a flight without one keeps nulls.
    """
    predicted = predictions.select("flight_id", *PREDICTED_COLUMNS)
    actual = F.when(F.col("event_type") == EventType.ARRIVED.value, F.col("arrival_delay_minutes"))
    return (
        newest_per_flight(events)
        .join(predicted, "flight_id", "left")
        .withColumn("actual_delay_minutes", actual)
        .withColumn("error_minutes", actual - F.col("predicted_delay_minutes"))
        .select(*FACT.column_names)
    )


def flight_state(event: Mapping[str, Any], prediction: Mapping[str, Any] | None) -> dict[str, Any]:
    """The row that ``flight_states`` gives for a flight whose newest event is this one, given as a row of ``staging_flight_events``."""
    predicted = {name: prediction[name] if prediction else None for name in PREDICTED_COLUMNS}
    actual = event["arrival_delay_minutes"] if event["event_type"] == EventType.ARRIVED.value else None
    said = predicted["predicted_delay_minutes"]
    error = None if actual is None or said is None else actual - said
    row = {**event, **predicted, "actual_delay_minutes": actual, "error_minutes": error}
    return {name: row[name] for name in FACT.column_names}


def first_seen(events: DataFrame) -> DataFrame:
    """The event by which Kafka first told of each flight, one row per flight, with the columns of the events.

    A flight is predicted from it if it is its ``scheduled`` event. If it is another, the flight was first seen after it had left or
    was cancelled: a prediction would come too late, and none is made.
    """
    first = Window.partitionBy("flight_id").orderBy("ingestion_timestamp", "kafka_partition", "kafka_offset")
    return events.withColumn("_nth", F.row_number().over(first)).where(F.col("_nth") == 1).drop("_nth")


def outcomes(events: DataFrame) -> DataFrame:
    """How flights ended, one row per flight, by the newest event that says so: flight_id, flight_date, outcome (arrived, cancelled),
    actual_delay_minutes (null if cancelled), outcome_timestamp and outcome_offset of that event.
    """  # noqa: D205
    is_end = F.col("event_type").isin(EventType.ARRIVED.value, EventType.CANCELLED.value)
    ended = newest_per_flight(events.where(is_end))
    renamed = {name: F.col(source).alias(name) for name, source in OUTCOME_SOURCES.items()}
    return ended.select("flight_id", "flight_date", *renamed.values())


def prediction_rows(scheduled: DataFrame, predicted: Column) -> DataFrame:
    """Rows of ``predictions`` without their truth: ``predicted`` is a struct with PREDICTED_COLUMNS."""
    return (
        scheduled.withColumn("_predicted", predicted)
        .select("*", *(F.col("_predicted")[name].alias(name) for name in PREDICTED_COLUMNS))
        .withColumns(
            {
                "prediction_id": F.col("event_id"),
                "prediction_timestamp": F.col("timestamp"),
                "prediction_date": F.to_date("timestamp"),
                "actual_delay_minutes": F.lit(None).cast("double"),
                "error_minutes": F.lit(None).cast("double"),
                "outcome": F.lit(None).cast("string"),
                "outcome_timestamp": F.lit(None).cast("timestamp"),
                "outcome_offset": F.lit(None).cast("bigint"),
            }
        )
        .select(*PREDICTIONS.column_names)
    )


def with_truth(predicted: DataFrame, ended: DataFrame) -> DataFrame:
    """Rows of ``predictions`` with how their flights ended, as far as ``ended`` (from ``outcomes``) tells.

    Each other flight that ended is a row too, with nothing but flight_id, flight_date and its outcome: it may have been predicted before.
    """
    said = predicted.drop(*OUTCOME_SOURCES, "error_minutes").join(ended, ["flight_id", "flight_date"], "full")
    error = F.col("actual_delay_minutes") - F.col("predicted_delay_minutes")
    return said.withColumn("error_minutes", error).select(*PREDICTIONS.column_names)
