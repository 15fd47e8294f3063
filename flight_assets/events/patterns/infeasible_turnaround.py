"""Infeasible turnaround: the inbound aircraft is forecast too late for the next planned departure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flight_assets.events.model import HOUR, MINUTE, Clear, Event, Parameter, Pattern, Raise, Wake

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flight_assets.events.model import Signal, Values
    from flight_assets.events.schedule import Schedule
    from flight_assets.events.state import Flight

NAME = "infeasible_turnaround"


def on_event(event: Event, schedule: Schedule, values: Values) -> Iterator[Signal]:
    """Judge the turnaround before the event's flight, and that before its aircraft's next flight."""
    flight = schedule.flights[event.flight_id]
    if flight.departed is not None or flight.cancelled is not None:
        yield Clear(
            flight.flight_id, "it has departed" if flight.departed is not None else "it was cancelled"
        )
    before: Flight | None = None
    for leg in schedule.legs(flight.tail):
        if flight in (before, leg):
            yield from judge(before, leg, schedule, values)
        before = leg


def on_wake(key: str, schedule: Schedule, values: Values) -> Iterator[Signal]:
    """Clear a finding that nothing has resolved."""
    yield Clear(key, "nothing was heard of the flight any more")


def judge(before: Flight | None, after: Flight, schedule: Schedule, values: Values) -> Iterator[Signal]:
    """Yield whether the time between two legs of one aircraft is enough."""
    if after.departed is not None:
        return
    arrival = forecast_arrival(before) if before else None
    if (
        before is None
        or arrival is None
        or before.planned_arrival is None
        or before.diverted is not None
        or before.destination != after.origin
        or after.planned_departure - before.planned_arrival > values["gap_hours"] * HOUR
    ):
        yield Clear(after.flight_id, "its aircraft comes from no other flight")
        return
    turn = schedule.least_turn_minutes(after.origin)
    short = (arrival - after.planned_departure) / MINUTE + turn
    if short < values["short_minutes"]:
        yield Clear(after.flight_id, f"the forecast leaves enough time: {-short:.0f} minutes to spare")
        return
    yield Raise(
        after.flight_id,
        after.planned_departure,
        f"{after.flight_id} is planned {max(0, short):.0f} minutes before its aircraft {after.tail} can "
        f"be ready at {after.origin}. "
        f"{before.flight_id} is forecast {(arrival - before.planned_arrival) / MINUTE:.0f} minutes late, "
        "and a turnaround "
        f"there takes {turn:.0f} minutes.",
        {
            "short_minutes": short,
            "turn_minutes": turn,
            "inbound_delay_minutes": (arrival - before.planned_arrival) / MINUTE,
        },
        (before.flight_id, after.flight_id),
        airport=after.origin,
        airline=after.airline,
    )
    yield Wake(after.flight_id, after.planned_departure + 12 * HOUR)


def forecast_arrival(flight: Flight) -> int | None:
    """Return the best known arrival: actual, planned + departure delay, or planned + forecast.

    None without a plan.
    """
    if flight.arrived is not None:
        return flight.arrived
    if flight.planned_arrival is None or flight.cancelled is not None:
        return None
    delay = flight.departure_delay if flight.departed is not None else flight.predicted_delay
    return flight.planned_arrival + int((delay or 0.0) * MINUTE)


PATTERN = Pattern(
    NAME,
    "the forecast arrival of the aircraft plus the least usual turnaround at that airport is after the "
    "planned departure",
    "warning",
    (
        Parameter("short_minutes", 10, "minutes", "shortfall from which a turnaround counts as infeasible"),
        Parameter("gap_hours", 8, "hours", "longest stop between the two legs"),
    ),
    ("scheduled", "departed", "arrived", "tail_number", "prediction"),
    "the flight departs or is cancelled, gets another aircraft, or the forecast leaves enough time",
    on_event=on_event,
    on_wake=on_wake,
)
