"""Forecast anomaly: far more arrivals outside their forecast interval than the interval allows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flight_assets.events.model import MINUTE, Clear, Parameter, Pattern, Raise
from flight_assets.events.schedule import FORECASTS, MISSES
from flight_assets.events.statistics import binomial_at_least

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flight_assets.events.model import Signal, Values
    from flight_assets.events.schedule import Schedule

NAME = "forecast_anomaly"


def on_tick(schedule: Schedule, values: Values) -> Iterator[Signal]:
    """Compare the misses of each airport and airline with what a 90 % interval allows."""
    minutes = values["window_minutes"]
    for key in sorted({*schedule.keys(MISSES), *schedule.open_keys(NAME)}):
        arrived, missed = schedule.count(FORECASTS, key, minutes), schedule.count(MISSES, key, minutes)
        if arrived < values["least_arrivals"] or missed < values["cleared_share"] * arrived:
            yield Clear(key, f"{missed} of {arrived} arrivals were outside their interval")
        elif missed >= values["high_share"] * arrived:
            chance = binomial_at_least(missed, arrived, values["allowed_share"])
            if chance <= values["alpha"]:
                yield _anomaly(key, arrived, missed, chance, minutes, schedule, values)


def _anomaly(
    key: str, arrived: int, missed: int, chance: float, minutes: float, schedule: Schedule, values: Values
) -> Raise:
    kind, _, name = key.partition(":")
    found = schedule.finding(NAME, key)
    return Raise(
        key,
        found.start if found else schedule.now - int(minutes * MINUTE),
        f"{missed} of {arrived} arrivals of {name} in {minutes:.0f} minutes were outside their 90 % "
        "interval. "
        f"The interval allows {values['allowed_share']:.0%}; by chance this happens in {chance:.1g} of "
        "such windows.",
        {"arrivals": arrived, "outside": missed, "chance": chance},
        airport=name if kind == "airport" else "",
        airline=name if kind == "airline" else "",
    )


PATTERN = Pattern(
    NAME,
    "far more arrivals of an airline or airport lie outside their 90 % interval than it allows",
    "info",
    (
        Parameter("alpha", 1e-5, "probability", "greatest chance of such a window when nothing is wrong"),
        Parameter("window_minutes", 120, "minutes", "length of the window"),
        Parameter("least_arrivals", 10, "flights", "arrivals with a forecast without which nothing is said"),
        Parameter("allowed_share", 0.1, "share", "share outside the interval that the forecast allows"),
        Parameter("high_share", 0.4, "share", "share outside the interval from which it is an anomaly"),
        Parameter("cleared_share", 0.2, "share", "share outside the interval below which it is cleared"),
    ),
    ("arrived", "prediction"),
    "fewer than 20 % of the arrivals are outside, or too few arrive",
    on_tick=on_tick,
)
