"""Airports of a column: zone, place and IATA code of each row."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from flight_assets.contracts.reference import Airport, Reference, great_circle_miles
from flight_assets.sources.clock import Codes
from flight_assets.sources.columns import Floats, by_distinct

_EPOCH_ORDINAL = 719_163  # date(1970, 1, 1).toordinal()


class Places(NamedTuple):
    """Airports of a column: zone (index into the names, -1 unknown), degrees (NaN unknown) and IATA code."""

    zone: Codes
    latitude: Floats
    longitude: Floats
    code: np.ndarray


def places(codes: pd.Series, days: np.ndarray, reference: Reference, zones: list[str]) -> Places:
    """Return the airport of each row.

    A code without an airport on the day means the airport that has it on another day.
    """
    codes = by_distinct(codes, str.upper)
    numbers, names = pd.factorize(codes)
    found: list[Airport | None] = [None]
    place = np.zeros(len(codes), dtype=np.intp)
    for number, name in enumerate(names):
        periods = reference.airports.get(name, ())
        rows = np.flatnonzero(numbers == number) if len(periods) > 1 else numbers == number
        if periods:
            place[rows] = len(found)
            found.append(periods[0])
        if len(periods) > 1:
            ordinals = days[rows].astype("datetime64[D]").astype(np.int64) + _EPOCH_ORDINAL
            for period in reversed(periods):
                place[rows[(ordinals >= period.since) & (ordinals <= period.until)]] = len(found)
                found.append(period)
    return _columns_of(found, place, codes, zones)


def _columns_of(found: list[Airport | None], place: Codes, codes: pd.Series, zones: list[str]) -> Places:
    numbers = []
    for airport in found:
        if airport and airport.zone not in zones:
            zones.append(airport.zone)
        numbers.append(zones.index(airport.zone) if airport else -1)
    nowhere = np.nan
    known = np.array([airport.code if airport else None for airport in found], dtype=object)[place]
    return Places(
        np.array(numbers, dtype=np.intp)[place],
        np.array([airport.latitude if airport else nowhere for airport in found])[place],
        np.array([airport.longitude if airport else nowhere for airport in found])[place],
        np.where(place > 0, known, codes.to_numpy(object)),
    )


def distance_of(miles: Floats, origin: Places, destination: Places) -> Floats:
    """Return the file's distance, or the great circle's if it has none."""
    ends = (origin.latitude, origin.longitude, destination.latitude, destination.longitude)
    result: Floats = np.where(miles > 0, miles, np.round(great_circle_miles(*ends), 1))
    return result
