"""Slow-down: an airport's departures are far below its own plan for that hour."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flight_assets.events.model import MINUTE, Clear, Parameter, Pattern, Raise
from flight_assets.events.patterns import ground_stop
from flight_assets.events.schedule import DEPARTURES, DUE
from flight_assets.events.statistics import poisson_at_most

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flight_assets.events.model import Signal, Values
    from flight_assets.events.schedule import Schedule

NAME = "slow_down"


def on_tick(schedule: Schedule, values: Values) -> Iterator[Signal]:
    """Compare the departures of the last hour of each airport with its plan."""
    minutes = values["window_minutes"]
    for key in schedule.keys(DUE, ground_stop.AIRPORT):
        if schedule.is_open(ground_stop.NAME, key):
            yield Clear(key, "the airport has stopped")
            continue
        planned = schedule.count(DUE, key, minutes, values["taxi_minutes"])
        if planned < values["least_planned"]:
            yield Clear(key, "too few departures are planned to tell")
            continue
        departed = schedule.count(DEPARTURES, key, minutes)
        if departed >= values["recovered_share"] * planned:
            yield Clear(key, f"{departed} of {planned} planned departures left")
        elif departed and departed <= values["low_share"] * planned:
            chance = poisson_at_most(departed, planned * values["usual_share"])
            waiting = ground_stop.waiting_flights(schedule, key.removeprefix(ground_stop.AIRPORT))
            # Flights that left before the window are missing in it too, but nothing waits for them.
            if chance <= values["alpha"] and len(waiting) >= (planned - departed) / 2:
                yield _slow(key, planned, departed, chance, waiting, minutes, schedule)


def _slow(
    key: str,
    planned: int,
    departed: int,
    chance: float,
    waiting: list[str],
    minutes: float,
    schedule: Schedule,
) -> Raise:
    airport = key.removeprefix(ground_stop.AIRPORT)
    found = schedule.finding(NAME, key)
    return Raise(
        key,
        found.start if found else schedule.now - int(minutes * MINUTE),
        f"{departed} flights departed from {airport} in {minutes:.0f} minutes, where {planned} were planned. "
        f"By chance this happens in {chance:.1g} of such windows; {len(waiting)} flights wait.",
        {"planned": planned, "departed": departed, "chance": chance, "flights_waiting": len(waiting)},
        tuple(waiting),
        airport=airport,
    )


PATTERN = Pattern(
    NAME,
    "departures from an airport are far below its own plan for the hour",
    "warning",
    (
        Parameter("alpha", 1e-4, "probability", "greatest chance of such a window when nothing is wrong"),
        Parameter("window_minutes", 60, "minutes", "length of the window"),
        Parameter("taxi_minutes", 10, "minutes", "usual time from planned to actual departure"),
        Parameter(
            "usual_share", 0.9, "share", "share of planned departures that usually leave in the window"
        ),
        Parameter("low_share", 0.5, "share", "departures count as far below the plan up to this share of it"),
        Parameter("recovered_share", 0.7, "share", "share of the plan from which the finding is cleared"),
        Parameter("least_planned", 10, "flights", "planned departures without which nothing is said"),
    ),
    ("scheduled", "departed", "cancelled"),
    "departures reach 70 % of the plan, the airport stops, or too few departures are planned",
    on_tick=on_tick,
)
