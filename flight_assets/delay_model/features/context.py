"""Shared inputs of the feature families: prediction moments, events by type, group codes.

No features here.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from flight_assets.contracts.feature_windows import PENDING_LIMIT_HOURS
from flight_assets.contracts.message import EventType
from flight_assets.delay_model.features.events import NO_TIME, Events, numbers, seconds, split_events
from flight_assets.delay_model.features.keys import ScopeKeys
from flight_assets.delay_model.features.timeline import FloatArray, IntArray, Moments, Spans, Timeline

Features = dict[str, FloatArray]
_FLIGHTS = "flights"
NO_ROW = -1
PENDING_LIMIT_S = PENDING_LIMIT_HOURS * 3_600
OUTCOMES = (EventType.DEPARTED, EventType.ARRIVED, EventType.CANCELLED)


@dataclass(frozen=True)
class Pending:
    """Announced flights, one row each, until they leave, are cancelled or are given up. Times in seconds.

    ``due_s``: planned departure, or the announcement if that was later.
    """

    keys_of: ScopeKeys
    rows: IntArray
    announced_s: IntArray
    departure_s: IntArray
    due_s: IntArray
    end_s: IntArray

    def keys(self, scope: str) -> IntArray:
        """Return the group codes of these flights."""
        return self.keys_of.of(EventType.SCHEDULED, scope)[self.rows]


@dataclass(frozen=True)
class FeatureContext:
    """Inputs of ``build_features``, prepared for the feature families.

    ``time_s``: T of each flight, in seconds.
    """

    flights: pd.DataFrame
    time_s: IntArray
    departure_s: IntArray
    block_s: IntArray
    events: dict[EventType, Events]
    keys: ScopeKeys
    pending: Pending
    _moments: dict[str, Moments] = field(default_factory=dict)
    _timelines: dict[tuple[EventType, str], Timeline] = field(default_factory=dict)
    _now: dict[tuple[EventType, str], IntArray] = field(default_factory=dict)
    _by_flight: dict[EventType, IntArray] = field(default_factory=dict)

    @classmethod
    def of(cls, flights: pd.DataFrame, events: pd.DataFrame) -> FeatureContext:
        """Return the context of inputs: checked, converted and with group codes."""
        by_type = split_events(events)
        keys = ScopeKeys(
            {_FLIGHTS: flights, **{kind: table.frame for kind, table in by_type.items()}}, _FLIGHTS
        )
        return cls(flights, *planned_times(flights), by_type, keys, _pending(by_type, keys))

    def flight_keys(self, scope: str) -> IntArray:
        """Return the group codes of the flights to predict."""
        return self.keys.of(_FLIGHTS, scope)

    def moments(self, scope: str) -> Moments:
        """Return the key and T of each flight to predict."""
        if scope not in self._moments:
            self._moments[scope] = Moments(self.flight_keys(scope), self.time_s)
        return self._moments[scope]

    def timeline(self, kind: EventType, scope: str) -> Timeline:
        """Return the events of one type by the groups of a scope, with the values of ``Events.summable``."""
        if (kind, scope) not in self._timelines:
            self._timelines[kind, scope] = Timeline(
                self.event_keys(kind, scope), self.events[kind].time_s, self.events[kind].summable()
            )
        return self._timelines[kind, scope]

    def now(self, kind: EventType, scope: str) -> IntArray:
        """Return each flight's position in that timeline: its group's events before it happened before T."""
        if (kind, scope) not in self._now:
            self._now[kind, scope] = self.timeline(kind, scope).before(self.moments(scope))
        return self._now[kind, scope]

    def overdue(self, scope: str) -> Spans:
        """Return the times in which announced flights are overdue, by the groups of a scope."""
        pending = self.pending
        return Spans(pending.keys(scope), pending.due_s, pending.end_s, {"departure": pending.departure_s})

    def announced(self, scope: str) -> Spans:
        """Return the times in which flights are announced and have not left, by the groups of a scope."""
        pending = self.pending
        return Spans(
            pending.keys(scope), pending.announced_s, pending.end_s, {"departure": pending.departure_s}
        )

    def planned(self, scope: str) -> Timeline:
        """Return the planned departures of announced flights, by the groups of a scope."""
        return Timeline(self.pending.keys(scope), self.pending.due_s)

    def rows_of(self, kind: EventType, flights: npt.NDArray[np.uint64]) -> IntArray:
        """Return the row of the usable event of this type of each flight, NO_ROW without one."""
        events = self.events[kind]
        if not len(events):
            return np.full(len(flights), NO_ROW, dtype=np.int64)
        if kind not in self._by_flight:
            self._by_flight[kind] = np.argsort(events.flight, kind="stable")
        order = self._by_flight[kind]
        place = np.searchsorted(events.flight, flights, sorter=order)
        row = order[np.minimum(place, len(events) - 1)]
        return np.where(events.flight[row] == flights, row, NO_ROW)

    def event_keys(self, kind: EventType, scope: str) -> IntArray:
        """Return the group codes of the events of one type."""
        return self.keys.of(kind, scope)

    def event_numbers(self, kind: EventType, column: str) -> FloatArray:
        """Return a numeric column of the events of one type."""
        return numbers(self.events[kind].frame[column])


def planned_times(flights: pd.DataFrame) -> tuple[IntArray, IntArray, IntArray]:
    """Return T, planned departure and planned duration of each flight, in seconds; NO_TIME if unknown."""
    departure_s, arrival_s = seconds(flights["scheduled_departure"]), seconds(flights["scheduled_arrival"])
    known = (departure_s != NO_TIME) & (arrival_s != NO_TIME)
    return seconds(flights["timestamp"]), departure_s, np.where(known, arrival_s - departure_s, NO_TIME)


def _pending(events: dict[EventType, Events], keys: ScopeKeys) -> Pending:
    """Return the pending flights: announced, until the first departure, arrival or cancellation."""
    scheduled = events[EventType.SCHEDULED]
    # A flight announced earlier than this is given up before it is due. Otherwise the look-back would have no
    # bound.
    soon = scheduled.departure_s - scheduled.time_s <= PENDING_LIMIT_S
    rows = np.flatnonzero((scheduled.departure_s != NO_TIME) & soon)
    announced_s, departure_s = scheduled.time_s[rows], scheduled.departure_s[rows]
    given_up_s = announced_s + PENDING_LIMIT_S
    left_s = _first_outcome(events, scheduled.flight[rows])
    end_s = np.where(left_s == NO_TIME, given_up_s, np.minimum(left_s, given_up_s))
    return Pending(keys, rows, announced_s, departure_s, np.maximum(departure_s, announced_s), end_s)


def _first_outcome(events: dict[EventType, Events], flight: npt.NDArray[np.uint64]) -> IntArray:
    """Return when each flight first departed, arrived or was cancelled; NO_TIME if it did not."""
    outcomes = [events[kind] for kind in OUTCOMES]
    flights = np.concatenate([table.flight for table in outcomes])
    times = np.concatenate([table.time_s for table in outcomes])
    order = np.lexsort((times, flights))
    flights, times = flights[order], times[order]
    if not len(flights):
        return np.full(len(flight), NO_TIME, dtype=np.int64)
    first = np.minimum(np.searchsorted(flights, flight, side="left"), len(flights) - 1)
    return np.where(flights[first] == flight, times[first], NO_TIME)
