"""Diversion cluster: several flights to one airport land elsewhere within two hours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flight_assets.events.model import MINUTE, Clear, Parameter, Pattern, Raise
from flight_assets.events.schedule import DIVERSIONS, LANDINGS
from flight_assets.events.statistics import binomial_at_least

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flight_assets.events.model import Signal, Values
    from flight_assets.events.schedule import Schedule

NAME = "diversion_cluster"


def on_tick(schedule: Schedule, values: Values) -> Iterator[Signal]:
    """Compare the diversions from each airport or of each airline with its own usual share."""
    minutes = values["window_minutes"]
    for key in sorted({*schedule.keys(DIVERSIONS), *schedule.open_keys(NAME)}):
        diverted = schedule.count(DIVERSIONS, key, minutes)
        if diverted < values["least_diverted"]:
            yield Clear(key, f"only {diverted} diversions in {minutes:.0f} minutes")
            continue
        landings = max(diverted, schedule.count(LANDINGS, key, minutes))
        usual = schedule.share("diverted", key, values["usual_share"], values["usual_weight"])
        chance = binomial_at_least(diverted, landings, usual)
        if chance <= values["alpha"]:
            yield _cluster(key, diverted, landings, usual, chance, minutes, schedule)


def _cluster(
    key: str, diverted: int, landings: int, usual: float, chance: float, minutes: float, schedule: Schedule
) -> Raise:
    kind, _, name = key.partition(":")
    since = schedule.now - int(minutes * MINUTE)
    flights = sorted(
        (flight.diverted, flight.flight_id)
        for flight in schedule.flights.values()
        if flight.diverted is not None
        and since <= flight.diverted <= schedule.now
        and name == (flight.destination if kind == "airport" else flight.airline)
    )
    found = schedule.finding(NAME, key)
    return Raise(
        key,
        found.start if found else since,
        f"{diverted} of {landings} flights of {name} were diverted in {minutes:.0f} minutes, where "
        f"{usual:.2%} are usual. "
        f"By chance this happens in {chance:.1g} of such windows.",
        {"diverted": diverted, "landings": landings, "usual_share": usual, "chance": chance},
        tuple(flight_id for _, flight_id in flights),
        airport=name if kind == "airport" else "",
        airline=name if kind == "airline" else "",
    )


PATTERN = Pattern(
    NAME,
    "several flights planned to one airport, or of one airline, were diverted within two hours",
    "critical",
    (
        Parameter("alpha", 1e-3, "probability", "greatest chance of such a window when nothing is wrong"),
        Parameter("window_minutes", 120, "minutes", "length of the window"),
        Parameter("least_diverted", 3, "flights", "diversions without which nothing is said"),
        Parameter("usual_share", 0.0025, "share", "share that is usual before anything is learnt"),
        Parameter("usual_weight", 1000, "flights", "flights that this first guess counts as"),
    ),
    ("diverted", "arrived"),
    "fewer than three diversions in two hours",
    on_tick=on_tick,
)
