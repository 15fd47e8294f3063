"""Training: split by time, fit the boosters, conform the interval, measure on the test period. Deterministic; no I/O."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, field, replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import xgboost as xgb

from flight_assets.contracts.features import CODE_FEATURES, FEATURE_CONTRACT_VERSION
from flight_assets.delay_model.conformal import correction
from flight_assets.delay_model.errors import TooFewFlightsError
from flight_assets.delay_model.evaluate import COVERAGE, LATE_MINUTES, error_by_confidence, evaluate, evaluate_by
from flight_assets.delay_model.model import HIGH_QUANTILE, LATE, LOW_QUANTILE, MEAN, MEDIAN, QUANTILES, Manifest, TrainedModel
from flight_assets.delay_model.own import local_dates
from flight_assets.delay_model.predict import predict

MIN_FLIGHTS = 100
TRAIN, EARLY_STOPPING, CALIBRATION, TEST = "train", "early_stopping", "calibration", "test"
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class BoosterSettings:
    """Settings of one booster; names as in XGBoost's documentation. ``rounds`` is the most that early stopping may use."""

    rounds: int = 300
    max_depth: int = 6
    eta: float = 0.08
    min_child_weight: float = 30.0
    subsample: float = 0.7
    colsample_bytree: float = 0.4
    max_bin: int = 64


@dataclass(frozen=True)
class TrainConfig:
    """What to train on and how. Dates are local to New York.

    The flights before ``test_from`` are split by time: the last ``calibration_days`` conform the interval, the
    ``early_stopping_days`` before them stop the boosting, all earlier ones from ``train_from`` train. ``test_until`` is excluded.
    """

    test_from: date = date(2013, 10, 1)
    test_until: date | None = None
    train_from: date | None = None
    calibration_days: int = 30
    early_stopping_days: int = 15
    early_stopping_rounds: int = 25
    tuning_trials: int = 0
    seed: int = 20130101
    nthread: int = 2
    mean: BoosterSettings = field(default_factory=BoosterSettings)
    quantiles: BoosterSettings = field(default_factory=BoosterSettings)
    late: BoosterSettings = field(default_factory=BoosterSettings)


def train(config: TrainConfig, flights: pd.DataFrame, features: pd.DataFrame) -> TrainedModel:
    """A model from the flights that arrived. ``features`` has the rows of ``flights``, in the same order.

    ``flights`` has scheduled_departure (UTC), arrival_delay_minutes (NaN for flights that never arrived; these are left out) and
    airline. The metrics in the manifest are those of the test period, empty when it holds no flights.

    Raises:
        TooFewFlightsError: a part of the training range has fewer than 100 arrivals.
    """
    arrived = flights["arrival_delay_minutes"].notna().to_numpy()
    flights, features = flights[arrived], features[arrived]
    target = flights["arrival_delay_minutes"].to_numpy(dtype=np.float32)
    parts = split(config, local_dates(flights["scheduled_departure"]))
    _check_sizes(parts)
    boosters = _fit_all(config, features, target, parts)
    draft = TrainedModel(boosters, _draft_manifest(config, flights, features, target, parts, boosters))
    calibrated = _calibrate(draft, features[parts[CALIBRATION]], target[parts[CALIBRATION]])
    return _measure(calibrated, flights, features, target, parts[TEST])


def split(config: TrainConfig, dates: npt.NDArray[np.datetime64]) -> dict[str, Mask]:
    """Which flights belong to which part, by their local date. No flight is in two parts."""
    calibration_from = config.test_from - timedelta(days=config.calibration_days)
    stopping_from = calibration_from - timedelta(days=config.early_stopping_days)
    return {
        TRAIN: _between(dates, config.train_from, stopping_from),
        EARLY_STOPPING: _between(dates, stopping_from, calibration_from),
        CALIBRATION: _between(dates, calibration_from, config.test_from),
        TEST: _between(dates, config.test_from, config.test_until),
    }


def _between(dates: npt.NDArray[np.datetime64], first: date | None, end: date | None) -> Mask:
    after = np.ones(len(dates), dtype=bool) if first is None else dates >= np.datetime64(first)
    before = np.ones(len(dates), dtype=bool) if end is None else dates < np.datetime64(end)
    return after & before


def _check_sizes(parts: dict[str, Mask]) -> None:
    for name in (TRAIN, EARLY_STOPPING, CALIBRATION):
        found = int(parts[name].sum())
        if found < MIN_FLIGHTS:
            raise TooFewFlightsError(f"the {name} part of the training range holds {found} arrived flights, at least {MIN_FLIGHTS} are needed; choose a longer range")


def _fit_all(config: TrainConfig, features: pd.DataFrame, target: npt.NDArray[np.float32], parts: dict[str, Mask]) -> dict[str, xgb.Booster]:
    """The three boosters, from the same rows."""
    late = (target >= LATE_MINUTES).astype(np.float32)
    quantiles = {"objective": "reg:quantileerror", "quantile_alpha": [LOW_QUANTILE, MEDIAN, HIGH_QUANTILE]}
    wanted: dict[str, tuple[BoosterSettings, dict[str, Any], npt.NDArray[np.float32]]] = {
        MEAN: (config.mean, {"objective": "reg:squarederror"}, target),
        QUANTILES: (config.quantiles, quantiles, target),
        LATE: (config.late, {"objective": "binary:logistic"}, late),
    }
    return {name: _fit(config, settings, objective, features, label, parts) for name, (settings, objective, label) in wanted.items()}


