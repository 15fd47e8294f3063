"""Plants: for each pattern, a change of a quiet day and the keys that must be found in it."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from flight_assets.contracts.units import LATE_MINUTES
from flight_assets.events.model import HOUR, MINUTE
from flight_assets.events.planted import (
    HUBS,
    INTERVAL,
    LEAST_TURN_MINUTES,
    Day,
    Planned,
    Truth,
    events_of_day,
    fly,
)

if TYPE_CHECKING:
    from collections.abc import Callable

# Delays between these two are right if found and not missed if not: forecast and truth may differ by them.
CLEARLY_SHORT_MINUTES, HARDLY_SHORT_MINUTES = 25, 0


def chains(day: Day) -> Truth:
    """Delay the first leg of ten aircraft by one to two and a half hours."""
    for legs in day.random.sample(sorted(day.legs.values(), key=lambda each: each[0].tail), 10):
        delay = day.random.randrange(60, 150) * MINUTE
        _delay(legs, legs[0], delay, day)
    return chains_in(day)


def chains_in(day: Day) -> Truth:
    """Return the aircraft with a reactionary chain, by the whole day."""
    truth = Truth()
    for tail, legs in day.legs.items():
        passed_on = [_passed_on_minutes(legs, number) for number in range(1, len(legs) - 1)]
        if max(passed_on, default=0) > 10:
            truth.must.add(tail)
        elif max(passed_on, default=0) > -10:
            truth.may.add(tail)
    return truth


def _passed_on_minutes(legs: list[Planned], number: int) -> float:
    """Return the minutes that a leg passes on after two late legs; less than -10 without a chain."""
    first, second, following = legs[number - 1 : number + 2]
    if min(first.late_in, second.late_in) < LATE_MINUTES - 5:
        return -99.0
    slack = max(0.0, (following.departure - second.arrival) / MINUTE - LEAST_TURN_MINUTES)
    return min(second.late_in - slack, (min(first.late_in, second.late_in) - LATE_MINUTES) * 4)


def turnarounds(day: Day) -> Truth:
    """Delay one leg of twelve aircraft by forty minutes to three hours."""
    for legs in day.random.sample(sorted(day.legs.values(), key=lambda each: each[0].tail), 12):
        leg = day.random.choice(legs[:-1])
        _delay(legs, leg, day.random.randrange(40, 180) * MINUTE, day)
    return turnarounds_in(day)


def turnarounds_in(day: Day) -> Truth:
    """Return the flights whose aircraft came too late, by the whole day."""
    truth = Truth()
    for legs in day.legs.values():
        for before, after in pairwise(legs):
            short = (before.arrived - after.departure) / MINUTE + LEAST_TURN_MINUTES
            if short >= CLEARLY_SHORT_MINUTES:
                truth.must.add(after.flight_id)
            elif short >= HARDLY_SHORT_MINUTES:
                truth.may.add(after.flight_id)
    return truth


def overdue(day: Day) -> Truth:
    """Withhold every later event of fifteen flights, and the arrivals of fifteen others."""
    truth = Truth()
    evening = day.begin + 18 * HOUR
    flights = [each for each in day.flights if each.arrived < evening]
    chosen = day.random.sample(sorted(flights, key=lambda each: each.flight_id), 30)
    for flight in chosen[:15]:
        flight.withheld |= {"departed", "arrived"}
        truth.must.add(f"departure:{flight.flight_id}")
    for flight in chosen[15:]:
        flight.withheld.add("arrived")
        truth.must.add(f"arrival:{flight.flight_id}")
    truth.may |= {f"departure:{each.flight_id}" for each in day.flights if each.late_out > 100}
    return truth


def ground_stop(day: Day) -> Truth:
    """Hold every departure of one hub for two hours."""
    hub, since, until = _window(day, 120)
    _hold(day, hub, since, until)
    return Truth({f"airport:{hub}"})


def slow_down(day: Day) -> Truth:
    """Let every fourth flight of one hub depart for two and a half hours; hold the others."""
    hub, since, until = _window(day, 150)
    _hold(day, hub, since, until, every=4)
    return Truth({f"airport:{hub}"})


def cancellations(day: Day) -> Truth:
    """Cancel half of a hub's flights for two hours, each an hour before its departure."""
    hub, since, until = _window(day, 120)
    for number, flight in enumerate(day.from_airport(hub, since, until)):
        if number % 2 == 0:
            flight.cancelled = flight.departure - HOUR
    return Truth({f"airport:{hub}"}, {f"airline:{each.airline}" for each in day.flights if each.cancelled})


def diversions(day: Day) -> Truth:
    """Divert four to eight of the flights to one hub that arrive within ninety minutes."""
    hub, since, until = _window(day, 90)
    inbound = [each for each in day.flights if each.destination == hub and since <= each.arrived < until]
    for flight in day.random.sample(inbound, min(len(inbound), day.random.randrange(4, 9))):
        flight.diverted = flight.arrived
    return Truth({f"airport:{hub}"}, {f"airline:{each.airline}" for each in day.flights if each.diverted})


