"""Conflict: events that cannot all be true of one flight or one aircraft."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flight_assets.events.model import HOUR, MINUTE, Clear, Event, Parameter, Pattern, Raise, Wake
from flight_assets.events.schedule import ARRIVED, CANCELLED, DEPARTED, DIVERTED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flight_assets.events.model import Signal, Values
    from flight_assets.events.schedule import Schedule
    from flight_assets.events.state import Flight

NAME = "conflict"
NO_DEPARTURE, TWO_TAILS = "arrival without departure", "two aircraft"
TWO_PLACES, REINSTATED = "two places at once", "un-cancelled"


def on_event(event: Event, schedule: Schedule, values: Values) -> Iterator[Signal]:
    """Look for contradictions. Those that a late event may resolve are judged after a grace."""
    flight = schedule.flights[event.flight_id]
    grace = schedule.now + int(values["grace_minutes"] * MINUTE)
    if event.kind == ARRIVED and flight.departed is None and flight.announced:
        yield Wake(f"{NO_DEPARTURE}|{flight.flight_id}", grace)
    if event.kind == DEPARTED:
        yield Clear(f"{NO_DEPARTURE}|{flight.flight_id}", "the departure came later")
        yield Wake(f"{TWO_PLACES}|{flight.flight_id}", grace)
    if event.kind in (ARRIVED, DIVERTED) and event.tail and flight.departed_tail not in (None, event.tail):
        yield from _found(
            TWO_TAILS, flight, values, schedule,
            f"{flight.flight_id} departed as {flight.departed_tail} and {event.kind} as {event.tail}. "
            f"One of the two registrations is wrong, so the rotations of both aircraft are in doubt.",
        )  # fmt: skip
    if (
        event.kind != CANCELLED
        and event.order == flight.order
        and flight.cancelled is None
        and flight.cancelled_order is not None
    ):
        hours = (event.at - flight.cancelled_order[0] // 1_000_000) / HOUR
        yield from _found(
            REINSTATED, flight, values, schedule,
            f"{flight.flight_id} is {event.kind}, {hours:.1f} hours after it was cancelled. "
            f"It counts as {event.kind}; passengers and crew may still have the cancellation.",
        )  # fmt: skip


def on_wake(key: str, schedule: Schedule, values: Values) -> Iterator[Signal]:
    """Judge after the grace, or clear after some hours."""
    kind, _, flight_id = key.partition("|")
    flight = schedule.flights.get(flight_id)
    if flight is None or schedule.is_open(NAME, key):
        yield Clear(key, f"not seen again for {values['keep_hours']:.0f} hours")
    elif kind == NO_DEPARTURE and flight.departed is None:
        yield from _found(
            kind, flight, values, schedule,
            f"{flight_id} arrived at {flight.destination} and no departure from {flight.origin} was "
            "heard of. "
            f"The departure did not come within {values['grace_minutes']:.0f} minutes after the arrival.",
        )  # fmt: skip
    elif kind == TWO_PLACES and (other := overlapping(flight, schedule)) is not None:
        yield from _found(
            kind, flight, values, schedule,
            f"{flight.tail} departed from {flight.origin} as {flight_id} while it was in the air as "
            f"{other.flight_id}. "
            f"The two flights overlap by {_overlap_minutes(flight, other):.0f} minutes.",
            (other.flight_id, flight_id),
        )  # fmt: skip


def overlapping(flight: Flight, schedule: Schedule) -> Flight | None:
    """Return another flight of the same aircraft that was in the air when this one departed, or None."""
    for other in schedule.legs(flight.tail):
        if (
            other is flight
            or other.departed is None
            or flight.departed is None
            or other.departed > flight.departed
        ):
            continue
        if other.diverted is None and _overlap_minutes(flight, other) > 5:
            return other
    return None


def _overlap_minutes(flight: Flight, other: Flight) -> float:
    """Return the minutes from the flight's departure to the other's arrival, actual or planned."""
    if other.departed is None or flight.departed is None:
        return 0.0
    planned = (other.planned_arrival or other.planned_departure) - other.planned_departure
    arrival = other.arrived if other.arrived is not None else other.departed + planned - 15 * MINUTE
    return (arrival - flight.departed) / MINUTE


def _found(
    kind: str,
    flight: Flight,
    values: Values,
    schedule: Schedule,
    explanation: str,
    flights: tuple[str, ...] = (),
) -> Iterator[Signal]:
    key = f"{kind}|{flight.flight_id}"
    yield Raise(
        key,
        flight.planned_departure,
        explanation,
        {"flights": len(flights) or 1},
        flights or (flight.flight_id,),
        airport=flight.destination if kind == NO_DEPARTURE else flight.origin,
        airline=flight.airline,
    )
    yield Wake(key, schedule.now + int(values["keep_hours"] * HOUR))


PATTERN = Pattern(
    NAME,
    "events that cannot all be true: arrival without departure, two aircraft, two places at once, "
    "un-cancelled",
    "warning",
    (
        Parameter("grace_minutes", 10, "minutes", "wait for an event that may come out of order"),
        Parameter("keep_hours", 6, "hours", "time after which the finding is cleared"),
    ),
    ("scheduled", "departed", "arrived", "cancelled", "diverted", "tail_number"),
    "the missing event comes, or six hours have passed",
    on_event=on_event,
    on_wake=on_wake,
)
