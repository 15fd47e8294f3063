"""Inputs of the delay model: every feature, its unit, its source and the moment when it is known.

The prediction moment T is the timestamp of the flight's ``scheduled`` event, by default 60 minutes before the
planned departure. A feature is part of that message, or counts events with ``timestamp < T`` inside a stated
window. The weather in the message counts as the forecast. The tables of windows below are the single source:
the contract's rows and the computation both follow from them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

from flight_assets.contracts.message import WEATHER_FIELDS
from flight_assets.contracts.units import CRUISE_MPH, LATE_MINUTES, OVERHEAD_MINUTES

FEATURE_CONTRACT_VERSION = 2

# A flight that was announced longer ago than this and has not left no longer counts as overdue or pending.
PENDING_LIMIT_HOURS = 12
AIRCRAFT_MEMORY_HOURS = 48

# Columns of past events. Their weather is left out: a flight uses the weather of its own announcement.
PAST_COLUMNS = (
    *("flight_id", "event_type", "timestamp", "airline", "tail_number", "origin", "destination"),
    *(
        "scheduled_departure",
        "scheduled_arrival",
        "distance_miles",
        "departure_delay_minutes",
        "arrival_delay_minutes",
    ),
)

# Columns of the message by which past events are grouped. distance_band stands for the jet stream: flights of
# similar length from one city meet similar winds.
SCOPES: dict[str, tuple[str, ...]] = {
    "network": (),
    "origin": ("origin",),
    "airline": ("airline",),
    "airline_at_origin": ("airline", "origin"),
    "destination": ("destination",),
    "airline_to_destination": ("airline", "destination"),
    "route": ("origin", "destination"),
    "distance_band": ("distance_band",),
}
DISTANCE_BAND_EDGES_MILES = (400, 800, 1_300, 2_000)
# Scopes that meet at an airport: the flight's columns, and those of past events that must be equal.
MEETING_SCOPES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "into_origin": (("origin",), ("destination",)),
    "out_of_destination": (("destination",), ("origin",)),
    "aircraft_into_origin": (("tail_number", "origin"), ("tail_number", "destination")),
}
# A load compares the flights of a window with the average of this many hours, so it does not depend on size.
LOAD_HOURS = 24
# An inbound leg belongs to the flight if the planned time between them is one of a turnaround.
TURNAROUND_MINUTES = (15, 16 * 60)


class Window(NamedTuple):
    """Statistic of the events of one scope in the last ``hours`` before T."""

    scope: str
    statistic: str
    hours: int


class LastFew(NamedTuple):
    """Mean gain between departure and arrival of a scope's last ``flights`` arrivals; negative = made up."""

    scope: str
    flights: int


class Pending(NamedTuple):
    """Statistic of a scope's flights whose planned departure passed without departure or cancellation."""

    scope: str
    statistic: str


