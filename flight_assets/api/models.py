"""Shapes of the API's answers, for its schema. Rows of flights have the columns of the fact table."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, create_model

from flight_assets.contracts.message import CHECKED_REASONS
from flight_assets.contracts.tables import FACT, PREDICTED_COLUMNS, Column, arrow_schema

# Where a message lies in Kafka is no property of a flight.
_LEFT_OUT = ("kafka_partition", "kafka_offset", "processing_date")
FLIGHT_COLUMNS = tuple(column for column in FACT.columns if column.name not in _LEFT_OUT)
FLIGHT_SCHEMA = pa.schema([arrow_schema(FACT).field(column.name) for column in FLIGHT_COLUMNS])
_TYPES: dict[str, Any] = {
    "STRING": str, "INT": int, "BIGINT": int, "DOUBLE": float, "BOOLEAN": bool, "DATE": date,
    "TIMESTAMP": datetime, "ARRAY<STRING>": list[str],
}  # fmt: skip


# Columns of the risk board beside those of a flight.
RISK = (
    Column(
        "minutes_to_departure",
        "DOUBLE",
        "planned departure minus the newest event; negative: overdue",
        "minutes",
    ),
    Column("forecast_stage", "STRING", "stage of the forecast: announced or departed"),
    Column("forecast_made_at", "TIMESTAMP", "moment that the forecast is of", "UTC"),
    Column("reasons", "ARRAY<STRING>", "reasons in words, most telling first"),
    Column("inbound_flight_id", "STRING", "leg that brings the aircraft; null if none is known"),
    Column("inbound_state", "STRING", "newest event type of that leg"),
    Column("inbound_arrival", "TIMESTAMP", "its arrival, or the one expected from its delay", "UTC"),
    Column("inbound_delay_minutes", "DOUBLE", "its known delay", "minutes"),
    Column("turnaround_minutes", "DOUBLE", "planned departure minus that arrival", "minutes"),
    Column("planned_turnaround_minutes", "DOUBLE", "turnaround as planned", "minutes"),
)
_ARROW = {
    "STRING": pa.string(), "DOUBLE": pa.float64(), "TIMESTAMP": pa.timestamp("us", "UTC"),
    "ARRAY<STRING>": pa.list_(pa.string()),
}  # fmt: skip


def _field(column: Column) -> tuple[Any, Any]:
    kind = dict[str, float | None] if column.type.startswith("STRUCT") else _TYPES[column.type]
    unit = f", {column.unit}" if column.unit else ""
    return kind | None, Field(default=None, description=f"{column.description}{unit}")


FlightRow: type[BaseModel] = create_model(
    "Flight",
    __doc__="Newest state of a flight with its forecast. Times are UTC, delays in minutes.",
    **{column.name: _field(column) for column in FLIGHT_COLUMNS},  # type: ignore[call-overload]
)
Forecast: type[BaseModel] = create_model(
    "Forecast",
    __doc__="Forecast of a flight's arrival delay.",
    flight_id=(str, ...),
    **{column.name: _field(column) for column in FACT.columns if column.name in PREDICTED_COLUMNS},  # type: ignore[call-overload]
)


RiskRow: type[BaseModel] = create_model(
    "FlightAtRisk",
    __base__=FlightRow,
    __doc__="Flight that has not departed: the forecast that counts now, its reasons and its inbound leg.",
    **{column.name: _field(column) for column in RISK},  # type: ignore[call-overload]
)


class RiskPage(BaseModel):
    """Flights by risk."""

    data: list[RiskRow]  # type: ignore[valid-type]
    next: str | None = Field(description="always null: there is one page")


class FlightPage(BaseModel):
    """Page of flights."""

    data: list[FlightRow]  # type: ignore[valid-type]
    next: str | None = Field(description="path of the next page; null on the last one")


class Rows(BaseModel):
    """Rows of a table; docs/api.md names the columns."""

    data: list[dict[str, Any]]
    next: str | None = Field(description="always null: there is one page")


class OneFlight(BaseModel):
    """Flight and the store that has it."""

    flight: FlightRow  # type: ignore[valid-type]
    place: str = Field(description="hot, or the name of the archive")


class FlightHistory(BaseModel):
    """Events and forecasts of one flight, oldest first."""

    flight_id: str
    events: list[dict[str, Any]]
    forecasts: list[dict[str, Any]]


class Reason(BaseModel):
    """Contribution of a feature to a forecast."""

    feature: str
    value: float | None
    contribution_minutes: float


class CurrentForecast(BaseModel):
    """Newest forecast of a flight that has not ended: its stage, when it was made, and why in words."""

    model_config = ConfigDict(extra="allow")

    flight_id: str
    stage: Literal["announced", "departed"]
    made_at: datetime = Field(description="time of the data's clock, UTC")
    predicted_delay_minutes: float
    interval_low_minutes: float
    interval_high_minutes: float
    probability_delayed_15: float
    model_version: str
    maker: str
    reasons: list[str]


class FlightForecast(BaseModel):
    """Frozen forecast of one flight, the current one, and its reasons if they were asked for."""

    forecast: Forecast  # type: ignore[valid-type]
    current: CurrentForecast | None = Field(description="until the flight ends")
    reasons: list[Reason] | None
    reasons_refused: str | None = Field(description="why there are no reasons")


class Document(BaseModel):
    """Any one object."""

    model_config = ConfigDict(extra="allow")


class Health(BaseModel):
    """State of each store: ``up``, or its problem."""

    status: Literal["up", "degraded"]
    stores: dict[str, str]


class EventVerdict(BaseModel):
    """Verdict on one message."""

    status: Literal["accepted", "repeated", "rejected"]
    event_id: str | None
    partition: int | None
    offset: int | None
    reason: str | None = Field(
        description=f"one of {', '.join(CHECKED_REASONS)}, or other_tenant", default=None
    )
    detail: str | None


class EventVerdicts(BaseModel):
    """Verdicts in the order of the messages."""

    accepted: int
    repeated: int
    rejected: int
    verdicts: list[EventVerdict]


class PredictRequest(BaseModel):
    """Flights to forecast: ``scheduled`` messages, or changes to a known flight."""

    model_config = ConfigDict(extra="forbid")

    flights: list[dict[str, Any]] | None = Field(
        default=None, min_length=1, max_length=500, description="messages of the contract"
    )
    flight_id: str | None = Field(default=None, max_length=40)
    changes: dict[str, Any] | None = Field(
        default=None, description="fields of the message, with other values"
    )


class Forecasts(BaseModel):
    """Forecasts in the order of the flights."""

    forecasts: list[Forecast]  # type: ignore[valid-type]


def flight_row(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row of the fact table with the API's columns only."""
    return {column.name: row.get(column.name) for column in FLIGHT_COLUMNS}


def risk_row(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row of the risk board with the API's columns only."""
    return flight_row(row) | {column.name: row.get(column.name) for column in RISK}


def risk_table(rows: list[dict[str, Any]]) -> pa.Table:
    """Return rows of the risk board as a table of the API's columns."""
    more = [pa.field(column.name, _ARROW[column.type]) for column in RISK]
    table = flight_table(rows)
    for one in more:
        table = table.append_column(one, pa.array([row.get(one.name) for row in rows], one.type))
    return table


def flight_table(rows: list[dict[str, Any]]) -> pa.Table:
    """Return rows of the fact table as a table of the API's columns."""
    return pa.Table.from_pylist([_dated(row) for row in rows], schema=FLIGHT_SCHEMA)


def _dated(row: dict[str, Any]) -> dict[str, Any]:
    """Return the API's columns of a row, with dates that MongoDB keeps as text."""
    day = row.get("flight_date")
    made = flight_row(row)
    return made | {"flight_date": date.fromisoformat(day) if isinstance(day, str) else day}
