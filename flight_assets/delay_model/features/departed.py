"""Features of departed flights: plan, departure delay, and the announced forecast. Pure, no clock."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
import pandas as pd

from flight_assets.contracts.departed import DEPARTED_FEATURE_NAMES, OF_ANNOUNCEMENT, OF_PLAN
from flight_assets.delay_model.features.events import WEATHER_COLUMNS, numbers
from flight_assets.delay_model.features.schedule_features import schedule_features
from flight_assets.delay_model.features.timeline import FloatArray

# Columns of the flights that the stage reads. Nothing else of a flight can change its forecast.
PLAN_COLUMNS = (
    *("airline", "origin", "destination", "scheduled_departure", "scheduled_arrival", "distance_miles"),
    "departure_delay_minutes",
)
BASELINE = "baseline"
Columns: TypeAlias = Mapping[str, FloatArray] | pd.DataFrame


def departed_features(flights: pd.DataFrame) -> pd.DataFrame:
    """One row per departed flight, same index; columns DEPARTED_FEATURE_NAMES, float32, NaN if unknown.

    ``flights``: PLAN_COLUMNS, ``maker``, and the forecast's columns of OF_ANNOUNCEMENT, as it was frozen.
    Only the model's own forecasts count. Without one, or with one of the baseline, they are unknown.
    """
    no_weather = dict.fromkeys(WEATHER_COLUMNS, np.nan)
    plan = schedule_features(flights[list(PLAN_COLUMNS)].assign(**no_weather))
    # Older rows do not name their maker: it was the model.
    is_model = (flights["maker"] != BASELINE).to_numpy()
    return inputs_of(
        plan,
        numbers(flights["departure_delay_minutes"]),
        {name: np.where(is_model, numbers(flights[name]), np.nan) for name in OF_ANNOUNCEMENT.values()},
        flights.index,
    )


def inputs_of(
    plan: Columns,
    departure_delay: FloatArray,
    announced: Columns,
    index: pd.Index,
) -> pd.DataFrame:
    """Return the inputs from their parts: features of the plan, delay at departure, and announced forecast.

    ``announced``: the columns of a forecast that OF_ANNOUNCEMENT names.
    """
    columns = {"departure_delay_minutes": departure_delay, **{name: plan[name] for name in OF_PLAN}}
    columns |= {name: announced[of_forecast] for name, of_forecast in OF_ANNOUNCEMENT.items()}
    values = {name: np.asarray(columns[name]).astype(np.float32) for name in DEPARTED_FEATURE_NAMES}
    return pd.DataFrame(values, index=index)
