"""Reactionary chain: an aircraft is late leg after leg, and its next turnaround cannot absorb the delay."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from flight_assets.contracts.units import LATE_MINUTES
from flight_assets.events.model import HOUR, MINUTE, Clear, Event, Parameter, Pattern, Raise, Wake

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flight_assets.events.model import Signal, Values
    from flight_assets.events.schedule import Schedule
    from flight_assets.events.state import Flight

NAME = "reactionary_chain"


def on_event(event: Event, schedule: Schedule, values: Values) -> Iterator[Signal]:
    """Judge the aircraft of the event's flight again."""
    flight = schedule.flights[event.flight_id]
    if flight.tail is not None:
        yield from judge(flight.tail, schedule, values)


def on_wake(key: str, schedule: Schedule, values: Values) -> Iterator[Signal]:
    """Clear the chain of an aircraft that got no further leg in time."""
    yield Clear(key, f"no further leg was heard of for {values['gap_hours']:.0f} hours")


def judge(tail: str, schedule: Schedule, values: Values) -> Iterator[Signal]:
    """Yield what the legs of an aircraft say: a chain, its end, or nothing new."""
    legs = schedule.legs(tail)
    last = max((number for number, leg in enumerate(legs) if leg.known_delay is not None), default=-1)
    if last < 0:
        return
    newest = legs[last]
    chain = _late_until(legs, last, values)
    if not chain:
        yield Clear(
            tail,
            f"{newest.flight_id} is {delay_of(newest, values):.0f} minutes late, less than "
            f"{values['late_minutes']:.0f}",
        )
        return
    rest = _ahead(legs, last, values)
    if not rest or newest.planned_arrival is None:
        yield Wake(
            tail, (newest.planned_arrival or newest.planned_departure) + int(values["gap_hours"] * HOUR)
        )
        return
    inbound = delay_of(newest, values) or 0.0
    slack = _slack_minutes(newest, rest[0], schedule)
    if slack >= inbound:
        yield Clear(tail, f"the turnaround before {rest[0].flight_id} absorbs the delay")
        return
    if len(chain) >= values["late_legs"]:
        yield _chain(tail, chain, rest, inbound, slack, schedule, values)
        yield Wake(tail, rest[0].planned_departure + int(values["gap_hours"] * HOUR))


def delay_of(leg: Flight, values: Values) -> float | None:
    """Return the arrival delay, or until then the departure delay less what flights make up; or None."""
    if leg.known_delay is None or leg.arrived is not None:
        return leg.known_delay
    return leg.known_delay - values["made_up_minutes"]


def _late_until(legs: list[Flight], last: int, values: Values) -> list[Flight]:
    """Return the late legs in a row that end with the newest leg of known delay, in order."""
    chain: list[Flight] = []
    for number in range(last, -1, -1):
        leg = legs[number]
        delay = delay_of(leg, values)
        if delay is None or delay < values["late_minutes"]:
            break
        if chain and not _connects(leg, chain[-1], values):
            break
        chain.append(leg)
    return chain[::-1]


def _ahead(legs: list[Flight], last: int, values: Values) -> list[Flight]:
    """Return the connected legs after the newest leg of known delay, in order."""
    ahead: list[Flight] = []
    for before, leg in pairwise(legs[last:]):
        if not _connects(before, leg, values):
            break
        ahead.append(leg)
    return ahead


def _connects(before: Flight, after: Flight, values: Values) -> bool:
    arrival = before.planned_arrival or before.planned_departure
    return (
        before.destination == after.origin
        and before.diverted is None
        and after.planned_departure - arrival <= values["gap_hours"] * HOUR
    )


def _slack_minutes(before: Flight, after: Flight, schedule: Schedule) -> float:
    """Return the minutes between planned arrival and departure beyond the least usual turnaround."""
    planned = (after.planned_departure - (before.planned_arrival or before.planned_departure)) / MINUTE
    return max(0.0, planned - schedule.least_turn_minutes(after.origin))


def _chain(
    tail: str,
    chain: list[Flight],
    rest: list[Flight],
    inbound: float,
    slack: float,
    schedule: Schedule,
    values: Values,
) -> Raise:
    passed_on, at_risk, before, delay = inbound - slack, [rest[0]], rest[0], inbound - slack
    for leg in rest[1:]:
        delay -= _slack_minutes(before, leg, schedule)
        if delay < values["late_minutes"]:
            break
        at_risk.append(leg)
        before = leg
    newest, following = chain[-1], rest[0]
    return Raise(
        tail,
        chain[0].planned_departure,
        f"{tail} is {inbound:.0f} minutes late into {following.origin} on leg {len(chain)} of a row of "
        "late legs, "
        f"and {following.flight_id} has only {slack:.0f} minutes of slack. "
        f"About {passed_on:.0f} minutes pass on; announced flights at risk: {len(at_risk)}.",
        {
            "late_legs": len(chain),
            "inbound_delay_minutes": inbound,
            "slack_minutes": slack,
            "passed_on_minutes": passed_on,
            "flights_at_risk": len(at_risk),
        },
        tuple(leg.flight_id for leg in [*chain, *at_risk]),
        airport=following.origin,
        airline=newest.airline,
    )


PATTERN = Pattern(
    NAME,
    "an aircraft was late on several legs in a row, and its next turnaround is too short to absorb the delay",
    "warning",
    (
        Parameter("late_minutes", float(LATE_MINUTES), "minutes", "delay from which a leg counts as late"),
        Parameter("late_legs", 2, "legs", "late legs in a row that make a chain"),
        Parameter("made_up_minutes", 5, "minutes", "departure delay that a flight is expected to make up"),
        Parameter("gap_hours", 8, "hours", "longest stop between two legs of a chain"),
    ),
    ("scheduled", "departed", "arrived", "tail_number"),
    "a leg is on time, the next turnaround absorbs the delay, or no further leg comes in time",
    on_event=on_event,
    on_wake=on_wake,
)
