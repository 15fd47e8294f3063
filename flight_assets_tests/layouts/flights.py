"""Flights to write in every layout, and what a loader must make of each, worked out without the loader."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from flight_assets.contracts.dimensions import airline_rows, airport_rows

# Folder with Parquet files in the columns of Data Expo 2009, sorted by day. It is not part of the project.
FOLDER = os.environ.get("FLIGHTS_TEST_FLIGHTS", "")
KEY = ["UniqueCarrier", "FlightNum", "Origin"]
# Rows that are equal in all of this are one flight that is reported twice.
SAME = [*KEY, "date", "CRSDepTime", "Dest", "TailNum", "CRSElapsedTime", "DepDelay", "ArrDelay", "Diverted"]
COLUMNS = (
    *("Year", "Month", "DayofMonth", "CRSDepTime", "CRSArrTime", "UniqueCarrier", "FlightNum", "TailNum"),
    *("CRSElapsedTime", "ArrDelay", "DepDelay", "Origin", "Dest", "Distance", "Cancelled", "Diverted"),
)
# Carrier, origin, destination, minutes in the air, miles: both changes of clock rules, places without them.
_ROUTES = (
    *(("F9", "DEN", "JAX", 190, 1_448), ("UA", "EWR", "PHX", 310, 2_133), ("HA", "HNL", "LAX", 320, 2_556)),
    *(("AQ", "KOA", "OGG", 35, 84), ("AA", "DFW", "SJU", 280, 2_165), ("AS", "ANC", "SEA", 205, 1_449)),
    *(("CO", "GUM", "HNL", 430, 3_801), ("WN", "PHX", "ABQ", 65, 328), ("OO", "ORD", "CMX", 75, 330)),
)


def frames(folder: Path, days: int = 0) -> list[tuple[str, pd.DataFrame]]:
    """Return (name, rows) of each file of a folder, or of the first days of its first file."""
    paths = sorted(folder.glob("*.parquet"))
    if not paths:
        raise FileNotFoundError(f"{folder} has no Parquet files of flights")
    found = [(path.stem, _read(path)) for path in paths]
    if days:
        name, rows = found[0]
        return [(name, rows[rows["DayofMonth"] <= days].reset_index(drop=True))]
    return found


def _read(path: Path) -> pd.DataFrame:
    rows = pd.read_parquet(path, columns=list(COLUMNS))
    texts = ("UniqueCarrier", "TailNum", "Origin", "Dest")
    kinds = {
        name: "object" if name in texts else "float64" if rows[name].isna().any() else "int64"
        for name in rows
    }
    return rows.astype(kinds)


def sample(day: date = date(2008, 3, 9), count: int = 400) -> pd.DataFrame:
    """Return made-up flights of one day, in the same columns: with repeats, 2400, and impossible rows."""
    rng = np.random.default_rng(20080309)
    routes = [_ROUTES[place % len(_ROUTES)] for place in range(count)]
    minutes = rng.integers(0, 1_441, count)
    minutes[:3] = 0, 1_440, 150
    dep_delay = rng.integers(-10, 90, count).astype(float)
    arr_delay = dep_delay + rng.integers(-9, 9, count)
    cancelled, diverted = rng.random(count) < 0.03, rng.random(count) < 0.02
    dep_delay[cancelled] = np.nan
    arr_delay[cancelled | diverted] = np.nan
    rows = pd.DataFrame(
        {
            "Year": day.year,
            "Month": day.month,
            "DayofMonth": day.day,
            "CRSDepTime": minutes // 60 * 100 + minutes % 60,
            "CRSArrTime": 1_200,
            "UniqueCarrier": [route[0] for route in routes],
            "FlightNum": rng.integers(1, 9_999, count),
            "TailNum": [f"N{number}AB" for number in range(count)],
            "CRSElapsedTime": [float(route[3]) for route in routes],
            "ArrDelay": arr_delay,
            "DepDelay": dep_delay,
            "Origin": [route[1] for route in routes],
            "Dest": [route[2] for route in routes],
            "Distance": [route[4] for route in routes],
            "Cancelled": cancelled.astype(int),
            "Diverted": (diverted & ~cancelled).astype(int),
        }
    )
    # One number twice a day, the same flight twice, and one that arrives before it departs.
    rows.loc[9, ["FlightNum", "CRSDepTime"]] = rows.loc[0, "FlightNum"], 2_355
    rows.loc[18] = rows.loc[0]
    rows.loc[27, ["DepDelay", "ArrDelay"]] = 300.0, -60.0
    return with_arrival_clock(rows)


def with_arrival_clock(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with CRSArrTime on the clock of the destination."""
    arrival = _on_clock(expected(rows)["arrival"], rows["Dest"])
    return rows.assign(CRSArrTime=arrival.dt.hour * 100 + arrival.dt.minute)


