"""Trained models in memory: the boosters and their manifest."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from flight_assets.contracts.features import FEATURE_NAMES

if TYPE_CHECKING:
    # Monitoring and pages read the trust state, for which nothing is predicted.
    import pandas as pd
    import xgboost as xgb

MEAN, QUANTILES, LATE = "mean", "quantiles", "late"
BOOSTERS = (MEAN, QUANTILES, LATE)
# Boosters of the stage departed. Versions trained before it have none.
DEPARTED_MEAN, DEPARTED_QUANTILES, DEPARTED_LATE = "departed_mean", "departed_quantiles", "departed_late"
DEPARTED_BOOSTERS = (DEPARTED_MEAN, DEPARTED_QUANTILES, DEPARTED_LATE)
QUANTILE_LEVELS = (0.05, 0.5, 0.95)
XGBOOST, PICKLED = "xgboost", "pickled"


@dataclass(frozen=True)
class Manifest:
    """Description of a model in plain values, written as ``manifest.json``.

    - ``training``: date ranges, seed, settings, and the figures for the baselines
    - ``data_fingerprint``: SHA-256 of the features and targets
    - ``codes``: distinct values of each code feature in training; any other becomes NaN
    - ``fill_rates``: share of training flights with each feature known, in the order of ``features``
    - ``mean_blend``: weights of the mean booster, the quantiles in ascending order and a constant 1
    - ``conformal_factors``: outward moves of the interval's ends, in distances from the median
    - ``typical_width_minutes``: median width of the interval, for the confidence
    - ``sha256``: hash of each other file
    - ``kind``: XGBOOST, or PICKLED for a regressor trained elsewhere
    - ``residual_quantiles``: for a pickled regressor, evenly spaced quantiles of actual − predicted in
      calibration
    - ``reference``: distribution of each feature in training, for ``drift``
    - ``departed``: features, calibration and figures of the stage departed; empty without it
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
    departed: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> str:
        """Return sorted and indented JSON, so that two manifests can be compared as text."""
        return json.dumps(asdict(self), indent=2, sort_keys=True, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Manifest:
        """Return the manifest of its JSON text.

        Raises:
            TypeError, KeyError, ValueError: the text is not a manifest.
        """
        values = json.loads(text)
        for name in ("features", "fill_rates", "mean_blend", "conformal_factors"):
            values[name] = tuple(values[name])
        values["residual_quantiles"] = tuple(values.get("residual_quantiles", ()))
        values["codes"] = {name: tuple(codes) for name, codes in values["codes"].items()}
        return cls(**values)


@dataclass(frozen=True)
class TrainedModel:
    """Boosters by name (BOOSTERS, and DEPARTED_BOOSTERS if it has that stage) and their manifest."""

    boosters: dict[str, xgb.Booster]
    manifest: Manifest


def fitting(manifest: Manifest, features: pd.DataFrame) -> pd.DataFrame:
    """Return the features that the model takes of ``build_features``: an older model takes fewer."""
    if tuple(features.columns) == FEATURE_NAMES != manifest.features:
        return features[list(manifest.features)]
    return features


class Regressor(Protocol):
    """Interface of a pickled model: delays in minutes from a matrix in the order of the feature contract."""

    def predict(self, features: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return one prediction per row."""
        ...


@dataclass(frozen=True)
class PickledModel:
    """Regressor trained elsewhere, its file, and the manifest made at registration."""

    regressor: Regressor
    content: bytes
    manifest: Manifest


DelayModel: TypeAlias = TrainedModel | PickledModel
