"""Features from the inbound leg: the aircraft's flight into the origin that should become this departure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from flight_assets.contracts.feature_windows import AIRCRAFT_MEMORY_HOURS, TURNAROUND_MINUTES
from flight_assets.contracts.features import INBOUND_FEATURES
from flight_assets.contracts.message import EventType
from flight_assets.delay_model.features.context import NO_ROW, FeatureContext, Features
from flight_assets.delay_model.features.events import NO_TIME
from flight_assets.delay_model.features.keys import AIRCRAFT
from flight_assets.delay_model.features.timeline import FloatArray, IntArray

SCOPE = "aircraft_into_origin"
HOUR_S = 3_600
MINUTE_S = 60.0
# A feed may announce a whole day at once. So many of the newest announcements are compared.
LEGS_COMPARED = 6
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class _Leg:
    """Inbound leg of each flight: planned times, and the event of one kind that happened before T.

    Rows count into the announcements; NO_ROW without a leg.
    """

    context: FeatureContext
    row: IntArray

    @property
    def known(self) -> Mask:
        """True where the flight has an inbound leg."""
        known: Mask = self.row != NO_ROW
        return known

    def planned(self, column: IntArray) -> IntArray:
        """Return a column of the announcement, NO_TIME without a leg."""
        return np.where(self.known, column[self.row], NO_TIME)

    def event(self, kind: EventType) -> IntArray:
        """Return the row of the leg's event of this kind, NO_ROW if it did not happen before T."""
        flights = self.context.events[EventType.SCHEDULED].flight[self.row]
        row = self.context.rows_of(kind, flights)
        if not len(self.context.events[kind]):
            return row
        now_s, happened_s = self.context.time_s, self.context.events[kind].time_s[row]
        is_known = (happened_s < now_s) & (happened_s >= now_s - AIRCRAFT_MEMORY_HOURS * HOUR_S)
        return np.where(self.known & is_known, row, NO_ROW)


def inbound_features(context: FeatureContext) -> Features:
    """One value per flight and feature, NaN without an inbound leg, or if it looks like an aircraft swap.

    It looks like one in three cases. The planned turnaround is outside TURNAROUND_MINUTES, the leg was
    cancelled, or the aircraft has left on another flight since.
    """
    if not len(context.events[EventType.SCHEDULED]):
        return {name: np.full(len(context.time_s), np.nan) for name in INBOUND_FEATURES}
    leg = _Leg(context, _newest_leg(context))
    departed, arrived = leg.event(EventType.DEPARTED), leg.event(EventType.ARRIVED)
    is_link = leg.known & (leg.event(EventType.CANCELLED) == NO_ROW) & ~_left_since(context, departed)
    values = _values(leg, departed, arrived)
    return {name: np.where(is_link, values[name], np.nan) for name in INBOUND_FEATURES}


def _newest_leg(context: FeatureContext) -> IntArray:
    """Return the announcement of the last planned leg into the origin that leaves time for a turnaround."""
    announced = context.events[EventType.SCHEDULED]
    timeline, moments = context.timeline(EventType.SCHEDULED, SCOPE), context.moments(SCOPE)
    now, first = (
        context.now(EventType.SCHEDULED, SCOPE),
        timeline.before(moments, AIRCRAFT_MEMORY_HOURS * HOUR_S),
    )
    shortest, longest = (minutes * MINUTE_S for minutes in TURNAROUND_MINUTES)
    best, best_s = np.full(len(now), NO_ROW, dtype=np.int64), np.full(len(now), NO_TIME, dtype=np.int64)
    for back in range(1, LEGS_COMPARED + 1):
        has_one = now - back >= first
        row = timeline.rows(np.where(has_one, now - back, 0)) if len(timeline) else np.zeros_like(now)
        departure_s, block_s = announced.departure_s[row], announced.block_s[row]
        ground_s = context.departure_s - departure_s - block_s
        is_better = has_one & (departure_s > best_s) & (block_s > 0) & (context.departure_s != NO_TIME)
        is_better &= (ground_s >= shortest) & (ground_s <= longest)
        best, best_s = np.where(is_better, row, best), np.where(is_better, departure_s, best_s)
    return best


def _left_since(context: FeatureContext, departed: IntArray) -> Mask:
    """Return whether the aircraft has left on another flight after the inbound leg had left."""
    events = context.events[EventType.DEPARTED]
    if not len(events):
        return np.zeros(len(departed), dtype=np.bool_)
    timeline, now = context.timeline(EventType.DEPARTED, AIRCRAFT), context.now(EventType.DEPARTED, AIRCRAFT)
    first = timeline.before(context.moments(AIRCRAFT), AIRCRAFT_MEMORY_HOURS * HOUR_S)
    newest = timeline.rows(np.maximum(now - 1, 0)) if len(timeline) else np.zeros_like(now)
    is_other = (now > first) & (departed != NO_ROW) & (events.flight[newest] != events.flight[departed])
    left: Mask = is_other & (events.time_s[newest] > events.time_s[departed])
    return left


def _values(leg: _Leg, departed: IntArray, arrived: IntArray) -> Features:
    context, announced = leg.context, leg.context.events[EventType.SCHEDULED]
    departure_s, block_s = leg.planned(announced.departure_s), leg.planned(announced.block_s)
    has_departed, has_arrived = (departed != NO_ROW) | (arrived != NO_ROW), arrived != NO_ROW
    left_s = _column(context, EventType.DEPARTED, "time_s", departed)
    late_s = _column(context, EventType.DEPARTED, "departure_delay_s", departed)
    now_s = context.time_s.astype(np.float64)
    in_the_air_s = np.maximum(left_s + block_s, now_s)
    waiting_s = np.maximum(departure_s, now_s) + block_s
    landed_s = _column(context, EventType.ARRIVED, "time_s", arrived)
    expected_s = np.where(has_arrived, landed_s, np.where(has_departed, in_the_air_s, waiting_s))
    delay_s = np.where(
        has_arrived,
        _column(context, EventType.ARRIVED, "arrival_delay_s", arrived),
        np.where(has_departed, late_s, np.maximum(now_s - departure_s, 0)),
    )
    miles = context.event_numbers(EventType.SCHEDULED, "distance_miles")[leg.row]
    return {
        "inbound_progress": has_departed.astype(np.float64) + has_arrived,
        "inbound_delay_minutes": delay_s / MINUTE_S,
        "inbound_planned_turnaround_minutes": (context.departure_s - departure_s - block_s) / MINUTE_S,
        "inbound_slack_minutes": (context.departure_s - expected_s) / MINUTE_S,
        "inbound_distance_miles": miles,
    }


def _column(context: FeatureContext, kind: EventType, name: str, row: IntArray) -> FloatArray:
    """Return a column of the events at these rows, NaN without one."""
    values: IntArray = getattr(context.events[kind], name)
    if not len(values):
        return np.full(len(row), np.nan)
    return np.where(row != NO_ROW, values[row].astype(np.float64), np.nan)