def expected(rows: pd.DataFrame) -> pd.DataFrame:
    """Return one row per row: what is true of the flight. Times UTC without a zone, NaT if unknown.

    Columns: airline, flight_number, origin, destination, tail_number, distance_miles, date (local),
    departure and arrival (planned), departed, arrived, departure_delay, arrival_delay, cancelled, diverted.
    """
    days = pd.to_datetime(
        {"year": rows["Year"], "month": rows["Month"], "day": rows["DayofMonth"]}
    ) + pd.to_timedelta(rows["CRSDepTime"] // 100 * 60 + rows["CRSDepTime"] % 100, unit="min")
    departure = _utc(days, rows["Origin"])
    arrival = departure + pd.to_timedelta(rows["CRSElapsedTime"].astype(float), unit="min")
    dep_delay, arr_delay = rows["DepDelay"].astype(float), rows["ArrDelay"].astype(float)
    local = _on_clock(departure, rows["Origin"])
    return pd.DataFrame(
        {
            "airline": rows["UniqueCarrier"].astype(object),
            "flight_number": rows["FlightNum"].astype(int),
            "origin": rows["Origin"].astype(object),
            "destination": rows["Dest"].astype(object),
            "tail_number": rows["TailNum"].astype(object),
            "distance_miles": rows["Distance"].astype(float),
            "date": local.dt.normalize(),
            "departure": departure,
            "arrival": arrival,
            "departed": departure + pd.to_timedelta(dep_delay, unit="min"),
            "arrived": arrival + pd.to_timedelta(arr_delay, unit="min"),
            "departure_delay": dep_delay,
            "arrival_delay": arr_delay,
            "cancelled": rows["Cancelled"].astype(bool),
            "diverted": rows["Diverted"].astype(bool),
        }
    )


def repeated(rows: pd.DataFrame) -> np.ndarray:
    """Return which rows equal another one in everything that makes a flight."""
    dated = rows.assign(date=expected(rows)["date"])
    return dated.duplicated(SAME, keep=False).to_numpy()


def icao_codes(rows: pd.DataFrame, day: date) -> pd.DataFrame:
    """Return the columns airline, origin and destination in ICAO codes; IATA where there is none."""
    airline, airport = (_icao(table(), day) for table in (airline_rows, airport_rows))
    return pd.DataFrame(
        {
            "airline": rows["UniqueCarrier"].map(lambda code: airline.get(code, code)),
            "origin": rows["Origin"].map(lambda code: airport.get(code, code)),
            "destination": rows["Dest"].map(lambda code: airport.get(code, code)),
        }
    )


def _icao(table: pd.DataFrame, day: date) -> dict[str, str]:
    """Return the ICAO code by IATA code on a day."""
    holds = [
        (since is None or pd.isna(since) or since <= day)
        and (until is None or pd.isna(until) or until >= day)
        for since, until in zip(table["since"], table["until"], strict=True)
    ]
    valid = table[np.array(holds) & table["icao"].notna().to_numpy()]
    return dict(zip(valid["code"], valid["icao"], strict=True))


def _zones() -> dict[str, str]:
    table = airport_rows()
    return dict(zip(table["code"], table["time_zone"], strict=True))


def _utc(local: pd.Series, airports: pd.Series) -> pd.Series:
    """Return local times of airports in UTC, by Python's own zones: a skipped 2:30 is 3:30."""
    result = pd.Series(pd.NaT, index=local.index, dtype="datetime64[ns]")
    for zone, some in local.groupby(airports.map(_zones())):
        there = ZoneInfo(str(zone))
        moments = {time: time.to_pydatetime().replace(tzinfo=there).timestamp() for time in some.unique()}
        result.loc[some.index] = pd.to_datetime(some.map(moments), unit="s")
    return result


def _on_clock(utc: pd.Series, airports: pd.Series) -> pd.Series:
    result = pd.Series(pd.NaT, index=utc.index, dtype="datetime64[ns]")
    for zone, some in utc.groupby(airports.map(_zones())):
        there = some.dt.tz_localize("UTC").dt.tz_convert(zone).dt.tz_localize(None)
        result.loc[some.index] = there.astype("datetime64[ns]")
    return result
