"""The stage departed: what it knows of a flight, how it learns, and that old models do without it."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from flight_assets.contracts.departed import DEPARTED_FEATURE_NAMES, OF_ANNOUNCEMENT
from flight_assets.delay_model.errors import CorruptModelError, UnfitFeaturesError
from flight_assets.delay_model.features.build import build_features
from flight_assets.delay_model.features.departed import departed_features, inputs_of
from flight_assets.delay_model.features.events import events_from_flights, scheduled_flights
from flight_assets.delay_model.features.schedule_features import local_dates
from flight_assets.delay_model.registry import artifact
from flight_assets.delay_model.registry.model import DEPARTED_BOOSTERS, Manifest, TrainedModel
from flight_assets.delay_model.registry.shipped import shipped_model
from flight_assets.delay_model.serving.departed import has_departed_stage, predict_departed
from flight_assets.delay_model.serving.predict import predict
from flight_assets.delay_model.training import departed as training
from flight_assets.delay_model.training.departed import with_departed_stage
from flight_assets.delay_model.training.train import Arrived, train
from flight_assets.pipeline.current_forecasts import forecast_departed
from flight_assets_tests.unit.feature_network import bits, network
from flight_assets_tests.unit.small_model import CONFIG, example


@pytest.fixture(scope="module")
def model() -> TrainedModel:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "LEAST_FLIGHTS", 500)
        return train(CONFIG, *example())


@pytest.fixture(scope="module")
def before() -> TrainedModel:
    """A version without the stage: there were too few flights to learn it from."""
    return train(CONFIG, *example())


def departed_network() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Departed flights of the random network, their announced features, and the forecasts made of these."""
    flights = network(400)
    events = events_from_flights(flights)
    announced = scheduled_flights(events)
    features = build_features(announced, events)
    said = predict(shipped_model(), features).astype(float).assign(maker="model")
    delays = flights.set_index("flight_id")["departure_delay_minutes"].loc[announced["flight_id"]].to_numpy()
    has_left = ~np.isnan(delays)
    left = announced.assign(departure_delay_minutes=delays)[has_left]
    return left, features[has_left], said[has_left]


def test_serving_sees_the_bits_of_training():
    flights, features, said = departed_network()
    of_training = inputs_of(features, flights["departure_delay_minutes"].to_numpy(), said, flights.index)
    of_serving = departed_features(pd.concat([flights, said], axis=1))
    assert tuple(of_serving.columns) == DEPARTED_FEATURE_NAMES
    np.testing.assert_array_equal(bits(of_serving), bits(of_training))


def test_what_comes_after_the_departure_changes_no_bit():
    flights, _, said = departed_network()
    known = pd.concat([flights, said], axis=1)
    later = known.assign(
        arrival_delay_minutes=500.0, outcome="arrived", timestamp="2030-01-01", error_minutes=9.0
    )
    np.testing.assert_array_equal(bits(departed_features(later)), bits(departed_features(known)))


def test_a_forecast_of_the_baseline_counts_as_unknown():
    flights, _, said = departed_network()
    found = departed_features(pd.concat([flights, said.assign(maker="baseline")], axis=1))
    assert found[list(OF_ANNOUNCEMENT)].isna().all(axis=None)
    assert found["departure_delay_minutes"].notna().all()


def test_documents_of_the_hot_store_get_the_forecasts_of_a_table_of_flights(model: TrainedModel):
    flights, _, said = departed_network()
    whole = predict_departed(model, departed_features(pd.concat([flights, said], axis=1))).astype(float)
    predictions = said.to_dict("records")
    documents = [
        row | {"prediction": prediction}
        for row, prediction in zip(flights.to_dict("records"), predictions, strict=True)
    ]
    one_by_one = [forecast_departed([each], model)[0] for each in documents[::20]]
    expected = [
        row | {"model_version": model.manifest.version, "maker": "model"} for row in whole.to_dict("records")
    ]
    assert forecast_departed(documents, model) == expected
    assert one_by_one == expected[::20]


def test_it_is_better_than_the_announced_forecast_and_covers_what_it_claims(model: TrainedModel):
    section, announced = model.manifest.departed["metrics"], model.manifest.metrics["test"]
    assert section["flights"] == announced["flights"]
    assert section["mae"] < 0.5 * announced["mae"]
    assert section["r2"] > announced["r2"]
    assert section["coverage_90"] == pytest.approx(0.9, abs=0.05)


def test_it_comes_through_its_files_and_a_missing_one_is_told(model: TrainedModel):
    files = artifact.save(model)
    inputs = departed_features(pd.concat([*departed_network()[::2]], axis=1))
    loaded = artifact.load(files)
    pd.testing.assert_frame_equal(predict_departed(loaded, inputs), predict_departed(model, inputs))
    assert "Departed" in files[artifact.CARD_FILE].decode()
    del files["departed_late.ubj"]
    with pytest.raises(CorruptModelError, match="departed_late.ubj"):
        artifact.load(files)


def test_the_same_flights_give_the_same_boosters_and_a_version_of_their_own(
    model: TrainedModel, before: TrainedModel, monkeypatch
):
    monkeypatch.setattr(training, "LEAST_FLIGHTS", 500)
    arrived = Arrived.of(CONFIG, *example())
    again = with_departed_stage(
        CONFIG, before, arrived.flights, arrived.features, arrived.parts, local_dates(arrived.flights)
    )
    assert again.manifest.departed == model.manifest.departed
    for name, booster in again.boosters.items():
        assert booster.save_raw("ubj") == model.boosters[name].save_raw("ubj")
    assert before.manifest.version != model.manifest.version


def test_a_version_of_before_loads_and_forecasts_no_departed_flight(before: TrainedModel):
    text = json.loads(before.manifest.to_json())
    del text["departed"]
    assert not Manifest.from_json(json.dumps(text)).departed
    assert not has_departed_stage(artifact.load(artifact.save(before)))
    flights, _, said = departed_network()
    with pytest.raises(UnfitFeaturesError, match="no departed flights"):
        predict_departed(before, departed_features(pd.concat([flights, said], axis=1)))
    assert forecast_departed(flights.to_dict("records"), before) == []
    assert forecast_departed(flights.to_dict("records"), None) == []


def test_with_few_flights_the_boosters_of_the_base_stay_with_an_interval_of_these(model: TrainedModel):
    own = train(CONFIG, *example(seed=8), model)
    assert own.manifest.departed["boosters_of"] == model.manifest.version
    for name in DEPARTED_BOOSTERS:
        assert own.boosters[name].save_raw("ubj") == model.boosters[name].save_raw("ubj")
    assert own.manifest.departed["conformal_factors"] != model.manifest.departed["conformal_factors"]


def test_without_a_departure_delay_there_is_no_forecast(model: TrainedModel):
    flights, _, said = departed_network()
    inputs = departed_features(pd.concat([flights.assign(departure_delay_minutes=None), said], axis=1))
    assert predict_departed(model, inputs).isna().all(axis=None)
    assert predict_departed(model, inputs.iloc[:0]).empty