def _fit(
    config: TrainConfig,
    settings: BoosterSettings,
    objective: dict[str, Any],
    features: pd.DataFrame,
    label: npt.NDArray[np.float32],
    parts: dict[str, Mask],
) -> xgb.Booster:
    """One booster, cut to the round that was best on the early-stopping part."""
    parameters = asdict(settings) | objective | {"tree_method": "hist", "seed": config.seed, "nthread": config.nthread}
    rounds = parameters.pop("rounds")
    common = {"max_bin": settings.max_bin, "nthread": config.nthread}
    training = xgb.QuantileDMatrix(features[parts[TRAIN]], label[parts[TRAIN]], **common)
    stopping = xgb.QuantileDMatrix(features[parts[EARLY_STOPPING]], label[parts[EARLY_STOPPING]], ref=training, **common)
    booster = xgb.train(
        parameters, training, rounds, evals=[(stopping, "stopping")], early_stopping_rounds=config.early_stopping_rounds, verbose_eval=False
    )
    return booster[: booster.best_iteration + 1]


def _draft_manifest(
    config: TrainConfig,
    flights: pd.DataFrame,
    features: pd.DataFrame,
    target: npt.NDArray[np.float32],
    parts: dict[str, Mask],
    boosters: dict[str, xgb.Booster],
) -> Manifest:
    """Everything but the calibration and the metrics."""
    used = parts[TRAIN]
    dates = local_dates(flights["scheduled_departure"])
    fingerprint = _fingerprint(features, target)
    return Manifest(
        version=_version(config, boosters),
        feature_contract_version=FEATURE_CONTRACT_VERSION,
        features=tuple(features.columns),
        training={
            "settings": {name: asdict(getattr(config, name)) for name in boosters},
            "seed": config.seed,
            "trees": {name: booster.num_boosted_rounds() for name, booster in boosters.items()},
            "ranges": {name: _range(dates[mask]) for name, mask in parts.items() if mask.any()},
            "baselines": _baselines(target[used]),
        },
        data_fingerprint=fingerprint,
        metrics={},
        library_versions={"xgboost": xgb.__version__, "numpy": np.__version__, "pandas": pd.__version__},
        codes={name: tuple(np.unique(features[name][used].dropna()).tolist()) for name in CODE_FEATURES},
        fill_rates=tuple(features[used].notna().mean().tolist()),
        conformal_correction_minutes=0.0,
        typical_width_minutes=1.0,
    )


def _baselines(target: npt.NDArray[np.float32]) -> dict[str, float]:
    """What a forecaster without features would know."""
    return {"mean_minutes": float(target.mean()), "median_minutes": float(np.median(target)), "late_share": float((target >= LATE_MINUTES).mean())}


def _range(dates: npt.NDArray[np.datetime64]) -> dict[str, Any]:
    return {"first": str(dates.min()), "last": str(dates.max()), "flights": len(dates)}


def _fingerprint(features: pd.DataFrame, target: npt.NDArray[np.float32]) -> str:
    """SHA-256 over the features and the targets: the same data and the same feature code give the same one."""
    digest = hashlib.sha256(np.ascontiguousarray(features.to_numpy(dtype=np.float32)).tobytes())
    digest.update(target.tobytes())
    return digest.hexdigest()


def _version(config: TrainConfig, boosters: dict[str, xgb.Booster]) -> str:
    """Such as 20130930-1a2b3c4d: the last day before the test period, and the start of a hash of the boosters."""
    digest = hashlib.sha256()
    for name in sorted(boosters):
        digest.update(bytes(boosters[name].save_raw("ubj")))
    last = config.test_from - timedelta(days=1)
    return f"{last:%Y%m%d}-{digest.hexdigest()[:8]}"


def _calibrate(model: TrainedModel, features: pd.DataFrame, target: npt.NDArray[np.float32]) -> TrainedModel:
    """The same model with the interval's correction and typical width set from the calibration flights."""
    raw = predict(model, features)
    low, high = raw["interval_low_minutes"].to_numpy(float), raw["interval_high_minutes"].to_numpy(float)
    margin = correction(target.astype(float), low, high, COVERAGE)
    width = float(np.median(high - low + 2 * margin))
    return _with(model, conformal_correction_minutes=margin, typical_width_minutes=width)


def _measure(model: TrainedModel, flights: pd.DataFrame, features: pd.DataFrame, target: npt.NDArray[np.float32], test: Mask) -> TrainedModel:
    """The same model with the figures of the test period in its manifest."""
    if not test.any():
        return model
    return _with(model, metrics=measure(model, flights[test], features[test], target[test].astype(float)))


def measure(model: TrainedModel, flights: pd.DataFrame, features: pd.DataFrame, actual: npt.NDArray[np.float64]) -> dict[str, Any]:
    """Figures of ``evaluate`` over the flights together (test), by airline, hour and month, and the error by confidence decile."""
    predicted = predict(model, features)
    baselines = model.manifest.training["baselines"]
    month = pd.Series(local_dates(flights["scheduled_departure"]).astype("datetime64[M]").astype(str))
    groups = {"airline": flights["airline"], "hour": features["scheduled_departure_minute"] // 60, "month": month}
    by_group = {f"by_{name}": _table(evaluate_by(values.rename(name), actual, predicted, baselines)) for name, values in groups.items()}
    deciles = error_by_confidence(actual, predicted["predicted_delay_minutes"].to_numpy(float), predicted["confidence"].to_numpy(float))
    return {"test": evaluate(actual, predicted, baselines), "by_confidence": _table(deciles), **by_group}


def _table(frame: pd.DataFrame) -> dict[str, dict[str, float]]:
    """A frame as plain values: index (as text) to column to value."""
    return {str(index): row for index, row in frame.to_dict(orient="index").items()}


def _with(model: TrainedModel, **changes: Any) -> TrainedModel:  # noqa: ANN401 - whatever fields the manifest has
    return TrainedModel(model.boosters, replace(model.manifest, **changes))
