"""Layouts of the US Bureau of Transportation Statistics, and of those who republish its flights.

Times are hhmm on the clock of their own airport. The signed delays are the truth; ``DepDelayMinutes`` and
``DEP_DELAY_NEW`` are cut off at 0 and never read. A diverted flight has no arrival delay, but may have one of
its own if it reached its destination.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd

from flight_assets.contracts.dimensions import dot_airports
from flight_assets.sources.columns import by_distinct, clock_times, dates, day_of, flag, number, text
from flight_assets.sources.layout import Chunk, Columns, Layout, at, raw_rows

# The layout of 1987–2008 for the Data Expo 2009, whose files often come without their header.
DATA_EXPO_COLUMNS = (
    *(
        "Year",
        "Month",
        "DayofMonth",
        "DayOfWeek",
        "DepTime",
        "CRSDepTime",
        "ArrTime",
        "CRSArrTime",
        "UniqueCarrier",
        "FlightNum",
    ),
    *(
        "TailNum",
        "ActualElapsedTime",
        "CRSElapsedTime",
        "AirTime",
        "ArrDelay",
        "DepDelay",
        "Origin",
        "Dest",
        "Distance",
        "TaxiIn",
    ),
    *(
        "TaxiOut",
        "Cancelled",
        "CancellationCode",
        "Diverted",
        "CarrierDelay",
        "WeatherDelay",
        "NASDelay",
        "SecurityDelay",
    ),
    "LateAircraftDelay",
)
# The name of each column in the two layouts that the Bureau itself publishes; the first one present counts.
_NAMES: dict[str, tuple[str, ...]] = {
    "airline": (
        *(
            "IATA_CODE_Reporting_Airline",
            "IATA_Code_Operating_Airline",
            "Carrier",
            "Reporting_Airline",
            "UniqueCarrier",
        ),
        *("OP_UNIQUE_CARRIER", "OP_CARRIER", "UNIQUE_CARRIER"),
    ),
    "number": (
        *("Flight_Number_Reporting_Airline", "Flight_Number_Operating_Airline", "FlightNum"),
        *("OP_CARRIER_FL_NUM", "FL_NUM"),
    ),
    "tail": ("Tail_Number", "TailNum", "TAIL_NUM"),
    "date": ("FlightDate", "FL_DATE"),
    "origin": ("Origin",),
    "destination": ("Dest",),
    "departure": ("CRSDepTime", "CRS_DEP_TIME"),
    "arrival": ("CRSArrTime", "CRS_ARR_TIME"),
    "elapsed": ("CRSElapsedTime", "CRS_ELAPSED_TIME"),
    "departure_delay": ("DepDelay", "DEP_DELAY"),
    "arrival_delay": ("ArrDelay", "ARR_DELAY"),
    "cancelled": ("Cancelled",),
    "diverted": ("Diverted",),
    "reached": ("DivReachedDest", "DIV_REACHED_DEST"),
    "diverted_delay": ("DivArrDelay", "DIV_ARR_DELAY"),
    "diverted_to": ("Div1Airport", "DIV1_AIRPORT"),
    "distance": ("Distance",),
    "duplicate": ("Duplicate",),
}
NEEDS = tuple(_NAMES[what] for what in ("airline", "number", "date", "origin", "destination", "departure"))
READS = frozenset(name.lower() for names in _NAMES.values() for name in names)


def has_all(header: tuple[str, ...], *names: str) -> bool:
    """Return True if a header has all of these names, in any case."""
    present = {name.strip().lower() for name in header}
    return all(name.lower() in present for name in names)


def _has_any(header: tuple[str, ...], what: str) -> bool:
    return any(has_all(header, name) for name in _NAMES[what])


def _rows(chunk: Chunk) -> pd.DataFrame:
    """Return the rows of the Bureau's own files; ``_NAMES`` says what each column is called."""
    columns = Columns(chunk)

    def named(what: str) -> Any:  # noqa: ANN401 - an Arrow column
        return columns.get(*_NAMES[what])

    day = dates(named("date"))
    reached = flag(named("reached"))
    duplicate = text(named("duplicate")).eq("Y")
    return raw_rows(
        columns.count,
        {
            **_flight(
                named("airline"), named("number"), named("tail"), named("origin"), named("destination")
            ),
            "departure": at(day, clock_times(named("departure"))),
            "arrival_minutes": clock_times(named("arrival")),
            "elapsed_minutes": number(named("elapsed")),
            "departure_delay_minutes": number(named("departure_delay")),
            "arrival_delay_minutes": np.where(
                reached, number(named("diverted_delay")), number(named("arrival_delay"))
            ),
            "cancelled": flag(named("cancelled")),
            "diverted": flag(named("diverted")),
            "diverted_to": text(named("diverted_to")),
            "distance_miles": number(named("distance")),
            "unusable": duplicate.map(
                {True: "repeated: marked as the duplicate of another row", False: None}
            ),
        },
    )


