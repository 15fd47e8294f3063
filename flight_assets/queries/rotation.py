"""Rotations: the leg that brings a flight's aircraft to its origin, and all legs around a flight.

The inbound leg follows the rule of the model's features, from the states that MongoDB has.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from flight_assets.contracts.feature_windows import TURNAROUND_MINUTES
from flight_assets.contracts.message import EventType
from flight_assets.queries import events
from flight_assets.queries.filters import Filters
from flight_assets.stores.mongo import FLIGHTS

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd
    from pymongo.database import Database

    from flight_assets.tenancy import Scope

    Mongo = Database[dict[str, Any]]

Document = dict[str, Any]
DEADLINE_MS = 10_000
# Planned departures of an aircraft's legs that belong to one chain, before and after a flight's own.
CHAIN = timedelta(hours=24)
LEGS_AT_MOST = 50_000
LEG_FIELDS = (
    *("flight_id", "event_type", "airline", "tail_number", "origin", "destination"),
    *("scheduled_departure", "scheduled_arrival", "departure_delay_minutes", "arrival_delay_minutes"),
)
_NO_LINK = (EventType.CANCELLED, EventType.DIVERTED)
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Inbound:
    """Inbound leg of a flight as it is known at a moment.

    - ``arrival``: actual, or expected from the known delay; UTC
    - ``delay_minutes``: arrival delay; before arrival departure delay; before departure the minutes overdue
    - ``planned_minutes``, ``left_minutes``: turnaround as planned, and as that arrival leaves it
    """

    flight_id: str
    origin: str
    state: str
    arrival: datetime
    delay_minutes: float
    planned_minutes: float
    left_minutes: float

    def words(self) -> str:
        """Return one sentence on the leg, such as: inbound UA1-IAH-20260601 left 40 min late."""
        verb = {EventType.DEPARTED: "left", EventType.ARRIVED: "landed"}.get(EventType(self.state))
        late = round(self.delay_minutes)
        if verb is None:
            said = f"has not left, {late} min after its plan" if late > 0 else "has not left yet"
        elif late == 0:
            said = f"{verb} on time"
        else:
            said = f"{verb} {abs(late)} min {'late' if late > 0 else 'early'}"
        return (
            f"inbound {self.flight_id} from {self.origin} {said}: {round(self.left_minutes)} of "
            f"{round(self.planned_minutes)} planned minutes on the ground are left"
        )


def legs_of_aircraft(
    db: Mongo, scope: Scope, tails: Iterable[str], first: datetime, last: datetime
) -> list[Document]:
    """Return the flights in scope of some aircraft that are planned to leave in a span: LEG_FIELDS.

    Both branches of the condition go by an index: flights with an event since ``first``, and announced ones.
    """
    planned = {"scheduled_departure": {"$gte": first, "$lte": last}}
    recent = {"timestamp": {"$gte": first}, **planned}
    announced = {"event_type": EventType.SCHEDULED.value, **planned}
    match = {
        "$or": [recent, announced],
        "tail_number": {"$in": sorted(tails)},
        **Filters(scope=scope).mongo(),
    }
    shown = dict.fromkeys(LEG_FIELDS, 1)
    return list(db[FLIGHTS].find(match, shown, max_time_ms=DEADLINE_MS).limit(LEGS_AT_MOST))


def inbound_leg(flight: Document, legs: Iterable[Document], now: datetime) -> Inbound | None:
    """Return the last planned leg of the aircraft into the flight's origin, or None if there is none.

    Its planned turnaround must be within TURNAROUND_MINUTES, and it must not be cancelled or diverted.
    ``legs``: flights of the same aircraft, in any order.
    """
    shortest, longest = TURNAROUND_MINUTES
    departure = flight["scheduled_departure"]
    found: tuple[datetime, Document] | None = None
    for leg in legs:
        if leg["destination"] != flight["origin"] or leg["event_type"] in _NO_LINK:
            continue
        if leg["flight_id"] == flight["flight_id"] or leg.get("scheduled_arrival") is None:
            continue
        ground = (departure - leg["scheduled_arrival"]) / _MINUTE
        is_better = found is None or leg["scheduled_departure"] > found[0]
        if shortest <= ground <= longest and is_better:
            found = leg["scheduled_departure"], leg
    return None if found is None else _known(found[1], departure, now)


def _known(leg: Document, departure: datetime, now: datetime) -> Inbound:
    """Return the leg with its arrival, as the model's features expect it."""
    planned: datetime = leg["scheduled_arrival"]
    if leg["event_type"] == EventType.ARRIVED:
        delay = leg.get("arrival_delay_minutes") or 0.0
        arrival = planned + delay * _MINUTE
    elif leg["event_type"] == EventType.DEPARTED:
        delay = leg.get("departure_delay_minutes") or 0.0
        arrival = max(planned + delay * _MINUTE, now)
    else:
        delay = max((now - leg["scheduled_departure"]) / _MINUTE, 0.0)
        arrival = planned + delay * _MINUTE
    return Inbound(
        flight_id=leg["flight_id"],
        origin=leg["origin"],
        state=leg["event_type"],
        arrival=arrival,
        delay_minutes=delay,
        planned_minutes=(departure - planned) / _MINUTE,
        left_minutes=(departure - arrival) / _MINUTE,
    )


def by_aircraft(legs: Iterable[Document]) -> dict[str, list[Document]]:
    """Return the legs by tail number."""
    found: dict[str, list[Document]] = {}
    for leg in legs:
        found.setdefault(leg["tail_number"], []).append(leg)
    return found


def chain(db: Mongo, scope: Scope, flight_id: str) -> pd.DataFrame:
    """Return the legs of a flight's aircraft around it, in order: rows of ``events.legs_of``.

    Without a tail number it is the flight alone. No row if the flight is not in scope.
    """
    flight = db[FLIGHTS].find_one({"_id": flight_id, **Filters(scope=scope).mongo()}, max_time_ms=DEADLINE_MS)
    ids = [] if flight is None else [flight_id]
    if flight and flight.get("tail_number"):
        at = flight["scheduled_departure"]
        ids += [
            leg["flight_id"]
            for leg in legs_of_aircraft(db, scope, [flight["tail_number"]], at - CHAIN, at + CHAIN)
        ]
    return events.legs_of(db, sorted(set(ids)))
