"""Seeded days of flights with planted patterns, to measure what the patterns find.

A day has a network of its own: hubs and spokes, airlines, and aircraft that fly their legs in turn. Delays
are small and pass on along the aircraft. ``plant`` changes some flights of a day and returns what must be
found. Times are seconds since 1970, UTC.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

from flight_assets.events.model import HOUR, MINUTE, Event

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

DAY = 24 * HOUR
# A Monday.
FIRST_DAY = 1_780_272_000
HUBS = ("AAA", "BBB", "CCC", "DDD")
SPOKES = tuple(f"{first}{second}Z" for first in "GHJK" for second in "MNPQRS")
AIRLINES = ("X1", "X2", "X3", "X4", "X5", "X6")
ANNOUNCED_AHEAD = 3 * HOUR
LEAST_TURN_MINUTES = 30
INTERVAL = (-20.0, 25.0)
PARTITIONS = 3
AIRCRAFT = 800


@dataclass
class Planned:
    """One flight of a made day: its plan, what becomes of it, and the events to leave out."""

    flight_id: str
    airline: str
    tail: str
    origin: str
    destination: str
    departure: int
    arrival: int
    departed: int = 0
    arrived: int = 0
    cancelled: int | None = None
    diverted: int | None = None
    arriving_tail: str = ""
    reinstated: bool = False
    withheld: set[str] = field(default_factory=set)

    @property
    def late_out(self) -> float:
        """Departure delay, minutes."""
        return (self.departed - self.departure) / MINUTE

    @property
    def late_in(self) -> float:
        """Arrival delay, minutes."""
        return (self.arrived - self.arrival) / MINUTE


@dataclass
class Truth:
    """Keys that a pattern must find on a day, and further keys that are right if found."""

    must: set[str] = field(default_factory=set)
    may: set[str] = field(default_factory=set)


@dataclass
class Day:
    """Flights of a day by aircraft, and events to leave out: those that meet ``silenced``."""

    number: int
    legs: dict[str, list[Planned]]
    random: Random
    silenced: Callable[[Event], bool] | None = None

    @property
    def begin(self) -> int:
        """Midnight of the day."""
        return FIRST_DAY + self.number * DAY

    @property
    def flights(self) -> list[Planned]:
        """All flights."""
        return [flight for legs in self.legs.values() for flight in legs]

    def from_airport(self, airport: str, since: int, until: int) -> list[Planned]:
        """Return the flights planned to leave an airport in a window, in order."""
        found = [each for each in self.flights if each.origin == airport and since <= each.departure < until]
        return sorted(found, key=lambda each: (each.departure, each.flight_id))


def made_day(seed: int, number: int, aircraft: int = AIRCRAFT) -> Day:
    """Return a quiet day: about five legs per aircraft, small delays. Seed and number decide everything."""
    random = Random(f"{seed}/{number}")  # noqa: S311 - not for secrets
    day = Day(number, {}, random)
    for tail in range(aircraft):
        airline = AIRLINES[tail % len(AIRLINES)]
        hub = HUBS[tail % len(HUBS)] if random.random() < 0.8 else random.choice(HUBS)
        day.legs[f"N{tail:05d}"] = _rotation(day, f"N{tail:05d}", tail, airline, hub)
    for legs in day.legs.values():
        fly(legs, random)
    return day


def _rotation(day: Day, tail: str, number: int, airline: str, hub: str) -> list[Planned]:
    random, at, place = day.random, day.begin + 5 * HOUR + day.random.randrange(0, 150) * MINUTE, hub
    legs: list[Planned] = []
    for leg in range(random.choice((4, 5, 6))):
        target = random.choice(SPOKES) if place in HUBS else hub
        arrival = at + random.randrange(60, 170) * MINUTE
        flight_id = f"{airline}{number * 10 + leg + 1}-{place}-D{day.number:03d}"
        legs.append(Planned(flight_id, airline, tail, place, target, at, arrival))
        at, place = arrival + random.randrange(40, 75) * MINUTE, target
    return legs


def fly(
    legs: list[Planned], random: Random, adjusted: Callable[[Planned, int], int] = lambda _, at: at
) -> None:
    """Fly an aircraft's legs in turn. A late arrival delays the next leg.

    ``adjusted`` returns the departure of a leg from the one that it would have.
    """
    ready = 0
    for leg in legs:
        quiet = int(min(random.expovariate(1 / 5), 30) * MINUTE) - 2 * MINUTE
        leg.departed = adjusted(leg, max(leg.departure + quiet, ready))
        leg.arrived = leg.departed + (leg.arrival - leg.departure) + int(random.gauss(-2, 5) * MINUTE)
        ready = leg.arrived + LEAST_TURN_MINUTES * MINUTE


def events_of_day(day: Day) -> list[Event]:
    """Return the events of a day as a live feed sends them: the broker takes each within three seconds."""
    events = [event for flight in day.flights for event in _events(flight, day.random)]
    kept = [event for event in events if day.silenced is None or not day.silenced(event)]
    return numbered(kept)


def numbered(events: Iterable[Event]) -> list[Event]:
    """Return events with offsets, in the order in which the broker took them."""
    import msgspec

    offsets, found = [0] * PARTITIONS, []
    for event in sorted(events, key=lambda each: (each.order[1], each.flight_id)):
        partition = sum(event.flight_id.encode()) % PARTITIONS
        order = (event.order[0], event.order[1], partition, offsets[partition] + event.order[1])
        offsets[partition] += 1
        found.append(msgspec.structs.replace(event, order=order))
    return found


def _events(flight: Planned, random: Random) -> Iterable[Event]:
    moments: list[tuple[int, str]] = [(flight.departure - ANNOUNCED_AHEAD, "scheduled")]
    if flight.cancelled is not None:
        moments.append((flight.cancelled, "cancelled"))
    if flight.cancelled is None or flight.reinstated:
        moments.append((flight.departed, "departed"))
        ends = flight.diverted is not None
        moments.append((flight.diverted or flight.arrived, "diverted" if ends else "arrived"))
    for at, kind in moments:
        if kind in flight.withheld:
            continue
        taken = at * 1_000_000 + random.randrange(100_000, 3_000_000)
        yield Event(
            (at * 1_000_000, taken, 0, 0), kind, flight.flight_id, flight.airline, flight.origin,
            flight.destination,
            flight.departure, flight.arrival,
            flight.arriving_tail if flight.arriving_tail and kind == "arrived" else flight.tail,
            flight.late_out if kind in ("departed", "arrived", "diverted") else None,
            flight.late_in if kind == "arrived" else None,
            SPOKES[0] if kind == "diverted" else None,
            f"feed-{flight.airline}", 2.0, *INTERVAL,
        )  # fmt: skip
