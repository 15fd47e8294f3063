"""Fork: a copy of the engine that runs ahead of the batches. Live processing feeds it; it stores nothing.

It begins with the newest durable state and takes the events that no batch of that state has. With every new
state it begins again, so an error of live processing lasts until the next batch. Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from flight_assets.events.engine import Engine
from flight_assets.events.model import Event

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from flight_assets.events.model import Change, Finding, Pattern

    ChangeKey = tuple[str, int, str, int]

# Events that no batch has yet, which are held at most. A held one takes some 300 bytes.
HELD_AT_MOST = 400_000
# To begin again with so many held events costs less than to be unsure.
CHEAP_EVENTS = 5_000
_decode = msgspec.msgpack.Decoder(Event).decode


class Fork:
    """Engine ahead of the batches.

    ``begins_at``: by partition, the offset from which on every event will be added; 0 if missing.
    """

    def __init__(self, patterns: Sequence[Pattern], begins_at: Mapping[int, int]) -> None:
        self._patterns = patterns
        self._from, self._reached = dict(begins_at), dict(begins_at)
        # Partition, offset and encoded event: so it takes a third of the memory.
        self._held: list[tuple[int, int, bytes]] = []
        self._new: list[Event] = []
        # Changes since the state that it goes on from.
        self._found: list[ChangeKey] = []
        self._engine: Engine | None = None

    @property
    def works(self) -> bool:
        """Return whether it has a state to go on from."""
        return self._engine is not None

    @property
    def held(self) -> int:
        """Return the number of events that no batch of the state has."""
        return len(self._held)

    @property
    def clock(self) -> int:
        """Return the engine's clock, event time; 0 without a state."""
        return self._engine.state.clock if self._engine else 0

    def findings(self) -> list[Finding]:
        """Return the open findings."""
        by_pattern = self._engine.state.open.values() if self._engine else ()
        return [found for by_key in by_pattern for found in by_key.values()]

    def add(self, events: Iterable[Event]) -> None:
        """Take checked events of the topic, each once. If too many are held, wait for a newer state."""
        added = list(events)
        for event in added:
            _, _, partition, offset = event.order
            self._reached[partition] = max(self._reached.get(partition, 0), offset + 1)
        self._held += [(*each.order[2:], msgspec.msgpack.encode(each)) for each in added]
        if self._engine is not None:
            self._new += added
        if len(self._held) > HELD_AT_MOST:
            self._from = dict(self._reached)
            self._held, self._new, self._engine = [], [], None
            self._found = []

    def goes_on(self, changes: Sequence[Change], done: Mapping[int, int]) -> bool:
        """Return whether it need not begin again with the next durable state: it has found the same.

        ``changes`` are those of the state, ``done`` as in ``begin``. It begins again all the same if that
        is cheap, because the engine also learns from events that lead to no finding.
        """
        expected = [_key(change) for change in changes]
        left = [each for each in self._held if each[1] >= done.get(each[0], 0)]
        if self._engine is None or len(left) <= CHEAP_EVENTS or self._found[: len(expected)] != expected:
            return False
        self._held, self._from = left, dict(done)
        del self._found[: len(expected)]
        return True

    def begin(self, state: bytes | None, done: Mapping[int, int]) -> bool:
        """Begin again with a durable state, or with nothing. Returns whether the held events follow on it.

        ``done``: by partition, the first offset that no batch of the state has. If events between those
        batches and the held ones are missing, the fork waits for a newer state.

        Raises:
            ValueError: another version of the engine wrote the state.
        """
        self._engine = None
        if any(done.get(partition, 0) < first for partition, first in self._from.items()):
            return False
        self._from = dict(done)
        self._held = [each for each in self._held if each[1] >= done.get(each[0], 0)]
        self._new, self._found = [_decode(content) for _, _, content in self._held], []
        self._engine = Engine(self._patterns) if state is None else Engine.restored(state, self._patterns)
        return True

    def advance(self, now: int) -> list[Change]:
        """Process every tick that ended by ``now``, broker time; timers fire too. Returns the changes.

        Every message that the broker took before ``now`` must have been added.
        """
        if self._engine is None:
            return []
        new, self._new = self._new, []
        changes = self._engine.feed(new, now)
        self._found += [_key(change) for change in changes]
        return changes

    def has_forecast(self, flight_id: str) -> bool:
        """Return whether the engine knows the forecast of a flight."""
        flight = self._engine.state.flights.get(flight_id) if self._engine else None
        return flight is not None and flight.predicted_delay is not None


def _key(change: Change) -> ChangeKey:
    return change.kind, change.at, change.finding.finding_id, change.finding.changes
