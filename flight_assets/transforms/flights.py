"""Rules from events to flights, each defined once: the newest event, the plan and the outcome.

The newest event is the greatest by (event time, broker time, partition, offset). It gives the flight's state.
Arrivals and diversions name the airport of the landing; all other events name the planned one. So the plan
comes from the newest event that is neither an arrival nor a diversion.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F

from flight_assets.contracts.message import EventType
from flight_assets.contracts.tables import FACT, PREDICTED_COLUMNS, STAGING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pyspark.sql import Column, DataFrame

# Order of events by event time, and by arrival in batches.
ORDER = ("timestamp", "ingestion_timestamp", "kafka_partition", "kafka_offset")
ARRIVAL = ("batch_id", "ingestion_timestamp", "kafka_partition", "kafka_offset")
LANDINGS = (EventType.DIVERTED.value, EventType.ARRIVED.value)
PLAN_COLUMNS = ("destination", "route", "scheduled_arrival", "distance_miles")
_TRUTH = ("actual_delay_minutes", "error_minutes")
# Columns that the fact table shares with the staged events: a flight's state.
STATE_COLUMNS = tuple(name for name in FACT.column_names if name in STAGING.column_names)
DIVERTED, CANCELLED, ARRIVED = "diverted", "cancelled", "arrived"

Row = dict[str, Any]


def newest_is(newer: str, older: str) -> str:
    """Return the SQL condition that the event of one alias is newer than that of the other."""
    return f"struct({_order(newer)}) > struct({_order(older)})"


def same_event(left: str, right: str) -> str:
    """Return the SQL condition that two aliases have the same event."""
    return f"struct({_order(left)}) = struct({_order(right)})"


def _order(alias: str) -> str:
    return ", ".join(f"{alias}.{name}" for name in ORDER)


def order_of(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return the sort key of an event; the newest event has the greatest."""
    return tuple(row[name] for name in ORDER)


def error_minutes(actual: Any, predicted: Any) -> Any:  # noqa: ANN401 - numbers, columns or SQL's names of them
    """Return actual − predicted, minutes; positive = later than predicted.

    Takes numbers, Columns or SQL expressions.
    """
    if isinstance(actual, str):
        return f"{actual} - {predicted}"
    return None if actual is None or predicted is None else actual - predicted


# In the words of SQL, of a flight's columns: how it ended, and its delay if it came to where it was to go.
OUTCOME_SQL = (
    f"CASE WHEN event_type = '{DIVERTED}' OR diverted_to IS NOT NULL THEN '{DIVERTED}' "
    f"WHEN event_type IN ('{ARRIVED}', '{CANCELLED}') THEN event_type END"
)
ACTUAL_SQL = f"CASE WHEN event_type = '{ARRIVED}' AND diverted_to IS NULL THEN arrival_delay_minutes END"


def outcome_of(flight: Mapping[str, Any]) -> str | None:
    """Return how a flight ended: arrived, diverted or cancelled; None while it is open.

    Says what OUTCOME_SQL says.
    """
    if flight["event_type"] == DIVERTED or flight["diverted_to"] is not None:
        return DIVERTED
    return flight["event_type"] if flight["event_type"] in (ARRIVED, CANCELLED) else None


def actual_delay(flight: Mapping[str, Any]) -> float | None:
    """Return the actual arrival delay, minutes; None unless it arrived as planned. Equal to ACTUAL_SQL."""
    return flight["arrival_delay_minutes"] if outcome_of(flight) == ARRIVED else None


def flight_rows(events: DataFrame) -> DataFrame:
    """One row per flight: STATE_COLUMNS, ``first`` (its first event by ARRIVAL) and ``newest_batch_id``.

    Key: flight_id. The column ``batch_id`` is the newest batch with an event of the flight. The column
    ``newest_batch_id`` is the batch of its newest event. ``events``: rows of ``staging_flight_events``, with
    all events of each flight.
    """
    order, is_landing = F.struct(*ORDER), F.col("event_type").isin(*LANDINGS)
    grouped = events.groupBy("flight_id").agg(
        F.max_by(F.struct(*STATE_COLUMNS), order).alias("_newest"),
        F.max_by(F.struct(*PLAN_COLUMNS), F.when(~is_landing, order)).alias("_plan"),
        F.min_by(F.struct(*STAGING.column_names), F.struct(*ARRIVAL)).alias("first"),
        F.max("batch_id").alias("_batch"),
    )
    state = [_state_column(name).alias(name) for name in STATE_COLUMNS]
    return grouped.select(*state, "first", F.col("_newest")["batch_id"].alias("newest_batch_id"))


def _state_column(name: str) -> Column:
    newest = F.col("_newest")[name]
    if name == "batch_id":
        return F.col("_batch")
    if name in PLAN_COLUMNS:
        return F.when(F.col("_plan").isNull(), newest).otherwise(F.col("_plan")[name])
    if name == "diverted_to":
        planned = F.coalesce(F.col("_plan")["destination"], F.col("_newest")["destination"])
        landed = F.coalesce(newest, F.col("_newest")["destination"])
        return F.when(F.col("_newest")["event_type"].isin(*LANDINGS) & (landed != planned), landed)
    return newest


def flight_of(events: Iterable[Mapping[str, Any]], known: Mapping[str, Any] | None = None) -> Row:
    """Return STATE_COLUMNS of a flight as ``flight_rows`` does, from rows of ``staging_flight_events``.

    ``known``: the flight's state before these events, or None. Older events do not change it. Columns that it
    lacks are null: an older version wrote it.
    """
    if known is not None:
        known = {**dict.fromkeys(STATE_COLUMNS), **known}
    ordered = sorted([*([known] if known else []), *events], key=order_of)
    newest = ordered[-1]
    plans = [row for row in ordered if row is known or row["event_type"] not in LANDINGS]
    plan = plans[-1] if plans else newest
    flight = {name: newest[name] for name in STATE_COLUMNS} | {name: plan[name] for name in PLAN_COLUMNS}
    landed = newest["diverted_to"] or newest["destination"]
    flight["diverted_to"] = (
        landed if newest["event_type"] in LANDINGS and landed != plan["destination"] else None
    )
    flight["batch_id"] = max(row["batch_id"] for row in ordered)
    return flight


def with_prediction(flight: Mapping[str, Any], prediction: Mapping[str, Any] | None) -> Row:
    """Return a row of ``fact_flight_events``: the flight, its prediction, actual delay and error.

    Columns that the prediction lacks are null: an older version made it.
    """
    predicted = {name: prediction.get(name) if prediction else None for name in PREDICTED_COLUMNS}
    actual = actual_delay(flight)
    truth = dict(
        zip(_TRUTH, (actual, error_minutes(actual, predicted["predicted_delay_minutes"])), strict=True)
    )
    row = {**flight, **predicted, **truth}
    return {name: row[name] for name in FACT.column_names}
