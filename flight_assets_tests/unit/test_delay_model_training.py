"""Training on any amount of flights: its split, what it hides, where it starts, and features by day."""

from __future__ import annotations

import dataclasses
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from flight_assets.contracts.features import (
    FEATURE_NAMES,
    INBOUND_FEATURES,
    NETWORK_BOUND_FEATURES,
    WEATHER_FEATURES,
)
from flight_assets.delay_model.errors import TooFewFlightsError
from flight_assets.delay_model.features.build import build_features
from flight_assets.delay_model.features.events import events_from_flights, scheduled_flights
from flight_assets.delay_model.features.schedule_features import local_dates
from flight_assets.delay_model.serving.predict import predict
from flight_assets.delay_model.training.adapt import DAYS_NEEDED, FLIGHTS_NEEDED, adapted, missing, used
from flight_assets.delay_model.training.blocks import BLOCK_ROWS, Hiding, blocks, sample
from flight_assets.delay_model.training.boosters import BASE, CONTINUED, SCRATCH
from flight_assets.delay_model.training.config import TrainConfig
from flight_assets.delay_model.training.dataset import Dataset
from flight_assets.delay_model.training.days import dataset_of_days
from flight_assets.delay_model.training.split import EARLY_STOPPING, TEST, check_sizes, split, thinned
from flight_assets.delay_model.training.train import Arrived, train
from flight_assets.delay_model.training.transfer import figures
from flight_assets_tests.unit.feature_network import bits, network
from flight_assets_tests.unit.small_model import CONFIG, example


def days(count: int, flights_a_day: int = 1_000, first: str = "2026-03-02") -> np.ndarray:
    return np.repeat(np.datetime64(first) + np.arange(count), flights_a_day)


@pytest.mark.parametrize("count", [*range(DAYS_NEEDED, 40), 91, 365])
def test_every_number_of_days_from_the_least_on_gives_each_part_whole_days(count: int):
    dates = days(count)
    config = adapted(TrainConfig(), dates)
    parts = split(config, dates)
    check_sizes(parts)
    assert parts[TEST].any()
    assert (np.sum(list(parts.values()), axis=0) == 1).all()
    assert dates[parts[TEST]].min() > max(dates[mask].max() for name, mask in parts.items() if name != TEST)
    assert parts["train"].sum() >= 0.4 * len(dates)


def test_days_without_flights_leave_no_part_empty():
    dates = np.concatenate([days(3), days(3, first="2026-05-01"), days(3, first="2026-08-09")])
    check_sizes(split(adapted(TrainConfig(), dates), dates))


def test_too_little_is_told_with_what_is_missing():
    assert missing(DAYS_NEEDED, FLIGHTS_NEEDED) is None
    assert missing(3, 1_200) == (
        "there are 1,200 arrived flights of 3 days; training needs 3,000 flights of 5 days: "
        "1,800 flights and 2 days are missing"
    )
    with pytest.raises(TooFewFlightsError, match="0 flights and 1 days are missing"):
        adapted(TrainConfig(), days(4))


def test_a_given_test_period_is_kept():
    config = adapted(TrainConfig(), days(8), date(2026, 3, 8))
    assert (config.test_from, config.calibration_days, config.early_stopping_days) == (date(2026, 3, 8), 1, 1)


def test_three_days_before_a_given_test_period_are_one_for_each_part():
    dates = days(8)
    config = adapted(TrainConfig(), dates, date(2026, 3, 5))
    parts = split(config, dates)
    assert [len(np.unique(dates[mask])) for mask in parts.values()] == [1, 1, 1, 5]


def test_the_parts_used_are_told_in_words():
    flights, features = example()
    said = used(Arrived.of(CONFIG, flights, features).ranges)
    assert "calibration: " in said
    assert "test: 1,190 flights of 31 days, 2013-05-01 to 2013-05-31" in said


def test_hidden_values_are_the_same_in_every_run_and_of_the_stated_share():
    shares = (("weather", 0.3), ("inbound", 0.1), ("aircraft", 0.0))
    config = dataclasses.replace(CONFIG, hidden_shares=shares, unused_features=NETWORK_BOUND_FEATURES)
    names, count = list(FEATURE_NAMES), 20_000
    values, rows = np.ones((count, len(names)), np.float32), np.arange(count)
    hidden = pd.DataFrame(Hiding(config, names, count)(values, rows), columns=names)
    assert hidden[list(NETWORK_BOUND_FEATURES)].isna().all(axis=None)
    for block, share in ((WEATHER_FEATURES, 0.3), (INBOUND_FEATURES, 0.1)):
        is_hidden = hidden[list(block)].isna()
        assert (is_hidden.all(axis=1) == is_hidden.any(axis=1)).all()
        assert is_hidden.any(axis=1).mean() == pytest.approx(share, abs=0.02)
    assert hidden["distance_miles"].notna().all()
    np.testing.assert_array_equal(Hiding(config, names, count)(values[:500], rows[:500]), hidden[:500])
    assert not np.isnan(values).any()


