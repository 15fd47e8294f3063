"""Training, predicting, saving and loading on made-up features: what is refused, and that the same input
gives the same bytes.
"""

from __future__ import annotations

import dataclasses
import json
import pickle
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from flight_assets.contracts.features import CODE_FEATURES, FEATURE_NAMES
from flight_assets.delay_model.errors import (
    CorruptModelError,
    RefusedPickleError,
    TooFewFlightsError,
    UnfitFeaturesError,
)
from flight_assets.delay_model.registry import artifact
from flight_assets.delay_model.registry.model import TrainedModel
from flight_assets.delay_model.registry.pickled import load_pickle
from flight_assets.delay_model.serving.predict import PREDICTION_COLUMNS, confidence, predict
from flight_assets.delay_model.training.importance import (
    contributions,
    gain_importance,
    importance_picture,
    shap_importance,
)
from flight_assets.delay_model.training.split import split
from flight_assets.delay_model.training.train import train
from flight_assets.errors import FlightsError
from flight_assets_tests.unit.small_model import CONFIG, FLIGHTS, example


@pytest.fixture(scope="module")
def model() -> TrainedModel:
    return train(CONFIG, *example())


@pytest.fixture(scope="module")
def files(model: TrainedModel) -> dict[str, bytes]:
    return artifact.save(model)


@pytest.mark.parametrize("train_from", [None, date(2013, 2, 1), date(2013, 3, 25)])
def test_every_day_is_in_one_part_and_the_test_period_comes_last(train_from: date | None):
    dates = np.repeat(np.arange("2013-01-01", "2013-07-01", dtype="datetime64[D]"), 2)
    parts = split(dataclasses.replace(CONFIG, train_from=train_from), dates)
    used = (dates >= np.datetime64(train_from or "2013-01-01")) & (dates < np.datetime64("2013-06-01"))
    assert (np.sum(list(parts.values()), axis=0) == used).all()
    assert (
        max(dates[mask].max() for name, mask in parts.items() if name != "test") < dates[parts["test"]].min()
    )
    assert not set(dates[parts["train"]]) & set(dates[parts["calibration"]])


def test_calibration_is_recent_and_early_stopping_is_spread():
    dates = np.arange("2013-01-01", "2013-05-01", dtype="datetime64[D]")
    parts = split(dataclasses.replace(CONFIG, calibration_days=5, early_stopping_days=12), dates)
    assert parts["calibration"].sum() == 5
    assert dates[parts["calibration"]].min() > np.datetime64("2013-04-10")
    assert np.diff(dates[parts["early_stopping"]]).max() <= np.timedelta64(20, "D")
    assert len({day.astype(int) % 7 for day in dates[parts["early_stopping"]]}) > 3


def test_training_learns_and_says_what_it_did(model: TrainedModel):
    figures = model.manifest.metrics["test"]
    assert figures["mae"] < 0.8 * figures["mae_median_baseline"]
    assert figures["coverage_90"] == pytest.approx(0.9, abs=0.05)
    assert model.manifest.features == FEATURE_NAMES
    assert model.manifest.training["ranges"]["test"]["first"] == "2013-05-01"
    assert set(model.manifest.codes) == set(CODE_FEATURES)


def test_training_again_gives_the_same_bytes_however_many_threads(files: dict[str, bytes]):
    assert artifact.save(train(dataclasses.replace(CONFIG, nthread=3), *example())) == files


def test_other_data_give_another_version_and_fingerprint(model: TrainedModel):
    other = train(CONFIG, *example(seed=4)).manifest
    assert other.version != model.manifest.version
    assert other.data_fingerprint != model.manifest.data_fingerprint


def test_what_happens_after_the_training_range_does_not_change_the_model(model: TrainedModel):
    flights, features = example()
    later = (flights["scheduled_departure"] >= "2013-05-02").to_numpy()
    changed = train(
        CONFIG,
        flights.assign(arrival_delay_minutes=flights["arrival_delay_minutes"].mask(later, 500.0)),
        features,
    )
    assert changed.manifest.version == model.manifest.version
    assert changed.manifest.conformal_factors == model.manifest.conformal_factors


def test_an_empty_training_range_is_an_error_that_says_so():
    with pytest.raises(TooFewFlightsError, match="train part of the training range holds 0"):
        train(dataclasses.replace(CONFIG, train_from=date(2014, 1, 1)), *example())


