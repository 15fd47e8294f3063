"""Train a model: split by time, fit the boosters, conform the interval, measure. Deterministic; no I/O."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import xgboost as xgb

from flight_assets.contracts.features import CODE_FEATURES, FEATURE_CONTRACT_VERSION
from flight_assets.delay_model.evaluate import COVERAGE, LATE_MINUTES
from flight_assets.delay_model.features.schedule_features import local_dates
from flight_assets.delay_model.registry.model import Manifest, TrainedModel
from flight_assets.delay_model.serving.conformal import tail_factor
from flight_assets.delay_model.serving.drift import reference
from flight_assets.delay_model.serving.predict import predict
from flight_assets.delay_model.training.boosters import Fitted, Target, fit_boosters
from flight_assets.delay_model.training.config import BoosterSettings, TrainConfig
from flight_assets.delay_model.training.report import measure
from flight_assets.delay_model.training.split import CALIBRATION, TEST, TRAIN, Mask, check_sizes, split

__all__ = ["BoosterSettings", "TrainConfig", "train"]


def train(config: TrainConfig, flights: pd.DataFrame, features: pd.DataFrame) -> TrainedModel:
    """Return a model from the flights that arrived.

    - ``flights``: scheduled_departure (UTC), airline, and arrival_delay_minutes; NaN never arrived and is
      left out
    - ``features``: the same rows in the same order

    The metrics in the manifest are those of the test period, empty if it has no flights.

    Raises:
        TooFewFlightsError: a part of the training range has fewer than 100 arrivals.
    """
    arrived = Arrived.of(config, flights, features)
    fitted = fit_boosters(config, arrived.features, arrived.target, arrived.parts)
    draft = TrainedModel(
        {name: result.booster for name, result in fitted.items()}, _draft_manifest(config, fitted, arrived)
    )
    calibrated = calibrate(
        draft, arrived.features[arrived.parts[CALIBRATION]], arrived.target[arrived.parts[CALIBRATION]]
    )
    test = arrived.parts[TEST]
    return (
        _replace(calibrated, metrics=measure(calibrated, arrived.flights[test], arrived.features[test]))
        if test.any()
        else calibrated
    )


@dataclass(frozen=True)
class Arrived:
    """Flights that arrived, row by row: identity, features, delay, and the part of the split."""

    flights: pd.DataFrame
    features: pd.DataFrame
    target: Target
    parts: dict[str, Mask]
    ranges: dict[str, Any]

    @classmethod
    def of(cls, config: TrainConfig, flights: pd.DataFrame, features: pd.DataFrame) -> Arrived:
        """Return the arrived flights, split by time. Raises TooFewFlightsError."""
        arrived = flights["arrival_delay_minutes"].notna().to_numpy()
        flights, features = flights[arrived], features[arrived]
        dates = local_dates(flights["scheduled_departure"])
        parts = split(config, dates)
        check_sizes(parts)
        ranges = {name: _range(dates[mask]) for name, mask in parts.items() if mask.any()}
        return cls(
            flights, features, flights["arrival_delay_minutes"].to_numpy(dtype=np.float32), parts, ranges
        )

    def about(self) -> dict[str, Any]:
        """Return the description of the flights for the manifest."""
        used = self.parts[TRAIN]
        return {
            "feature_contract_version": FEATURE_CONTRACT_VERSION,
            "features": tuple(self.features.columns),
            "data_fingerprint": _fingerprint(self.features, self.target),
            "library_versions": {
                "xgboost": xgb.__version__,
                "numpy": np.__version__,
                "pandas": pd.__version__,
            },
            "fill_rates": tuple(self.features[used].notna().mean().tolist()),
            "reference": reference(self.features[used]),
        }

    def baselines(self) -> dict[str, float]:
        """Return the figures of the training flights for forecasts without features."""
        target = self.target[self.parts[TRAIN]]
        late = target >= LATE_MINUTES
        return {
            "mean_minutes": float(target.mean(dtype=np.float64)),
            "median_minutes": float(np.median(target)),
            "late_share": float(late.mean()),
        }


def calibrate(model: TrainedModel, features: pd.DataFrame, target: Target) -> TrainedModel:
    """Return the model with its interval conformed to these flights: at most 5 % are beyond each end.

    Training does it once. Repeat it with the newest unseen flights to follow a change of season.
    """
    uncorrected = _replace(model, conformal_factors=(0.0, 0.0))
    raw = predict(uncorrected, features).astype(np.float64)
    low, median, high = (
        raw["interval_low_minutes"],
        raw["predicted_delay_minutes"],
        raw["interval_high_minutes"],
    )
    each_tail = (1 + COVERAGE) / 2
    below = tail_factor((low - target).to_numpy(), (median - low).to_numpy(), each_tail)
    above = tail_factor((target - high).to_numpy(), (high - median).to_numpy(), each_tail)
    moved = _replace(model, conformal_factors=(below, above))
    conformed = predict(moved, features)
    width = conformed["interval_high_minutes"] - conformed["interval_low_minutes"]
    return _replace(moved, typical_width_minutes=float(width.median()))


def _draft_manifest(config: TrainConfig, fitted: dict[str, Fitted], arrived: Arrived) -> Manifest:
    """Return the manifest without calibration and metrics."""
    used = arrived.features[arrived.parts[TRAIN]]
    return Manifest(
        **arrived.about(),
        version=_version(config, fitted),
        training={
            "settings": {name: asdict(result.settings) for name, result in fitted.items()},
            "seed": config.seed,
            "trees": {name: result.booster.num_boosted_rounds() for name, result in fitted.items()},
            "ranges": arrived.ranges,
            "baselines": arrived.baselines(),
        },
        metrics={},
        codes={name: tuple(np.unique(used[name].dropna()).tolist()) for name in CODE_FEATURES},
        mean_blend=config.mean_blend,
        conformal_factors=(0.0, 0.0),
        typical_width_minutes=1.0,
    )


def _replace(model: TrainedModel, **changes: Any) -> TrainedModel:  # noqa: ANN401 - whatever fields the manifest has
    return TrainedModel(model.boosters, replace(model.manifest, **changes))


def _range(dates: npt.NDArray[np.datetime64]) -> dict[str, Any]:
    return {
        "first": str(dates.min()),
        "last": str(dates.max()),
        "days": len(np.unique(dates)),
        "flights": len(dates),
    }


def _fingerprint(features: pd.DataFrame, target: Target) -> str:
    """Return a SHA-256 over features and targets: the same data and feature code give the same one."""
    digest = hashlib.sha256(np.ascontiguousarray(features.to_numpy(dtype=np.float32)).tobytes())
    digest.update(target.tobytes())
    return digest.hexdigest()


def _version(config: TrainConfig, fitted: dict[str, Fitted]) -> str:
    """Return a name such as 20130930-1a2b3c4d: the day before the test period, and a hash of the boosters."""
    digest = hashlib.sha256()
    for name in sorted(fitted):
        digest.update(bytes(fitted[name].booster.save_raw("ubj")))
    last = config.test_from - timedelta(days=1)
    return f"{last:%Y%m%d}-{digest.hexdigest()[:8]}"
