"""Ground stop: an airport with planned departures has none at all, while the rest of the network goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flight_assets.events.model import MINUTE, Clear, Parameter, Pattern, Raise
from flight_assets.events.schedule import DEPARTURES, DUE
from flight_assets.events.statistics import poisson_at_most

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flight_assets.events.model import Signal, Values
    from flight_assets.events.schedule import Schedule

NAME = "ground_stop"
AIRPORT = "airport:"
WINDOWS_MINUTES = (30, 45, 60, 90)
FEED_ALIVE_MINUTES = 10


def on_tick(schedule: Schedule, values: Values) -> Iterator[Signal]:
    """Compare the departures of each airport with its own plan."""
    for key in schedule.keys(DUE, AIRPORT):
        if schedule.count(DEPARTURES, key, 15) >= 2 or not schedule.count(DUE, key, 120):
            yield Clear(key, "departures go again, or none is planned any more")
            continue
        for minutes in WINDOWS_MINUTES:
            planned = schedule.count(DUE, key, minutes, values["taxi_minutes"])
            chance = poisson_at_most(0, planned * values["usual_share"])
            if chance <= values["alpha"] and not schedule.count(DEPARTURES, key, minutes):
                waiting = waiting_flights(schedule, key.removeprefix(AIRPORT))
                if _others_go_on(schedule) and len(waiting) >= planned / 2:
                    yield _stopped(key, minutes, planned, chance, waiting, schedule)
                break


def _others_go_on(schedule: Schedule) -> bool:
    """Return whether events still come in.

    Otherwise the feed is silent, and says nothing about an airport.
    """
    return schedule.now - schedule.state.newest_event <= FEED_ALIVE_MINUTES * MINUTE


def _stopped(
    key: str, minutes: int, planned: int, chance: float, waiting: list[str], schedule: Schedule
) -> Raise:
    airport = key.removeprefix(AIRPORT)
    found = schedule.finding(NAME, key)
    start = found.start if found else schedule.now - minutes * MINUTE
    stopped_minutes = (schedule.now - start) / MINUTE
    return Raise(
        key,
        start,
        f"Nothing has departed from {airport} for {stopped_minutes:.0f} minutes, where {planned} "
        "departures were planned "
        f"in {minutes} minutes. By chance this happens in {chance:.1g} of such windows; {len(waiting)} "
        "flights wait.",
        {
            "minutes": stopped_minutes,
            "planned": planned,
            "departed": 0,
            "chance": chance,
            "flights_waiting": len(waiting),
        },
        tuple(waiting),
        airport=airport,
    )


def waiting_flights(schedule: Schedule, airport: str) -> list[str]:
    """Return the flights planned from an airport in the last three hours that have not departed, in order."""
    since = schedule.now - 180 * MINUTE
    waiting = sorted(
        (flight.planned_departure, flight.flight_id)
        for flight in schedule.flights.values()
        if flight.origin == airport
        and since <= flight.planned_departure <= schedule.now
        and flight.departed is None
        and not flight.is_over
    )
    return [flight_id for _, flight_id in waiting]


PATTERN = Pattern(
    NAME,
    "no departure from an airport in a window in which its own plan makes that very unlikely",
    "critical",
    (
        Parameter("alpha", 1e-4, "probability", "greatest chance of such a window when nothing is wrong"),
        Parameter("taxi_minutes", 10, "minutes", "usual time from planned to actual departure"),
        Parameter(
            "usual_share", 0.9, "share", "share of planned departures that usually leave in the window"
        ),
    ),
    ("scheduled", "departed", "cancelled"),
    "two departures within 15 minutes, or nothing planned for two hours",
    on_tick=on_tick,
)
