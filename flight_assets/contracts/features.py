"""Inputs of the delay model: every feature, its unit, its source and the moment when it is known.

The prediction moment T is the timestamp of the flight's ``scheduled`` event, by default 60 minutes before the
planned departure. A feature is part of that message, or counts events with ``timestamp < T`` inside a stated
window. The weather in the message counts as the forecast. The windows are in ``feature_windows``.
"""

from __future__ import annotations

from dataclasses import dataclass

from flight_assets.contracts.feature_windows import (
    AIRCRAFT_MEMORY_HOURS,
    ANNOUNCED_WINDOWS,
    ARRIVED_LAST_FEW,
    ARRIVED_WINDOWS,
    CANCELLED_WINDOWS,
    CURRENT_DELAY_WINDOWS,
    DEPARTED_WINDOWS,
    LAST_FEW_MEMORY_HOURS,
    LOAD_HOURS,
    OVERDUE,
    PENDING_LIMIT_HOURS,
    THROUGHPUT_WINDOWS,
    LastFew,
    Pending,
    Window,
    last_few_name,
    pending_name,
    window_name,
)
from flight_assets.contracts.message import FLAT_WEATHER, WEATHER_FIELDS
from flight_assets.contracts.units import CRUISE_MPH, LATE_MINUTES, OVERHEAD_MINUTES

FEATURE_CONTRACT_VERSION = 3


@dataclass(frozen=True, slots=True)
class Feature:
    """One input of the model.

    - ``type``: number, or code (an ordinal number of a code such as an airport's)
    - ``source``: the events that it is computed from; "message" is the flight's own announcement
    - ``window``: how far before T those events reach
    """

    name: str
    type: str
    unit: str
    source: str
    window: str
    description: str


_STATISTICS = {
    "load": ("ratio", f"flights per hour, against the last {LOAD_HOURS} hours"),
    "share": ("share", "flights cancelled, of those cancelled or departed"),
    "late_share": ("share", f"share that left at least {LATE_MINUTES} minutes late"),
    "mean_delay": ("minutes", "mean departure delay"),
    "mean_arrival_delay": ("minutes", "mean arrival delay"),
    "mean_gain": (
        "minutes",
        "mean of arrival minus departure delay; negative = made up",
    ),
    "mean_minutes": ("minutes", "mean of the minutes overdue"),
    "throughput": ("ratio", "departures in the window per departure planned in it"),
    "overdue_minutes": ("minutes", "minutes overdue at T per departure planned in the window"),
    "overdue_ratio": ("ratio", "flights overdue at T per departure planned in the window"),
    "current_delay": (
        "minutes",
        "mean lateness of flights that left in the window or are overdue",
    ),
}


def _own(name: str, unit: str, description: str, kind: str = "number") -> Feature:
    return Feature(name, kind, unit, "scheduled", "message", description)


def _window(event: str, window: Window, source: str | None = None) -> Feature:
    unit, what = _STATISTICS[window.statistic]
    description = f"{what}, by {window.scope.replace('_', ' ')}"
    return Feature(
        window_name(event, window), "number", unit, source or event, f"{window.hours} h before T", description
    )


def _last_few(item: LastFew) -> Feature:
    what = f"mean gain of the last {item.flights} arrivals, by {item.scope.replace('_', ' ')}"
    return Feature(
        last_few_name(item), "number", "minutes", "arrived", f"{LAST_FEW_MEMORY_HOURS} h before T", what
    )


def _pending(item: Pending) -> Feature:
    unit, what = _STATISTICS[item.statistic]
    source = "scheduled, departed, cancelled"
    description = f"{what} of flights that should have left and have not, by {item.scope.replace('_', ' ')}"
    return Feature(
        pending_name(item),
        "number",
        unit,
        source,
        f"announced in the {PENDING_LIMIT_HOURS} h before T",
        description,
    )


def _aircraft(name: str, unit: str, description: str) -> Feature:
    return Feature(
        name, "number", unit, "departed, arrived", f"{AIRCRAFT_MEMORY_HOURS} h before T", description
    )


def _inbound(name: str, unit: str, description: str) -> Feature:
    source = "scheduled, departed, arrived, cancelled"
    return Feature(name, "number", unit, source, f"{AIRCRAFT_MEMORY_HOURS} h before T", description)


def _aircraft_pending(name: str, unit: str, description: str) -> Feature:
    window = f"announced in the {PENDING_LIMIT_HOURS} h before T"
    return Feature(name, "number", unit, "scheduled, departed, cancelled", window, description)


