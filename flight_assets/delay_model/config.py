"""What a training run may be told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True)
class BoosterSettings:
    """Settings of one booster; names as in XGBoost's documentation. ``rounds`` is the most that early stopping may use."""

    rounds: int = 180
    max_depth: int = 6
    eta: float = 0.12
    min_child_weight: float = 30.0
    subsample: float = 0.7
    colsample_bytree: float = 0.4


@dataclass(frozen=True)
class TrainConfig:
    """What to train on and how. Dates are local to New York; see ``split`` for what the days are for.

    ``mean_target_minutes`` are the bounds to which delays are cut for the booster of the mean: a delay of ten hours says little more
    about the next flight than one of three, and squared it would outweigh thousands of ordinary flights. The blend with the
    quantiles, fitted to the uncut delays, puts the level right again.
    """

    test_from: date = date(2013, 10, 1)
    test_until: date | None = None
    train_from: date | None = None
    calibration_days: int = 16
    early_stopping_days: int = 34
    early_stopping_rounds: int = 30
    tuning_trials: int = 0
    seed: int = 20130101
    nthread: int = 2
    max_bin: int = 64
    mean_target_minutes: tuple[float, float] = (-60.0, 180.0)
    mean: BoosterSettings = BoosterSettings()
    quantiles: BoosterSettings = BoosterSettings(rounds=160, max_depth=5, eta=0.2)
    late: BoosterSettings = BoosterSettings(rounds=150, max_depth=5, eta=0.15)
