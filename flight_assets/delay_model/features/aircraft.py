"""Features from the last events of the flight's aircraft, by its tail number."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from flight_assets.contracts.feature_windows import AIRCRAFT_MEMORY_HOURS
from flight_assets.contracts.message import EventType
from flight_assets.delay_model.features.context import (
    NO_ROW,
    OUTCOMES,
    PENDING_LIMIT_S,
    FeatureContext,
    Features,
)
from flight_assets.delay_model.features.events import NO_TIME, Events
from flight_assets.delay_model.features.keys import AIRCRAFT
from flight_assets.delay_model.features.timeline import NO_KEY, FloatArray, IntArray, mean_or_nan

HOUR_S = 3_600
MINUTE_S = 60.0


@dataclass(frozen=True)
class _Last:
    """Newest event of each flight's aircraft: the row in the table of events, and whether there is one."""

    row: IntArray
    known: npt.NDArray[np.bool_]

    def value(self, column: IntArray) -> FloatArray:
        """Return a value of the event, NaN without an event."""
        if not len(column):
            return np.full(len(self.row), np.nan)
        return np.where(self.known, column[self.row].astype(np.float64), np.nan)


def aircraft_features(context: FeatureContext) -> Features:
    """One value per flight and feature, NaN if the tail number is missing or was not seen."""
    return {**_last_leg(context), **_recent_delay(context), **_pending_legs(context)}


def _last_leg(context: FeatureContext) -> Features:
    """Return the aircraft's previous leg: its destination, its delay, and the time until this flight."""
    departed, arrived = context.events[EventType.DEPARTED], context.events[EventType.ARRIVED]
    leg, landing = _newest(context, EventType.DEPARTED), _newest(context, EventType.ARRIVED)
    landed = _same_flight(departed, leg, arrived, landing)
    block_s = _positive(leg.value(departed.block_s))
    departed_s = leg.value(departed.time_s)
    arrived_s = np.where(
        landed, landing.value(arrived.time_s), np.maximum(departed_s + block_s, context.time_s)
    )
    planned_arrival_s = leg.value(departed.departure_s) + block_s
    return {
        "aircraft_departure_delay_minutes": leg.value(departed.departure_delay_s) / MINUTE_S,
        "aircraft_minutes_since_departure": (context.time_s - departed_s) / MINUTE_S,
        "aircraft_arrival_delay_minutes": np.where(landed, landing.value(arrived.arrival_delay_s), np.nan)
        / MINUTE_S,
        "aircraft_leg_distance_miles": _distance(context, leg),
        "aircraft_planned_slack_minutes": (context.departure_s - planned_arrival_s - block_s) / MINUTE_S,
        "aircraft_slack_minutes": (context.departure_s - arrived_s - block_s) / MINUTE_S,
    }


def _newest(context: FeatureContext, kind: EventType) -> _Last:
    """Return the newest event of the aircraft before T, at most AIRCRAFT_MEMORY_HOURS old."""
    timeline, now = context.timeline(kind, AIRCRAFT), context.now(kind, AIRCRAFT)
    known = now > timeline.before(context.moments(AIRCRAFT), AIRCRAFT_MEMORY_HOURS * HOUR_S)
    if not len(timeline):
        return _Last(np.zeros(len(known), dtype=np.int64), known)
    return _Last(timeline.rows(np.maximum(now - 1, 0)), known)


def _same_flight(departed: Events, leg: _Last, arrived: Events, landing: _Last) -> npt.NDArray[np.bool_]:
    """Return whether the newest landing belongs to the newest departure."""
    both = leg.known & landing.known
    if not both.any():
        return both
    same: npt.NDArray[np.bool_] = both & (departed.flight[leg.row] == arrived.flight[landing.row])
    return same


def _distance(context: FeatureContext, leg: _Last) -> FloatArray:
    miles = context.event_numbers(EventType.DEPARTED, "distance_miles")
    return np.where(leg.known, miles[leg.row], np.nan) if len(miles) else np.full(len(leg.row), np.nan)


def _positive(values: FloatArray) -> FloatArray:
    """Return the values, NaN where planned times were missing (NO_TIME)."""
    return np.where(values == NO_TIME, np.nan, values)


def _recent_delay(context: FeatureContext) -> Features:
    """Return how often the aircraft has departed lately, and its mean departure delay in 24 hours."""
    timeline, now = context.timeline(EventType.DEPARTED, AIRCRAFT), context.now(EventType.DEPARTED, AIRCRAFT)
    first, recent = (timeline.before(context.moments(AIRCRAFT), hours * HOUR_S) for hours in (24, 12))
    known = context.flight_keys(AIRCRAFT) != NO_KEY
    return {
        "aircraft_departures_12h": np.where(known, (now - recent).astype(np.float64), np.nan),
        "aircraft_mean_departure_delay_24h": mean_or_nan(
            timeline.total("delay", first, now), now - first, MINUTE_S
        ),
    }


def _own_pending(context: FeatureContext) -> tuple[IntArray, IntArray]:
    """Return 1 and the planned departure of flights announced before T themselves; 0 of others.

    None is at its announcement. One that is forecast again is among the aircraft's pending flights.
    """
    scheduled = context.events[EventType.SCHEDULED]
    flights = pd.util.hash_array(context.flights["flight_id"].to_numpy(dtype=object))
    row = context.rows_of(EventType.SCHEDULED, flights)
    if not len(scheduled):
        return np.zeros_like(row), np.zeros_like(row)
    announced_s, departure_s = scheduled.time_s[row], scheduled.departure_s[row]
    end_s = announced_s + PENDING_LIMIT_S
    for kind in OUTCOMES:
        ended = context.rows_of(kind, flights)
        if len(context.events[kind]):
            left_s = context.events[kind].time_s[ended]
            end_s = np.where(ended == NO_ROW, end_s, np.minimum(end_s, left_s))
    is_pending = (row != NO_ROW) & (departure_s != NO_TIME) & (departure_s - announced_s <= PENDING_LIMIT_S)
    is_pending &= (announced_s < context.time_s) & (context.time_s <= end_s)
    own = context.flight_keys(AIRCRAFT)
    is_pending &= (own != NO_KEY) & (context.event_keys(EventType.SCHEDULED, AIRCRAFT)[row] == own)
    return is_pending.astype(np.int64), np.where(is_pending, departure_s, 0)


def _pending_legs(context: FeatureContext) -> Features:
    """Return the number of the aircraft's other flights that were announced before T and have not left."""
    count, departures = context.announced(AIRCRAFT).open_at(context.moments(AIRCRAFT), "departure")
    own, own_departure_s = _own_pending(context)
    count, departures = count - own, departures - own_departure_s
    known = context.flight_keys(AIRCRAFT) != NO_KEY
    overdue = np.where(count > 0, context.time_s - departures / np.maximum(count, 1), np.nan)
    return {
        "aircraft_pending_flights": np.where(known, count, np.nan),
        "aircraft_pending_overdue_minutes": overdue / MINUTE_S,
    }
