"""Configuration of a training run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True)
class BoosterSettings:
    """Settings of one booster; names as in XGBoost's documentation.

    ``rounds`` is the most that early stopping may use.
    """

    rounds: int = 200
    max_depth: int = 6
    eta: float = 0.1
    min_child_weight: float = 30.0
    subsample: float = 0.7
    colsample_bytree: float = 0.4


@dataclass(frozen=True)
class TrainConfig:
    """Configuration of a training run. Dates are local to the origin; ``split`` explains the days.

    - ``mean_target_minutes``: bounds to which delays are cut for the mean booster. Squared, a delay of ten
      hours would outweigh thousands of ordinary flights, and it tells little more than one of three hours.
    - ``mean_blend``: weights that make the mean from that booster, the quantiles 0.05, 0.5, 0.95 and a
      constant 1. They have the least squared error on uncut delays, in a four-fold cross-validation over
      January to September 2013. R² is 0.327; the mean booster alone has 0.322, without the cut 0.316.
    - ``unused_features``: hidden from the boosters. A model for any network does without those that name one.
    - ``most_training_flights``: with more flights for training, so many are drawn by the seed; 0 takes all.
    - ``hidden_shares``: share of the training flights whose weather, inbound leg or aircraft is hidden,
      because other networks do not tell them.
    - ``departed_stage``: also forecast flights that have departed, if there are enough to learn from.
    - ``nthread``: boosters trained at a time, each in one thread. Threads of one booster wait actively, so on
      a busy machine two are slower than one. Results do not depend on it.
    """

    test_from: date = date(2013, 10, 1)
    test_until: date | None = None
    train_from: date | None = None
    calibration_days: int = 16
    early_stopping_days: int = 20
    early_stopping_rounds: int = 30
    tuning_trials: int = 0
    seed: int = 20130101
    nthread: int = 2
    departed_stage: bool = True
    max_bin: int = 64
    mean_target_minutes: tuple[float, float] = (-60.0, 180.0)
    mean_blend: tuple[float, ...] = (0.53, 0.09, 0.44, 0.06, 2.5)
    unused_features: tuple[str, ...] = ()
    most_training_flights: int = 1_000_000
    hidden_shares: tuple[tuple[str, float], ...] = (("weather", 0.2), ("inbound", 0.05), ("aircraft", 0.05))
    mean: BoosterSettings = BoosterSettings()
    quantiles: BoosterSettings = BoosterSettings(rounds=180, eta=0.12)
    late: BoosterSettings = BoosterSettings(rounds=160, max_depth=5, eta=0.15)
