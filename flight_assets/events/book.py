"""Book: takes events into the schedule, and learns and forgets. Only the engine uses it."""

from __future__ import annotations

from bisect import insort
from typing import TYPE_CHECKING

from flight_assets.events.model import HOUR, MINUTE
from flight_assets.events.schedule import (
    ARRIVED,
    BUCKET,
    CANCELLATIONS,
    CANCELLED,
    DEPARTED,
    DEPARTURES,
    DIVERSIONS,
    DIVERTED,
    DUE,
    EVENTS,
    FORECASTS,
    LANDINGS,
    LEAST_TURN_MINUTES,
    MISSES,
    PLANNED,
    SCHEDULED,
    Schedule,
)
from flight_assets.events.state import Flight, Turns, Usual

if TYPE_CHECKING:
    from flight_assets.events.model import Event

# More legs at once are no aircraft: a source has given one registration to many flights.
LEGS_AT_MOST = 60
BUCKETS_KEPT = 6 * HOUR // BUCKET
TURN_BIN_MINUTES, TURN_BINS, TURNS_NEEDED, TURNS_KEPT = 5, 72, 100, 2_000
# The least usual turnaround is this quantile of those observed.
TURN_QUANTILE = 0.01
# Learnt shares lose so much of their weight an hour: two days count most.
FADE = 0.98
DAYS_REMEMBERED = 7