def test_no_flights_after_the_training_range_give_a_model_without_figures():
    flights, features = example()
    before = (flights["scheduled_departure"] < "2013-05-01").to_numpy()
    assert train(CONFIG, flights[before], features[before]).manifest.metrics == {}


def test_predictions_are_in_order_and_within_bounds(model: TrainedModel):
    predictions = predict(model, example(seed=9)[1].set_index(np.arange(FLIGHTS) + 7))
    assert tuple(predictions.columns) == PREDICTION_COLUMNS
    assert predictions.index[0] == 7
    assert (predictions["interval_low_minutes"] <= predictions["predicted_delay_minutes"]).all()
    assert (predictions["predicted_delay_minutes"] <= predictions["interval_high_minutes"]).all()
    assert predictions[["probability_delayed_15", "confidence"]].stack().between(0, 1).all()


def test_a_loaded_model_predicts_the_same(model: TrainedModel, files: dict[str, bytes]):
    features = example(seed=9)[1]
    pd.testing.assert_frame_equal(predict(artifact.load(files), features), predict(model, features))


def test_more_threads_predict_the_same(model: TrainedModel):
    features = example(seed=9)[1]
    pd.testing.assert_frame_equal(predict(model, features, nthread=2), predict(model, features))


def test_a_flight_is_predicted_the_same_among_few_and_among_many(model: TrainedModel):
    _, features = example()
    few = pd.concat([predict(model, features.iloc[[row]]) for row in range(40)])
    pd.testing.assert_frame_equal(few, predict(model, features).iloc[:40], check_exact=True)


def test_an_unseen_code_counts_as_unknown(model: TrainedModel):
    features = example(seed=9)[1]
    unseen, unknown = (
        features.assign(airline_code=np.float32(999)),
        features.assign(airline_code=np.float32("nan")),
    )
    pd.testing.assert_frame_equal(predict(model, unseen), predict(model, unknown))


def test_predicting_leaves_the_features_as_they_were(model: TrainedModel):
    features = example(seed=9)[1].assign(airline_code=np.float32(999))
    before = features.copy()
    predict(model, features)
    pd.testing.assert_frame_equal(features, before)


def test_other_features_are_refused(model: TrainedModel):
    features = example(seed=9)[1]
    with pytest.raises(UnfitFeaturesError, match="missing \\['month"):
        predict(model, features.drop(columns=[name for name in features if name.startswith("month")]))
    with pytest.raises(UnfitFeaturesError, match="another order"):
        predict(model, features[list(reversed(FEATURE_NAMES))])


def test_no_flights_give_no_predictions(model: TrainedModel):
    assert len(predict(model, example()[1].head(0))) == 0


def test_confidence_falls_with_the_width_and_with_what_is_missing():
    widths = np.array([0, 40, 80], dtype=np.float32)
    assert confidence(widths, np.ones(3, dtype=np.float32), 40.0).tolist() == pytest.approx([1, 1 / 2, 1 / 3])
    assert confidence(widths, np.full(3, 0.5, dtype=np.float32), 40.0).tolist() == pytest.approx(
        [1 / 2, 1 / 4, 1 / 6]
    )


def test_missing_features_lower_the_confidence(model: TrainedModel):
    features = example(seed=9)[1]
    unused = [name for name in FEATURE_NAMES if name not in model.boosters["quantiles"].get_score()]
    missing = features.assign(**dict.fromkeys(unused[:10], np.float32("nan")))
    assert (predict(model, missing)["confidence"] < predict(model, features)["confidence"]).all()


def test_every_changed_byte_is_noticed(files: dict[str, bytes]):
    for name in files:
        if name.endswith(".ubj"):
            changed = files[name][:-1] + bytes([files[name][-1] ^ 1])
            with pytest.raises(CorruptModelError, match=f"{name}.*SHA-256"):
                artifact.load({**files, name: changed})


@pytest.mark.parametrize("name", ["mean.ubj", "manifest.json"])
def test_a_missing_file_is_named(files: dict[str, bytes], name: str):
    with pytest.raises(CorruptModelError, match=name):
        artifact.load({other: content for other, content in files.items() if other != name})


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\xff"])
def test_an_unreadable_manifest_is_an_error_that_says_so(files: dict[str, bytes], content: bytes):
    with pytest.raises(CorruptModelError, match=r"manifest\.json"):
        artifact.load({**files, artifact.MANIFEST_FILE: content})


