"""Data set to train and measure with, from events alone: announced flights, features and arrival delays."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from flight_assets.contracts.message import EventType
from flight_assets.delay_model.features.build import build_features
from flight_assets.delay_model.features.events import scheduled_flights


@dataclass(frozen=True)
class Dataset:
    """Flights and their features, row by row.

    - ``flights``: FLIGHT_COLUMNS and arrival_delay_minutes, NaN before arrival
    - ``features``: FEATURE_NAMES
    """

    flights: pd.DataFrame
    features: pd.DataFrame


def dataset(events: pd.DataFrame) -> Dataset:
    """Return the announced flights of events (EVENT_COLUMNS, any order), with the features of serving."""
    scheduled = scheduled_flights(events)
    arrived = events[events["event_type"] == EventType.ARRIVED.value].sort_values("timestamp", kind="stable")
    delays = arrived.drop_duplicates("flight_id", keep="last").set_index("flight_id")["arrival_delay_minutes"]
    flights = scheduled.assign(arrival_delay_minutes=scheduled["flight_id"].map(delays).astype("float64"))
    return Dataset(flights, build_features(scheduled, events))
