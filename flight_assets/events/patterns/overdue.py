"""Overdue: no departure or arrival was heard of in time.

Absence is found by a timer, not by a next message.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flight_assets.events.model import HOUR, MINUTE, Clear, Event, Parameter, Pattern, Raise, Wake

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flight_assets.events.model import Signal, Values
    from flight_assets.events.schedule import Schedule
    from flight_assets.events.state import Flight

NAME = "overdue"
DEPARTURE, ARRIVAL = "departure", "arrival"


def on_event(event: Event, schedule: Schedule, values: Values) -> Iterator[Signal]:
    """Clear what has been heard of, and set the timer for what is expected next."""
    flight = schedule.flights[event.flight_id]
    if flight.is_over or flight.departed is not None:
        yield Clear(f"{DEPARTURE}:{flight.flight_id}", f"{event.kind} was heard of")
    if flight.is_over:
        yield Clear(f"{ARRIVAL}:{flight.flight_id}", f"{event.kind} was heard of")
        return
    stage = ARRIVAL if flight.departed is not None else DEPARTURE
    due = due_at(flight, stage, values)
    if due is not None and due > schedule.now - values["stale_hours"] * HOUR:
        yield Wake(f"{stage}:{flight.flight_id}", due)


def on_wake(key: str, schedule: Schedule, values: Values) -> Iterator[Signal]:
    """Raise the finding once its event is due, and clear it when the flight is stale."""
    stage, _, flight_id = key.partition(":")
    flight = schedule.flights.get(flight_id)
    due = due_at(flight, stage, values) if flight else None
    if (
        flight is None
        or due is None
        or flight.is_over
        or (stage == DEPARTURE and flight.departed is not None)
    ):
        yield Clear(key, "the flight is over")
        return
    stale = due + int(values["stale_hours"] * HOUR)
    if schedule.now >= stale:
        yield Clear(key, f"stale: nothing was heard of it for {values['stale_hours']:.0f} hours more")
        return
    if schedule.now < due:
        yield Wake(key, due)
        return
    expected = due - int(values[f"{stage}_minutes"] * MINUTE)
    waited = values[f"{stage}_minutes"]
    place = flight.origin if stage == DEPARTURE else flight.destination
    yield Raise(
        key,
        expected,
        f"No {stage} of {flight_id} was heard of {waited:.0f} minutes after it was expected at {place}. "
        f"It was planned for {_planned(flight, stage)} UTC and counts as stale after "
        f"{values['stale_hours']:.0f} more hours.",
        {"waited_minutes": waited, "stale_hours": values["stale_hours"]},
        (flight_id,),
        airport=place,
        airline=flight.airline,
    )
    yield Wake(key, stale)


def due_at(flight: Flight, stage: str, values: Values) -> int | None:
    """Return when a departure or arrival is overdue; None if it was not planned."""
    late = max(0.0, flight.predicted_delay or 0.0) * MINUTE
    if stage == DEPARTURE:
        return flight.planned_departure + int(late + values["departure_minutes"] * MINUTE)
    if flight.planned_arrival is None or flight.departed is None:
        return None
    duration = flight.planned_arrival - flight.planned_departure
    return flight.departed + duration + int(values["arrival_minutes"] * MINUTE)


def _planned(flight: Flight, stage: str) -> str:
    from datetime import UTC, datetime

    at = flight.planned_departure if stage == DEPARTURE else flight.planned_arrival or 0
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M")


PATTERN = Pattern(
    NAME,
    "a departure or arrival was not heard of in time after its plan and forecast",
    "warning",
    (
        Parameter(
            "departure_minutes", 120, "minutes", "wait after the planned departure and its forecast delay"
        ),
        Parameter("arrival_minutes", 75, "minutes", "wait after the departure plus the planned duration"),
        Parameter("stale_hours", 12, "hours", "time after which the flight is stale, not late"),
    ),
    ("scheduled", "departed", "arrived", "cancelled", "diverted", "prediction"),
    "the event comes, the flight is cancelled or diverted, or it is stale",
    on_event=on_event,
    on_wake=on_wake,
)
