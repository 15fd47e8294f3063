"""Search for the settings of the delay model."""

from __future__ import annotations

import dataclasses

import numpy as np

from flight_assets.delay_model.features.schedule_features import local_dates
from flight_assets.delay_model.training.boosters import candidates, fit_boosters
from flight_assets.delay_model.training.split import split
from flight_assets_tests.unit.small_model import CONFIG, SMALL, example


def test_the_candidates_of_a_seed_are_always_the_same():
    assert candidates(SMALL, 2, seed=1) == candidates(SMALL, 2, seed=1) != candidates(SMALL, 2, seed=2)
    assert candidates(SMALL, 2, seed=1)[0] == SMALL


def test_tuning_never_ends_worse_than_the_settings_it_started_from():
    flights, features = example()
    dates, arrived = (
        local_dates(flights),
        flights["arrival_delay_minutes"].notna().to_numpy(),
    )
    target = flights["arrival_delay_minutes"].to_numpy(dtype=np.float32)[arrived]
    parts = split(CONFIG, dates[arrived])
    plain = fit_boosters(CONFIG, features[arrived], target, parts)
    best = fit_boosters(dataclasses.replace(CONFIG, tuning_trials=2), features[arrived], target, parts)
    assert all(best[name].score <= plain[name].score for name in plain)
