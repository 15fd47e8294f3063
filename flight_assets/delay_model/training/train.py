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
from flight_assets.delay_model.serving.predict import blend_inputs, matrix_of, predict
from flight_assets.delay_model.training.blocks import blocks, sample
from flight_assets.delay_model.training.boosters import Fitted, Target, fit_boosters
from flight_assets.delay_model.training.config import BoosterSettings, TrainConfig
from flight_assets.delay_model.training.departed import with_departed_stage
from flight_assets.delay_model.training.report import measure
from flight_assets.delay_model.training.split import (
    CALIBRATION,
    TEST,
    TRAIN,
    Mask,
    check_sizes,
    split,
    thinned,
)

# Calibration flights from which on the weights of the mean are fitted, and not those of the configuration.
BLENDED_FROM = 20_000

__all__ = ["BoosterSettings", "TrainConfig", "train"]


def train(
    config: TrainConfig, flights: pd.DataFrame, features: pd.DataFrame, base: TrainedModel | None = None
) -> TrainedModel:
    """Return a model from the flights that arrived.

    - ``flights``: scheduled_departure (UTC), airline, departure_delay_minutes and arrival_delay_minutes. A
      flight with NaN as the latter never arrived and is left out
    - ``features``: the same rows in the same order
    - ``base``: each booster is this model's, more trees on top of it, or a new one, by its error on the
      early-stopping flights

    The metrics in the manifest are those of the test period, empty if it has no flights.

    Raises:
        TooFewFlightsError: a part of the training range has fewer than 100 arrivals.
    """
    arrived = Arrived.of(config, flights, features)
    fitted = fit_boosters(config, arrived.features, arrived.target, arrived.parts, base)
    draft = TrainedModel(
        {name: result.booster for name, result in fitted.items()},
        _draft_manifest(config, fitted, arrived, base),
    )
    calibration = arrived.parts[CALIBRATION]
    unseen, outcome = arrived.features[calibration], arrived.target[calibration]
    calibrated = calibrate(blended(draft, unseen, outcome), unseen, outcome)
    test = arrived.parts[TEST]
    if test.any():
        figures = measure(calibrated, arrived.flights[test], arrived.features[test])
        calibrated = _replace(calibrated, metrics=figures)
    return _following(config, calibrated, arrived, base) if config.departed_stage else calibrated


def _following(
    config: TrainConfig, model: TrainedModel, arrived: Arrived, base: TrainedModel | None
) -> TrainedModel:
    """Return the model with the stage departed, under a version that names its boosters too."""
    dates = local_dates(arrived.flights)
    done = with_departed_stage(config, model, arrived.flights, arrived.features, arrived.parts, dates, base)
    return _replace(done, version=_version(config, done.boosters))


@dataclass(frozen=True)
class Arrived:
    """Flights that arrived, row by row: identity, features, delay, and the part of the split."""

    flights: pd.DataFrame
    features: pd.DataFrame
    target: Target
    parts: dict[str, Mask]
    ranges: dict[str, Any]
    unused_features: tuple[str, ...] = ()

    @classmethod
    def of(cls, config: TrainConfig, flights: pd.DataFrame, features: pd.DataFrame) -> Arrived:
        """Return the arrived flights, split by time. Raises TooFewFlightsError."""
        arrived = flights["arrival_delay_minutes"].notna().to_numpy()
        if not arrived.all():
            flights, features = flights[arrived], features[arrived]
        dates = local_dates(flights)
        parts = thinned(split(config, dates), config.most_training_flights, config.seed)
        check_sizes(parts)
        ranges = {name: _range(dates[mask]) for name, mask in parts.items() if mask.any()}
        target = flights["arrival_delay_minutes"].to_numpy(dtype=np.float32)
        return cls(flights, features, target, parts, ranges, config.unused_features)

    def about(self) -> dict[str, Any]:
        """Return the description of the flights for the manifest."""
        used = sample(self.features, self.parts[TRAIN])
        unused = set(self.unused_features)
        return {
            "feature_contract_version": FEATURE_CONTRACT_VERSION,
            "features": tuple(self.features.columns),
            "data_fingerprint": _fingerprint(self.features, self.target),
            "library_versions": {
                "xgboost": xgb.__version__,
                "numpy": np.__version__,
                "pandas": pd.__version__,
            },
            # An unused feature does not count for the confidence, and cannot drift.
            "fill_rates": tuple(
                0.0 if name in unused else float(rate) for name, rate in used.notna().mean().items()
            ),
            "reference": reference(used.drop(columns=list(unused))),
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


def blended(model: TrainedModel, features: pd.DataFrame, target: Target) -> TrainedModel:
    """Return the model with the weights of its mean fitted to these flights, by least squares.

    With fewer than BLENDED_FROM flights they stay: chance would move them.
    """
    if len(target) < BLENDED_FROM:
        return model
    inputs = blend_inputs(model, matrix_of(model.manifest, features), nthread=1).astype(np.float64)
    weights, *_ = np.linalg.lstsq(inputs, target.astype(np.float64), rcond=None)
    return _replace(model, mean_blend=tuple(round(float(weight), 4) for weight in weights))


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


def _draft_manifest(
    config: TrainConfig, fitted: dict[str, Fitted], arrived: Arrived, base: TrainedModel | None
) -> Manifest:
    """Return the manifest without calibration and metrics."""
    return Manifest(
        **arrived.about(),
        version=_version(config, {name: result.booster for name, result in fitted.items()}),
        training={
            "settings": {name: asdict(result.settings) for name, result in fitted.items()},
            "seed": config.seed,
            "base": base.manifest.version if base else None,
            "started_from": {name: result.started_from for name, result in fitted.items()},
            "unused_features": list(config.unused_features),
            "hidden_shares": dict(config.hidden_shares),
            "trees": {name: result.booster.num_boosted_rounds() for name, result in fitted.items()},
            "ranges": arrived.ranges,
            "baselines": arrived.baselines(),
        },
        metrics={},
        codes={name: _codes(arrived, name) for name in CODE_FEATURES},
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


def _codes(arrived: Arrived, name: str) -> tuple[float, ...]:
    """Return the distinct codes of the training flights."""
    values = arrived.features[name].to_numpy()[arrived.parts[TRAIN]]
    return tuple(np.unique(values[~np.isnan(values)]).tolist())


def _fingerprint(features: pd.DataFrame, target: Target) -> str:
    """Return a SHA-256 over features and targets: the same data and feature code give the same one."""
    digest = hashlib.sha256()
    for _, rows in blocks(features, np.ones(len(features), dtype=np.bool_)):
        digest.update(rows.tobytes())
    digest.update(target.tobytes())
    return digest.hexdigest()


def _version(config: TrainConfig, boosters: dict[str, xgb.Booster]) -> str:
    """Return a name such as 20130930-1a2b3c4d: the day before the test period, and a hash of the boosters."""
    digest = hashlib.sha256()
    for name in sorted(boosters):
        digest.update(bytes(boosters[name].save_raw("ubj")))
    last = config.test_from - timedelta(days=1)
    return f"{last:%Y%m%d}-{digest.hexdigest()[:8]}"
