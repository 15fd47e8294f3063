"""What a model is trained on and measured with: announced flights, their features, and how late they were, from events alone."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from flight_assets.contracts.message import EventType
from flight_assets.delay_model.features.build import build_features
from flight_assets.delay_model.features.events import scheduled_flights


@dataclass(frozen=True)
class Dataset:
    """``flights``: FLIGHT_COLUMNS and arrival_delay_minutes (NaN if it has not arrived); ``features``: the same rows, FEATURE_NAMES."""

    flights: pd.DataFrame
    features: pd.DataFrame


def dataset(events: pd.DataFrame) -> Dataset:
    """Return the announced flights of these events (EVENT_COLUMNS, in any order), with the features that serving would have had."""
    scheduled = scheduled_flights(events)
    arrived = events[events["event_type"] == EventType.ARRIVED.value].sort_values("timestamp", kind="stable")
    delays = arrived.drop_duplicates("flight_id", keep="last").set_index("flight_id")["arrival_delay_minutes"]
    flights = scheduled.assign(arrival_delay_minutes=scheduled["flight_id"].map(delays).astype("float64"))
    return Dataset(flights, build_features(scheduled, events))
