"""A trained model in memory: the boosters and the manifest that says what they are."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
import xgboost as xgb

MEAN, QUANTILES, LATE = "mean", "quantiles", "late"
BOOSTERS = (MEAN, QUANTILES, LATE)
QUANTILE_LEVELS = (0.05, 0.5, 0.95)
XGBOOST, PICKLED = "xgboost", "pickled"


@dataclass(frozen=True)
class Manifest:
    """What a model is, in plain values: written as ``manifest.json``.

    - ``training``: the ranges of dates, the seed and settings, and what the baselines know.
    - ``data_fingerprint``: SHA-256 of the features and targets.
    - ``codes``: the distinct values of each code feature in training; any other becomes NaN.
    - ``fill_rates``: the share of training flights with each feature known, in the order of ``features``.
    - ``mean_blend``: the weights that make the mean out of the mean booster, the quantiles in ascending order and a constant 1.
    - ``conformal_factors``: by how many distances from the median the lower and the upper end of the interval are moved outwards.
    - ``typical_width_minutes``: the median width of the interval, for the confidence.
    - ``sha256``: the hash of each other file.
    - ``kind``: XGBOOST, or PICKLED for a regressor that somebody else trained.
    - ``residual_quantiles``: of a pickled regressor, evenly spaced quantiles of actual − predicted over the calibration flights.
    - ``reference``: how each feature was distributed in training, for ``drift``.
    """

    version: str
    feature_contract_version: int
    features: tuple[str, ...]
    training: dict[str, Any]
    data_fingerprint: str
    metrics: dict[str, Any]
    library_versions: dict[str, str]
    codes: dict[str, tuple[float, ...]]
    fill_rates: tuple[float, ...]
    mean_blend: tuple[float, ...]
    conformal_factors: tuple[float, float]
    typical_width_minutes: float
    sha256: dict[str, str] = field(default_factory=dict)
    kind: str = XGBOOST
    residual_quantiles: tuple[float, ...] = ()
    reference: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> str:
        """Sorted and indented, so that two manifests can be compared as text."""
        return json.dumps(asdict(self), indent=2, sort_keys=True, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Manifest:
        """Return the manifest as it was written.

        Raises:
            TypeError, KeyError, ValueError: it is not one.
        """
        values = json.loads(text)
        for name in ("features", "fill_rates", "mean_blend", "conformal_factors"):
            values[name] = tuple(values[name])
        values["residual_quantiles"] = tuple(values.get("residual_quantiles", ()))
        values["codes"] = {name: tuple(codes) for name, codes in values["codes"].items()}
        return cls(**values)


@dataclass(frozen=True)
class TrainedModel:
    """Boosters by name (BOOSTERS) and their manifest."""

    boosters: dict[str, xgb.Booster]
    manifest: Manifest


class Regressor(Protocol):
    """What a pickled model must offer: delays in minutes from a matrix in the order of the feature contract."""

    def predict(self, features: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """One prediction per row."""
        ...


@dataclass(frozen=True)
class PickledModel:
    """A regressor that somebody else trained, the file it came from, and the manifest made when it was registered."""

    regressor: Regressor
    content: bytes
    manifest: Manifest


DelayModel: TypeAlias = TrainedModel | PickledModel
