"""Forecast departed flights: what is left to gain or lose after the departure. Pure, no I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from flight_assets.delay_model.errors import UnfitFeaturesError
from flight_assets.delay_model.registry.model import DEPARTED_LATE, DEPARTED_MEAN, DEPARTED_QUANTILES
from flight_assets.delay_model.serving.conformal import moved_distance

if TYPE_CHECKING:
    import xgboost as xgb

    from flight_assets.delay_model.registry.model import DelayModel, TrainedModel

FloatArray = npt.NDArray[np.float32]
DEPARTED_COLUMNS = (
    "predicted_delay_minutes",
    "predicted_mean_delay_minutes",
    "interval_low_minutes",
    "interval_high_minutes",
    "probability_delayed_15",
)


def has_departed_stage(model: DelayModel) -> bool:
    """Return whether a version can forecast departed flights; older ones and pickled ones cannot."""
    return bool(model.manifest.departed)


def predict_departed(model: TrainedModel, features: pd.DataFrame, nthread: int = 1) -> pd.DataFrame:
    """One row per row of ``features`` (from ``departed_features``), same index; DEPARTED_COLUMNS, float32.

    The boosters forecast arrival minus departure delay, and the departure delay is added. Without it there is
    no forecast: NaN.

    Raises:
        UnfitFeaturesError: the model has no such stage, or the columns are not its features in its order.
    """
    about = model.manifest.departed
    if not about:
        raise UnfitFeaturesError(
            f"the model {model.manifest.version} forecasts no departed flights; train again"
        )
    if list(features.columns) != list(about["features"]):
        raise UnfitFeaturesError(
            f"the stage departed of {model.manifest.version} needs {', '.join(about['features'])}"
        )
    matrix = np.ascontiguousarray(features.to_numpy(dtype=np.float32))
    delay = matrix[:, about["features"].index("departure_delay_minutes")]
    low, median, high = np.sort(_raw(model.boosters[DEPARTED_QUANTILES], matrix, 3, nthread), axis=1).T
    below, above = about["conformal_factors"]
    late = _raw(model.boosters[DEPARTED_LATE], matrix, 1, nthread)[:, 0]
    columns = (
        delay + median,
        delay + _raw(model.boosters[DEPARTED_MEAN], matrix, 1, nthread)[:, 0],
        delay + median - moved_distance(median - low, below),
        delay + median + moved_distance(high - median, above),
        np.where(np.isnan(delay), np.float32(np.nan), late),
    )
    return pd.DataFrame(dict(zip(DEPARTED_COLUMNS, columns, strict=True)), index=features.index)


def _raw(booster: xgb.Booster, matrix: FloatArray, outputs: int, nthread: int) -> FloatArray:
    if not len(matrix):
        return np.empty((0, outputs), dtype=np.float32)
    booster.set_param({"nthread": nthread})
    result: FloatArray = booster.inplace_predict(matrix).reshape(len(matrix), outputs)
    return result
