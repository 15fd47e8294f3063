"""The one function that makes features, for training and for serving alike: pure, vectorised, no clock, no I/O.

Every feature of a flight is made of its own ``scheduled`` message and of events with T − LOOKBACK <= timestamp < T, where T is the
timestamp of that message. An event at exactly T does not count: a stream has no order within one instant, and the boundary of a
batch may fall between two events of the same time.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from flight_assets.contracts import features as contract
from flight_assets.contracts.features import FEATURE_NAMES
from flight_assets.contracts.message import EventType
from flight_assets.delay_model.aircraft import aircraft_features
from flight_assets.delay_model.context import FeatureContext, Features
from flight_assets.delay_model.own import own_features
from flight_assets.delay_model.timeline import IntArray, Moments, Spans, Timeline, mean_or_nan

HOUR_S = 3_600
MINUTE_S = 60.0


def build_features(flights: pd.DataFrame, events: pd.DataFrame) -> pd.DataFrame:
    """One row per row of ``flights``, same index; the columns are FEATURE_NAMES in order, float32, NaN where unknown.

    ``flights`` has FLIGHT_COLUMNS (from ``scheduled`` events; ``timestamp`` is the prediction moment T), ``events`` has
    EVENT_COLUMNS, in any order. Events outside [T − LOOKBACK, T) and repetitions of an event change nothing, to the bit, as long as
    the events of a flight are not further apart than LOOKBACK.

    Raises:
        KeyError: a column is missing.
    """
    context = FeatureContext.of(flights, events)
    columns = {
        **own_features(flights),
        **_departed(context),
        **_arrived(context),
        **_counted(context, EventType.CANCELLED, "cancelled", contract.CANCELLED_WINDOWS),
        **_counted(context, EventType.SCHEDULED, "announced", contract.ANNOUNCED_WINDOWS),
        **_overdue(context),
        **_throughput(context),
        **aircraft_features(context),
    }
    return pd.DataFrame({name: columns[name].astype(np.float32) for name in FEATURE_NAMES}, index=flights.index)


def _departed(context: FeatureContext) -> Features:
    """Lateness of the departures in the trailing windows."""
    departed = context.events[EventType.DEPARTED]
    late = (departed.departure_delay_s >= contract.LATE_MINUTES * 60).astype(np.int64)
    values = {"delay": departed.departure_delay_s, "late": late}
    return _windows(context, EventType.DEPARTED, "departed", contract.DEPARTED_WINDOWS, values)


def _arrived(context: FeatureContext) -> Features:
    """Arrival delays, and the time made up or lost on the way, of the arrivals in the trailing windows."""
    arrived = context.events[EventType.ARRIVED]
    values = {"delay": arrived.arrival_delay_s, "gain": arrived.arrival_delay_s - arrived.departure_delay_s}
    windows = _windows(context, EventType.ARRIVED, "arrived", contract.ARRIVED_WINDOWS, values)
    return {**windows, **_last_few(context, values["gain"])}


def _counted(context: FeatureContext, kind: EventType, event: str, windows: tuple[contract.Window, ...]) -> Features:
    """How many events there were."""
    return _windows(context, kind, event, windows, {})


def _windows(
    context: FeatureContext, kind: EventType, event: str, windows: tuple[contract.Window, ...], values: dict[str, IntArray]
) -> Features:
    """The statistics of one type of event that the contract's table asks for."""
    result: Features = {}
    for scope in dict.fromkeys(window.scope for window in windows):
        timeline = Timeline(context.event_keys(kind, scope), context.events[kind].time_s, values)
        moments = context.moments(scope)
        now = timeline.before(moments)
        for window in (window for window in windows if window.scope == scope):
            first = timeline.before(moments, window.hours * HOUR_S)
            result[contract.window_name(event, window)] = _statistic(timeline, window.statistic, first, now)
    return result


def _statistic(timeline: Timeline, statistic: str, first: IntArray, now: IntArray) -> npt.NDArray[np.float64]:
    """A count, a share or a mean in minutes over the points from ``first`` to ``now``."""
    count = now - first
    if statistic == "flights":
        return count.astype(np.float64)
    value, scale = {"late_share": ("late", 1.0), "mean_delay": ("delay", MINUTE_S), "mean_gain": ("gain", MINUTE_S)}[statistic]
    return mean_or_nan(timeline.total(value, first, now), count, scale)


