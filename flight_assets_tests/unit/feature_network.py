"""Events of a small network, and features of its flights."""

from __future__ import annotations

import numpy as np
import pandas as pd

from flight_assets.contracts.feature_windows import PAST_COLUMNS
from flight_assets.delay_model.features.build import build_features
from flight_assets.delay_model.features.events import (
    EVENT_COLUMNS,
    FLIGHT_COLUMNS,
    WEATHER_COLUMNS,
)

START = pd.Timestamp("2013-07-01T04:00:00Z")
MINUTE = pd.Timedelta(minutes=1)
HOUR = pd.Timedelta(hours=1)


def network(flights: int = 1_500, days: int = 6, seed: int = 7) -> pd.DataFrame:
    """Random flights as ``load_flights`` returns them: few aircraft and airports, so that everything meets
    everything.
    """
    rng = np.random.default_rng(seed)
    departure = START + pd.to_timedelta(np.sort(rng.integers(0, days * 1_440, flights)), unit="min")
    cancelled = rng.random(flights) < 0.05
    diverted = rng.random(flights) < 0.02
    delay = np.where(cancelled, np.nan, np.rint(rng.exponential(25, flights) - 10))
    weather = {
        name: np.where(rng.random(flights) < 0.1, np.nan, rng.random(flights).round(2))
        for name in WEATHER_COLUMNS
    }
    return pd.DataFrame(
        {
            "flight_id": [f"F{number}" for number in range(flights)],
            "airline": rng.choice(["UA", "AA", "B6"], flights),
            "flight_number": rng.integers(1, 500, flights),
            "tail_number": rng.choice(np.array(["N1", "N2", "N3", "N4", "N5", None], dtype=object), flights),
            "origin": rng.choice(["EWR", "JFK", "LGA", "ORD"], flights),
            "destination": rng.choice(["BOS", "ORD", "LAX", "MIA", "EWR", "JFK", "LGA"], flights),
            "scheduled_departure": departure,
            "scheduled_arrival": departure + pd.to_timedelta(rng.integers(60, 400, flights), unit="min"),
            "distance_miles": rng.choice([187.0, 733.0, 1_089.0, 2_475.0], flights),
            "departure_delay_minutes": delay,
            "arrival_delay_minutes": np.where(diverted, np.nan, delay + np.rint(rng.normal(-4, 12, flights))),
            "cancelled": cancelled,
            **weather,
        }
    )


def event(kind: str, flight: str, at: str, **changes: object) -> dict[str, object]:
    """One event; everything not given is UA 1 from EWR to BOS with the aircraft N1, planned
    08:00–10:00 UTC.
    """
    plan = {"scheduled_departure": "2013-07-02T08:00:00Z", "scheduled_arrival": "2013-07-02T10:00:00Z"}
    places = {
        "airline": "UA",
        "flight_number": 1,
        "tail_number": "N1",
        "origin": "EWR",
        "destination": "BOS",
        "distance_miles": 200.0,
    }
    delays = {"departure_delay_minutes": np.nan, "arrival_delay_minutes": np.nan}
    return {
        "flight_id": flight,
        "event_type": kind,
        "timestamp": at,
        **plan,
        **places,
        **delays,
        **dict.fromkeys(WEATHER_COLUMNS, np.nan),
        **changes,
    }


def frame(*events: dict[str, object]) -> pd.DataFrame:
    """Events as the stream gives them."""
    table = pd.DataFrame(list(events), columns=list(EVENT_COLUMNS))
    times = ("timestamp", "scheduled_departure", "scheduled_arrival")
    return table.assign(**{name: pd.to_datetime(table[name], utc=True) for name in times})


def features_at_noon(*events: dict[str, object], **changes: object) -> pd.Series:
    """The features of one flight announced at 12:00 for 13:00, after these events."""
    plan = {"scheduled_departure": "2013-07-02T13:00:00Z", "scheduled_arrival": "2013-07-02T15:00:00Z"}
    own = frame(event("scheduled", "OWN", "2013-07-02T12:00:00Z", **(plan | changes)))
    past = pd.concat([own, frame(*events)]) if events else own
    return build_features(own[list(FLIGHT_COLUMNS)], past[list(PAST_COLUMNS)]).iloc[0]


def bits(features: pd.DataFrame) -> np.ndarray:
    return features.to_numpy().view(np.int32)
