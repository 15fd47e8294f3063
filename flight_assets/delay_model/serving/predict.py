"""Predict from features with a trained model: fast, pure, no I/O."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from flight_assets.delay_model.errors import UnfitFeaturesError
from flight_assets.delay_model.evaluate import LATE_MINUTES
from flight_assets.delay_model.registry.model import (
    LATE,
    MEAN,
    QUANTILE_LEVELS,
    QUANTILES,
    DelayModel,
    Manifest,
    PickledModel,
    TrainedModel,
    fitting,
)
from flight_assets.delay_model.serving.conformal import moved_distance

FloatArray = npt.NDArray[np.float32]
PREDICTION_COLUMNS = (
    *(
        "predicted_delay_minutes",
        "predicted_mean_delay_minutes",
        "interval_low_minutes",
        "interval_high_minutes",
    ),
    *("probability_delayed_15", "confidence"),
)


def predict(model: DelayModel, features: pd.DataFrame, nthread: int = 1) -> pd.DataFrame:
    """One row per row of ``features`` (from ``build_features``), same index, PREDICTION_COLUMNS, float32.

    - predicted_delay_minutes: median of the delay. It has the least mean absolute error, and one long delay
      does not raise it. Pages show it.
    - predicted_mean_delay_minutes: mean of the delay. It has the least squared error. Use it for sums and
      averages over flights.
    - interval_low_minutes, interval_high_minutes: hold the delay with probability 0.9.
    - the confidence: see ``confidence``.

    A pickled regressor gives one number, which is both median and mean. Its interval and probability come
    from its errors on the calibration flights.

    Raises:
        UnfitFeaturesError: the columns are neither those of ``build_features`` nor the model's features in
            its order, or a regressor gives no number for a row.
    """
    matrix = matrix_of(model.manifest, features)
    columns = (
        _of_regressor(model, matrix)
        if isinstance(model, PickledModel)
        else _of_boosters(model, matrix, nthread)
    )
    return pd.DataFrame(dict(zip(PREDICTION_COLUMNS, columns, strict=True)), index=features.index)


def _of_boosters(model: TrainedModel, matrix: FloatArray, nthread: int) -> tuple[FloatArray, ...]:
    manifest = model.manifest
    inputs = blend_inputs(model, matrix, nthread)
    _, low, median, high, _ = inputs.T
    below = moved_distance(median - low, manifest.conformal_factors[0])
    above = moved_distance(high - median, manifest.conformal_factors[1])
    return (
        median,
        # A matrix product is avoided: its last bits depend on the number of rows.
        (inputs * np.asarray(manifest.mean_blend, dtype=np.float32)).sum(axis=1),
        median - below,
        median + above,
        _raw(model, matrix, LATE, nthread)[:, 0],
        confidence(below + above, completeness(matrix, manifest.fill_rates), manifest.typical_width_minutes),
    )


def _of_regressor(model: PickledModel, matrix: FloatArray) -> tuple[FloatArray, ...]:
    manifest = model.manifest
    said = (
        np.asarray(model.regressor.predict(matrix), dtype=np.float32)
        if len(matrix)
        else np.empty(0, dtype=np.float32)
    )
    if said.shape != (len(matrix),) or not np.isfinite(said).all():
        raise UnfitFeaturesError(
            f"the regressor {manifest.version} must give one finite number per row of features"
        )
    residuals = np.asarray(manifest.residual_quantiles, dtype=np.float32)
    below, above = manifest.conformal_factors
    late = 1 - np.searchsorted(residuals, LATE_MINUTES - said, side="left").astype(np.float32) / np.float32(
        len(residuals)
    )
    width = np.full(len(said), below + above, dtype=np.float32)
    trust = confidence(width, completeness(matrix, manifest.fill_rates), manifest.typical_width_minutes)
    return said, said, said - np.float32(below), said + np.float32(above), late.astype(np.float32), trust


def confidence(
    width_minutes: FloatArray, completeness: FloatArray, typical_width_minutes: float
) -> FloatArray:
    """Return the confidence of a prediction, 0 … 1: completeness × t / (t + w).

    w is the width of the flight's 90 % interval; t is the median width over the calibration flights. An
    interval of typical width gives 0.5, one of no width 1. Completeness is the share of known features, each
    weighted by its fill rate in training. Higher confidence means a smaller error on average; it is not a
    probability.
    """
    return (
        completeness * np.float32(typical_width_minutes) / (np.float32(typical_width_minutes) + width_minutes)
    )


def completeness(matrix: FloatArray, fill_rates: tuple[float, ...]) -> FloatArray:
    """Return the share of known features per flight, each weighted by its fill rate in training: 0 … 1."""
    weights = np.asarray(fill_rates, dtype=np.float64)
    known = np.where(np.isnan(matrix), np.float32(0), (weights / weights.sum()).astype(np.float32))
    share: FloatArray = np.minimum(known.sum(axis=1), np.float32(1))
    return share


def matrix_of(manifest: Manifest, features: pd.DataFrame) -> FloatArray:
    """Return the features as boosters take them. Codes that training did not have become NaN."""
    features = fitting(manifest, features)
    if tuple(features.columns) != manifest.features:
        difference = _difference(tuple(features.columns), manifest)
        raise UnfitFeaturesError(
            f"the model {manifest.version} needs other features than these: {difference}"
        )
    # Row by row in memory: then a row's sums do not depend on the other rows.
    matrix: FloatArray = np.array(features.to_numpy(dtype=np.float32), order="C")
    for name, codes in manifest.codes.items():
        column = matrix[:, manifest.features.index(name)]
        column[~np.isin(column, np.asarray(codes, dtype=np.float32))] = np.nan
    return matrix


def blend_inputs(model: TrainedModel, matrix: FloatArray, nthread: int) -> FloatArray:
    """Return the inputs of the mean, one row per flight: mean booster, ascending quantiles, and 1."""
    # Each level is learned alone, so two may cross. Sorted, they have a smaller error (Chernozhukov et al.
    # 2010).
    quantiles = np.sort(_raw(model, matrix, QUANTILES, nthread), axis=1)
    ones = np.ones((len(matrix), 1), dtype=np.float32)
    return np.hstack([_raw(model, matrix, MEAN, nthread), quantiles, ones])


def _raw(model: TrainedModel, matrix: FloatArray, name: str, nthread: int) -> FloatArray:
    """Return one booster's output: one row per flight, one column per output."""
    outputs = len(QUANTILE_LEVELS) if name == QUANTILES else 1
    if not len(matrix):
        return np.empty((0, outputs), dtype=np.float32)
    booster = model.boosters[name]
    booster.set_param({"nthread": nthread})
    result: FloatArray = booster.inplace_predict(matrix).reshape(len(matrix), outputs)
    return result


def _difference(columns: tuple[str, ...], manifest: Manifest) -> str:
    missing = [name for name in manifest.features if name not in columns]
    extra = [name for name in columns if name not in manifest.features]
    if not missing and not extra:
        return "the same ones in another order"
    return f"missing {missing[:3]}, not known to it {extra[:3]}"
