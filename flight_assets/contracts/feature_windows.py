"""Windows of the delay model: scopes, statistics and hours before T of the features that count past events.

The contract's rows (``features``) and the computation both follow from these tables.
"""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

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


def window_name(event: str, window: Window) -> str:
    """Return a name such as origin_departed_late_share_2h."""
    return f"{window.scope}_{event}_{window.statistic}_{window.hours}h"


def last_few_name(item: LastFew) -> str:
    """Return a name such as route_arrived_mean_gain_last_3."""
    return f"{item.scope}_arrived_mean_gain_last_{item.flights}"


def pending_name(item: Pending) -> str:
    """Return a name such as origin_overdue_flights."""
    return f"{item.scope}_overdue_{item.statistic}"


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