def _last_few(context: FeatureContext, gain: IntArray) -> Features:
    """Mean gain of the last few arrivals, at most LAST_FEW_MEMORY_HOURS old."""
    result: Features = {}
    for item in contract.ARRIVED_LAST_FEW:
        timeline = Timeline(context.event_keys(EventType.ARRIVED, item.scope), context.events[EventType.ARRIVED].time_s, {"gain": gain})
        moments = context.moments(item.scope)
        now = timeline.before(moments)
        oldest = timeline.before(moments, contract.LAST_FEW_MEMORY_HOURS * HOUR_S)
        first = np.maximum(oldest, now - item.flights)
        result[contract.last_few_name(item)] = mean_or_nan(timeline.total("gain", first, now), now - first, MINUTE_S)
    return result


def _overdue(context: FeatureContext) -> Features:
    """Flights past their planned departure, and how late the flights around now are, those still waiting included."""
    scopes = dict.fromkeys([item.scope for item in contract.OVERDUE] + [window.scope for window in contract.CURRENT_DELAY_WINDOWS])
    result: Features = {}
    for scope in scopes:
        count, minutes = _overdue_now(context, scope)
        mean = mean_or_nan(minutes, count, MINUTE_S)
        by_statistic = {"flights": count.astype(np.float64), "minutes": minutes / MINUTE_S, "mean_minutes": mean}
        chosen = (item for item in contract.OVERDUE if item.scope == scope)
        result |= {contract.pending_name(item): by_statistic[item.statistic] for item in chosen}
        result |= _current_delay(context, scope, count, minutes)
    return result


def _overdue_now(context: FeatureContext, scope: str) -> tuple[IntArray, IntArray]:
    """Number of overdue flights at T and the sum of the seconds they are overdue."""
    pending = context.pending
    spans = Spans(pending.keys(scope), pending.due_s, pending.end_s, {"departure": pending.departure_s})
    count, departures = spans.open_at(context.moments(scope), "departure")
    return count, context.time_s * count - departures


def _current_delay(context: FeatureContext, scope: str, overdue: IntArray, overdue_s: IntArray) -> Features:
    """Mean lateness (early counts as 0) of the departures in the window together with the flights overdue now."""
    windows = [window for window in contract.CURRENT_DELAY_WINDOWS if window.scope == scope]
    departed = context.events[EventType.DEPARTED]
    values = {"late": np.maximum(departed.departure_delay_s, 0)}
    timeline = Timeline(context.event_keys(EventType.DEPARTED, scope), departed.time_s, values)
    moments = context.moments(scope)
    now = timeline.before(moments)
    result: Features = {}
    for window in windows:
        first = timeline.before(moments, window.hours * HOUR_S)
        total = timeline.total("late", first, now) + overdue_s
        result[contract.window_name("departing", window)] = mean_or_nan(total, now - first + overdue, MINUTE_S)
    return result


def _throughput(context: FeatureContext) -> Features:
    """Departures, and flights overdue, per departure planned in the window; NaN where none was planned."""
    departed, pending = context.events[EventType.DEPARTED], context.pending
    result: Features = {}
    for scope in dict.fromkeys(window.scope for window in contract.THROUGHPUT_WINDOWS):
        moments = context.moments(scope)
        planned = Timeline(pending.keys(scope), pending.due_s)
        left = Timeline(context.event_keys(EventType.DEPARTED, scope), departed.time_s)
        overdue, _ = _overdue_now(context, scope)
        for window in (window for window in contract.THROUGHPUT_WINDOWS if window.scope == scope):
            expected = _count(planned, moments, window.hours)
            happened = overdue if window.statistic == "overdue_ratio" else _count(left, moments, window.hours)
            result[contract.window_name("planned", window)] = mean_or_nan(happened, expected, 1.0)
    return result


def _count(timeline: Timeline, moments: Moments, hours: int) -> IntArray:
    """Number of points in the window before each moment."""
    return timeline.before(moments) - timeline.before(moments, hours * HOUR_S)
