"""Turn the rows of a layout into flights with UTC times, delays and distance, or name why a row is left out.

Actual = planned in UTC + signed delay. The planned arrival is the planned departure + the planned minutes.
Without those it is the local clock time of arrival on the day that suits the distance.
"""

from __future__ import annotations

import itertools
import re
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from flight_assets.contracts.message import MAX_DELAY_MINUTES, MIN_DELAY_MINUTES
from flight_assets.contracts.reference import Reference
from flight_assets.contracts.units import CRUISE_MPH, OVERHEAD_MINUTES
from flight_assets.sources.clock import utc_offset
from flight_assets.sources.columns import by_distinct
from flight_assets.sources.layout import AIRPORTS_OWN
from flight_assets.sources.places import Places, distance_of, places
from flight_assets.sources.planned import (
    NO_TIME,
    clocks_of,
    moments_of,
    planned_times,
    plus_minutes,
    signed_delay,
    some,
    some_zone,
)

ICAO_LENGTH = 3
# Bounds of the message contract.
LAST_NUMBER, LONGEST_MILES = 9_999, 12_500

FLIGHT_COLUMNS = (
    *(
        "row",
        "airline",
        "flight_number",
        "flight_suffix",
        "tail_number",
        "origin",
        "destination",
        "flight_date",
        "local_departure",
    ),
    *(
        "scheduled_departure",
        "scheduled_arrival",
        "distance_miles",
        "departure_delay_minutes",
        "arrival_delay_minutes",
    ),
    *("cancelled", "diverted", "diverted_to", "diverted_at", "arrived_at", "source", "computed_distance"),
)


class Converted(NamedTuple):
    """Flights (FLIGHT_COLUMNS, UTC without a zone, datetime64[s]), and the rows left out (row, reason)."""

    flights: pd.DataFrame
    unusable: pd.DataFrame


def convert(
    raw: pd.DataFrame, rows: np.ndarray, reference: Reference, source: str, time_zone: str = AIRPORTS_OWN
) -> Converted:
    """Return the flights of raw rows (RAW_COLUMNS), and the other rows with the first reason that applies.

    Args:
        raw: what a layout read.
        rows: line number of each.
        reference: airlines and airports.
        source: the layout's name, kept with each flight.
        time_zone: the clock of all times; empty if each is on that of its own airport.
    """
    zones: list[str] = ["UTC"]
    days = raw["departure"].to_numpy().astype("datetime64[D]")
    origin, destination = (places(raw[end], days, reference, zones) for end in ("origin", "destination"))
    clocks = clocks_of(origin, destination, time_zone, zones)
    miles = distance_of(raw["distance_miles"].to_numpy(float), origin, destination)
    departure, arrival = planned_times(raw, clocks, zones, miles)
    local = _local_times(departure, origin, zones)
    departure_delay = signed_delay(raw, "departure", departure, clocks[0], zones)
    arrival_delay = signed_delay(raw, "arrival", arrival, clocks[1], zones)
    cancelled = raw["cancelled"].to_numpy(bool)
    arrival_delay[cancelled] = np.nan
    flights = pd.DataFrame(
        {
            "row": rows,
            "airline": _airlines(raw["airline"], reference),
            "flight_number": raw["flight_number"].to_numpy(float),
            "flight_suffix": raw["flight_suffix"],
            "tail_number": raw["tail_number"],
            "origin": origin.code,
            "destination": destination.code,
            "flight_date": moments_of(local).astype("datetime64[D]").astype("datetime64[s]"),
            "local_departure": moments_of(local),
            "scheduled_departure": moments_of(departure),
            "scheduled_arrival": moments_of(np.where(arrival > departure, arrival, NO_TIME)),
            "distance_miles": miles,
            "departure_delay_minutes": departure_delay,
            "arrival_delay_minutes": arrival_delay,
            "cancelled": cancelled,
            "diverted": raw["diverted"].to_numpy(bool) & ~cancelled & np.isfinite(departure_delay),
            "diverted_to": raw["diverted_to"],
            "arrived_at": moments_of(plus_minutes(arrival, arrival_delay)),
            "source": source,
            "computed_distance": ~(raw["distance_miles"].to_numpy(float) > 0),
        }
    )
    flights["diverted_at"] = _diverted_at(flights, moments_of(arrival))
    return _parted(flights, rows, _reasons(raw, flights, origin))


