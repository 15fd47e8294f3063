"""Fit the split to the data there is: a week or a year of arrived flights."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt

from flight_assets.delay_model.errors import TooFewFlightsError
from flight_assets.delay_model.training.config import TrainConfig

# Fewer days leave no whole day each for training, early stopping, calibration and test.
DAYS_NEEDED = 5
# With fewer, the gate's 500 flights and 100 calibration flights are not there.
FLIGHTS_NEEDED = 3_000
LONGEST_TEST_DAYS = 14
# One in so many days is for the test, or for calibration, or to stop early.
DAYS_PER_TEST_DAY, DAYS_PER_CALIBRATION_DAY, DAYS_PER_STOPPING_DAY = 5, 6, 8


def missing(days: int, flights: int) -> str | None:
    """Return a sentence on what is missing to train on so many days and flights; None if nothing is."""
    if days >= DAYS_NEEDED and flights >= FLIGHTS_NEEDED:
        return None
    lacking_flights, lacking_days = max(0, FLIGHTS_NEEDED - flights), max(0, DAYS_NEEDED - days)
    return (
        f"there are {flights:,} arrived flights of {days} days; training needs {FLIGHTS_NEEDED:,} flights of "
        f"{DAYS_NEEDED} days: {lacking_flights:,} flights and {lacking_days} days are missing"
    )


def adapted(
    config: TrainConfig, dates: npt.NDArray[np.datetime64], test_from: date | None = None
) -> TrainConfig:
    """Return the configuration with its test period and its days for calibration fitted to the data.

    Args:
        config: everything else.
        dates: local date of each arrived flight.
        test_from: first day of the test period, if it is given.

    Raises:
        TooFewFlightsError: there are too few days or flights.
    """
    days = np.unique(dates)
    lacking = missing(len(days), len(dates))
    if lacking:
        raise TooFewFlightsError(lacking)
    if test_from is None:
        test_days = min(LONGEST_TEST_DAYS, max(1, len(days) // DAYS_PER_TEST_DAY))
        first: date = days[-test_days].astype(object)
    else:
        first = test_from
    before = int((days < np.datetime64(first)).sum())
    return replace(
        config,
        test_from=first,
        calibration_days=min(config.calibration_days, max(1, before // DAYS_PER_CALIBRATION_DAY)),
        early_stopping_days=min(config.early_stopping_days, max(1, before // DAYS_PER_STOPPING_DAY)),
    )


def used(ranges: dict[str, Any]) -> str:
    """Return a sentence on the days and flights of each part of a split."""
    return "; ".join(
        f"{name.replace('_', ' ')}: {part['flights']:,} flights of {part['days']} days, "
        f"{part['first']} to {part['last']}"
        for name, part in ranges.items()
    )
