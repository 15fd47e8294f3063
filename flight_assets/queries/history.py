"""History of flights: Spark SQL over the rollups, the fact table and predictions. Delays in minutes."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from flight_assets.contracts.tables import DIM_AIRLINE, DIM_AIRPORT
from flight_assets.queries.filters import Filters
from flight_assets.queries.trends import without_gaps

if TYPE_CHECKING:
    from flight_assets.stores.warehouse import Warehouse

HOURLY = "flights_hourly"
DAILY = "flights_daily"
Dimension = Literal["airline", "origin", "destination", "route", "day"]
Period = Literal["hour", "day", "week", "month"]

# Measures of every aggregation: counts of flights, means in minutes over the flights that have the delay
# (null if none has), shares 0–1 of the flights that departed or arrived. ``_measured`` makes them of the
# sums, which the warehouse gives.
MEASURES = (
    *(
        "flights",
        "departed",
        "arrived",
        "cancelled",
        "mean_departure_delay",
        "mean_arrival_delay",
        "sd_arrival_delay",
    ),
    *("late_share", "cancelled_share", "mean_quality"),
)
_COUNTS = ("flights", "departed", "arrived", "cancelled")

_SUMS = (
    *_COUNTS,
    *(
        "departure_delay_sum",
        "arrival_delay_sum",
        "arrival_delay_sum_squares",
        "arrival_delayed_15",
        "quality_sum",
    ),
)

# A group of fewer flights is ranked last.
FEW_FLIGHTS = 20

# Values to rank by, in SQL over the sums.
RANKED = {
    "mean_arrival_delay": "arrival_delay_sum / nullif(arrived, 0)",
    "mean_departure_delay": "departure_delay_sum / nullif(departed, 0)",
    "late_share": "arrival_delayed_15 / nullif(arrived, 0)",
    "cancelled_share": "cancelled / nullif(flights, 0)",
}

_KEYS: dict[Dimension, str] = {
    "airline": "airline",
    "origin": "origin",
    "destination": "destination",
    "route": "concat(origin, '-', destination)",
    "day": "flight_date",
}


def extent(warehouse: Warehouse) -> pd.DataFrame:
    """One row: first and last flight_date of the warehouse (null if it is empty), flights in it."""
    columns = "min(flight_date) AS first, max(flight_date) AS last, coalesce(sum(flights), 0) AS flights"
    return warehouse.ask(f"SELECT {columns} FROM {_name(warehouse, DAILY)}")  # noqa: S608 - names of the contract


def codes(warehouse: Warehouse) -> pd.DataFrame:
    """One row per airline, origin and destination that occurs, most flights first: field, code, flights."""
    parts = (
        f"SELECT '{field}' AS field, {field} AS code, sum(flights) AS flights "  # noqa: S608 - names of the contract
        f"FROM {_name(warehouse, DAILY)} GROUP BY {field}"
        for field in ("airline", "origin", "destination")
    )
    return warehouse.ask(" UNION ALL ".join(parts) + " ORDER BY field, flights DESC, code")


def daily_sums(warehouse: Warehouse, filters: Filters) -> pd.DataFrame:
    """One row per flight_date that has flights, oldest first: flight_date, and sums over its flights.

    ``whole``, ``in_periods`` and ``by_weekday`` derive the figures of the page from it: one query instead
    of one for each.
    """
    return _summed(warehouse, filters, DAILY, {"flight_date": "flight_date"}, "ORDER BY flight_date")


def part(sums: pd.DataFrame, first: date, until: date) -> pd.DataFrame:
    """Return the rows of ``daily_sums`` of these days, both included."""
    return sums[(sums["flight_date"] >= first) & (sums["flight_date"] <= until)]


def whole(sums: pd.DataFrame) -> pd.DataFrame:
    """One row of MEASURES of ``daily_sums``; flights is 0 and the means null if there is none."""
    return _measured(sums[list(_SUMS)].sum().to_frame().T)


def in_periods(sums: pd.DataFrame, period: Literal["day", "week", "month"]) -> pd.DataFrame:
    """``series`` of ``daily_sums``."""
    days = pd.to_datetime(sums["flight_date"])
    starts = {
        "day": days,
        "week": days - pd.to_timedelta(days.dt.weekday, unit="D"),
        "month": days.dt.to_period("M").dt.start_time,
    }
    frame = _measured(sums[list(_SUMS)].groupby(starts[period].rename("begin")).sum().reset_index())
    return _filled(frame, {"day": "D", "week": "W-MON", "month": "MS"}[period])


def by_weekday(sums: pd.DataFrame) -> pd.DataFrame:
    """One row per ISO weekday (1 = Monday) of ``daily_sums`` that has flights: weekday, and MEASURES."""
    weekdays = pd.to_datetime(sums["flight_date"]).dt.weekday + 1
    return _measured(sums[list(_SUMS)].groupby(weekdays.rename("weekday")).sum().reset_index())


def series(warehouse: Warehouse, filters: Filters, period: Period) -> pd.DataFrame:
    """Return one row per period, oldest first: begin and MEASURES; no rows without flights.

    ``begin`` is the origin's local time, without zone.
    Periods without a flight between the first and the last that has one are there with 0 flights. By hour,
    flights without a planned departure are left out.
    """
    if period != "hour":
        return in_periods(daily_sums(warehouse, filters), period)
    begin = "CAST(flight_date AS TIMESTAMP_NTZ) + make_dt_interval(0, hour)"
    return _filled(
        _grouped(warehouse, filters, HOURLY, {"begin": begin}, "WHERE begin IS NOT NULL ORDER BY begin"), "h"
    )


def by(
    warehouse: Warehouse, filters: Filters, dimension: Dimension, limit: int = 40, measure: str = "flights"
) -> pd.DataFrame:
    """One row per airline, origin, destination, route or day, the highest of a measure first.

    Columns: the dimension, and MEASURES. Groups of fewer than ``FEW_FLIGHTS`` flights come after all others:
    a mean over three flights says nothing.
    """
    value = "flights" if measure == "flights" else f"flights >= {FEW_FLIGHTS} DESC, {RANKED[measure]}"
    ending = f"ORDER BY {value} DESC NULLS LAST, 1 LIMIT {int(limit)}"
    return _grouped(warehouse, filters, DAILY, {dimension: _KEYS[dimension]}, ending)


def side_by_side(warehouse: Warehouse, filters: Filters, dimension: Dimension) -> pd.DataFrame:
    """One row per code of a dimension and flight_date, oldest first: code, flight_date and MEASURES."""
    keys = {"code": _KEYS[dimension], "flight_date": "flight_date"}
    return _grouped(warehouse, filters, DAILY, keys, "ORDER BY flight_date, code")


def by_weekday_and_hour(warehouse: Warehouse, filters: Filters) -> pd.DataFrame:
    """Return one row per ISO weekday and local hour of departure that has flights: weekday, hour, MEASURES.

    Monday is 1. Flights without a planned departure are left out.
    """
    return _grouped(
        warehouse,
        filters,
        HOURLY,
        {"weekday": "weekday(flight_date) + 1", "hour": "hour"},
        "WHERE hour IS NOT NULL ORDER BY weekday, hour",
    )


def daily_rows(warehouse: Warehouse, filters: Filters, limit: int = 100_000) -> pd.DataFrame:
    """One row per flight_date, airline, origin and destination, newest first: those, and MEASURES."""
    keys = {name: name for name in ("flight_date", "airline", "origin", "destination")}
    return _grouped(warehouse, filters, DAILY, keys, f"ORDER BY flight_date DESC, 2, 3, 4 LIMIT {int(limit)}")


def totals(warehouse: Warehouse, filters: Filters) -> pd.DataFrame:
    """One row of MEASURES; flights is 0 and the means null if no flight matches."""
    return whole(daily_sums(warehouse, filters))


def dimension(warehouse: Warehouse, name: Literal["airline", "airport"]) -> pd.DataFrame:
    """Return one row per airline (code, name) or airport (code, name, city, state, place, time_zone).

    ``place``: latitude and longitude in degrees.
    """
    return warehouse.ask(
        f"SELECT * FROM {warehouse.name(DIM_AIRLINE if name == 'airline' else DIM_AIRPORT)} ORDER BY code"  # noqa: S608
    )


def _grouped(
    warehouse: Warehouse, filters: Filters, table: str, keys: dict[str, str], ending: str
) -> pd.DataFrame:
    """One row per group: its keys, and MEASURES."""
    return _measured(_summed(warehouse, filters, table, keys, ending))


def _summed(
    warehouse: Warehouse, filters: Filters, table: str, keys: dict[str, str], ending: str
) -> pd.DataFrame:
    """One row per group: its keys, and the sums of which ``_measured`` makes MEASURES."""
    selected = "".join(f"{expression} AS {name}, " for name, expression in keys.items())
    sums = ", ".join(f"sum({name}) AS {name}" for name in _SUMS)
    grouping = ", ".join(str(number + 1) for number in range(len(keys)))
    source = f"{_name(warehouse, table)} WHERE {filters.sql()}"
    # The sums have their columns' names. Outside the aggregate a name in the ending can only mean the sum.
    query = f"SELECT * FROM (SELECT {selected}{sums} FROM {source} GROUP BY {grouping}) {ending}"  # noqa: S608 - codes and dates only
    return warehouse.ask(query)


def _measured(sums: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with MEASURES in the place of its sums."""
    departed, arrived, flights = (
        sums[name].where(sums[name] > 0) for name in ("departed", "arrived", "flights")
    )
    mean_arrival_delay = sums["arrival_delay_sum"] / arrived
    variance = sums["arrival_delay_sum_squares"] / arrived - mean_arrival_delay**2
    return sums.drop(columns=list(_SUMS)).assign(
        **{name: sums[name].astype("int64") for name in _COUNTS},
        mean_departure_delay=sums["departure_delay_sum"] / departed,
        mean_arrival_delay=mean_arrival_delay,
        sd_arrival_delay=np.sqrt(variance.clip(lower=0)),
        late_share=sums["arrival_delayed_15"] / arrived,
        cancelled_share=sums["cancelled"] / flights,
        mean_quality=sums["quality_sum"] / flights,
    )


def _filled(frame: pd.DataFrame, unit: str) -> pd.DataFrame:
    return (
        frame
        if frame.empty
        else without_gaps(
            frame, pd.date_range(frame["begin"].min(), frame["begin"].max(), freq=unit), _COUNTS
        )
    )


def _name(warehouse: Warehouse, table: str) -> str:
    return f"{warehouse.database}.{table}"
