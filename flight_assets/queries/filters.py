"""Filters of queries about flights, as conditions for the warehouse and for MongoDB."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import Any

from flight_assets.contracts.units import AIRLINE, AIRPORT, FLIGHT_ID
from flight_assets.errors import FlightsError
from flight_assets.tenancy import EVERYTHING, Scope
from flight_assets.transforms.rules import flight_day

_PATTERNS = {
    "airlines": re.compile(AIRLINE),
    "origins": re.compile(AIRPORT),
    "destinations": re.compile(AIRPORT),
    "routes": re.compile(f"{AIRPORT}-{AIRPORT}"),
}


@dataclass(frozen=True)
class Filters:
    """Flights of these local dates (both ends included, null = open), airlines, airports and routes.

    An empty tuple means all.

    ``scope`` limits them to the flights of a caller's tenant, whatever else is asked for.

    Raises:
        ValueError: a code that is none; so a condition made from it can hold nothing but codes.
    """

    first: date | None = None
    until: date | None = None
    airlines: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    destinations: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()
    scope: Scope = EVERYTHING

    def __post_init__(self) -> None:
        for name, pattern in _PATTERNS.items():
            for code in getattr(self, name):
                if not pattern.fullmatch(code):
                    raise ValueError(f"{code!r} is no code of {name}")
        for code in self.scope.airlines or ():
            if not _PATTERNS["airlines"].fullmatch(code):
                raise ValueError(f"{code!r} is no airline of a scope")

    def sql(self) -> str:
        """Return the condition on a table that has flight_date, airline, origin and destination."""
        parts = []
        if self.first:
            parts.append(f"flight_date >= DATE'{self.first.isoformat()}'")
        if self.until:
            parts.append(f"flight_date <= DATE'{self.until.isoformat()}'")
        airlines = self.scope.narrowed(self.airlines)
        if airlines is not None:
            parts.append(f"airline IN ({_quoted(airlines)})" if airlines else "FALSE")
        for column, codes in (("origin", self.origins), ("destination", self.destinations)):
            if codes:
                parts.append(f"{column} IN ({_quoted(codes)})")
        if self.routes:
            parts.append(f"concat(origin, '-', destination) IN ({_quoted(self.routes)})")
        return " AND ".join(parts) or "TRUE"

    def mongo(self) -> dict[str, Any]:
        """Return the same as a match of MongoDB, where flight_date is ISO text."""
        match: dict[str, Any] = {}
        dates = {"$gte": self.first, "$lte": self.until}
        if bounds := {operator: day.isoformat() for operator, day in dates.items() if day}:
            match["flight_date"] = bounds
        airlines = self.scope.narrowed(self.airlines)
        if airlines is not None:
            match["airline"] = {"$in": sorted(airlines)}
        for field, codes in (("origin", self.origins), ("destination", self.destinations)):
            if codes:
                match[field] = {"$in": sorted(codes)}
        if self.routes:
            match["route"] = {"$in": sorted(self.routes)}
        return match


def of_flight(flight_id: str) -> str:
    """Return the condition on one flight. Its date lets Delta skip the files of other days.

    Raises:
        FlightsError: the text is no flight_id; so the condition can hold nothing else.
    """
    day = flight_day(flight_id)
    if day is None or not re.fullmatch(FLIGHT_ID, flight_id):
        raise FlightsError(f"{flight_id!r} is no flight_id: one looks like UA1545-EWR-20130101")
    return f"flight_id = '{flight_id}' AND flight_date = DATE'{day.isoformat()}'"


def _quoted(codes: tuple[str, ...]) -> str:
    return ", ".join(f"'{code}'" for code in sorted(codes))
