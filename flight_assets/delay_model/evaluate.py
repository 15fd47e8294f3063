"""Measure predictions beside baselines over the same flights. Pure functions on arrays; delays in minutes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from flight_assets.contracts import units

FloatArray = npt.NDArray[np.float64]
COVERAGE = 0.9
LATE_MINUTES = float(units.LATE_MINUTES)


def mae(actual: FloatArray, predicted: FloatArray) -> float:
    """Mean absolute error: mean |y − ŷ|. The median of a distribution minimises it."""
    return float(np.mean(np.abs(actual - predicted)))


def rmse(actual: FloatArray, predicted: FloatArray) -> float:
    """Root of the mean squared error: √(mean (y − ŷ)²). The mean of a distribution minimises it."""
    return float(np.sqrt(np.mean((actual - predicted) ** 2)))


def r2(actual: FloatArray, predicted: FloatArray) -> float:
    """Coefficient of determination: 1 − Σ(y − ŷ)² / Σ(y − ȳ)², ȳ the mean of these flights.

    NaN where y does not vary.
    """
    spread = float(np.sum((actual - actual.mean()) ** 2))
    return float("nan") if spread == 0 else 1 - float(np.sum((actual - predicted) ** 2)) / spread


def mape(actual: FloatArray, predicted: FloatArray, at_least_minutes: float = LATE_MINUTES) -> float:
    """Return the mean absolute percentage error: mean |y − ŷ| / |y| over |y| ≥ ``at_least_minutes``, a ratio.

    By default only flights at least 15 minutes early or late count. A flight on time has no percentage, and
    that of a minute is meaningless. NaN without such flights.
    """
    counted = np.abs(actual) >= at_least_minutes
    if not counted.any():
        return float("nan")
    return float(np.mean(np.abs(actual[counted] - predicted[counted]) / np.abs(actual[counted])))


def pinball(actual: FloatArray, predicted: FloatArray, quantile: float) -> float:
    """Quantile loss: mean max(τ(y − q), (τ − 1)(y − q)) (Koenker & Bassett 1978, Econometrica 46, 33–50)."""
    error = actual - predicted
    return float(np.mean(np.maximum(quantile * error, (quantile - 1) * error)))


def coverage(actual: FloatArray, low: FloatArray, high: FloatArray) -> float:
    """Share of flights whose delay lies in [low, high]."""
    return float(np.mean((actual >= low) & (actual <= high)))


def mean_width(low: FloatArray, high: FloatArray) -> float:
    """Mean of high − low, minutes."""
    return float(np.mean(high - low))


def brier(happened: npt.NDArray[np.bool_], probability: FloatArray) -> float:
    """Return the mean squared difference of probability and outcome, 0 … 1.

    Source: Brier 1950, Monthly Weather Review 78, 1–3.
    """
    return float(np.mean((probability - happened) ** 2))


def pr_auc(happened: npt.NDArray[np.bool_], probability: FloatArray) -> float:
    """Return the area under the precision–recall curve as average precision, 0 … 1; NaN if nothing happened.

    Flights of equal probability count together, so their order does not matter.
    """
    if not happened.any():
        return float("nan")
    order = np.argsort(-probability, kind="stable")
    hits = np.cumsum(happened[order])
    last_of_equals = np.flatnonzero(np.append(np.diff(probability[order]) != 0, True))
    found = hits[last_of_equals]
    gained = np.diff(found, prepend=0)
    return float((gained * found / (last_of_equals + 1)).sum() / hits[-1])


def skill(error: float, baseline: float) -> float:
    """Return 1 − error / baseline: 0 is as good as the baseline, 1 is perfect, negative is worse."""
    return 1 - error / baseline


def evaluate(actual: FloatArray, predicted: pd.DataFrame, training: dict[str, float]) -> dict[str, float]:
    """Return all figures of a set of flights, by name.

    - ``predicted``: the columns of ``predict``
    - ``training``: mean_minutes, median_minutes and late_share of the training flights, for the baselines

    ``mae_vs_median`` and ``brier_vs_base_rate`` are ratios to the baseline: under 1 is better.
    """
    median, mean = (
        predicted["predicted_delay_minutes"].to_numpy(float),
        predicted["predicted_mean_delay_minutes"].to_numpy(float),
    )
    low, high = (
        predicted["interval_low_minutes"].to_numpy(float),
        predicted["interval_high_minutes"].to_numpy(float),
    )
    probability, late = predicted["probability_delayed_15"].to_numpy(float), actual >= LATE_MINUTES
    baselines = _baselines(actual, training)
    figures = {
        "flights": float(len(actual)),
        "r2": r2(actual, mean),
        "mae": mae(actual, median),
        "rmse": rmse(actual, mean),
        "mape": mape(actual, median),
        "pinball_05": pinball(actual, low, 0.05),
        "pinball_50": pinball(actual, median, 0.5),
        "pinball_95": pinball(actual, high, 0.95),
        "coverage_90": coverage(actual, low, high),
        "interval_width_minutes": mean_width(low, high),
        "brier": brier(late, probability),
        "pr_auc": pr_auc(late, probability),
        "late_share": float(late.mean()),
    }
    ratios = {
        "mae_vs_median": figures["mae"] / baselines["mae_median_baseline"],
        "brier_vs_base_rate": figures["brier"] / baselines["brier_base_rate"],
    }
    return {**figures, **baselines, **ratios}


def _baselines(actual: FloatArray, training: dict[str, float]) -> dict[str, float]:
    """Return the figures of constant predictions: the training flights' mean, median and late share."""
    mean = np.full(len(actual), training["mean_minutes"])
    median = np.full(len(actual), training["median_minutes"])
    return {
        "mae_mean_baseline": mae(actual, mean),
        "rmse_mean_baseline": rmse(actual, mean),
        "mae_median_baseline": mae(actual, median),
        "brier_base_rate": brier(actual >= LATE_MINUTES, np.full(len(actual), training["late_share"])),
    }


def evaluate_by(
    groups: pd.Series, actual: FloatArray, predicted: pd.DataFrame, training: dict[str, float]
) -> pd.DataFrame:
    """One row per value of ``groups`` (carrier, hour …), which is the index: the figures of ``evaluate``."""
    rows: dict[Any, dict[str, float]] = {}
    for value, positions in groups.reset_index(drop=True).groupby(groups.to_numpy()).indices.items():
        rows[value] = evaluate(actual[positions], predicted.iloc[positions], training)
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(groups.name)


def error_by_confidence(
    actual: FloatArray, predicted: FloatArray, confidence: FloatArray, bins: int = 10
) -> pd.DataFrame:
    """Return confidence, flights, mae and rmse per bin of equally many flights, least confident first."""
    order = np.argsort(confidence, kind="stable")
    parts = np.array_split(order, bins)
    rows = [
        {
            "confidence": float(confidence[part].mean()),
            "flights": len(part),
            "mae": mae(actual[part], predicted[part]),
            "rmse": rmse(actual[part], predicted[part]),
        }
        for part in parts
        if len(part)
    ]
    return pd.DataFrame(rows).rename_axis("bin")