class Book(Schedule):
    """Schedule that can be changed."""

    def take(self, event: Event) -> Flight:
        """Take in an event: the plan follows the newest event, each fact its own newest one."""
        flight = self.state.flights.get(event.flight_id)
        if flight is None:
            flight = self._add(event)
        elif event.order > flight.order:
            self._replan(flight, event)
        if event.predicted_delay is not None:
            flight.predicted_delay = event.predicted_delay
            flight.interval_low, flight.interval_high = event.interval_low, event.interval_high
        _FACTS[event.kind](self, flight, event)
        for key in (
            f"source:{event.source or 'unnamed'}",
            *_keys(flight.airline, flight.origin, flight.destination),
        ):
            self._add_count(EVENTS, key, event.at)
        return flight

    def _add(self, event: Event) -> Flight:
        flight = Flight(
            event.flight_id, event.airline, event.origin, event.destination,
            event.planned_departure, event.planned_arrival, event.order, event.tail,
        )  # fmt: skip
        self.state.flights[event.flight_id] = flight
        self._index(flight)
        for key in _keys(flight.airline, flight.origin):
            self._add_count(PLANNED, key, flight.planned_departure)
            self._add_count(DUE, key, flight.planned_departure)
        return flight

    def _replan(self, flight: Flight, event: Event) -> None:
        flight.order = event.order
        is_landing = event.kind in (ARRIVED, DIVERTED)
        if not is_landing:
            flight.destination = event.destination
            flight.planned_arrival = event.planned_arrival
        if event.planned_departure != flight.planned_departure:
            for key in _keys(flight.airline, flight.origin):
                for measure in (PLANNED, DUE) if flight.cancelled is None else (PLANNED,):
                    self._add_count(measure, key, flight.planned_departure, -1)
                    self._add_count(measure, key, event.planned_departure)
            self._unindex(flight)
            flight.planned_departure = event.planned_departure
            self._index(flight)
        if event.tail is not None and event.tail != flight.tail:
            self._unindex(flight)
            flight.tail = event.tail
            self._index(flight)

    def _scheduled(self, flight: Flight, event: Event) -> None:
        flight.announced = True
        self._reinstate(flight, event)

    def _departed(self, flight: Flight, event: Event) -> None:
        self._reinstate(flight, event)
        if flight.departed is None:
            for key in _keys(flight.airline, flight.origin):
                self._add_count(DEPARTURES, key, event.at)
        if flight.departed is None or event.at >= flight.departed:
            flight.departed, flight.departure_delay = event.at, event.departure_delay
            flight.departed_tail = event.tail
            self._learn_turn(flight)

    def _arrived(self, flight: Flight, event: Event) -> None:
        self._reinstate(flight, event)
        if event.diverted_to is not None or event.destination != flight.destination:
            self._diverted(flight, event)
            return
        if flight.arrived is None:
            for key in _keys(flight.airline, flight.destination):
                self._add_count(LANDINGS, key, event.at)
                if (
                    flight.interval_low is not None
                    and flight.interval_high is not None
                    and event.arrival_delay is not None
                ):
                    self._add_count(FORECASTS, key, event.at)
                    if not flight.interval_low <= event.arrival_delay <= flight.interval_high:
                        self._add_count(MISSES, key, event.at)
        if flight.arrived is None or event.at >= flight.arrived:
            flight.arrived, flight.arrival_delay = event.at, event.arrival_delay

    def _cancelled(self, flight: Flight, event: Event) -> None:
        if flight.order > event.order:
            return
        if flight.cancelled is None:
            for key in _keys(flight.airline, flight.origin):
                self._add_count(CANCELLATIONS, key, event.at)
                self._add_count(DUE, key, flight.planned_departure, -1)
        flight.cancelled, flight.cancelled_order = event.at, event.order

    def _diverted(self, flight: Flight, event: Event) -> None:
        if flight.diverted is None:
            for key in _keys(flight.airline, flight.destination):
                self._add_count(LANDINGS, key, event.at)
                self._add_count(DIVERSIONS, key, event.at)
        flight.diverted = event.at

    def _reinstate(self, flight: Flight, event: Event) -> None:
        if (
            flight.cancelled is not None
            and flight.cancelled_order is not None
            and event.order > flight.cancelled_order
        ):
            flight.cancelled = None
            for key in _keys(flight.airline, flight.origin):
                self._add_count(DUE, key, flight.planned_departure)

    def _learn_turn(self, flight: Flight) -> None:
        before: Flight | None = None
        for leg in self.legs(flight.tail):
            if leg is flight:
                break
            before = leg
        if (
            before is None
            or before.arrived is None
            or flight.departed is None
            or before.destination != flight.origin
        ):
            return
        minutes = (flight.departed - before.arrived) / MINUTE
        if 0 < minutes < TURN_BIN_MINUTES * TURN_BINS:
            turns = self.state.turns.setdefault(flight.origin, Turns([0] * TURN_BINS))
            turns.bins[int(minutes // TURN_BIN_MINUTES)] += 1
            turns.count += 1
            if turns.count >= TURNS_NEEDED and turns.count % 10 == 0:
                turns.least = _quantile(turns)
            if turns.count > TURNS_KEPT:
                turns.bins = [count // 2 for count in turns.bins]
                turns.count = sum(turns.bins)

    def forget(self, flight_id: str) -> None:
        """Forget a flight."""
        flight = self.state.flights.get(flight_id)
        if flight is not None:
            self._unindex(flight)
            del self.state.flights[flight_id]

    def _forget_old_counts(self) -> None:
        """Forget counts of more than six hours ago."""
        first = self.now // BUCKET - BUCKETS_KEPT
        for by_key in self.state.counts.values():
            for key in list(by_key):
                kept = {number: count for number, count in by_key[key].items() if number >= first and count}
                if kept:
                    by_key[key] = kept
                else:
                    del by_key[key]

    def learn(self) -> None:
        """Learn from the last hour what is usual, except for keys with an open finding about it.

        Forget old counts.
        """
        self._learn_hour()
        for key in self.keys(DUE):
            if not self.is_open("cancellation_wave", key):
                cancelled = self.count(CANCELLATIONS, key, 60)
                self._learn_share("cancelled", key, cancelled, cancelled + self.count(DUE, key, 60))
        for key in self.keys(LANDINGS):
            if not self.is_open("diversion_cluster", key):
                landings = self.count(LANDINGS, key, 60)
                self._learn_share("diverted", key, self.count(DIVERSIONS, key, 60), landings)
        self._forget_old_counts()

    def _learn_hour(self) -> None:
        """Learn the events of each key in the last hour, except keys that are silent."""
        hour, left_out = (self.now - 1) // HOUR % 24, self.state.open.get("feed_silence", {})
        for key in sorted({*self.state.counts.get(EVENTS, ()), *self.state.usual}):
            if key in left_out:
                continue
            usual = self.state.usual.setdefault(key, Usual([0.0] * 24, [0] * 24))
            days = min(usual.days[hour] + 1, DAYS_REMEMBERED)
            usual.per_hour[hour] += (self.count(EVENTS, key, 60) - usual.per_hour[hour]) / days
            usual.days[hour] = days
            if not any(usual.per_hour):
                del self.state.usual[key]

    def _learn_share(self, name: str, key: str, hits: float, trials: float) -> None:
        """Add an hour's hits and trials to a learnt share, and let the older ones fade."""
        old_hits, old_trials = self.state.shares.get(f"{name}|{key}", (0.0, 0.0))
        self.state.shares[f"{name}|{key}"] = (old_hits * FADE + hits, old_trials * FADE + trials)

    def _add_count(self, measure: str, key: str, at: int, number: int = 1) -> None:
        buckets = self.state.counts.setdefault(measure, {}).setdefault(key, {})
        bucket = at // BUCKET
        buckets[bucket] = buckets.get(bucket, 0) + number

    def _index(self, flight: Flight) -> None:
        if flight.tail is None:
            return
        legs = self.state.legs.setdefault(flight.tail, [])
        if len(legs) < LEGS_AT_MOST:
            insort(legs, (flight.planned_departure, flight.flight_id))

    def _unindex(self, flight: Flight) -> None:
        legs = self.state.legs.get(flight.tail or "")
        entry = (flight.planned_departure, flight.flight_id)
        if legs and entry in legs:
            legs.remove(entry)
            if not legs:
                del self.state.legs[flight.tail or ""]


_FACTS = {
    SCHEDULED: Book._scheduled,
    DEPARTED: Book._departed,
    ARRIVED: Book._arrived,
    CANCELLED: Book._cancelled,
    DIVERTED: Book._diverted,
}


def _keys(airline: str, *airports: str) -> tuple[str, ...]:
    return (f"airline:{airline}", *(f"airport:{airport}" for airport in airports))


def _quantile(turns: Turns) -> float:
    wanted, seen = TURN_QUANTILE * sum(turns.bins), 0
    for number, count in enumerate(turns.bins):
        seen += count
        if seen >= wanted and count:
            return float(number * TURN_BIN_MINUTES)
    return LEAST_TURN_MINUTES
