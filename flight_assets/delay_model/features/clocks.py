"""Local clocks of airports, for features: zones of the reference airports, by IATA or ICAO code."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd

from flight_assets.contracts.dimensions import airport_rows, newest
from flight_assets.delay_model.features.events import NO_TIME, seconds
from flight_assets.delay_model.features.timeline import IntArray
from flight_assets.sources.clock import utc_offset

DAY_S = 86_400
MONDAY = 3  # 1 January 1970 was a Thursday.


@cache
def airport_zones() -> dict[str, str]:
    """Return the IANA time zone of each airport code. Takes about a second, once per process."""
    rows = newest(airport_rows())
    has_icao = rows["icao"].notna()
    by_icao = dict(zip(rows["icao"][has_icao], rows["time_zone"][has_icao], strict=True))
    return by_icao | dict(zip(rows["code"], rows["time_zone"], strict=True))


def local_seconds(times: pd.Series, airports: pd.Series) -> IntArray:
    """Return the clock time at each airport, in seconds since 1970 on that clock.

    NO_TIME if the time is missing or the airport is unknown.
    """
    utc_s = seconds(times)
    codes, names = pd.factorize(airports.to_numpy(dtype=object))
    zones = [airport_zones().get(str(name)) for name in names]
    distinct = sorted({zone for zone in zones if zone})
    numbers = np.array([distinct.index(zone) if zone else -1 for zone in [*zones, None]], dtype=np.intp)
    zone = numbers[codes]
    local_s = np.full(len(utc_s), NO_TIME, dtype=np.int64)
    known = np.flatnonzero((zone >= 0) & (utc_s != NO_TIME))
    local_s[known] = utc_s[known] + utc_offset(utc_s[known], zone[known], distinct)
    return local_s


def minute_of_day(local_s: IntArray) -> np.ndarray:
    """Return the minutes after midnight, NaN if unknown."""
    return np.where(local_s == NO_TIME, np.nan, local_s % DAY_S // 60)


def weekday(local_s: IntArray) -> np.ndarray:
    """Return 0 for Monday to 6 for Sunday, NaN if unknown."""
    return np.where(local_s == NO_TIME, np.nan, (local_s // DAY_S + MONDAY) % 7)
