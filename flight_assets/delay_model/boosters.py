"""Fitting the three boosters to one set of rows. Deterministic for one configuration and one version of XGBoost."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import xgboost as xgb

from flight_assets.delay_model.config import BoosterSettings, TrainConfig
from flight_assets.delay_model.evaluate import LATE_MINUTES
from flight_assets.delay_model.model import LATE, MEAN, QUANTILE_LEVELS, QUANTILES
from flight_assets.delay_model.split import EARLY_STOPPING, TRAIN, Mask

Target = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Fitted:
    """A booster cut to its best round, the settings that gave it, and its error on the early-stopping flights."""

    booster: xgb.Booster
    settings: BoosterSettings
    score: float


def fit_boosters(config: TrainConfig, features: pd.DataFrame, target: Target, parts: dict[str, Mask]) -> dict[str, Fitted]:
    """Mean (squared error), quantiles (pinball, one tree for all three levels) and late (log loss), by name."""
    low, high = config.mean_target_minutes
    # One tree with three outputs in place of three trees: as exact, and three times faster to predict with.
    quantiles = {"objective": "reg:quantileerror", "quantile_alpha": list(QUANTILE_LEVELS), "multi_strategy": "multi_output_tree"}
    wanted: dict[str, tuple[BoosterSettings, dict[str, Any], Target]] = {
        MEAN: (config.mean, {"objective": "reg:squarederror"}, np.clip(target, low, high)),
        QUANTILES: (config.quantiles, quantiles, target),
        LATE: (config.late, {"objective": "binary:logistic"}, (target >= LATE_MINUTES).astype(np.float32)),
    }
    rows = _Rows(config, features, parts)
    return {name: rows.best(settings, objective, label) for name, (settings, objective, label) in wanted.items()}


class _Rows:
    """The binned features of the training and early-stopping flights, made once for all boosters."""

    def __init__(self, config: TrainConfig, features: pd.DataFrame, parts: dict[str, Mask]) -> None:
        self._config = config
        self._train, self._stop = parts[TRAIN], parts[EARLY_STOPPING]
        common = {"max_bin": config.max_bin, "nthread": config.nthread}
        self._training = xgb.QuantileDMatrix(features[self._train], **common)
        self._stopping = xgb.QuantileDMatrix(features[self._stop], ref=self._training, **common)

    def best(self, settings: BoosterSettings, objective: dict[str, Any], label: Target) -> Fitted:
        """The booster with the least error on the early-stopping flights among the settings tried."""
        self._training.set_label(label[self._train])
        self._stopping.set_label(label[self._stop])
        tried = [self._fit(candidate, objective) for candidate in candidates(settings, self._config.tuning_trials, self._config.seed)]
        return min(tried, key=lambda fitted: fitted.score)

    def _fit(self, settings: BoosterSettings, objective: dict[str, Any]) -> Fitted:
        chosen = {name: value for name, value in asdict(settings).items() if name != "rounds"}
        fixed = {"tree_method": "hist", "seed": self._config.seed, "nthread": self._config.nthread, "max_bin": self._config.max_bin}
        booster = xgb.train(
            chosen | objective | fixed,
            self._training,
            settings.rounds,
            evals=[(self._stopping, EARLY_STOPPING)],
            early_stopping_rounds=self._config.early_stopping_rounds,
            verbose_eval=False,
        )
        return Fitted(booster[: booster.best_iteration + 1], settings, float(booster.best_score))


def candidates(settings: BoosterSettings, trials: int, seed: int) -> list[BoosterSettings]:
    """The settings given, and ``trials`` random neighbours of them: a random search (Bergstra & Bengio 2012, JMLR 13, 281–305)."""
    rng = np.random.default_rng(seed)
    return [settings, *(_neighbour(settings, rng) for _ in range(trials))]


def _neighbour(settings: BoosterSettings, rng: np.random.Generator) -> BoosterSettings:
    return replace(
        settings,
        max_depth=int(rng.integers(4, 8)),
        eta=float(np.exp(rng.uniform(np.log(0.06), np.log(0.25)))),
        min_child_weight=float(np.exp(rng.uniform(np.log(10), np.log(200)))),
        subsample=float(rng.uniform(0.5, 0.9)),
        colsample_bytree=float(rng.uniform(0.25, 0.7)),
    )