def test_a_thinned_training_keeps_the_other_parts_and_draws_the_same_flights_again():
    parts = split(adapted(TrainConfig(), days(30)), days(30))
    drawn = thinned(parts, 5_000, seed=3)
    assert drawn["train"].sum() == pytest.approx(5_000, rel=0.1)
    assert not (drawn["train"] & ~parts["train"]).any()
    for name in ("calibration", TEST):
        np.testing.assert_array_equal(drawn[name], parts[name])
    np.testing.assert_array_equal(drawn["train"], thinned(parts, 5_000, seed=3)["train"])
    assert thinned(parts, 0, seed=3) is parts


def test_blocks_are_all_rows_of_a_mask_once():
    features = pd.DataFrame({"x": np.arange(BLOCK_ROWS * 2 + 9, dtype=np.float32)})
    mask = features["x"].to_numpy() % 2 == 0
    found = list(blocks(features, mask))
    assert len(found) == 2
    np.testing.assert_array_equal(np.concatenate([rows for rows, _ in found]), np.flatnonzero(mask))
    np.testing.assert_array_equal(np.concatenate([values[:, 0] for _, values in found]), features["x"][mask])
    assert len(sample(features, mask)) <= BLOCK_ROWS


def test_an_unused_feature_changes_no_prediction():
    flights, features = example()
    model = train(dataclasses.replace(CONFIG, unused_features=NETWORK_BOUND_FEATURES), flights, features)
    other = example(seed=9)[1]
    moved = other.assign(months_from_january=5.0, airline_code=20.0, origin_code=np.nan)
    pd.testing.assert_frame_equal(predict(model, other), predict(model, moved))
    assert not set(NETWORK_BOUND_FEATURES) & set(model.manifest.reference)


def test_a_little_data_starts_from_a_base_and_is_better_for_it():
    flights, features = example()
    base = train(CONFIG, flights, features)
    few = np.flatnonzero((flights["scheduled_departure"] >= "2013-04-10").to_numpy())
    config = dataclasses.replace(CONFIG, calibration_days=4, early_stopping_days=4)
    alone = train(config, flights.iloc[few], features.iloc[few])
    based = train(config, flights.iloc[few], features.iloc[few], base)
    assert set(based.manifest.training["started_from"].values()) <= {BASE, CONTINUED}
    assert set(alone.manifest.training["started_from"].values()) == {SCRATCH}
    assert based.manifest.training["base"] == base.manifest.version
    assert based.manifest.metrics["test"]["mae"] < alone.manifest.metrics["test"]["mae"]


def test_a_base_of_another_world_is_left_alone():
    flights, features = example()
    base = train(CONFIG, flights.assign(arrival_delay_minutes=-flights["arrival_delay_minutes"]), features)
    based = train(CONFIG, flights, features, base)
    assert based.manifest.training["started_from"]["mean"] == SCRATCH


def test_figures_are_compared_with_the_best_constant_for_the_same_flights():
    flights, features = example()
    model = train(CONFIG, flights, features)
    arrived = flights["arrival_delay_minutes"].notna()
    found = figures(model, Dataset(flights[arrived], features[arrived]))
    assert found["flights"] == arrived.sum()
    assert 0 < found["mae_vs_own_median"] < 1


class OfNetwork:
    """The random network, by date."""

    def __init__(self) -> None:
        flights = network()
        self.by_day = dict(iter(flights.groupby(local_dates(flights).astype(object))))

    def days(self) -> list[date]:
        return sorted(self.by_day)

    def read(self, day: date) -> pd.DataFrame:
        return self.by_day[day]


def test_features_built_some_days_at_a_time_are_the_bits_of_all_at_once(tmp_path: Path, monkeypatch):
    monkeypatch.setattr("flight_assets.delay_model.training.days.DAYS_AT_ONCE", 2)
    events = events_from_flights(network())
    flights = scheduled_flights(events)
    whole = build_features(flights, events).set_index(flights["flight_id"])
    found = dataset_of_days(OfNetwork(), tmp_path)
    arrived = network().set_index("flight_id")["arrival_delay_minutes"].dropna()
    assert set(found.flights["flight_id"]) == set(arrived.index)
    np.testing.assert_array_equal(bits(found.features), bits(whole.loc[found.flights["flight_id"]]))
    expected = arrived.loc[found.flights["flight_id"]].to_numpy()
    np.testing.assert_array_equal(found.flights["arrival_delay_minutes"], expected)


def test_only_the_wanted_days_are_in_the_data_set(tmp_path: Path):
    source = OfNetwork()
    wanted = source.days()[2:4]
    found = dataset_of_days(source, tmp_path, wanted)
    assert set(local_dates(found.flights).astype(object)) == set(wanted)
    assert wanted[1] - wanted[0] == timedelta(days=1)


def test_early_stopping_days_are_never_calibration_days():
    dates = days(30)
    parts = split(adapted(TrainConfig(), dates), dates)
    assert not set(dates[parts[EARLY_STOPPING]]) & set(dates[parts["calibration"]])
