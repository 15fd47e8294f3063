"""Tables of flights: the newest state of each, and sums over them."""

from __future__ import annotations

from flight_assets.contracts.tables.columns import (
    FLIGHT,
    FLIGHT_DATE,
    ORIGIN_OF_ROW,
    PREDICTION,
    TRUTH,
)
from flight_assets.contracts.tables.schema import Column, Table

FACT = Table(
    name="fact_flight_events",
    grain="flight: newest state, frozen prediction, actual and error",
    key=("flight_id",),
    columns=(
        Column("event_id", "STRING", "event that the newest state comes from"),
        Column("event_type", "STRING", "newest state: scheduled, departed, arrived or cancelled"),
        Column("timestamp", "TIMESTAMP", "when that happened", "UTC"),
        *FLIGHT,
        *PREDICTION,
        *TRUTH,
        *ORIGIN_OF_ROW,
    ),
    partitioned_by=("processing_date",),
    skipped_by=(
        "event_type",
        "timestamp",
        "flight_id",
        "flight_date",
        "airline",
        "origin",
        "ingestion_timestamp",
        "batch_id",
    ),
)

_ROUTE = (
    Column("airline", "STRING", "IATA carrier code"),
    Column("origin", "STRING", "IATA airport code"),
    Column("destination", "STRING", "IATA airport code"),
)

_SUMS = (
    Column("flights", "BIGINT", "flights, whatever became of them", "flights"),
    Column("departed", "BIGINT", "flights with a departure delay", "flights"),
    Column("arrived", "BIGINT", "flights whose newest state is arrived", "flights"),
    Column("cancelled", "BIGINT", "flights whose newest state is cancelled", "flights"),
    Column("departure_delayed_15", "BIGINT", "flights that departed 15 minutes late or more", "flights"),
    Column("arrival_delayed_15", "BIGINT", "flights that arrived 15 minutes late or more", "flights"),
    Column("departure_delay_sum", "DOUBLE", "sum of the departure delays", "minutes"),
    Column("arrival_delay_sum", "DOUBLE", "sum of the arrival delays", "minutes"),
    Column("arrival_delay_sum_squares", "DOUBLE", "sum of the squares of the arrival delays", "minutes²"),
    Column("predicted", "BIGINT", "flights with a prediction", "flights"),
    Column("predicted_arrived", "BIGINT", "flights with a prediction and an actual delay", "flights"),
    Column("error_sum", "DOUBLE", "sum of actual − predicted", "minutes"),
    Column("absolute_error_sum", "DOUBLE", "sum of |actual − predicted|", "minutes"),
    Column("squared_error_sum", "DOUBLE", "sum of (actual − predicted)²", "minutes²"),
    Column(
        "interval_covered", "BIGINT", "flights whose actual delay lies within the 90 % interval", "flights"
    ),
    Column("quality_sum", "DOUBLE", "sum of quality_score"),
    Column("batch_id", "BIGINT", "newest batch among the flights counted"),
)

FLIGHTS_HOURLY = Table(
    name="flights_hourly",
    grain="flight date, hour, airline, origin and destination: sums over the flights of fact_flight_events",
    key=("flight_date", "hour", "airline", "origin", "destination"),
    columns=(
        FLIGHT_DATE,
        Column("hour", "INT", "hour of the scheduled departure, the origin's local time", "hours"),
        *_ROUTE,
        *_SUMS,
    ),
    partitioned_by=("flight_date",),
)

FLIGHTS_DAILY = Table(
    name="flights_daily",
    grain="flight date, airline, origin and destination: sums over the flights of fact_flight_events",
    key=("flight_date", "airline", "origin", "destination"),
    columns=(
        FLIGHT_DATE,
        *_ROUTE,
        *_SUMS,
    ),
    partitioned_by=("flight_date",),
)