DEPARTED_WINDOWS = (
    Window("network", "load", 3),
    Window("network", "late_share", 1),
    Window("network", "late_share", 2),
    Window("network", "mean_delay", 2),
    Window("network", "mean_delay", 24),
    Window("origin", "late_share", 1),
    Window("origin", "late_share", 2),
    Window("origin", "mean_delay", 2),
    Window("origin", "mean_delay", 24),
    Window("airline_at_origin", "late_share", 2),
    Window("airline_at_origin", "late_share", 3),
    Window("airline_at_origin", "mean_delay", 3),
    Window("airline_at_origin", "mean_delay", 24),
    Window("airline", "late_share", 2),
    Window("airline", "late_share", 3),
    Window("airline", "mean_delay", 24),
    Window("out_of_destination", "late_share", 2),
    Window("out_of_destination", "mean_delay", 2),
    Window("destination", "mean_delay", 2),
)
ARRIVED_WINDOWS = (
    Window("destination", "mean_gain", 3),
    Window("destination", "mean_gain", 24),
    Window("destination", "mean_arrival_delay", 3),
    Window("distance_band", "mean_gain", 3),
    Window("distance_band", "mean_gain", 24),
    Window("airline_to_destination", "mean_gain", 24),
    Window("airline_to_destination", "mean_arrival_delay", 24),
    Window("into_origin", "mean_arrival_delay", 2),
    Window("airline", "mean_gain", 24),
    Window("airline", "mean_arrival_delay", 48),
    Window("route", "mean_arrival_delay", 48),
)
ARRIVED_LAST_FEW = (
    LastFew("route", 3),
    LastFew("route", 8),
    LastFew("destination", 3),
    LastFew("destination", 8),
    LastFew("airline_to_destination", 3),
    LastFew("distance_band", 8),
    LastFew("network", 8),
)
LAST_FEW_MEMORY_HOURS = 48
CANCELLED_WINDOWS = (
    Window("network", "share", 3),
    Window("network", "share", 6),
    Window("origin", "share", 3),
    Window("destination", "share", 6),
)
ANNOUNCED_WINDOWS = (Window("network", "load", 1), Window("origin", "load", 1))
OVERDUE = tuple(
    Pending(scope, "mean_minutes")
    for scope in (
        "network",
        "origin",
        "airline",
        "airline_at_origin",
        "destination",
        "airline_to_destination",
    )
)
CURRENT_DELAY_WINDOWS = (
    Window("origin", "current_delay", 3),
    Window("airline_at_origin", "current_delay", 1),
    Window("airline_at_origin", "current_delay", 2),
    Window("airline_at_origin", "current_delay", 3),
    Window("airline", "current_delay", 1),
    Window("airline", "current_delay", 2),
)
# Departures per planned departure: a ground stop shows here before any delay is known.
THROUGHPUT_WINDOWS = (
    *(
        Window(scope, statistic, hours)
        for scope in ("network", "origin", "airline_at_origin", "destination")
        for statistic, hours in (("throughput", 1), ("throughput", 2), ("overdue_ratio", 2))
    ),
    Window("airline", "overdue_ratio", 2),
    *(Window(scope, "overdue_minutes", 2) for scope in ("network", "origin", "destination")),
)


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


def window_name(event: str, window: Window) -> str:
    """Return a name such as origin_departed_late_share_2h."""
    return f"{window.scope}_{event}_{window.statistic}_{window.hours}h"


def last_few_name(item: LastFew) -> str:
    """Return a name such as route_arrived_mean_gain_last_3."""
    return f"{item.scope}_arrived_mean_gain_last_{item.flights}"


def pending_name(item: Pending) -> str:
    """Return a name such as origin_overdue_flights."""
    return f"{item.scope}_overdue_{item.statistic}"


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
)
FEATURE_NAMES: tuple[str, ...] = tuple(feature.name for feature in FEATURES)
CODE_FEATURES: tuple[str, ...] = tuple(feature.name for feature in FEATURES if feature.type == "code")
WEATHER_FEATURES: tuple[str, ...] = tuple(field.name for field in WEATHER_FIELDS)
AIRCRAFT_FEATURES: tuple[str, ...] = tuple(feature.name for feature in (*_AIRCRAFT, *_INBOUND))
INBOUND_FEATURES: tuple[str, ...] = tuple(feature.name for feature in _INBOUND)
# They name one network: a model for any network must not use them.
NETWORK_BOUND_FEATURES: tuple[str, ...] = ("months_from_january", *CODE_FEATURES)


def _longest_window_hours() -> int:
    windows = (
        *DEPARTED_WINDOWS,
        *ARRIVED_WINDOWS,
        *CANCELLED_WINDOWS,
        *ANNOUNCED_WINDOWS,
        *CURRENT_DELAY_WINDOWS,
        Window("network", "load", LOAD_HOURS),
    )
    longest_plan = PENDING_LIMIT_HOURS + max(window.hours for window in THROUGHPUT_WINDOWS)
    return max(
        *(window.hours for window in windows), AIRCRAFT_MEMORY_HOURS, LAST_FEW_MEMORY_HOURS, longest_plan
    )


# Time before T that a store of events must cover: no older event changes a feature. Features need the events
# with T − LOOKBACK <= timestamp < T.
LOOKBACK = timedelta(hours=_longest_window_hours())
