"""Feed silence: a source, airline or airport sends far fewer events than usual at this hour."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flight_assets.events.model import MINUTE, Clear, Parameter, Pattern, Raise
from flight_assets.events.schedule import EVENTS
from flight_assets.events.statistics import poisson_at_most

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flight_assets.events.model import Signal, Values
    from flight_assets.events.schedule import Schedule

NAME = "feed_silence"


def on_tick(schedule: Schedule, values: Values) -> Iterator[Signal]:
    """Compare the events of each key with what it learnt of this hour of the day."""
    minutes = values["window_minutes"]
    for key in sorted(schedule.state.usual):
        usual = schedule.usual_events(key, minutes)
        if usual < values["least_usual"]:
            yield Clear(key, "few events are usual at this hour")
            continue
        count = schedule.count(EVENTS, key, minutes)
        if count >= values["recovered_share"] * usual:
            yield Clear(key, f"{count} events came, where {usual:.0f} are usual")
        elif count <= values["low_share"] * usual:
            chance = poisson_at_most(count, usual * values["usual_share"])
            if chance <= values["alpha"]:
                yield _silent(key, count, usual, chance, minutes, schedule)


def _silent(key: str, count: int, usual: float, chance: float, minutes: float, schedule: Schedule) -> Raise:
    kind, _, name = key.partition(":")
    found = schedule.finding(NAME, key)
    return Raise(
        key,
        found.start if found else schedule.now - int(minutes * MINUTE),
        f"{count} events of {kind} {name} came in {minutes:.0f} minutes, where {usual:.0f} are usual at "
        "this hour. "
        f"By chance this happens in {chance:.1g} of such windows.",
        {"events": count, "usual": usual, "chance": chance},
        airport=name if kind == "airport" else "",
        airline=name if kind == "airline" else "",
    )


PATTERN = Pattern(
    NAME,
    "a source, airline or airport sends far fewer events than it usually does at this hour of the day",
    "critical",
    (
        Parameter("alpha", 1e-5, "probability", "greatest chance of such a window when nothing is wrong"),
        Parameter("window_minutes", 45, "minutes", "length of the window"),
        Parameter("least_usual", 20, "events", "usual events without which nothing is said"),
        Parameter("usual_share", 0.6, "share", "share of the usual events that a quieter day may still have"),
        Parameter("low_share", 0.15, "share", "events count as silence up to this share of the usual"),
        Parameter("recovered_share", 0.4, "share", "share of the usual from which the finding is cleared"),
    ),
    ("every event", "the hour's usual events, learnt over seven days"),
    "events reach 40 % of the usual, or few are usual",
    on_tick=on_tick,
)
