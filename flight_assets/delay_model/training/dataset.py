"""Data set to train and measure with, from events alone: announced flights, features and delays."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from flight_assets.contracts.message import EventType
from flight_assets.delay_model.features.build import build_features
from flight_assets.delay_model.features.events import scheduled_flights

# Delays that came true: one is predicted, the other is known once a flight has departed.
DELAYS = ("departure_delay_minutes", "arrival_delay_minutes")


@dataclass(frozen=True)
class Dataset:
    """Flights and their features, row by row.

    - ``flights``: FLIGHT_COLUMNS and DELAYS, NaN before arrival
    - ``features``: FEATURE_NAMES
    """

    flights: pd.DataFrame
    features: pd.DataFrame


def dataset(events: pd.DataFrame) -> Dataset:
    """Return the announced flights of events (EVENT_COLUMNS, any order), with the features of serving."""
    scheduled = scheduled_flights(events)
    arrived = events[events["event_type"] == EventType.ARRIVED.value].sort_values("timestamp", kind="stable")
    newest = arrived.drop_duplicates("flight_id", keep="last").set_index("flight_id")
    delays = {name: scheduled["flight_id"].map(newest[name]).astype("float64") for name in DELAYS}
    flights = scheduled.assign(**delays)
    return Dataset(flights, build_features(scheduled, events))
