"""Train the stage ``departed`` of a model, on flights that its trees have not learned from. Deterministic."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import xgboost as xgb

from flight_assets.contracts.departed import DEPARTED_FEATURE_NAMES, OF_ANNOUNCEMENT
from flight_assets.delay_model.evaluate import COVERAGE, LATE_MINUTES, evaluate
from flight_assets.delay_model.features.departed import inputs_of
from flight_assets.delay_model.features.events import numbers
from flight_assets.delay_model.registry.model import (
    DEPARTED_BOOSTERS,
    DEPARTED_LATE,
    DEPARTED_MEAN,
    DEPARTED_QUANTILES,
    QUANTILE_LEVELS,
    TrainedModel,
)
from flight_assets.delay_model.serving.conformal import tail_factor
from flight_assets.delay_model.serving.departed import has_departed_stage, predict_departed
from flight_assets.delay_model.serving.predict import predict
from flight_assets.delay_model.training.boosters import fit_one
from flight_assets.delay_model.training.config import BoosterSettings, TrainConfig
from flight_assets.delay_model.training.split import CALIBRATION, EARLY_STOPPING, TEST, Mask

SETTINGS = BoosterSettings(
    rounds=120, max_depth=5, eta=0.15, min_child_weight=40.0, subsample=0.7, colsample_bytree=0.8
)
# Two of four days train, one stops early and one calibrates. With less, the base's boosters stay.
LEAST_DAYS, LEAST_FLIGHTS = 4, 5_000
LEAST_TO_CALIBRATE = 100
# Share of the flights whose announced forecast is hidden: the baseline made it, or there is none.
HIDDEN_SHARE = 0.1
# Bounds of arrival minus departure delay for the mean, minutes. Squared, few flights would outweigh all.
GAIN_BOUNDS = (-90.0, 180.0)
Values = npt.NDArray[np.float32]


@dataclass(frozen=True)
class _Departed:
    """Departed and arrived flights: inputs, departure and arrival delay, and day number by row."""

    inputs: pd.DataFrame
    departure: Values
    arrival: Values
    day: npt.NDArray[np.int64]

    def part(self, rows: Mask) -> _Departed:
        return _Departed(self.inputs[rows], self.departure[rows], self.arrival[rows], self.day[rows])


def with_departed_stage(
    config: TrainConfig,
    model: TrainedModel,
    flights: pd.DataFrame,
    features: pd.DataFrame,
    parts: dict[str, Mask],
    dates: npt.NDArray[np.datetime64],
    base: TrainedModel | None = None,
) -> TrainedModel:
    """Return the model with boosters for departed flights, and the section ``departed`` of its manifest.

    They learn from the flights of early stopping and calibration: on those the announced forecasts are as
    good as on new ones. With too few of them the boosters of ``base`` stay, and only their interval is
    calibrated. Without a base the model has no such stage.

    Args:
        config: seed, threads, and early stopping.
        model: the model of announced flights, with its interval calibrated.
        flights: departure_delay_minutes and arrival_delay_minutes.
        features: of the announcement, row by row.
        parts: rows of each part of the split.
        dates: local dates of departure.
        base: model whose boosters stay if there are too few flights.
    """
    unseen = _departed(model, flights, features, dates, parts[EARLY_STOPPING] | parts[CALIBRATION])
    if len(np.unique(unseen.day)) >= LEAST_DAYS and len(unseen.day) >= LEAST_FLIGHTS:
        nth = unseen.day % LEAST_DAYS
        boosters = _fitted(config, unseen.part(nth < 2), unseen.part(nth == 2))
        calibration, origin = unseen.part(nth == LEAST_DAYS - 1), "these flights"
    elif base is not None and has_departed_stage(base) and len(unseen.day) >= LEAST_TO_CALIBRATE:
        boosters = {name: base.boosters[name] for name in DEPARTED_BOOSTERS}
        calibration, origin = unseen, base.manifest.version
    else:
        return model
    about = {
        "features": list(DEPARTED_FEATURE_NAMES),
        "conformal_factors": [0.0, 0.0],
        "boosters_of": origin,
        "settings": asdict(SETTINGS),
        "trees": {name: boosters[name].num_boosted_rounds() for name in DEPARTED_BOOSTERS},
        "flights": len(unseen.day),
        "calibration_flights": len(calibration.day),
        "hidden_share": HIDDEN_SHARE,
    }
    draft = _described(TrainedModel({**model.boosters, **boosters}, model.manifest), about)
    about["conformal_factors"] = _factors(draft, calibration)
    done = _described(draft, about)
    if parts[TEST].any():
        about["metrics"] = _measured(done, _departed(model, flights, features, dates, parts[TEST]))
    return _described(done, about)


def _departed(
    model: TrainedModel,
    flights: pd.DataFrame,
    features: pd.DataFrame,
    dates: npt.NDArray[np.datetime64],
    rows: Mask,
) -> _Departed:
    """Return the flights of a mask whose departure delay is known."""
    departure = numbers(flights["departure_delay_minutes"])
    rows = rows & ~np.isnan(departure)
    mine = features[rows]
    said = predict(model, mine) if len(mine) else pd.DataFrame(columns=list(OF_ANNOUNCEMENT.values()))
    # Days count one by one, so that those without flights leave no part empty.
    _, day = np.unique(dates[rows], return_inverse=True)
    return _Departed(
        inputs_of(mine, departure[rows], said, mine.index),
        departure[rows].astype(np.float32),
        numbers(flights["arrival_delay_minutes"])[rows].astype(np.float32),
        day,
    )


def _fitted(config: TrainConfig, training: _Departed, stopping: _Departed) -> dict[str, xgb.Booster]:
    """Return the boosters: mean and quantiles of arrival − departure delay, and 15 minutes late or more."""
    objectives: dict[str, dict[str, Any]] = {
        DEPARTED_MEAN: {"objective": "reg:squarederror"},
        DEPARTED_QUANTILES: {
            "objective": "reg:quantileerror",
            "quantile_alpha": list(QUANTILE_LEVELS),
            "multi_strategy": "multi_output_tree",
        },
        DEPARTED_LATE: {"objective": "binary:logistic"},
    }
    rng = np.random.default_rng([config.seed, 200])
    values = [_hidden(part.inputs, rng) for part in (training, stopping)]
    boosters = {}
    for name, objective in objectives.items():
        matrix = xgb.QuantileDMatrix(values[0], _label(name, training), max_bin=256, nthread=1)
        stop = xgb.QuantileDMatrix(values[1], _label(name, stopping), ref=matrix, max_bin=256, nthread=1)
        boosters[name] = fit_one(replace(config, max_bin=256), SETTINGS, objective, matrix, stop).booster
    return boosters


def _hidden(inputs: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Return the inputs with the announced forecast of a share of the flights unknown."""
    is_hidden = rng.random(len(inputs)) < HIDDEN_SHARE
    return inputs.assign(**{name: inputs[name].mask(is_hidden) for name in OF_ANNOUNCEMENT})