def conflicts(day: Day) -> Truth:
    """Plant five of each kind: no departure, two aircraft, two places at once, un-cancelled."""
    truth = Truth()
    chosen = day.random.sample(sorted(day.flights, key=lambda each: each.flight_id), 20)
    for number, flight in enumerate(chosen):
        kind = ("arrival without departure", "two aircraft", "two places at once", "un-cancelled")[
            number // 5
        ]
        if number < 5:
            flight.withheld.add("departed")
        elif number < 10:
            flight.arriving_tail = f"N9{number:04d}"
        elif number < 15:
            # The added flight may also overlap with the aircraft's next one.
            truth.may |= {f"{kind}|{each.flight_id}" for each in day.legs[flight.tail]}
            flight = _overlapping(day, flight)
        else:
            flight.cancelled, flight.reinstated = flight.departed - 40 * MINUTE, True
        truth.must.add(f"{kind}|{flight.flight_id}")
    return truth


def _overlapping(day: Day, flight: Planned) -> Planned:
    """Add a flight of the same aircraft that departs while this one is in the air."""
    at = (flight.departed + flight.arrived) // 2
    other = Planned(
        f"{flight.airline}{day.random.randrange(9_000, 9_999)}-{flight.origin}-D{day.number:03d}",
        flight.airline, flight.tail, flight.origin, flight.destination,
        at, at + 90 * MINUTE, at, at + 90 * MINUTE,
    )  # fmt: skip
    day.legs.setdefault(f"also {flight.flight_id}", []).append(other)
    return other


def silence(day: Day) -> Truth:
    """Send nothing of one airline, or of one hub, for two hours."""
    since = day.begin + day.random.randrange(10, 16) * HOUR
    until = since + 2 * HOUR
    events = [event for event in events_of_day(day) if since <= event.at < until]
    airline = day.random.choice(sorted({each.airline for each in day.flights}))
    hub = day.random.choice(HUBS)
    if day.random.random() < 0.5:
        day.silenced = lambda event: event.airline == airline and since <= event.at < until
        truth = Truth({f"airline:{airline}", f"source:feed-{airline}"})
    else:
        day.silenced = lambda event: hub in (event.origin, event.destination) and since <= event.at < until
        truth = Truth({f"airport:{hub}"})
    lost: dict[str, list[bool]] = {}
    for event in events:
        for key in (
            f"airline:{event.airline}",
            f"source:{event.source}",
            f"airport:{event.origin}",
            f"airport:{event.destination}",
        ):
            lost.setdefault(key, []).append(day.silenced(event))
    truth.may |= {key for key, each in lost.items() if sum(each) > 0.6 * len(each)}
    return truth


def forecasts(day: Day) -> Truth:
    """Make every arrival at one hub an hour later than its forecast for two hours."""
    hub, since, until = _window(day, 120)
    for flight in day.flights:
        if flight.destination == hub and since <= flight.arrived < until:
            flight.arrived += day.random.randrange(50, 80) * MINUTE
    arrivals: dict[str, list[bool]] = {}
    for flight in day.flights:
        arrivals.setdefault(f"airline:{flight.airline}", []).append(
            not INTERVAL[0] <= flight.late_in <= INTERVAL[1]
        )
    return Truth({f"airport:{hub}"}, {key for key, outside in arrivals.items() if sum(outside) >= 10})


def _window(day: Day, minutes: int) -> tuple[str, int, int]:
    """Return a hub and a window of the day's busy hours."""
    since = day.begin + day.random.randrange(9 * 60, 15 * 60) * MINUTE
    return day.random.choice(HUBS), since, since + minutes * MINUTE


def _delay(legs: list[Planned], late: Planned, seconds: int, day: Day) -> None:
    fly(legs, day.random, lambda leg, at: max(at, late.departure + seconds) if leg is late else at)


def _hold(day: Day, hub: str, since: int, until: int, every: int = 0) -> None:
    """Let no flight depart from a hub in the window but ``every``-th one.

    The others leave after it, one a minute.
    """
    turn = 0

    def held(leg: Planned, at: int) -> int:
        nonlocal turn
        if leg.origin != hub or not since <= at < until:
            return at
        turn += 1
        return at if every and turn % every == 0 else until + turn * MINUTE

    for legs in day.legs.values():
        fly(legs, day.random, held)


# For each pattern: its plant, and its parameter to vary with the values to try.
PLANTS: dict[str, tuple[Callable[[Day], Truth], str, tuple[float, ...]]] = {
    "reactionary_chain": (chains, "late_minutes", (10, 15, 20)),
    "infeasible_turnaround": (turnarounds, "short_minutes", (5, 10, 15)),
    "overdue": (overdue, "departure_minutes", (90, 120, 150)),
    "ground_stop": (ground_stop, "alpha", (1e-5, 1e-4, 1e-3)),
    "slow_down": (slow_down, "alpha", (1e-5, 1e-4, 1e-3)),
    "cancellation_wave": (cancellations, "alpha", (1e-6, 1e-5, 1e-4)),
    "diversion_cluster": (diversions, "alpha", (1e-4, 1e-3, 1e-2)),
    "conflict": (conflicts, "grace_minutes", (5, 10, 20)),
    "feed_silence": (silence, "alpha", (1e-6, 1e-5, 1e-4)),
    "forecast_anomaly": (forecasts, "alpha", (1e-6, 1e-5, 1e-4)),
}
