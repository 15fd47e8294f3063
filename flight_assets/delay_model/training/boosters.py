"""Fit the three boosters to one set of rows. Deterministic for one configuration and one XGBoost version."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from typing import Any, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt
import pandas as pd
import xgboost as xgb

from flight_assets.delay_model.evaluate import LATE_MINUTES
from flight_assets.delay_model.registry.model import (
    LATE,
    MEAN,
    QUANTILE_LEVELS,
    QUANTILES,
    TrainedModel,
)
from flight_assets.delay_model.training.blocks import BlockIterator, Hiding
from flight_assets.delay_model.training.config import BoosterSettings, TrainConfig
from flight_assets.delay_model.training.split import EARLY_STOPPING, TRAIN, Mask

Target = npt.NDArray[np.float32]
_Wanted: TypeAlias = tuple[BoosterSettings, dict[str, Any], Target]


SCRATCH, BASE, CONTINUED = "scratch", "base", "continued"
# Trees are added to a base in memory, four bytes a value and more. With more flights, a base helps little.
CONTINUED_AT_MOST = 400_000
# Trees on top of a base correct it: they learn more slowly than new ones.
CONTINUED_ETA = 0.5


@dataclass(frozen=True)
class Fitted:
    """Booster cut to its best round, its settings, and its error on the early-stopping flights."""

    booster: xgb.Booster
    settings: BoosterSettings
    score: float
    started_from: str = SCRATCH


def fit_boosters(
    config: TrainConfig,
    features: pd.DataFrame,
    target: Target,
    parts: dict[str, Mask],
    base: TrainedModel | None = None,
) -> dict[str, Fitted]:
    """Return by name the boosters mean (squared error), quantiles (pinball) and late (log loss).

    Each is the best on the early-stopping flights among new ones and, with a ``base``, among its own and its
    own with more trees.
    """
    low, high = config.mean_target_minutes
    # One tree with three outputs instead of three trees: as exact, and predictions are three times faster.
    quantiles = {
        "objective": "reg:quantileerror",
        "quantile_alpha": list(QUANTILE_LEVELS),
        "multi_strategy": "multi_output_tree",
    }
    wanted: dict[str, _Wanted] = {
        MEAN: (config.mean, {"objective": "reg:squarederror"}, np.clip(target, low, high)),
        QUANTILES: (config.quantiles, quantiles, target),
        LATE: (config.late, {"objective": "binary:logistic"}, (target >= LATE_MINUTES).astype(np.float32)),
    }
    # The slowest first, so that the others run beside it.
    with ThreadPoolExecutor(config.nthread) as pool:
        running = {
            name: pool.submit(
                _best,
                config,
                wanted[name],
                features,
                parts,
                widened(base.boosters[name], features.columns) if base else None,
            )
            for name in (QUANTILES, MEAN, LATE)
        }
        return {name: future.result() for name, future in running.items()}


def _best(
    config: TrainConfig,
    wanted: _Wanted,
    features: pd.DataFrame,
    parts: dict[str, Mask],
    base: xgb.Booster | None,
) -> Fitted:
    """Return the booster with the least error on the early-stopping flights among those tried."""
    settings, objective, label = wanted
    hide = Hiding(config, [str(name) for name in features.columns], len(features))
    training, stopping = (
        BlockIterator(features, label, parts[part], hide) for part in (TRAIN, EARLY_STOPPING)
    )
    matrix = xgb.QuantileDMatrix(training, max_bin=config.max_bin, nthread=1)
    stop = xgb.QuantileDMatrix(stopping, ref=matrix, max_bin=config.max_bin, nthread=1)
    tried = [
        fit_one(config, candidate, objective, matrix, stop)
        for candidate in candidates(settings, config.tuning_trials, config.seed)
    ]
    if base is not None and parts[TRAIN].sum() <= CONTINUED_AT_MOST:
        del matrix, stop
        whole, rest = (_in_memory(features, label, parts[part], hide) for part in (TRAIN, EARLY_STOPPING))
        tried += [
            _as_it_is(base, objective, settings, rest),
            fit_one(
                config, replace(settings, eta=settings.eta * CONTINUED_ETA), objective, whole, rest, base
            ),
        ]
    return min(tried, key=lambda fitted: fitted.score)


def widened(booster: xgb.Booster, names: Sequence[str]) -> xgb.Booster:
    """Return the booster for features of a newer contract, which come after its own; it predicts the same.

    Its trees ask nothing of the new ones. Trees on top of it may.
    """
    if booster.num_features() == len(names):
        return booster
    model = msgspec.json.decode(bytes(booster.save_raw("json")))
    model["learner"]["learner_model_param"]["num_feature"] = str(len(names))
    model["learner"]["feature_names"] = [str(name) for name in names]
    return xgb.Booster(model_file=bytearray(msgspec.json.encode(model)))


def _in_memory(features: pd.DataFrame, label: Target, mask: Mask, hide: Hiding) -> xgb.DMatrix:
    """Return the rows with their values: a base splits at other values than the quantiles of these."""
    rows = np.flatnonzero(mask)
    values = hide(features.to_numpy(np.float32, copy=False)[rows], rows)
    return xgb.DMatrix(values, label[rows], feature_names=[str(name) for name in features.columns], nthread=1)


def _as_it_is(
    base: xgb.Booster, objective: dict[str, Any], settings: BoosterSettings, stopping: xgb.DMatrix
) -> Fitted:
    """Return the base with its error on the early-stopping flights."""
    whole = base.copy()
    whole.set_param(objective)
    said = whole.eval(stopping, EARLY_STOPPING)
    return Fitted(whole, settings, float(said.rsplit(":", 1)[1]), BASE)


def fit_one(
    config: TrainConfig,
    settings: BoosterSettings,
    objective: dict[str, Any],
    training: xgb.DMatrix,
    stopping: xgb.DMatrix,
    base: xgb.Booster | None = None,
) -> Fitted:
    """Return one booster, stopped when the error on the early-stopping flights stops falling."""
    chosen = {name: value for name, value in asdict(settings).items() if name != "rounds"}
    fixed = {"tree_method": "hist", "seed": config.seed, "nthread": 1, "max_bin": config.max_bin}
    booster = xgb.train(
        chosen | objective | fixed,
        training,
        settings.rounds,
        evals=[(stopping, EARLY_STOPPING)],
        early_stopping_rounds=config.early_stopping_rounds,
        verbose_eval=False,
        xgb_model=base,
    )
    started_from = SCRATCH if base is None else CONTINUED
    cut = booster[: booster.best_iteration + 1]
    return Fitted(cut, settings, float(booster.best_score), started_from)


def candidates(settings: BoosterSettings, trials: int, seed: int) -> list[BoosterSettings]:
    """Return the given settings and ``trials`` random neighbours of them.

    This is a random search (Bergstra & Bengio 2012, JMLR 13, 281–305).
    """
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
