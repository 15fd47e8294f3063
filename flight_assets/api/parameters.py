"""Query parameters that several routes share, and the problems that every route may answer with."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Annotated, Any

from fastapi import Depends, Path, Query
from pydantic import AfterValidator, AwareDatetime, BeforeValidator

from flight_assets.api.answers import ARROW, CSV
from flight_assets.api.problems import Problem
from flight_assets.contracts.message import EventType
from flight_assets.contracts.units import AIRLINE, AIRPORT, FLIGHT_ID, REGISTRATION
from flight_assets.queries.scoped import Filters, Wanted

MOST_ROWS = 1_000
MOST_VALUES = 50
_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?")


def _codes(pattern: str, what: str) -> Any:  # noqa: ANN401 - an annotation
    return Annotated[
        list[Annotated[str, Query(pattern=f"^{pattern}$")]],
        Query(max_length=MOST_VALUES, description=what),
    ]


Airlines = _codes(AIRLINE, "airline codes; repeat the parameter for several")
Airports = _codes(AIRPORT, "airports")
Origins = _codes(AIRPORT, "airports of departure")
Destinations = _codes(AIRPORT, "planned airports of arrival")
Routes = _codes(f"{AIRPORT}-{AIRPORT}", "routes, such as EWR-IAH")
Tails = _codes(REGISTRATION, "registrations of aircraft")
FlightIds = _codes(FLIGHT_ID, "flights")
States = Annotated[list[EventType], Query(max_length=len(EventType), description="newest event types")]


def _utc(moment: datetime) -> datetime:
    """Return a moment in UTC. Raises ValueError for one that has none there."""
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("the time is out of range") from error


def _no_number(text: object) -> object:
    """Return a text as it is. Raises ValueError for a number, which would count as seconds since 1970."""
    if isinstance(text, int | float) or (isinstance(text, str) and _NUMBER.fullmatch(text)):
        raise ValueError("a date or time is a text as in RFC 3339, not a number")
    return text


Moment = Annotated[AwareDatetime, BeforeValidator(_no_number), AfterValidator(_utc)]
Day = Annotated[date, BeforeValidator(_no_number)]
Since = Annotated[Moment | None, Query(description="newest event at this time or later, RFC 3339")]
Until = Annotated[Moment | None, Query(description="newest event before this time, RFC 3339")]
FirstDay = Annotated[Day | None, Query(description="first local date of departure")]
LastDay = Annotated[Day | None, Query(description="last local date of departure")]
Limit = Annotated[int, Query(ge=1, le=MOST_ROWS, description="rows at most")]
FlightId = Annotated[
    str, Path(pattern=f"^{FLIGHT_ID}$", description="id of the flight, such as UA1545-EWR-20130101")
]


def wanted_flights(
    since: Since = None,
    until: Until = None,
    airline: Airlines = (),  # type: ignore[valid-type]
    origin: Origins = (),  # type: ignore[valid-type]
    destination: Destinations = (),  # type: ignore[valid-type]
    route: Routes = (),  # type: ignore[valid-type]
    tail: Tails = (),  # type: ignore[valid-type]
    state: States = (),  # type: ignore[assignment]
) -> Wanted:
    """Return the flights that a request asks for."""
    filters = Filters(None, None, tuple(airline), tuple(origin), tuple(destination), tuple(route))
    return Wanted(filters, since, until, tuple(tail), tuple(kind.value for kind in state))


Asked = Annotated[Wanted, Depends(wanted_flights)]


def filters_of_days(
    first: FirstDay = None,
    last: LastDay = None,
    airline: Airlines = (),  # type: ignore[valid-type]
    origin: Origins = (),  # type: ignore[valid-type]
    destination: Destinations = (),  # type: ignore[valid-type]
    route: Routes = (),  # type: ignore[valid-type]
) -> Filters:
    """Return the filters of a request about days."""
    if first and last and last < first:
        raise Problem(422, "the last day is before the first", "swap them", "invalid-request")
    return Filters(first, last, tuple(airline), tuple(origin), tuple(destination), tuple(route))


OfDays = Annotated[Filters, Depends(filters_of_days)]


def responses(*statuses: int, is_table: bool = False) -> dict[int | str, dict[str, Any]]:
    """Return the documented answers of a route: its problems by status, and the formats of its rows."""
    found: dict[int | str, dict[str, Any]] = {
        status: {"description": _MEANINGS[status]}
        for status in sorted({400, 401, 403, 406, 413, 422, 429, 500, 503, *statuses})
    }
    found[304] = {"description": "the caller has this answer, by If-None-Match"}
    if is_table:
        text = {"schema": {"type": "string"}}
        found[200] = {"content": {CSV: text, ARROW: {"schema": {"type": "string", "format": "binary"}}}}
    return found


_MEANINGS = {
    400: "malformed request, or a cursor of another key",
    401: "no valid key",
    403: "the key may not do this",
    404: "nothing of that id in the caller's scope",
    406: "no format that the caller accepts",
    409: "no usable model",
    410: "the changes after Last-Event-ID are gone",
    413: "body too large",
    422: "wrong values",
    429: "too many requests",
    500: "the server failed",
    503: "a store does not answer; `store` names it",
}
