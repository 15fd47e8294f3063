"""Figures of the shipped configuration on the real flights: trained to September, tested from October 2013.

Takes about 80 seconds of one core, nearly all of it the training. The bounds leave a little room for other
versions of XGBoost.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
import pytest

from flight_assets.contracts.feature_windows import LOOKBACK
from flight_assets.delay_model.features.build import build_features
from flight_assets.delay_model.features.events import events_from_flights, scheduled_flights
from flight_assets.delay_model.registry.model import TrainedModel
from flight_assets.delay_model.serving.predict import predict
from flight_assets.delay_model.training.train import TrainConfig, train
from flight_assets.producer.nycflights import load_flights

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Year:
    """All of 2013: its events, its flights with their outcome, and their features, the latter two
    row by row.
    """

    events: pd.DataFrame
    flights: pd.DataFrame
    features: pd.DataFrame


@pytest.fixture(scope="module")
def year() -> Year:
    loaded = load_flights()
    events = events_from_flights(loaded)
    outcome = loaded[["flight_id", "departure_delay_minutes", "arrival_delay_minutes"]]
    flights = scheduled_flights(events).merge(outcome, on="flight_id", how="left", validate="one_to_one")
    return Year(events, flights, build_features(flights, events))


@pytest.fixture(scope="module")
def model(year: Year) -> TrainedModel:
    return train(TrainConfig(test_from=date(2013, 10, 1)), year.flights, year.features)


@pytest.fixture(scope="module")
def figures(model: TrainedModel) -> dict[str, float]:
    return model.manifest.metrics["test"]


def test_the_test_period_is_october_to_december(model: TrainedModel, figures: dict[str, float]):
    assert figures["flights"] == 82_609
    assert model.manifest.training["ranges"]["test"]["first"] == "2013-10-01"
    assert figures["mae_median_baseline"] == pytest.approx(21.88, abs=0.05)


def test_the_mean_explains_three_tenths_of_the_variance_and_not_suspiciously_more(figures: dict[str, float]):
    assert 0.295 <= figures["r2"] <= 0.45


def test_the_median_is_a_sixth_better_than_the_baseline(figures: dict[str, float]):
    assert figures["mae"] <= 18.2
    assert figures["mae_vs_median"] <= 0.83


def test_the_interval_covers_what_it_says(figures: dict[str, float]):
    assert figures["coverage_90"] == pytest.approx(0.9, abs=0.015)
    assert figures["interval_width_minutes"] <= 81


def test_the_probability_is_better_than_the_base_rate(figures: dict[str, float]):
    assert figures["brier_vs_base_rate"] <= 0.78


def test_higher_confidence_means_smaller_error_decile_by_decile(model: TrainedModel):
    errors = [row["mae"] for row in model.manifest.metrics["by_confidence"].values()]
    assert len(errors) == 10
    assert errors == sorted(errors, reverse=True)


def test_a_stream_of_any_day_sees_the_features_of_training(year: Year):
    for day in ("2013-02-09", "2013-07-10", "2013-11-03", "2013-12-31"):
        flights = year.flights[year.flights["timestamp"].dt.strftime("%Y-%m-%d") == day]
        window = year.events["timestamp"].between(
            flights["timestamp"].min() - LOOKBACK, flights["timestamp"].max()
        )
        served = build_features(flights, year.events[window].sample(frac=1, random_state=1))
        trained = year.features.loc[flights.index]
        np.testing.assert_array_equal(served.to_numpy().view(np.int32), trained.to_numpy().view(np.int32))


def test_blanking_the_future_changes_no_prediction(year: Year, model: TrainedModel):
    moment = pd.Timestamp("2013-12-05T20:00:00Z")
    flights = year.flights[year.flights["timestamp"] == moment]
    known = predict(model, build_features(flights, year.events[year.events["timestamp"] < moment]))
    pd.testing.assert_frame_equal(known, predict(model, year.features.loc[flights.index]))
    assert len(flights) > 0
