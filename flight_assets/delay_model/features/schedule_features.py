"""Features from the flight's own announcement: calendar on local clocks, distance, weather, codes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from flight_assets.contracts.units import CRUISE_MPH, OVERHEAD_MINUTES
from flight_assets.delay_model.features.clocks import local_seconds, minute_of_day, weekday
from flight_assets.delay_model.features.context import Features
from flight_assets.delay_model.features.events import NO_TIME, WEATHER_COLUMNS, numbers, seconds
from flight_assets.delay_model.features.timeline import FloatArray, IntArray

LONGEST_CODE = 4
BASE = 36


def schedule_features(flights: pd.DataFrame) -> Features:
    """One value per flight and feature."""
    departure = local_seconds(flights["scheduled_departure"], flights["origin"])
    arrival = local_seconds(flights["scheduled_arrival"], flights["destination"])
    planned = seconds(flights["scheduled_departure"]), seconds(flights["scheduled_arrival"])
    known = (planned[0] != NO_TIME) & (planned[1] != NO_TIME)
    block = np.where(known, (planned[1] - planned[0]) / 60, np.nan)
    miles = numbers(flights["distance_miles"])
    return {
        "months_from_january": _months_from_january(departure),
        "day_of_week": weekday(departure),
        "distance_miles": miles,
        "scheduled_departure_minute": minute_of_day(departure),
        **{name: numbers(flights[name]) for name in WEATHER_COLUMNS},
        "airline_code": code_number(flights["airline"]),
        "origin_code": code_number(flights["origin"]),
        "destination_code": code_number(flights["destination"]),
        "scheduled_block_minutes": block,
        "scheduled_arrival_minute": minute_of_day(arrival),
        "scheduled_padding_minutes": block - miles / CRUISE_MPH * 60 - OVERHEAD_MINUTES,
    }


def local_dates(flights: pd.DataFrame) -> npt.NDArray[np.datetime64]:
    """Return the planned date of departure on the origin's clock, as datetime64[D].

    The date in UTC if the origin is unknown.
    """
    local_s = local_seconds(flights["scheduled_departure"], flights["origin"])
    local_s = np.where(local_s == NO_TIME, seconds(flights["scheduled_departure"]), local_s)
    dates: npt.NDArray[np.datetime64] = local_s.astype("datetime64[s]").astype("datetime64[D]")
    return dates


def _months_from_january(local_s: IntArray) -> FloatArray:
    month = local_s.astype("datetime64[s]").astype("datetime64[M]").astype(np.int64) % 12
    return np.where(local_s == NO_TIME, np.nan, np.minimum(month, 12 - month))


def code_number(codes: pd.Series) -> FloatArray:
    """Return an IATA code as a number in base 36, NaN if it is not 1–4 letters and digits.

    The numbers never change and keep the alphabetical order, so features need no table of codes.
    """
    distinct, inverse = np.unique(codes.fillna("").astype(str).to_numpy(dtype=object), return_inverse=True)
    values: FloatArray = np.array([_base_36(code) for code in distinct], dtype=np.float64)
    return values[inverse]


def _base_36(code: str) -> float:
    if not (code.isascii() and code.isalnum() and len(code) <= LONGEST_CODE):
        return float("nan")
    return float(int(code, BASE))
