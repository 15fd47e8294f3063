"""Split flights by whole days: train, stop early, calibrate, test.

The flights of one day share its weather.
"""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import numpy.typing as npt

from flight_assets.delay_model.errors import TooFewFlightsError
from flight_assets.delay_model.training.config import TrainConfig

TRAIN, EARLY_STOPPING, CALIBRATION, TEST = "train", "early_stopping", "calibration", "test"
MIN_FLIGHTS = 100
# One in four of the newest days calibrates: their season is closest to the future, and training keeps most of
# them.
CALIBRATION_STEP_DAYS = 4
WEEK_DAYS = 7
Mask = npt.NDArray[np.bool_]


def split(config: TrainConfig, dates: npt.NDArray[np.datetime64]) -> dict[str, Mask]:
    """Return the flights of each part, by local date. No flight is in two parts.

    All parts are before the test period:

    - Calibration: every fourth day of the newest 4 × ``calibration_days`` before ``test_from``.
    - Early stopping: ``early_stopping_days``, spread evenly over the training range, to include every season.
    - Training: the rest.
    """
    in_range = _between(dates, config.train_from, config.test_from)
    # Days without flights do not count, so that no part falls on them.
    present = np.unique(dates[in_range])
    age_days = len(present) - np.searchsorted(present, dates)
    recent = age_days <= CALIBRATION_STEP_DAYS * config.calibration_days
    calibration = in_range & recent & (age_days % CALIBRATION_STEP_DAYS == 1)
    step = _spread_step(int(age_days[in_range].max(initial=1)), config.early_stopping_days)
    stopping = in_range & ~calibration & (age_days % step == step // 2)
    if not stopping.any():
        stopping = in_range & ~calibration & (age_days == CALIBRATION_STEP_DAYS // 2)
    return {
        TRAIN: in_range & ~calibration & ~stopping,
        EARLY_STOPPING: stopping,
        CALIBRATION: calibration,
        TEST: _between(dates, config.test_from, config.test_until),
    }


def thinned(parts: dict[str, Mask], most: int, seed: int) -> dict[str, Mask]:
    """Return the parts with about ``most`` flights for training and a fifth of it to stop early.

    The seed draws them. All of them if ``most`` is 0.
    """
    if not most:
        return parts
    drawn = dict(parts)
    for nth, (name, wanted) in enumerate(((TRAIN, most), (EARLY_STOPPING, most // 5))):
        chance = np.random.default_rng([seed, 100 + nth]).random(len(parts[name]))
        drawn[name] = parts[name] & (chance < wanted / max(1, int(parts[name].sum())))
    return drawn


def check_sizes(parts: dict[str, Mask]) -> None:
    """Raise if a part is too small.

    Raises:
        TooFewFlightsError: a part of the training range has fewer than MIN_FLIGHTS flights.
    """
    for name in (TRAIN, EARLY_STOPPING, CALIBRATION):
        found = int(parts[name].sum())
        if found < MIN_FLIGHTS:
            needed = f"at least {MIN_FLIGHTS} are needed; choose a longer range"
            raise TooFewFlightsError(
                f"the {name} part of the training range holds {found} arrived flights, {needed}"
            )


def _spread_step(range_days: int, wanted_days: int) -> int:
    """Return the step between days; never a multiple of a week, which would take one weekday only."""
    step = max(2, range_days // max(1, wanted_days))
    return step + 1 if step % WEEK_DAYS == 0 else step


def _between(dates: npt.NDArray[np.datetime64], first: date | None, end: date | None) -> Mask:
    lower = date.min + timedelta(days=1) if first is None else first
    upper = date.max if end is None else end
    inside: Mask = (dates >= np.datetime64(lower)) & (dates < np.datetime64(upper))
    return inside