def test_a_booster_that_is_none_is_an_error_that_says_so(files: dict[str, bytes]):
    manifest = json.loads(files[artifact.MANIFEST_FILE])
    manifest["sha256"]["late.ubj"] = artifact.sha256(b"not a booster")
    with pytest.raises(CorruptModelError, match="late cannot be read"):
        artifact.load(
            {**files, "late.ubj": b"not a booster", artifact.MANIFEST_FILE: json.dumps(manifest).encode()}
        )


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("features", list(FEATURE_NAMES[:-1]), FEATURE_NAMES[-1]),
        ("features", list(reversed(FEATURE_NAMES)), "their order differs"),
        ("feature_contract_version", 0, "version 0"),
    ],
)
def test_a_model_for_other_features_is_refused(
    files: dict[str, bytes], field: str, value: object, reason: str
):
    manifest = json.loads(files[artifact.MANIFEST_FILE]) | {field: value}
    with pytest.raises(UnfitFeaturesError, match=reason):
        artifact.load({**files, artifact.MANIFEST_FILE: json.dumps(manifest).encode()})


def test_a_folder_holds_what_the_bytes_say(model: TrainedModel, files: dict[str, bytes], tmp_path: Path):
    artifact.write_folder(model, tmp_path / "model")
    assert {path.name: path.read_bytes() for path in (tmp_path / "model").iterdir()} == files
    assert artifact.read_folder(tmp_path / "model").manifest.version == model.manifest.version
    with pytest.raises(CorruptModelError):
        artifact.read_folder(tmp_path / "nothing")


def test_the_model_card_states_the_figures(model: TrainedModel, files: dict[str, bytes]):
    card = files[artifact.CARD_FILE].decode()
    assert model.manifest.version in card
    assert f"{model.manifest.metrics['test']['mae']:.2f}" in card


class Tens:
    """A pre-trained regressor, as a user might bring it."""

    def predict(self, features: np.ndarray) -> np.ndarray:
        return np.full(len(features), 10.0)


def test_a_pickle_is_opened_only_with_its_own_hash():
    content = pickle.dumps(Tens())
    assert load_pickle(content, artifact.sha256(content)).predict(np.zeros((2, 3))).tolist() == [10.0, 10.0]
    for pinned in ("", artifact.sha256(content + b"x")):
        with pytest.raises(RefusedPickleError, match=artifact.sha256(content)):
            load_pickle(content, pinned)


def test_a_refused_pickle_is_not_executed():
    class Bomb:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (pytest.fail, ("the pickle was executed",))

    with pytest.raises(RefusedPickleError):
        load_pickle(pickle.dumps(Bomb()), "0" * 64)


def test_a_pickle_of_something_else_is_refused():
    content = pickle.dumps({"not": "a regressor"})
    with pytest.raises(RefusedPickleError, match="dict without a predict"):
        load_pickle(content, artifact.sha256(content))


def test_every_model_error_is_one_that_the_command_line_prints_as_a_sentence():
    for error in (CorruptModelError, UnfitFeaturesError, TooFewFlightsError, RefusedPickleError):
        assert issubclass(error, FlightsError)


def test_importance_finds_what_the_delay_depends_on(model: TrainedModel):
    features = example(seed=9)[1].head(500)
    assert gain_importance(model).index[0] == "network_planned_overdue_minutes_2h"
    assert gain_importance(model).sum() == pytest.approx(1)
    assert shap_importance(model, features).index[0] == "network_planned_overdue_minutes_2h"


def test_contributions_add_up_to_what_the_mean_booster_says(model: TrainedModel):
    features = example(seed=9)[1].head(50)
    minutes, expected = contributions(model, features)
    said = model.boosters["mean"].inplace_predict(features.to_numpy(np.float32))
    np.testing.assert_allclose(minutes.sum(axis=1) + expected, said, atol=1e-3)


def test_the_picture_of_importances_is_a_png_and_always_the_same(model: TrainedModel):
    pictures = [importance_picture(gain_importance(model), shown=5) for _ in range(2)]
    assert pictures[0] == pictures[1]
    assert pictures[0].startswith(b"\x89PNG")