def _label(name: str, flights: _Departed) -> Values:
    gain = flights.arrival - flights.departure
    if name == DEPARTED_LATE:
        return (flights.arrival >= LATE_MINUTES).astype(np.float32)
    return np.clip(gain, *GAIN_BOUNDS) if name == DEPARTED_MEAN else gain


def _factors(model: TrainedModel, calibration: _Departed) -> list[float]:
    """Return the outward moves of the interval's ends, as ``calibrate`` does for announced flights."""
    raw = predict_departed(model, calibration.inputs).astype(np.float64)
    low, median, high = (
        raw[name].to_numpy()
        for name in ("interval_low_minutes", "predicted_delay_minutes", "interval_high_minutes")
    )
    each_tail = (1 + COVERAGE) / 2
    return [
        tail_factor(low - calibration.arrival, median - low, each_tail),
        tail_factor(calibration.arrival - high, high - median, each_tail),
    ]


def _measured(model: TrainedModel, test: _Departed) -> dict[str, float]:
    baselines = model.manifest.training["baselines"]
    return evaluate(test.arrival.astype(np.float64), predict_departed(model, test.inputs), baselines)


def _described(model: TrainedModel, about: dict[str, Any]) -> TrainedModel:
    return TrainedModel(model.boosters, replace(model.manifest, departed=dict(about)))