def _local_times(departure: np.ndarray, origin: Places, zones: list[str]) -> np.ndarray:
    """Return departures on the clock of their origin, in seconds; NO_TIME without one."""
    return np.where(
        departure != NO_TIME, departure + utc_offset(some(departure), some_zone(origin.zone), zones), NO_TIME
    )


def _parted(flights: pd.DataFrame, rows: np.ndarray, reason: np.ndarray) -> Converted:
    usable = pd.isna(reason)
    kept = flights.loc[usable, list(FLIGHT_COLUMNS)].astype({"flight_number": "int64"}).reset_index(drop=True)
    return Converted(kept, pd.DataFrame({"row": rows[~usable], "reason": reason[~usable]}))


def _diverted_at(flights: pd.DataFrame, arrival: np.ndarray) -> pd.Series:
    """Return when a diverted flight lands elsewhere.

    No layout has this time, so it is planned arrival + departure delay, but before its arrival. Without a
    planned arrival, a typical flight's time counts.
    """
    departed = flights["scheduled_departure"] + _minutes(flights["departure_delay_minutes"])
    block = pd.Series(arrival, index=flights.index) - flights["scheduled_departure"]
    typical = _minutes(
        flights["distance_miles"].clip(upper=LONGEST_MILES) / CRUISE_MPH * 60 + OVERHEAD_MINUTES
    )
    landed = departed + block.where(block > pd.Timedelta(0), typical)
    halfway = departed + (flights["arrived_at"] - departed) / 2
    at = landed.where(~(landed >= flights["arrived_at"]), halfway)
    return at.where(flights["diverted"]).astype("datetime64[s]")


def _minutes(values: pd.Series) -> pd.Series:
    return pd.to_timedelta(np.rint(values.fillna(0)), unit="min").where(values.notna())


def _airlines(codes: pd.Series, reference: Reference) -> pd.Series:
    """Return IATA codes; an ICAO code that no airline of the reference has stays as it is."""

    def iata(code: str) -> str:
        periods = reference.airlines.get(code.upper(), ())
        return periods[0].code if len(code) == ICAO_LENGTH and periods else code.upper()

    return by_distinct(codes, iata)


def _reasons(raw: pd.DataFrame, flights: pd.DataFrame, origin: Places) -> np.ndarray:
    """Return for each row the first reason why it is no flight, None if it is one."""
    reason: np.ndarray = raw["unusable"].to_numpy(object).copy()

    def note(holds: Any, text: str, detail: pd.Series | None = None) -> None:  # noqa: ANN401 - a column of booleans
        where = np.flatnonzero(np.asarray(holds, dtype=bool) & pd.isna(reason))
        values = itertools.repeat("") if detail is None else detail.iloc[where]
        for row, value in zip(where, values, strict=False):
            reason[row] = text.format(value)

    number = flights["flight_number"]
    note(~_matches(raw["airline"], "[A-Za-z0-9]{2,3}"), "no_airline: no carrier code of 2 or 3 characters")
    note(
        ~((number >= 1) & (number <= LAST_NUMBER) & (number == np.floor(number))),
        "no_flight_number: not a whole number from 1 to 9999",
    )
    for end in ("origin", "destination"):
        note(
            ~_matches(raw[end], "[A-Za-z]{3,4}"),
            f"no_{end}: {{}} is no airport code",
            raw[end].fillna("nothing"),
        )
    note(origin.zone < 0, "unknown_airport: {} has no known time zone", flights["origin"])
    note(flights["origin"] == flights["destination"], "same_airport: origin and destination are the same")
    note(raw["departure"].isna(), "no_departure: no planned date and time of departure")
    note(
        ~((flights["distance_miles"] > 0) & (flights["distance_miles"] < LONGEST_MILES)),
        "no_distance: none given, and none known",
    )
    for end in ("departure", "arrival"):
        delay = flights[f"{end}_delay_minutes"]
        note(
            (delay < MIN_DELAY_MINUTES) | (delay > MAX_DELAY_MINUTES),
            f"out_of_range: {end} delay of {{:g}} minutes",
            delay,
        )
    departed = flights["scheduled_departure"] + _minutes(flights["departure_delay_minutes"])
    note(flights["arrived_at"] < departed, "inconsistent_times: it arrives before it departs")
    return reason


def _matches(values: pd.Series, pattern: str) -> np.ndarray:
    return np.asarray(
        by_distinct(values, lambda value: bool(re.fullmatch(pattern, value))).eq(True), dtype=bool
    )
