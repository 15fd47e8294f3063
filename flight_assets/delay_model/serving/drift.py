"""Feature drift: how far current flights differ from those of training."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

BINS = 10
RANGE_QUANTILES = (0.001, 0.999)
# An empty bin counts as this share: its logarithm would be infinite.
LEAST_SHARE = 1e-4
# These follow the calendar. A new season moves them by design, which is no drift.
CALENDAR_FEATURES = frozenset({"months_from_january", "day_of_week"})


def reference(features: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Return by feature the inner edges of its deciles, the share per bin, and the range of known values.

    Unknown values have the last share. The range leaves out a thousandth at either end; null without values.
    """
    result = {}
    for name in features.columns:
        values = features[name].to_numpy(dtype=np.float64)
        known = values[~np.isnan(values)]
        edges = np.unique(np.quantile(known, np.arange(1, BINS) / BINS)) if len(known) else np.empty(0)
        ends = np.quantile(known, RANGE_QUANTILES).tolist() if len(known) else None
        result[str(name)] = {
            "edges": edges.tolist(),
            "shares": _shares(values, edges).tolist(),
            "range": ends,
        }
    return result


def psi(of_training: dict[str, Any], features: pd.DataFrame) -> pd.Series:
    """Return the population stability index of each feature against ``reference``, largest first.

    PSI = Σ (p − q) ln(p / q) over the bins; q: shares in training, p: shares of these flights. A rule of
    thumb (Siddiqi 2006, Credit Risk Scorecards, Wiley):

    - under 0.1: no shift
    - 0.1 to 0.25: some shift
    - over 0.25: a large shift

    With fewer than about a thousand flights, chance alone gives large values.
    """
    values = {
        name: _psi(of_training[name], features[name].to_numpy(dtype=np.float64))
        for name in of_training
        if name in features
    }
    return pd.Series(values, dtype=float, name="psi").rename_axis("feature").sort_values(ascending=False)


def _psi(of_training: dict[str, list[float]], values: npt.NDArray[np.float64]) -> float:
    expected = np.maximum(np.asarray(of_training["shares"]), LEAST_SHARE)
    found = np.maximum(_shares(values, np.asarray(of_training["edges"])), LEAST_SHARE)
    return float(np.sum((found - expected) * np.log(found / expected)))


def _shares(values: npt.NDArray[np.float64], edges: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    unknown = np.isnan(values)
    counts = np.bincount(np.searchsorted(edges, values[~unknown], side="right"), minlength=len(edges) + 1)
    shares: npt.NDArray[np.float64] = np.append(counts, unknown.sum()) / max(len(values), 1)
    return shares
