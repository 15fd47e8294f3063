"""Cancellation wave: an airport or airline cancels far more than it usually does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flight_assets.events.model import MINUTE, Clear, Parameter, Pattern, Raise
from flight_assets.events.schedule import CANCELLATIONS, PLANNED
from flight_assets.events.statistics import binomial_at_least

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flight_assets.events.model import Signal, Values
    from flight_assets.events.schedule import Schedule

NAME = "cancellation_wave"


def on_tick(schedule: Schedule, values: Values) -> Iterator[Signal]:
    """Compare the cancellations of each airport and airline with its own usual share."""
    minutes = values["window_minutes"]
    for key in sorted({*schedule.keys(CANCELLATIONS), *schedule.open_keys(NAME)}):
        cancelled = schedule.count(CANCELLATIONS, key, minutes)
        if cancelled < values["least_cancelled"]:
            yield Clear(key, f"only {cancelled} cancellations in {minutes:.0f} minutes")
            continue
        planned = max(cancelled, schedule.count(PLANNED, key, minutes))
        usual = schedule.share("cancelled", key, values["usual_share"], values["usual_weight"])
        chance = binomial_at_least(cancelled, planned, usual)
        if chance <= values["alpha"] and cancelled >= values["times_usual"] * usual * planned:
            yield _wave(key, cancelled, planned, usual, chance, minutes, schedule)
        elif cancelled < 2 * usual * planned:
            yield Clear(key, "cancellations are back near their usual share")


def _wave(
    key: str, cancelled: int, planned: int, usual: float, chance: float, minutes: float, schedule: Schedule
) -> Raise:
    kind, _, name = key.partition(":")
    since = schedule.now - int(minutes * MINUTE)
    flights = sorted(
        (flight.cancelled, flight.flight_id)
        for flight in schedule.flights.values()
        if flight.cancelled is not None
        and since <= flight.cancelled <= schedule.now
        and name == (flight.origin if kind == "airport" else flight.airline)
    )
    found = schedule.finding(NAME, key)
    return Raise(
        key,
        found.start if found else since,
        f"{cancelled} of {planned} flights of {name} were cancelled in {minutes:.0f} minutes, where "
        f"{usual:.1%} are usual. "
        f"By chance this happens in {chance:.1g} of such windows.",
        {"cancelled": cancelled, "planned": planned, "usual_share": usual, "chance": chance},
        tuple(flight_id for _, flight_id in flights),
        airport=name if kind == "airport" else "",
        airline=name if kind == "airline" else "",
    )


PATTERN = Pattern(
    NAME,
    "an airport or airline cancels far more flights than its own usual share",
    "critical",
    (
        Parameter("alpha", 1e-5, "probability", "greatest chance of such a window when nothing is wrong"),
        Parameter("window_minutes", 120, "minutes", "length of the window"),
        Parameter("least_cancelled", 5, "flights", "cancellations without which nothing is said"),
        Parameter("times_usual", 3, "times", "multiple of the usual share from which it is a wave"),
        Parameter("usual_share", 0.02, "share", "share that is usual before anything is learnt"),
        Parameter("usual_weight", 200, "flights", "flights that this first guess counts as"),
    ),
    ("scheduled", "cancelled"),
    "fewer than five cancellations in two hours, or less than twice the usual share",
    on_tick=on_tick,
)