def _flight(airline: Any, flight_number: Any, tail: Any, origin: Any, destination: Any) -> dict[str, Any]:  # noqa: ANN401 - Arrow columns
    """Return the columns that name a flight. ``PA (1)`` is the first airline that had the code PA."""
    return {
        "airline": by_distinct(text(airline), lambda code: re.sub(r"\s*\(\d+\)$", "", code)),
        "flight_number": number(flight_number),
        "tail_number": text(tail),
        "origin": text(origin),
        "destination": text(destination),
    }


def _data_expo_rows(chunk: Chunk) -> pd.DataFrame:
    """Return the rows of the Data Expo 2009 layout."""
    columns = Columns(chunk)
    day = day_of(*(number(columns.get(name)) for name in ("Year", "Month", "DayofMonth")))
    names = ("UniqueCarrier", "FlightNum", "TailNum", "Origin", "Dest")
    return raw_rows(
        columns.count,
        {
            **_flight(*(columns.get(name) for name in names)),
            "departure": at(day, clock_times(columns.get("CRSDepTime"))),
            "arrival_minutes": clock_times(columns.get("CRSArrTime")),
            "elapsed_minutes": number(columns.get("CRSElapsedTime")),
            "departure_delay_minutes": number(columns.get("DepDelay")),
            "arrival_delay_minutes": number(columns.get("ArrDelay")),
            "cancelled": flag(columns.get("Cancelled")),
            "diverted": flag(columns.get("Diverted")),
            "distance_miles": number(columns.get("Distance")),
        },
    )


def _kaggle_rows(chunk: Chunk) -> pd.DataFrame:
    """Return the rows of the Kaggle set of 2015, whose October has five-digit airport ids."""
    columns = Columns(chunk)
    day = day_of(*(number(columns.get(name)) for name in ("YEAR", "MONTH", "DAY")))
    names = ("AIRLINE", "FLIGHT_NUMBER", "TAIL_NUMBER", "ORIGIN_AIRPORT", "DESTINATION_AIRPORT")
    flight = _flight(*(columns.get(name) for name in names))
    ids = dot_airports()
    return raw_rows(
        columns.count,
        {
            **flight,
            "origin": by_distinct(flight["origin"], lambda code: ids.get(code, code)),
            "destination": by_distinct(flight["destination"], lambda code: ids.get(code, code)),
            "departure": at(day, clock_times(columns.get("SCHEDULED_DEPARTURE"))),
            "arrival_minutes": clock_times(columns.get("SCHEDULED_ARRIVAL")),
            "elapsed_minutes": number(columns.get("SCHEDULED_TIME")),
            "departure_delay_minutes": number(columns.get("DEPARTURE_DELAY")),
            "arrival_delay_minutes": number(columns.get("ARRIVAL_DELAY")),
            "cancelled": flag(columns.get("CANCELLED")),
            "diverted": flag(columns.get("DIVERTED")),
            "distance_miles": number(columns.get("DISTANCE")),
        },
    )


def _looks_like_data_expo(header: tuple[str, ...]) -> bool:
    """Return True for the header of the layout, and for a first row of it in a file without a header."""
    if has_all(header, "Year", "Month", "DayofMonth", "UniqueCarrier", "FlightNum", "CRSDepTime"):
        return True
    return len(header) == len(DATA_EXPO_COLUMNS) and header[0].isdigit() and 1987 <= int(header[0]) <= 2_099


PREZIP = Layout(
    "bts-prezip", "BTS on-time performance, monthly file", reads=READS, needs=NEEDS, rows=_rows,
    recognises=lambda header: has_all(header, "FlightDate", "CRSDepTime", "Origin",
        "Dest") and _has_any(header, "number"),
)  # fmt: skip
T_ONTIME = Layout(
    "bts-t-ontime", "BTS on-time performance, export of chosen columns", reads=READS, needs=NEEDS, rows=_rows,
    recognises=lambda header: has_all(header, "FL_DATE", "CRS_DEP_TIME"),
)  # fmt: skip
DATA_EXPO = Layout(
    "data-expo", "Data Expo 2009 (1987–2008)", recognises=_looks_like_data_expo, rows=_data_expo_rows,
    headings=DATA_EXPO_COLUMNS, reads=frozenset(name.lower() for name in DATA_EXPO_COLUMNS[:24]),
)  # fmt: skip
KAGGLE = Layout(
    "kaggle-2015", "Kaggle, US flight delays of 2015", rows=_kaggle_rows,
    recognises=lambda header: has_all(header, "YEAR", "MONTH", "DAY", "AIRLINE", "ORIGIN_AIRPORT",
        "SCHEDULED_DEPARTURE"),
    reads=frozenset(
        (
            *("year", "month", "day", "airline", "flight_number", "tail_number", "origin_airport",
                "destination_airport"),
            *("scheduled_departure", "scheduled_arrival", "scheduled_time", "departure_delay",
                "arrival_delay"),
            *("cancelled", "diverted", "distance"),
        )
    ),
)  # fmt: skip
