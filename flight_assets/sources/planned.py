"""Planned and actual times of raw rows in UTC: seconds since 1970, NO_TIME where unknown."""

from __future__ import annotations

import numpy as np
import pandas as pd

from flight_assets.contracts.units import CRUISE_MPH, OVERHEAD_MINUTES
from flight_assets.sources.clock import Codes, Seconds, to_utc, utc_offset
from flight_assets.sources.columns import MINUTES_PER_DAY, Floats
from flight_assets.sources.places import Places

# No flight of 2013 from New York is planned more than 155 minutes away from a typical schedule.
PLAUSIBLE_MINUTES = 180
MINUTE_S, DAY_S = 60, 86_400
NO_TIME = np.iinfo(np.int64).min


def seconds_of(times: pd.Series) -> Seconds:
    """Return whole seconds since 1970; NaT becomes NO_TIME, which is what NumPy makes of it."""
    seconds: Seconds = times.to_numpy().astype("datetime64[s]").astype(np.int64)
    return seconds


def moments_of(seconds: Seconds) -> np.ndarray:
    """Return datetime64[s] of seconds since 1970."""
    return seconds.astype("datetime64[s]")


def some(seconds: Seconds) -> Seconds:
    """Return the seconds with 1970 in place of no time, so that look-ups work; their results are not used."""
    return np.where(seconds == NO_TIME, 0, seconds)


def some_zone(zone: Codes) -> Codes:
    """Return the zones with the first one in place of an unknown one."""
    return np.where(zone < 0, 0, zone)


def plus_minutes(seconds: Seconds, minutes: Floats) -> Seconds:
    """Return times moved by minutes; no time where either is missing."""
    known = (seconds != NO_TIME) & np.isfinite(minutes)
    moved = some(seconds) + np.rint(np.where(known, minutes, 0) * MINUTE_S).astype(np.int64)
    return np.where(known, moved, NO_TIME)


def clocks_of(origin: Places, destination: Places, time_zone: str, zones: list[str]) -> tuple[Codes, Codes]:
    """Return the zone of the times of departure and of arrival."""
    if not time_zone:
        return origin.zone, destination.zone
    if time_zone not in zones:
        zones.append(time_zone)
    fixed = np.full(len(origin.zone), zones.index(time_zone), dtype=np.intp)
    return fixed, fixed


def planned_times(
    raw: pd.DataFrame, clocks: tuple[Codes, Codes], zones: list[str], miles: Floats
) -> tuple[Seconds, Seconds]:
    """Return planned departure and arrival in UTC seconds, NO_TIME where unknown."""
    written = seconds_of(raw["departure"])
    there = (written != NO_TIME) & (clocks[0] >= 0)
    first, second = to_utc(some(written), some_zone(clocks[0]), zones)
    elapsed, minutes = raw["elapsed_minutes"].to_numpy(float), raw["arrival_minutes"].to_numpy(float)
    is_second = np.zeros(len(raw), bool)
    unsure = np.flatnonzero(
        there & (first != second) & np.isfinite(elapsed) & np.isfinite(minutes) & (clocks[1] >= 0)
    )
    if len(unsure):
        # At a clock change, the planned arrival tells which of the two hours is right.
        shown = [
            _clock_after(times[unsure], elapsed[unsure], clocks[1][unsure], zones)
            for times in (first, second)
        ]
        wanted = minutes[unsure] % MINUTES_PER_DAY
        is_second[unsure] = (shown[0] != wanted) & (shown[1] == wanted)
    departure = np.where(there, np.where(is_second, second, first), NO_TIME)
    arrival = plus_minutes(departure, elapsed)
    arrival = _fill(arrival, _arrival_as_written(raw, clocks[1], zones, departure))
    return departure, _fill(arrival, arrival_on_clock(departure, minutes, clocks[1], zones, miles))


def _clock_after(departure: Seconds, elapsed: Floats, zone: Codes, zones: list[str]) -> Floats:
    """Return the minutes after midnight that clocks show so long after the departure."""
    arrival = plus_minutes(departure, elapsed)
    minutes: Floats = ((arrival + utc_offset(arrival, zone, zones)) % DAY_S) / MINUTE_S
    return minutes


def _fill(times: Seconds, others: Seconds) -> Seconds:
    return np.where(times == NO_TIME, others, times)


def _arrival_as_written(raw: pd.DataFrame, zone: Codes, zones: list[str], departure: Seconds) -> Seconds:
    """Return the planned arrival where the file gives date and time.

    The first after the departure, if two are right.
    """
    written = seconds_of(raw["arrival"])
    known = (written != NO_TIME) & (zone >= 0)
    if not known.any():
        return np.full(len(raw), NO_TIME)
    first, second = to_utc(some(written), some_zone(zone), zones)
    return np.where(known, np.where(first > departure, first, second), NO_TIME)


def arrival_on_clock(
    departure: Seconds, minutes: Floats, zone: Codes, zones: list[str], miles: Floats
) -> Seconds:
    """Return the UTC time nearest to a typical schedule at which local clocks show these minutes of the day.

    NO_TIME where anything is missing, and where the nearest is implausible: 2400 stands for "unknown" in some
    files.
    """
    typical = plus_minutes(departure, np.floor(miles / CRUISE_MPH * 60 + OVERHEAD_MINUTES))
    known = (typical != NO_TIME) & np.isfinite(minutes) & (zone >= 0)
    if not known.any():
        return np.full(len(departure), NO_TIME)
    guess, place = some(typical), some_zone(zone)
    local = guess + utc_offset(guess, place, zones)
    shown = local % DAY_S // MINUTE_S
    half_day = MINUTES_PER_DAY // 2
    ahead = (np.where(known, minutes, 0).astype(np.int64) - shown + half_day) % MINUTES_PER_DAY - half_day
    # The offset is looked up again at the arrival itself: the clocks may change between the typical arrival
    # and the planned one.
    arrival = local + ahead * MINUTE_S - utc_offset(guess + ahead * MINUTE_S, place, zones)
    return np.where(known & (np.abs(arrival - guess) <= PLAUSIBLE_MINUTES * MINUTE_S), arrival, NO_TIME)


def signed_delay(raw: pd.DataFrame, end: str, planned: Seconds, zone: Codes, zones: list[str]) -> Floats:
    """Return the signed delay: as written, or actual − planned if a file has both times instead."""
    delay: Floats = raw[f"{end}_delay_minutes"].to_numpy(float).copy()
    written = seconds_of(raw[f"actual_{end}"])
    known = np.isnan(delay) & (written != NO_TIME) & (planned != NO_TIME) & (zone >= 0)
    if known.any():
        first, second = to_utc(some(written), some_zone(zone), zones)
        nearer = np.abs(second - planned) < np.abs(first - planned)
        delay[known] = ((np.where(nearer, second, first) - planned) / MINUTE_S)[known]
    return delay
