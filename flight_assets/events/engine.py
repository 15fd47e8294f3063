"""Engine: feeds events to the patterns in an order that does not depend on how they were batched.

Broker time is cut into ticks of two seconds. A tick is processed once the caller says that all its messages
have been fed. Its events are taken in event order. Between them, timers fire in order of their due times.
So findings depend only on the events and their times, not on batch boundaries, restarts or the wall clock.

The engine's clock is event time. While the feed is live, it follows broker time, so that absence is found
without a next message. During a replay of older flights it follows the events, an hour behind the newest.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING

from flight_assets.events.book import Book
from flight_assets.events.model import (
    FLIGHTS_NAMED,
    HOUR,
    MINUTE,
    Change,
    Clear,
    Event,
    Finding,
    Pattern,
    Raise,
    Signal,
    finding_id,
)
from flight_assets.events.schedule import BUCKET, FORGET_AFTER
from flight_assets.events.state import State, decode, encode

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

TICK_S = 2
# A feed is live while the newest event was taken within two hours of its time.
LIVE_WITHIN = 2 * HOUR
# During a replay, partitions of the topic may run so far apart in event time.
REPLAY_SLACK = HOUR
# An event so far behind the clock belongs to another time: a replay beside a live feed.
TOO_OLD = 24 * HOUR
# An open finding whose numbers change is updated at most so often.
UPDATE_EVERY = 15 * MINUTE
# Findings of a pattern that may be open at once; further ones are left out.
OPEN_AT_MOST = 20_000
# Names of the engine's own timers. They sort before those of patterns.
_EVERY_TICK, _FORGET = "", "!"


class Engine:
    """Keyed incremental state, and the patterns over it. One engine serves one stream of events."""

    def __init__(
        self,
        patterns: Sequence[Pattern],
        state: State | None = None,
        values_of: Mapping[str, Mapping[str, float]] | None = None,
    ) -> None:
        self.patterns = {pattern.name: pattern for pattern in patterns}
        self.values = {each.name: each.values((values_of or {}).get(each.name)) for each in patterns}
        self.state = state or State()
        self.schedule = Book(self.state)
        named = [(each, self.values[each.name]) for each in patterns]
        self._on_event = [(each, each.on_event, values) for each, values in named if each.on_event]
        self._on_tick = [(each, each.on_tick, values) for each, values in named if each.on_tick]
        self._changes: list[Change] = []

    @classmethod
    def restored(cls, content: bytes, patterns: Sequence[Pattern]) -> Engine:
        """Return the engine of ``snapshot``. Raises ValueError if another version wrote it."""
        return cls(patterns, decode(content))

    def snapshot(self) -> bytes:
        """Return the whole state, compressed."""
        return encode(self.state)

    def next_due(self) -> int | None:
        """Return the broker time of the next work without a message: a full tick or a timer.

        None if none waits.
        """
        waiting = [(max(self.state.waiting) + 1) * TICK_S] if self.state.waiting else []
        timers = [self.state.timers[0][0]] if self.state.live and self.state.timers else []
        return min(waiting + timers, default=None)

    def feed(self, events: Iterable[Event], now: int) -> list[Change]:
        """Take events, process every tick that ended by ``now``, and return the changes, in order.

        ``now``: broker time in seconds. All messages that the broker took before it must have been fed.
        An event that breaks this is processed late and counted in ``state.late``.
        """
        state = self.state
        self._changes = []
        for event in events:
            tick = event.taken // TICK_S
            if tick < state.next_tick:
                state.late += 1
                tick = state.next_tick
            state.waiting.setdefault(tick, []).append(event)
        through = now // TICK_S
        for tick in sorted(number for number in state.waiting if number < through):
            self._follow_broker(tick * TICK_S)
            for event in sorted(state.waiting.pop(tick), key=lambda each: each.order):
                self._take(event)
        self._follow_broker(through * TICK_S)
        state.next_tick = max(state.next_tick, through)
        return self._changes

    def _follow_broker(self, broker_time: int) -> None:
        """Advance the clock of a live feed to a broker time."""
        if self.state.live:
            self._advance(broker_time)

    def _take(self, event: Event) -> None:
        state = self.state
        if event.at >= state.newest_event:
            state.newest_event = event.at
            state.live = event.taken - event.at <= LIVE_WITHIN
            self._advance(event.at if state.live else event.at - REPLAY_SLACK)
        if event.at < state.clock - TOO_OLD:
            state.too_old += 1
            return
        flight = self.schedule.take(event)
        if not state.wakes.get(_EVERY_TICK):
            self._set_tick()
        self._wake(
            _FORGET, flight.flight_id, (flight.planned_arrival or flight.planned_departure) + FORGET_AFTER
        )
        for pattern, on_event, values in self._on_event:
            self._obey(pattern, on_event(event, self.schedule, values))

    def _advance(self, until: int) -> None:
        """Fire the timers that are due up to a time, each at its own time, and set the clock."""
        state = self.state
        while state.timers and state.timers[0][0] <= until:
            due, owner, key = heappop(state.timers)
            state.clock = max(state.clock, due)
            if state.wakes.get(owner, {}).get(key) == due:
                del state.wakes[owner][key]
                self._fire(owner, key)
        state.clock = max(state.clock, until)

    def _fire(self, owner: str, key: str) -> None:
        pattern = self.patterns.get(owner)
        if owner == _EVERY_TICK:
            self._tick()
        elif owner == _FORGET:
            self.schedule.forget(key)
        elif pattern is not None and pattern.on_wake is not None:
            self._obey(pattern, pattern.on_wake(key, self.schedule, self.values[owner]))

    def _tick(self) -> None:
        """Call the patterns that look at windows; once an hour, learn and forget."""
        state = self.state
        for pattern, on_tick, values in self._on_tick:
            self._obey(pattern, on_tick(self.schedule, values))
        if state.clock % HOUR == 0:
            self.schedule.learn()
        if state.flights or any(state.open.values()):
            self._set_tick()

    def _set_tick(self) -> None:
        self._wake(_EVERY_TICK, "", (self.state.clock // BUCKET + 1) * BUCKET)

    def _wake(self, owner: str, key: str, at: int) -> None:
        wakes = self.state.wakes.setdefault(owner, {})
        if wakes.get(key) != at:
            wakes[key] = at
            heappush(self.state.timers, (at, owner, key))

    def _obey(self, pattern: Pattern, signals: Iterator[Signal]) -> None:
        """Do what a pattern's signals say.

        A pattern that fails is noted with its error, and the others go on.
        """
        try:
            for signal in signals:
                if isinstance(signal, Raise):
                    self._raise(pattern, signal)
                elif isinstance(signal, Clear):
                    self._clear(pattern, signal)
                else:
                    self._wake(pattern.name, signal.key, max(signal.at, self.state.clock + 1))
        except Exception as error:
            self.state.failures[pattern.name] = f"{type(error).__name__}: {error}"

    def _raise(self, pattern: Pattern, signal: Raise) -> None:
        state = self.state
        numbers = {name: float(value) for name, value in signal.numbers.items()}
        open_ones = state.open.setdefault(pattern.name, {})
        found = open_ones.get(signal.key)
        if found is None:
            if len(open_ones) >= OPEN_AT_MOST:
                return
            found = Finding(
                finding_id(pattern.name, signal.key, state.clock), pattern.name, pattern.severity,
                signal.key, min(signal.start, state.clock), state.clock, state.clock,
                signal.explanation, numbers, signal.flight_ids[:FLIGHTS_NAMED],
                signal.airport, signal.airline,
            )  # fmt: skip
            open_ones[signal.key] = found
            state.raised_total[pattern.name] = state.raised_total.get(pattern.name, 0) + 1
            self._changes.append(Change("raised", state.clock, _copy(found)))
            return
        flights = signal.flight_ids[:FLIGHTS_NAMED]
        if numbers == found.numbers and flights == found.flight_ids:
            return
        if flights == found.flight_ids and state.clock - found.updated < UPDATE_EVERY:
            return
        found.numbers, found.flight_ids, found.explanation = numbers, flights, signal.explanation
        found.updated, found.changes = state.clock, found.changes + 1
        self._changes.append(Change("updated", state.clock, _copy(found)))

    def _clear(self, pattern: Pattern, signal: Clear) -> None:
        found = self.state.open.get(pattern.name, {}).pop(signal.key, None)
        if found is not None:
            found.cleared, found.cleared_because = self.state.clock, signal.reason
            found.updated, found.changes = self.state.clock, found.changes + 1
            self._changes.append(Change("cleared", self.state.clock, found))


def _copy(found: Finding) -> Finding:
    return Finding(**{name: getattr(found, name) for name in found.__struct_fields__})
