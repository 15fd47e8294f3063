"""History of one flight in the warehouse: its events, and its forecasts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flight_assets.contracts.tables import PREDICTIONS, STAGING
from flight_assets.queries.filters import of_flight

if TYPE_CHECKING:
    import pandas as pd

    from flight_assets.queries.filters import Filters
    from flight_assets.stores.warehouse import Warehouse

EVENT_COLUMNS = (
    *("event_id", "event_type", "timestamp", "flight_id", "airline", "tail_number", "origin", "destination"),
    *("scheduled_departure", "scheduled_arrival", "departure_delay_minutes", "arrival_delay_minutes"),
    *("gate", "diverted_to", "source", "quality_score", "ingestion_timestamp", "batch_id"),
)
FORECAST_COLUMNS = (
    *("prediction_id", "flight_id", "prediction_timestamp", "predicted_delay_minutes"),
    *("predicted_mean_delay_minutes", "interval_low_minutes", "interval_high_minutes"),
    *("probability_delayed_15", "confidence", "model_version", "actual_delay_minutes", "error_minutes"),
    *("outcome", "batch_id"),
)


def events(warehouse: Warehouse, filters: Filters, flight_id: str) -> pd.DataFrame:
    """One row per staged event of a flight, oldest first: EVENT_COLUMNS; delays in minutes, times UTC.

    Raises:
        FlightsError: the text is no flight_id.
    """
    columns = ", ".join(EVENT_COLUMNS)
    return warehouse.ask(
        f"SELECT {columns} FROM {warehouse.name(STAGING)} WHERE {of_flight(flight_id)} AND {filters.sql()} "  # noqa: S608 - a checked id, codes and dates
        "ORDER BY timestamp, ingestion_timestamp, kafka_partition, kafka_offset"
    )


def forecasts(warehouse: Warehouse, flight_id: str) -> pd.DataFrame:
    """One row per forecast of a flight, oldest first: FORECAST_COLUMNS. Check the scope of the flight before.

    Raises:
        FlightsError: the text is no flight_id.
    """
    columns = ", ".join(FORECAST_COLUMNS)
    return warehouse.ask(
        f"SELECT {columns} FROM {warehouse.name(PREDICTIONS)} WHERE {of_flight(flight_id)} "  # noqa: S608 - a checked id
        "ORDER BY prediction_timestamp"
    )
