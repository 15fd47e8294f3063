"""Inputs of the stage ``departed``: what is known of a flight once it has left, in the order of its model."""

from __future__ import annotations

from typing import NamedTuple

ANNOUNCED, DEPARTED = "announced", "departed"
STAGES = (ANNOUNCED, DEPARTED)


class DepartedFeature(NamedTuple):
    """One input of the model of departed flights."""

    name: str
    unit: str
    description: str


# Column of a forecast by its name as an input. The baseline's forecasts count as unknown.
OF_ANNOUNCEMENT = {
    "announced_delay_minutes": "predicted_delay_minutes",
    "announced_mean_delay_minutes": "predicted_mean_delay_minutes",
    "announced_probability_delayed_15": "probability_delayed_15",
}
# Features of the announcement that a flight still has. Weather, codes and month are left out.
OF_PLAN = (
    "day_of_week",
    "distance_miles",
    "scheduled_departure_minute",
    "scheduled_arrival_minute",
    "scheduled_block_minutes",
    "scheduled_padding_minutes",
)
_DESCRIPTIONS = {
    "announced_delay_minutes": ("minutes", "median of the model's forecast at the announcement"),
    "announced_mean_delay_minutes": ("minutes", "mean of that forecast"),
    "announced_probability_delayed_15": ("0–1", "its probability of 15 minutes late or more"),
}
DEPARTED_FEATURES: tuple[DepartedFeature, ...] = (
    DepartedFeature("departure_delay_minutes", "minutes", "delay at departure, negative = early"),
    *(DepartedFeature(name, *_DESCRIPTIONS[name]) for name in OF_ANNOUNCEMENT),
    *(DepartedFeature(name, "", "as in the stage announced") for name in OF_PLAN),
)
DEPARTED_FEATURE_NAMES = tuple(feature.name for feature in DEPARTED_FEATURES)