_OWN = (
    _own(
        "months_from_january",
        "0–6",
        "months between this one and January, either way",
    ),
    _own("day_of_week", "0–6", "0 = Monday, on the clock of the origin"),
    _own("distance_miles", "miles", "great-circle distance"),
    _own(
        "scheduled_departure_minute",
        "minutes",
        "planned departure in minutes after midnight, on the clock of the origin",
    ),
    *(_own(field.name, field.unit, f"{field.description}, at the origin") for field in WEATHER_FIELDS),
    _own("airline_code", "–", "the carrier's code as a base-36 number", "code"),
    _own("origin_code", "–", "the airport's code as a base-36 number", "code"),
    _own("destination_code", "–", "the airport's code as a base-36 number", "code"),
    _own("scheduled_block_minutes", "minutes", "planned arrival minus planned departure"),
    _own(
        "scheduled_arrival_minute",
        "minutes",
        "planned arrival in minutes after midnight, on the clock of the destination",
    ),
    _own(
        "scheduled_padding_minutes",
        "minutes",
        f"planned time beyond the distance at {CRUISE_MPH} mph and {OVERHEAD_MINUTES} minutes",
    ),
)

_AIRCRAFT = (
    _aircraft(
        "aircraft_departure_delay_minutes", "minutes", "departure delay of the aircraft's last departure"
    ),
    _aircraft("aircraft_minutes_since_departure", "minutes", "T minus the time of that departure"),
    _aircraft("aircraft_arrival_delay_minutes", "minutes", "arrival delay of that leg, where it has arrived"),
    _aircraft("aircraft_leg_distance_miles", "miles", "distance of that leg"),
    _aircraft(
        "aircraft_planned_slack_minutes", "minutes", "planned time on the ground if it flies straight back"
    ),
    _aircraft(
        "aircraft_slack_minutes",
        "minutes",
        "the same from the arrival that was seen, or from the one expected at T",
    ),
    _aircraft(
        "aircraft_mean_departure_delay_24h",
        "minutes",
        "mean departure delay of its departures in the last 24 hours",
    ),
    _aircraft("aircraft_departures_12h", "flights", "departures of the aircraft in the last 12 hours"),
    _aircraft_pending(
        "aircraft_pending_flights", "flights", "other flights of the aircraft announced and not yet departed"
    ),
    _aircraft_pending(
        "aircraft_pending_overdue_minutes",
        "minutes",
        "T minus their mean planned departure; negative = still ahead",
    ),
)

_INBOUND = (
    _inbound(
        "inbound_progress",
        "0–2",
        "the inbound leg is announced (0), departed (1) or arrived (2); unknown after an aircraft swap",
    ),
    _inbound(
        "inbound_delay_minutes",
        "minutes",
        "its arrival delay; before arrival its departure delay; before departure the minutes overdue",
    ),
    _inbound("inbound_planned_turnaround_minutes", "minutes", "planned departure minus its planned arrival"),
    _inbound(
        "inbound_slack_minutes", "minutes", "planned departure minus its arrival, or the one expected at T"
    ),
    _inbound("inbound_distance_miles", "miles", "its distance"),
)

# Added by version 3, at the end: the features of version 2 are those before.
_DESTINATION_WEATHER = tuple(
    _own(f"destination_{field.name}", field.unit, f"{field.description}, at the destination")
    for field in WEATHER_FIELDS
)

FEATURES: tuple[Feature, ...] = (
    *_OWN,
    *(_window("departed", window) for window in DEPARTED_WINDOWS),
    *(_window("arrived", window) for window in ARRIVED_WINDOWS),
    *(_last_few(item) for item in ARRIVED_LAST_FEW),
    *(_window("cancelled", window) for window in CANCELLED_WINDOWS),
    *(_window("announced", window, "scheduled") for window in ANNOUNCED_WINDOWS),
    *(_pending(item) for item in OVERDUE),
    *(_window("departing", window, "scheduled, departed, cancelled") for window in CURRENT_DELAY_WINDOWS),
    *(_window("planned", window, "scheduled, departed, cancelled") for window in THROUGHPUT_WINDOWS),
    *_AIRCRAFT,
    *_INBOUND,
    *_DESTINATION_WEATHER,
)
FEATURE_NAMES: tuple[str, ...] = tuple(feature.name for feature in FEATURES)
# Features of each version whose models still serve. A version only adds features, at the end.
FEATURES_OF_VERSION: dict[int, tuple[str, ...]] = {
    2: FEATURE_NAMES[: -len(_DESTINATION_WEATHER)],
    FEATURE_CONTRACT_VERSION: FEATURE_NAMES,
}
CODE_FEATURES: tuple[str, ...] = tuple(feature.name for feature in FEATURES if feature.type == "code")
WEATHER_FEATURES: tuple[str, ...] = tuple(FLAT_WEATHER)
AIRCRAFT_FEATURES: tuple[str, ...] = tuple(feature.name for feature in (*_AIRCRAFT, *_INBOUND))
INBOUND_FEATURES: tuple[str, ...] = tuple(feature.name for feature in _INBOUND)

# They name one network: a model for any network must not use them.
NETWORK_BOUND_FEATURES: tuple[str, ...] = ("months_from_january", *CODE_FEATURES)
