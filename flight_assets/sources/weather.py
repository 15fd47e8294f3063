"""Weather reports from files, joined to flights at both ends: the last report known at announcement.

Two layouts: IEM ASOS (``station,valid,tmpf,…``; knots, inches of mercury, M for missing and T for a trace)
and the contract's own columns (``airport,timestamp,temperature_f,…``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from flight_assets.contracts.message import WEATHER_FIELDS, WEATHER_PREFIXES
from flight_assets.contracts.reference import Reference
from flight_assets.errors import FlightsError
from flight_assets.sources.bts import has_all
from flight_assets.sources.columns import by_distinct, moments, number, text
from flight_assets.sources.layout import Chunk, Columns, Layout, raw_rows
from flight_assets.sources.reading import BadLines, chunks, sources_of

NAMES = tuple(field.name for field in WEATHER_FIELDS)
MPH_PER_KNOT = 1.150779448
MB_PER_INCH_OF_MERCURY = 33.8638867
# An older report says nothing about the flight; airports report hourly.
MAX_AGE = pd.Timedelta(hours=3)
_ASOS = {
    "temperature_f": ("tmpf", 1.0),
    "dew_point_f": ("dwpf", 1.0),
    "humidity_pct": ("relh", 1.0),
    "wind_direction_deg": ("drct", 1.0),
    "wind_speed_mph": ("sknt", MPH_PER_KNOT),
    "wind_gust_mph": ("gust", MPH_PER_KNOT),
    "precipitation_in": ("p01i", 1.0),
    "pressure_mb": ("mslp", 1.0),
    "visibility_miles": ("vsby", 1.0),
}
# The airport that each object of weather in a message is about.
ENDS = {"weather": "origin", "destination_weather": "destination"}
_LAYOUT = Layout("weather", "weather reports", lambda _: True, lambda _: raw_rows(0, {}))


@dataclass(frozen=True)
class Weather:
    """Reports: airport (IATA), reported_at (UTC), and the nine columns of the contract.

    Ordered by reported_at.
    """

    reports: pd.DataFrame
    lead: pd.Timedelta

    @property
    def about(self) -> str:
        """Return a phrase on the reports: how many, of how many airports, from when to when."""
        times, places = self.reports["reported_at"], self.reports["airport"].nunique()
        return f"{len(times):,} reports of {places:,} airports, {times.iloc[0]} to {times.iloc[-1]} UTC"

    def add_to(self, flights: pd.DataFrame) -> pd.DataFrame:
        """Return the flights with the last reports of both ends before the announcement, or NaN.

        A report is at most three hours old. Columns: those of the contract; ``destination_…`` for the
        destination.
        """
        for name, end in ENDS.items():
            values = self._last_known(flights, end)
            flights = flights.assign(**{f"{WEATHER_PREFIXES[name]}{each}": values[each] for each in NAMES})
        return flights

    def _last_known(self, flights: pd.DataFrame, end: str) -> pd.DataFrame:
        wanted = pd.DataFrame(
            {
                "airport": flights[end],
                "known_at": flights["scheduled_departure"].astype("datetime64[ns]") - self.lead,
            }
        )
        wanted = (
            wanted.reset_index(drop=True).reset_index(names="place").sort_values("known_at", kind="stable")
        )
        begins, ends = wanted["known_at"].iloc[0] - MAX_AGE, wanted["known_at"].iloc[-1]
        first = self.reports["reported_at"].searchsorted(begins)
        some = self.reports.iloc[first : self.reports["reported_at"].searchsorted(ends, side="right")]
        joined = pd.merge_asof(
            wanted,
            some,
            left_on="known_at",
            right_on="reported_at",
            by="airport",
            tolerance=MAX_AGE,
            direction="backward",
        ).set_index("place")
        values: pd.DataFrame = joined.sort_index()[list(NAMES)].set_axis(flights.index).astype(float)
        return values


def read_weather(paths: Sequence[Path], reference: Reference, lead_minutes: int) -> Weather:
    """Read files of weather reports, in either layout, packed or not.

    Raises:
        FlightsError: a file is in neither layout.
    """
    parts: list[pd.DataFrame] = []
    for path in paths:
        for source in sources_of(path):
            header = tuple(name.split("(")[0] for name in source.header)
            if not (has_all(header, "station", "valid") or has_all(header, "airport", "timestamp")):
                raise FlightsError(
                    f"{source.name} is no file of weather: it needs station,valid (IEM ASOS) or"
                    " airport,timestamp"
                )
            parts.extend(_reports(chunk, reference) for chunk in chunks(source, _LAYOUT, BadLines({})))
    every = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["reported_at", "airport"])
    known = every.dropna(subset=["reported_at", "airport"])
    if known.empty:
        raise FlightsError(f"{paths[0].name} has no report with an airport and a time: nothing to join")
    ordered = known.sort_values("reported_at", kind="stable", ignore_index=True)
    return Weather(ordered, pd.Timedelta(minutes=lead_minutes))


def _reports(chunk: Chunk, reference: Reference) -> pd.DataFrame:
    columns = Columns(chunk)
    if chunk.table is not None and "station" in columns:
        values = {
            name: number(_trace(columns.get(theirs))) * factor for name, (theirs, factor) in _ASOS.items()
        }
        pressure = number(columns.get("alti")) * MB_PER_INCH_OF_MERCURY
        values["pressure_mb"] = np.where(np.isnan(values["pressure_mb"]), pressure, values["pressure_mb"])
        place, time = columns.get("station"), columns.get("valid", "valid(UTC)")
    else:
        values = {name: number(columns.get(name)) for name in NAMES}
        place, time = columns.get("airport"), columns.get("timestamp")

    def iata(code: str) -> str | None:
        periods = reference.airports.get(code.upper(), ())
        return periods[0].code if periods else code.upper()

    small = {name: column.astype(np.float32) for name, column in values.items()}
    times = pd.Series(moments(time)).astype("datetime64[ns]")
    return pd.DataFrame({"airport": by_distinct(text(place), iata), "reported_at": times, **small})


def _trace(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the column with 0 for T: a trace is less than a hundredth of an inch."""
    texts = text(column)
    return pa.chunked_array([pa.array(texts.where(texts != "T", "0"), pa.string())])
