"""Mark flights that are unlike the training flights, with reasons. Pure, no I/O."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from flight_assets.contracts.features import FEATURES
from flight_assets.delay_model.registry.model import Manifest, fitting

FloatArray = npt.NDArray[np.float64]

IN_DOMAIN, BORDERLINE, OUT_OF_DOMAIN = "in_domain", "borderline", "out_of_domain"
# Likeness from which a flight has the better mark.
LEAST_IN_DOMAIN, LEAST_BORDERLINE = 0.8, 0.6
# Factor on the likeness for each unseen code.
UNSEEN_CODE = 0.6
# Share of the features outside the training range by chance, and share of known history that is normal.
USUAL_OUTSIDE, USUAL_HISTORY = 0.05, 0.8
# Without its own range in the manifest, a feature's range is its outer deciles, widened by so many of their
# distances.
DECILE_DISTANCES = 1.5

MARK_COLUMNS = ("domain_likeness", "domain_mark", "domain_reasons")
_OF_HISTORY = frozenset(feature.name for feature in FEATURES if feature.window != "message")


def marks(manifest: Manifest, features: pd.DataFrame) -> pd.DataFrame:
    """One row per flight, same index: MARK_COLUMNS.

    domain_likeness = 0.6^u × (1 − max(o − 0.05, 0)) × min(h / 0.8, 1), from 0 to 1:

    - u: codes of airline, origin and destination that training did not have
    - o: share of the known features outside their range in training
    - h: share of the features of past events that is known, each weighted by its fill rate in training

    The confidence of a forecast is multiplied by it. A flight is in_domain from 0.8, borderline from 0.6, and
    else out_of_domain. The reasons are words, joined by "; ", or None.

    Args:
        manifest: what is known of the training flights.
        features: the model's inputs, one row per flight.
    """
    features = fitting(manifest, features)
    unseen = {
        name: _unseen(features[name], codes) for name, codes in manifest.codes.items() if name in features
    }
    unseen_count = np.sum(list(unseen.values()), axis=0) if unseen else np.zeros(len(features))
    outside, history = _outside(manifest, features), _history(manifest, features)
    likeness = (
        UNSEEN_CODE**unseen_count
        * (1 - np.maximum(outside - USUAL_OUTSIDE, 0))
        * np.minimum(history / USUAL_HISTORY, 1)
    )
    said: list[list[str]] = [[] for _ in range(len(features))]
    for name, is_unseen in unseen.items():
        _say(said, is_unseen, f"{name.removesuffix('_code')} not in training")
    for flight in np.flatnonzero(outside > USUAL_OUTSIDE):
        said[flight].append(f"{outside[flight]:.0%} of the features outside the training range")
    _say(said, history < USUAL_HISTORY, "little history")
    mark = np.select(
        [likeness >= LEAST_IN_DOMAIN, likeness >= LEAST_BORDERLINE], [IN_DOMAIN, BORDERLINE], OUT_OF_DOMAIN
    )
    reasons = ["; ".join(words) or None for words in said]
    return pd.DataFrame(
        {"domain_likeness": likeness, "domain_mark": mark, "domain_reasons": reasons}, index=features.index
    )


def _say(said: list[list[str]], holds: npt.NDArray[np.bool_], words: str) -> None:
    for flight in np.flatnonzero(holds):
        said[flight].append(words)


def _unseen(values: pd.Series, codes: tuple[float, ...]) -> npt.NDArray[np.bool_]:
    known = np.asarray(codes, dtype=np.float32)
    is_unseen: npt.NDArray[np.bool_] = ~np.isin(values.to_numpy(np.float32), known)
    return is_unseen


def _outside(manifest: Manifest, features: pd.DataFrame) -> FloatArray:
    """Return the share of each flight's known features outside the training range; codes do not count."""
    names = [name for name in features if name in manifest.reference and name not in manifest.codes]
    ranges = [value_range(manifest.reference[name]) for name in names]
    usable = [(name, ends) for name, ends in zip(names, ranges, strict=True) if ends is not None]
    if not usable:
        return np.zeros(len(features))
    values = features[[name for name, _ in usable]].to_numpy(np.float64)
    low, high = np.array([ends for _, ends in usable]).T
    known = ~np.isnan(values)
    beyond = (known & ((values < low) | (values > high))).sum(axis=1)
    share: FloatArray = beyond / np.maximum(known.sum(axis=1), 1)
    return share


def value_range(reference: dict[str, Any]) -> tuple[float, float] | None:
    """Return a feature's range in training, from an entry of ``drift.reference``; None without values."""
    ends = reference.get("range")
    if ends:
        return float(ends[0]), float(ends[1])
    edges = reference["edges"]
    if not edges:
        return None
    margin = DECILE_DISTANCES * (edges[-1] - edges[0])
    return edges[0] - margin, edges[-1] + margin


def _history(manifest: Manifest, features: pd.DataFrame) -> FloatArray:
    """Return the known share of each flight's features of past events, weighted by their fill rates."""
    weights = np.array(
        [
            rate if name in _OF_HISTORY else 0.0
            for name, rate in zip(manifest.features, manifest.fill_rates, strict=True)
        ]
    )
    if weights.sum() == 0:
        return np.ones(len(features))
    # Row by row: a product of matrices adds in an order that depends on the number of rows.
    known: FloatArray = np.ascontiguousarray(features.notna().to_numpy(np.float64))
    share: FloatArray = (known * weights).sum(axis=1) / weights.sum()
    return share
