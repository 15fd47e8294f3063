"""Airlines and airports by code and date, for checks and loaders.

A code is given to others over time: XE was ExpressJet and is JSX, IST moved to another airport on 6 April
2019. So a look-up takes the local date of the flight as well. Pure: ``contracts.dimensions`` reads the files,
``stores.dimensions`` the warehouse.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from hashlib import sha256
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

FIRST_DAY, LAST_DAY = date.min.toordinal(), date.max.toordinal()
# The mean radius of the Earth, 6,371.0088 km (IUGG), in statute miles.
EARTH_RADIUS_MILES = 3_958.7613
# Where a row of the dimensions comes from.
PACKAGED, USER = "packaged", "user"

Floats = npt.NDArray[np.float64]


class Airline(NamedTuple):
    """Airline and the days on which its codes are its own, as ordinals with both ends included."""

    since: int
    until: int
    code: str


class Airport(NamedTuple):
    """Airport and the days on which its codes are its own; degrees north and east, NaN if unknown."""

    since: int
    until: int
    code: str
    zone: str
    latitude: float
    longitude: float


Period = TypeVar("Period", Airline, Airport)


@dataclass(frozen=True)
class Reference:
    """Airlines and airports by IATA or ICAO code. Where several periods cover a day, the first one counts."""

    airlines: Mapping[str, tuple[Airline, ...]] = field(default_factory=dict)
    airports: Mapping[str, tuple[Airport, ...]] = field(default_factory=dict)

    @classmethod
    def from_rows(
        cls, airlines: Iterable[Mapping[str, Any]], airports: Iterable[Mapping[str, Any]]
    ) -> Reference:
        """Return the reference of rows of ``dim_airline`` and ``dim_airport``.

        A user's rows come before those of the packages.
        """
        carriers = [(row, Airline(*_period(row), row["code"])) for row in _users_first(airlines)]
        places = [
            (row, Airport(*_period(row), row["code"], row["time_zone"], row["latitude"], row["longitude"]))
            for row in _users_first(airports)
        ]
        return cls(_by_code(carriers), _by_code(places))

    def airline(self, code: str, day: date) -> Airline | None:
        """Return the airline that has this code on a day, or None."""
        return _on(self.airlines.get(code, ()), day)

    def airport(self, code: str, day: date) -> Airport | None:
        """Return the airport that has this code on a day, or None."""
        return _on(self.airports.get(code, ()), day)

    @property
    def fingerprint(self) -> str:
        """Return a text that is the same for the same content."""
        content = repr((sorted(self.airlines.items()), sorted(self.airports.items())))
        return sha256(content.encode()).hexdigest()

    def has_airline(self, code: str, day: date) -> bool:
        """Return True if an airline has this IATA or ICAO code on that day."""
        return self.airline(code, day) is not None

    def zone(self, code: str, day: date) -> str | None:
        """Return the IANA time zone of the airport that has this IATA or ICAO code on that day, or None."""
        found = self.airport(code, day)
        return found.zone if found else None


def load_reference() -> Reference:
    """Return the reference of the installed packages and our table of airlines, without a user's additions.

    Takes about a second.
    """
    from flight_assets.contracts.dimensions import airline_rows, airport_rows

    return Reference.from_rows(airline_rows().to_dict("records"), airport_rows().to_dict("records"))


def great_circle_miles(
    latitude_1: Floats, longitude_1: Floats, latitude_2: Floats, longitude_2: Floats
) -> Floats:
    """Return distances in statute miles over a sphere of the Earth's mean radius (haversine formula).

    Degrees in.
    """
    phi_1, phi_2 = np.radians(latitude_1), np.radians(latitude_2)
    half_phi = (phi_2 - phi_1) / 2
    half_lambda = np.radians(longitude_2 - longitude_1) / 2
    chord = np.sin(half_phi) ** 2 + np.cos(phi_1) * np.cos(phi_2) * np.sin(half_lambda) ** 2
    distance: Floats = 2 * EARTH_RADIUS_MILES * np.arcsin(np.sqrt(np.minimum(chord, 1.0)))
    return distance


def _users_first(rows: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the rows, a user's before the packages', and of the same origin the newest period first."""
    return sorted(rows, key=lambda row: (row["origin"] != USER, -_period(row)[0]))


def _period(row: Mapping[str, Any]) -> tuple[int, int]:
    since, until = row["since"], row["until"]
    return since.toordinal() if since else FIRST_DAY, until.toordinal() if until else LAST_DAY


def _by_code(rows: list[tuple[Mapping[str, Any], Period]]) -> dict[str, tuple[Period, ...]]:
    found: dict[str, list[Period]] = {}
    for row, period in rows:
        for code in {row["code"], row["icao"]} - {None, ""}:
            found.setdefault(code, []).append(period)
    return {code: tuple(periods) for code, periods in found.items()}


def _on(periods: tuple[Period, ...], day: date) -> Period | None:
    ordinal = day.toordinal()
    return next((period for period in periods if period.since <= ordinal <= period.until), None)
