"""Features from the flight's own announcement: calendar, distance, weather, codes."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pandas as pd

from flight_assets.delay_model.features.context import Features
from flight_assets.delay_model.features.events import WEATHER_COLUMNS, numbers, seconds, utc_times
from flight_assets.delay_model.features.timeline import FloatArray

# Zone of the network's airports of departure. Destinations use the same clock, so that no look-up is needed.
NETWORK_ZONE = ZoneInfo("America/New_York")
LONGEST_CODE = 4
BASE = 36


def schedule_features(flights: pd.DataFrame) -> Features:
    """One value per flight and feature."""
    departure, arrival = _local(flights["scheduled_departure"]), _local(flights["scheduled_arrival"])
    block = (seconds(flights["scheduled_arrival"]) - seconds(flights["scheduled_departure"])) / 60
    return {
        "months_from_january": numbers((departure.dt.month - 1).clip(upper=13 - departure.dt.month)),
        "day_of_week": numbers(departure.dt.dayofweek),
        "distance_miles": numbers(flights["distance_miles"]),
        "scheduled_departure_minute": _minute_of_day(departure),
        **{name: numbers(flights[name]) for name in WEATHER_COLUMNS},
        "airline_code": code_number(flights["airline"]),
        "origin_code": code_number(flights["origin"]),
        "destination_code": code_number(flights["destination"]),
        "scheduled_block_minutes": np.where(arrival.isna() | departure.isna(), np.nan, block),
        "scheduled_arrival_minute": _minute_of_day(arrival),
    }


def local_dates(times: pd.Series) -> npt.NDArray[np.datetime64]:
    """Return the dates in New York of UTC times, as datetime64[D]."""
    dates: npt.NDArray[np.datetime64] = _local(times).to_numpy().astype("datetime64[D]")
    return dates


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


def _local(times: pd.Series) -> pd.Series:
    """Return the clock time in New York, without a zone."""
    return utc_times(times).dt.tz_convert(NETWORK_ZONE).dt.tz_localize(None)


def _minute_of_day(local: pd.Series) -> FloatArray:
    return numbers(local.dt.hour * 60 + local.dt.minute)
