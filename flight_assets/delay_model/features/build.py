"""Build the features for training and serving, in one pure, vectorised function without clock or I/O.

Features of a flight come from its ``scheduled`` message and from events with T − LOOKBACK <= timestamp < T. T
is the timestamp of that message. An event at exactly T does not count. A stream has no order within one
instant, and a batch may end between two such events.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import pandas as pd

from flight_assets.contracts import feature_windows
from flight_assets.contracts.features import FEATURE_NAMES
from flight_assets.contracts.message import EventType
from flight_assets.delay_model.features.aircraft import aircraft_features
from flight_assets.delay_model.features.context import FeatureContext, Features
from flight_assets.delay_model.features.inbound import inbound_features
from flight_assets.delay_model.features.schedule_features import schedule_features
from flight_assets.delay_model.features.timeline import (
    FloatArray,
    IntArray,
    Moments,
    Timeline,
    mean_or_nan,
)

HOUR_S = 3_600
MINUTE_S = 60.0
# Column of Events.summable that a statistic averages, and the divisor for a share or for minutes.
_AVERAGED = {
    "late_share": ("late", 1.0),
    "mean_delay": ("delay", MINUTE_S),
    "mean_arrival_delay": ("arrival_delay", MINUTE_S),
    "mean_gain": ("gain", MINUTE_S),
}
_Overdue: TypeAlias = dict[str, tuple[IntArray, IntArray]]


def build_features(flights: pd.DataFrame, events: pd.DataFrame) -> pd.DataFrame:
    """One row per row of ``flights``, same index; columns FEATURE_NAMES in order, float32, NaN if unknown.

    - ``flights``: FLIGHT_COLUMNS of ``scheduled`` events; ``timestamp`` is the prediction moment T
    - ``events``: PAST_COLUMNS, in any order

    Events outside [T − LOOKBACK, T) and repeated events do not change a bit of the result. This holds if the
    events of one flight are at most LOOKBACK apart.

    Raises:
        KeyError: a column is missing.
    """
    return features_of(FeatureContext.of(flights, events))


def features_of(context: FeatureContext) -> pd.DataFrame:
    """Return what ``build_features`` returns, for prepared inputs."""
    flights, overdue = context.flights, _overdue_now(context)
    columns = {
        **schedule_features(flights),
        **_windows(context, EventType.DEPARTED, "departed", feature_windows.DEPARTED_WINDOWS),
        **_windows(context, EventType.ARRIVED, "arrived", feature_windows.ARRIVED_WINDOWS),
        **_cancelled(context),
        **_windows(context, EventType.SCHEDULED, "announced", feature_windows.ANNOUNCED_WINDOWS),
        **_last_few(context),
        **_overdue(overdue),
        **_current_delay(context, overdue),
        **_throughput(context, overdue),
        **aircraft_features(context),
        **inbound_features(context),
    }
    return pd.DataFrame(
        {name: columns[name].astype(np.float32) for name in FEATURE_NAMES}, index=flights.index
    )


def _windows(
    context: FeatureContext, kind: EventType, event: str, windows: tuple[feature_windows.Window, ...]
) -> Features:
    """Return the statistics of one type of event that the contract's table lists."""
    result: Features = {}
    for window in windows:
        timeline, moments = context.timeline(kind, window.scope), context.moments(window.scope)
        first, now = timeline.before(moments, window.hours * HOUR_S), context.now(kind, window.scope)
        if window.statistic == "load":
            values = _load(timeline, moments, window.hours, first, now)
        else:
            value, scale = _AVERAGED[window.statistic]
            values = mean_or_nan(timeline.total(value, first, now), now - first, scale)
        result[feature_windows.window_name(event, window)] = values
    return result


def _load(timeline: Timeline, moments: Moments, hours: int, first: IntArray, now: IntArray) -> FloatArray:
    """Return the points per hour of a window, divided by those per hour of LOAD_HOURS; NaN without any."""
    of_day = now - timeline.before(moments, feature_windows.LOAD_HOURS * HOUR_S)
    return mean_or_nan((now - first) * feature_windows.LOAD_HOURS, of_day * hours, 1.0)


