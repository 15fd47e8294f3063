"""Warehouse tables: grain, key, partitioning, and each column's type, unit and meaning."""

from flight_assets.contracts.tables.columns import PREDICTED_COLUMNS, SIDE_COLUMNS
from flight_assets.contracts.tables.events import QUARANTINE, STAGED_IDS, STAGING
from flight_assets.contracts.tables.flights import FACT, FLIGHTS_DAILY, FLIGHTS_HOURLY
from flight_assets.contracts.tables.forecasts import CHALLENGER_PREDICTIONS, MODEL_MONITORING, PREDICTIONS
from flight_assets.contracts.tables.records import (
    ARCHIVE_METADATA,
    BATCH_METADATA,
    CHECK_RESULTS,
    COMPLEX_EVENTS,
)
from flight_assets.contracts.tables.reference import DIM_AIRLINE, DIM_AIRPORT, SCHEMA_METADATA
from flight_assets.contracts.tables.schema import (
    EVENT_ORDER_TYPE,
    OFFSETS_TYPE,
    WEATHER_TYPE,
    Column,
    Table,
    arrow_schema,
)

__all__ = [
    "ARCHIVE_METADATA",
    "BATCH_METADATA",
    "CHALLENGER_PREDICTIONS",
    "CHECK_RESULTS",
    "COMPLEX_EVENTS",
    "DIM_AIRLINE",
    "DIM_AIRPORT",
    "EVENT_ORDER_TYPE",
    "FACT",
    "FLIGHTS_DAILY",
    "FLIGHTS_HOURLY",
    "MODEL_MONITORING",
    "OFFSETS_TYPE",
    "PREDICTED_COLUMNS",
    "PREDICTIONS",
    "QUARANTINE",
    "SCHEMA_METADATA",
    "SIDE_COLUMNS",
    "STAGED_IDS",
    "STAGING",
    "TABLES",
    "WEATHER_TYPE",
    "Column",
    "Table",
    "arrow_schema",
]

TABLES = (
    STAGING,
    STAGED_IDS,
    QUARANTINE,
    PREDICTIONS,
    CHALLENGER_PREDICTIONS,
    MODEL_MONITORING,
    FACT,
    BATCH_METADATA,
    CHECK_RESULTS,
    ARCHIVE_METADATA,
    COMPLEX_EVENTS,
    SCHEMA_METADATA,
    DIM_AIRLINE,
    DIM_AIRPORT,
    FLIGHTS_HOURLY,
    FLIGHTS_DAILY,
)
