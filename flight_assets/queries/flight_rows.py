"""Rows of single flights in the warehouse, and their predictions against the actual. Delays in minutes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

import pandas as pd

from flight_assets.contracts.tables import FACT
from flight_assets.queries.filters import Filters, of_flight

if TYPE_CHECKING:
    from flight_assets.stores.warehouse import Warehouse


FLIGHT_COLUMNS = (
    *(
        "flight_id",
        "flight_date",
        "airline",
        "flight_number",
        "tail_number",
        "route",
        "event_type",
        "scheduled_departure",
    ),
    *(
        "departure_delay_minutes",
        "arrival_delay_minutes",
        "predicted_delay_minutes",
        "interval_low_minutes",
        "interval_high_minutes",
    ),
    *(
        "error_minutes",
        "confidence",
        "model_version",
        "quality_score",
        "low_quality",
        "source",
        "ingestion_timestamp",
    ),
)

# How many of the newest days are looked at before all of a range is.
NEWEST_DAYS = (31, 366)


def flights(
    warehouse: Warehouse, filters: Filters, limit: int = 200, offset: int = 0, good_only: bool = False
) -> pd.DataFrame:
    """One row per flight, latest scheduled departure first: FLIGHT_COLUMNS. Times UTC, delays in minutes.

    ``good_only`` leaves out flights that are marked low_quality.
    The newest days of a long range are read first. All of it is read only where they do not hold the flights
    asked for.
    """
    newest = filters.until or datetime.now(UTC).date()
    for days in NEWEST_DAYS:
        first = newest - timedelta(days=days)
        if filters.first and filters.first >= first:
            break
        found = _flights(warehouse, replace(filters, first=first), limit, offset, good_only)
        if len(found) == limit and found["scheduled_departure"].iloc[-1] >= _no_earlier_date_reaches(first):
            return found
    return _flights(warehouse, filters, limit, offset, good_only)


def _flights(
    warehouse: Warehouse, filters: Filters, limit: int, offset: int, good_only: bool
) -> pd.DataFrame:
    columns = ", ".join(FLIGHT_COLUMNS)
    query = f"SELECT {columns} FROM {warehouse.name(FACT)} WHERE {filters.sql()} "  # noqa: S608 - codes and dates only
    if good_only:
        query += "AND NOT coalesce(low_quality, false) "
    return warehouse.ask(
        query + f"ORDER BY scheduled_departure DESC, flight_id LIMIT {int(limit)} OFFSET {int(offset)}"
    )


def _no_earlier_date_reaches(first: date) -> datetime:
    """Return the time from which no flight of a local date before ``first`` departs.

    The contract allows a day between the two.
    """
    return datetime.combine(first + timedelta(days=1), time(), UTC)


def flight(warehouse: Warehouse, flight_id: str) -> pd.DataFrame:
    """Return the row of a flight in the fact table without the nested weather; no row if it is not there."""
    chosen = of_flight(flight_id.strip().upper())
    columns = "* EXCEPT (weather, destination_weather)"
    return warehouse.ask(f"SELECT {columns} FROM {warehouse.name(FACT)} WHERE {chosen}")  # noqa: S608 - a checked id


def predicted_against_actual(warehouse: Warehouse, filters: Filters, limit: int = 4_000) -> pd.DataFrame:
    """One row per flight with prediction and actual, a sample by hash of at most ``limit``.

    Columns: flight_id, flight_date, airline, route, predicted_delay_minutes, interval_low_minutes,
    interval_high_minutes, actual_delay_minutes, error_minutes, confidence, model_version.
    """
    columns = (
        "flight_id, flight_date, airline, route, predicted_delay_minutes, interval_low_minutes,"
        " interval_high_minutes, actual_delay_minutes, error_minutes, confidence, model_version"
    )
    query = (
        f"SELECT {columns} FROM {warehouse.name(FACT)} WHERE error_minutes IS NOT NULL AND {filters.sql()} "  # noqa: S608 - codes and dates only
    )
    return warehouse.ask(query + f"ORDER BY xxhash64(flight_id) LIMIT {int(limit)}")


def largest_errors(warehouse: Warehouse, filters: Filters, limit: int = 20) -> pd.DataFrame:
    """Return one row per flight, largest |error| first: columns of ``predicted_against_actual``, and z.

    ``z`` is the error in its standard deviations.
    """
    columns = (
        "flight_id, flight_date, airline, route, predicted_delay_minutes, interval_low_minutes,"
        " interval_high_minutes, actual_delay_minutes, error_minutes, confidence, model_version"
    )
    # A window function would carry every row to one task.
    query = f"""
        WITH found AS (
        SELECT {columns} FROM {warehouse.name(FACT)} WHERE error_minutes IS NOT NULL AND {filters.sql()}
    ),
             all_errors AS (SELECT avg(error_minutes) AS mean, stddev_samp(error_minutes) AS sd FROM found)
        SELECT found.*, (error_minutes - mean) / nullif(sd, 0) AS z FROM found CROSS JOIN all_errors
        ORDER BY abs(error_minutes) DESC, flight_id LIMIT {int(limit)}
    """  # noqa: S608 - codes and dates only
    return warehouse.ask(query)


def delay_distribution(
    warehouse: Warehouse, filters: Filters, width_minutes: int = 5, least: int = -60, most: int = 180
) -> pd.DataFrame:
    """One row per bin of minutes: minutes (its lower end), predicted and actual, the flights in it.

    Beyond least and most in the end bins.
    Only flights that have both, so that the two distributions compare.
    """

    def clipped(column: str) -> str:
        return (
            f"CAST(floor(least(greatest({column}, {least}), {most - 1}) / {width_minutes}) * {width_minutes}"
            " AS INT)"
        )

    query = f"""
        WITH both AS (SELECT predicted_delay_minutes, actual_delay_minutes FROM {warehouse.name(FACT)}
                      WHERE error_minutes IS NOT NULL AND {filters.sql()}),
             binned AS (SELECT inline(array(
                          named_struct('minutes', {clipped("predicted_delay_minutes")}, 'predicted', 1,
                          'actual', 0),
                          named_struct('minutes', {clipped("actual_delay_minutes")}, 'predicted', 0,
                          'actual', 1))) FROM both)
        SELECT minutes, sum(predicted) AS predicted,
        sum(actual) AS actual FROM binned GROUP BY minutes ORDER BY minutes
    """  # noqa: S608 - codes and dates only
    return warehouse.ask(query)