def _cancelled(context: FeatureContext) -> Features:
    """Return the share of cancelled flights among those cancelled or departed; NaN without any."""
    result: Features = {}
    for window in feature_windows.CANCELLED_WINDOWS:
        cancelled, departed = (
            _happened(context, kind, window) for kind in (EventType.CANCELLED, EventType.DEPARTED)
        )
        result[feature_windows.window_name("cancelled", window)] = mean_or_nan(
            cancelled, cancelled + departed, 1.0
        )
    return result


def _last_few(context: FeatureContext) -> Features:
    """Return the mean gain of the last few arrivals, at most LAST_FEW_MEMORY_HOURS old."""
    result: Features = {}
    for item in feature_windows.ARRIVED_LAST_FEW:
        timeline, moments = context.timeline(EventType.ARRIVED, item.scope), context.moments(item.scope)
        now = context.now(EventType.ARRIVED, item.scope)
        first = np.maximum(
            timeline.before(moments, feature_windows.LAST_FEW_MEMORY_HOURS * HOUR_S), now - item.flights
        )
        result[feature_windows.last_few_name(item)] = mean_or_nan(
            timeline.total("gain", first, now), now - first, MINUTE_S
        )
    return result


def _overdue_now(context: FeatureContext) -> _Overdue:
    """Return by scope the number of flights overdue at T, and the sum of their overdue seconds."""
    result: _Overdue = {}
    windows = (*feature_windows.CURRENT_DELAY_WINDOWS, *feature_windows.THROUGHPUT_WINDOWS)
    for scope in dict.fromkeys(
        [item.scope for item in feature_windows.OVERDUE] + [window.scope for window in windows]
    ):
        count, departures = context.overdue(scope).open_at(context.moments(scope), "departure")
        result[scope] = (count, context.time_s * count - departures)
    return result


def _overdue(overdue: _Overdue) -> Features:
    """Return the features of flights past their planned departure that the contract's table lists."""
    return {
        feature_windows.pending_name(item): mean_or_nan(
            overdue[item.scope][1], overdue[item.scope][0], MINUTE_S
        )
        for item in feature_windows.OVERDUE
    }


def _current_delay(context: FeatureContext, overdue: _Overdue) -> Features:
    """Return the mean lateness (early counts as 0) of departures in the window and of flights overdue now."""
    result: Features = {}
    for window in feature_windows.CURRENT_DELAY_WINDOWS:
        timeline, now = (
            context.timeline(EventType.DEPARTED, window.scope),
            context.now(EventType.DEPARTED, window.scope),
        )
        first = timeline.before(context.moments(window.scope), window.hours * HOUR_S)
        count, overdue_s = overdue[window.scope]
        total = timeline.total("lateness", first, now) + overdue_s
        result[feature_windows.window_name("departing", window)] = mean_or_nan(
            total, now - first + count, MINUTE_S
        )
    return result


def _throughput(context: FeatureContext, overdue: _Overdue) -> Features:
    """Return departures, overdue flights and their minutes, per departure planned in the window."""
    planned = {
        scope: context.planned(scope) for scope in {item.scope for item in feature_windows.THROUGHPUT_WINDOWS}
    }
    result: Features = {}
    for window in feature_windows.THROUGHPUT_WINDOWS:
        moments = context.moments(window.scope)
        expected = planned[window.scope].before(moments) - planned[window.scope].before(
            moments, window.hours * HOUR_S
        )
        if window.statistic == "throughput":
            happened, scale = _happened(context, EventType.DEPARTED, window), 1.0
        else:
            count, overdue_s = overdue[window.scope]
            happened, scale = (count, 1.0) if window.statistic == "overdue_ratio" else (overdue_s, MINUTE_S)
        result[feature_windows.window_name("planned", window)] = mean_or_nan(happened, expected, scale)
    return result


def _happened(context: FeatureContext, kind: EventType, window: feature_windows.Window) -> IntArray:
    """Return the number of events of a kind in the window."""
    first = context.timeline(kind, window.scope).before(context.moments(window.scope), window.hours * HOUR_S)
    return context.now(kind, window.scope) - first
