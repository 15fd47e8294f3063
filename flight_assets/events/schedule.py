"""Schedule: the flights, legs, counts and learnt behaviour that patterns look at. ``book.py`` changes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flight_assets.contracts.message import EventType
from flight_assets.events.model import HOUR, MINUTE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from flight_assets.events.model import Finding
    from flight_assets.events.state import Flight, State

BUCKET = 5 * MINUTE
# A flight is forgotten so long after its planned arrival. No pattern looks further back.
FORGET_AFTER = 26 * HOUR
LEAST_TURN_MINUTES = 30.0

SCHEDULED, DEPARTED, ARRIVED = (
    EventType.SCHEDULED.value,
    EventType.DEPARTED.value,
    EventType.ARRIVED.value,
)
CANCELLED, DIVERTED = EventType.CANCELLED.value, EventType.DIVERTED.value
# Measures that are counted per key in buckets of five minutes.
EVENTS, PLANNED, DUE, DEPARTURES = "events", "planned", "due", "departures"
CANCELLATIONS, LANDINGS, DIVERSIONS = "cancellations", "landings", "diversions"
FORECASTS, MISSES = "forecasts", "misses"


class Schedule:
    """View of the state at ``now``.

    Keys of counts are ``airport:ORD``, ``airline:UA`` and ``source:name``.
    """

    def __init__(self, state: State) -> None:
        self.state = state

    @property
    def now(self) -> int:
        """Clock of the engine, event time."""
        return self.state.clock

    @property
    def flights(self) -> Mapping[str, Flight]:
        """Flights by flight_id."""
        return self.state.flights

    def legs(self, tail: str | None) -> list[Flight]:
        """Return the flights of an aircraft that were not cancelled, by planned departure."""
        if tail is None:
            return []
        known = self.state.flights
        return [known[name] for _, name in self.state.legs.get(tail, ()) if known[name].cancelled is None]

    def least_turn_minutes(self, airport: str) -> float:
        """Return the least usual turnaround at an airport, minutes, learnt from 100 turnarounds on."""
        turns = self.state.turns.get(airport)
        return LEAST_TURN_MINUTES if turns is None or turns.least is None else turns.least

    def keys(self, measure: str, kind: str = "") -> Iterable[str]:
        """Return the keys that have counts of a measure, in order: all, or those of one kind."""
        return sorted(key for key in self.state.counts.get(measure, ()) if key.startswith(kind))

    def count(self, measure: str, key: str, minutes: float, ago_minutes: float = 0) -> int:
        """Return the count of a measure in a window that ended ``ago_minutes`` before now."""
        buckets = self.state.counts.get(measure, {}).get(key)
        if not buckets:
            return 0
        last = int(self.now - ago_minutes * MINUTE) // BUCKET
        first = last - int(minutes * MINUTE) // BUCKET
        # Most calls of a live feed come here: of both sides, the shorter one is looked through.
        if len(buckets) < last - first:
            return sum([count for number, count in buckets.items() if first <= number < last])
        return sum([buckets[number] for number in range(first, last) if number in buckets])

    def share(self, name: str, key: str, prior: float, weight: float) -> float:
        """Return a learnt share, drawn to ``prior`` as if that had been seen ``weight`` times."""
        hits, trials = self.state.shares.get(f"{name}|{key}", (0.0, 0.0))
        return (hits + prior * weight) / (trials + weight)

    def usual_events(self, key: str, minutes: float) -> float:
        """Return the events that a key usually sends in a window that ends now; 0 if not learnt."""
        usual = self.state.usual.get(key)
        if usual is None:
            return 0.0
        begin, total = self.now - int(minutes * MINUTE), 0.0
        for start in range(begin, self.now, BUCKET):
            hour = start // HOUR % 24
            total += usual.per_hour[hour] * BUCKET / HOUR if usual.days[hour] else 0.0
        return total

    def is_open(self, pattern: str, key: str) -> bool:
        """Return whether a pattern has an open finding for a key."""
        return key in self.state.open.get(pattern, ())

    def finding(self, pattern: str, key: str) -> Finding | None:
        """Return a pattern's open finding for a key, or None."""
        return self.state.open.get(pattern, {}).get(key)

    def open_keys(self, pattern: str) -> list[str]:
        """Return the keys of a pattern's open findings, in order."""
        return sorted(self.state.open.get(pattern, ()))

    def memory(self, pattern: str, key: str) -> dict[str, float]:
        """Return numbers that an own pattern keeps between calls. It may change them."""
        return self.state.memory.setdefault(pattern, {}).setdefault(key, {})
