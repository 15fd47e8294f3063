"""Flights of a made network, and the smallest sensible training."""

from __future__ import annotations

from datetime import date
from zlib import crc32

import numpy as np
import pandas as pd

from flight_assets.contracts.features import CODE_FEATURES, FEATURE_NAMES
from flight_assets.delay_model.training.train import BoosterSettings, TrainConfig

SMALL = BoosterSettings(rounds=20, max_depth=3, eta=0.3)
DATES = {"test_from": date(2013, 5, 1), "test_until": date(2013, 6, 1)}
CONFIG = TrainConfig(**DATES, nthread=1, mean=SMALL, quantiles=SMALL, late=SMALL)
FLIGHTS = 6_000


def example(seed: int = 3) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Flights from January to May whose delay grows with one feature and scatters with another.

    Each feature has a generator of its own, so that a new feature changes no other value.
    """
    rng = np.random.default_rng(seed)
    drawn = {
        name: np.random.default_rng([seed, crc32(name.encode())]).normal(size=FLIGHTS)
        for name in FEATURE_NAMES
    }
    features = pd.DataFrame(drawn, dtype=np.float32)
    features["scheduled_departure_minute"] = rng.integers(300, 1_400, FLIGHTS).astype(np.float32)
    features["months_from_january"] = 1.0
    for name in CODE_FEATURES:
        features[name] = rng.choice([10.0, 20.0, 30.0], FLIGHTS).astype(np.float32)
    spread = 5 + 20 * np.abs(features["temperature_f"])
    delay = 20 * features["network_planned_overdue_minutes_2h"] + rng.normal(0, 1, FLIGHTS) * spread
    departure = pd.Timestamp("2013-01-01T12:00Z") + pd.to_timedelta(np.linspace(0, 150, FLIGHTS), unit="D")
    flights = pd.DataFrame(
        {
            "scheduled_departure": departure,
            "departure_delay_minutes": (delay - 10 * rng.random(FLIGHTS)).round(),
            "arrival_delay_minutes": delay.round(),
            "airline": "UA",
            "origin": "EWR",
        }
    )
    flights.loc[::50, "arrival_delay_minutes"] = np.nan
    return flights, features
