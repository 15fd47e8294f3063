"""Watch on a model after training: drift, bounds on live figures, the gate for challengers,
registered regressors.
"""

from __future__ import annotations

import pickle
from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest

from flight_assets.contracts.features import CODE_FEATURES
from flight_assets.delay_model.errors import RefusedPickleError, UnfitFeaturesError
from flight_assets.delay_model.evaluate import evaluate
from flight_assets.delay_model.registry import artifact
from flight_assets.delay_model.registry.model import PickledModel, TrainedModel
from flight_assets.delay_model.serving.drift import psi, reference
from flight_assets.delay_model.serving.monitor import Bounds, judged
from flight_assets.delay_model.serving.predict import predict
from flight_assets.delay_model.training.dataset import Dataset
from flight_assets.delay_model.training.gate import GateRules, compare, decide
from flight_assets.delay_model.training.register import registered
from flight_assets.delay_model.training.train import Arrived, calibrate, train
from flight_assets_tests.unit.small_model import CONFIG, SMALL, example

GOOD = {"flights": 5_000.0, "mae": 18.0, "rmse": 31.0, "coverage_90": 0.905}
LIVE = {
    "flights": 4_000,
    "mae": 18.0,
    "rmse": 30.0,
    "mape": 0.8,
    "coverage_90": 0.9,
    "interval_width_minutes": 80.0,
}
LIVE |= {"mae_median_baseline": 22.0, "brier": 0.12, "brier_base_rate": 0.16}
ON_TEST = {"mae_vs_median": 0.82}
CALM = pd.Series({"distance_miles": 0.01, "temperature_f": 0.05, "months_from_january": 9.0}, name="psi")


def numbers(seed: int, shift: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame({"moved": rng.normal(shift, 1, 5_000), "steady": rng.normal(0, 1, 5_000)}).astype(
        np.float32
    )


def test_psi_is_small_for_the_same_world_and_large_for_a_moved_one():
    of_training = reference(numbers(1))
    assert psi(of_training, numbers(2)).max() < 0.02
    moved = psi(of_training, numbers(3, shift=1.0))
    assert moved.index[0] == "moved"
    assert moved["moved"] > 0.25 > 0.02 > moved["steady"]


def test_psi_equals_its_formula():
    of_training = {"x": {"edges": [0.0], "shares": [0.5, 0.4, 0.1]}}
    found = pd.DataFrame({"x": [-1.0, 1.0, 1.0, 1.0]})
    p, q = np.array([0.25, 0.75, 1e-4]), np.array([0.5, 0.4, 0.1])
    assert psi(of_training, found)["x"] == pytest.approx(np.sum((p - q) * np.log(p / q)))


def test_values_that_vanish_are_drift():
    of_training = reference(numbers(1))
    blank = numbers(2).assign(moved=np.float32("nan"))
    assert psi(of_training, blank)["moved"] > 1


def test_the_reference_is_in_the_manifest_and_survives_json():
    model = train(CONFIG, *example())
    again = artifact.load(artifact.save(model)).manifest.reference
    assert again == model.manifest.reference
    assert psi(again, example(seed=4)[1]).max() < 0.05


def breached(rows: pd.DataFrame) -> set[tuple[str, str]]:
    return {(row.metric, row.subject) for row in rows[rows["breached"]].itertuples()}


def test_a_model_that_does_what_it_did_breaches_nothing():
    assert breached(judged(LIVE, ON_TEST, CALM, 4_000, Bounds())) == set()


@pytest.mark.parametrize(
    ("live", "metric"),
    [
        ({"mae": 21.5}, "mae_vs_median"),
        ({"coverage_90": 0.84}, "coverage_90"),
        ({"coverage_90": 0.96}, "coverage_90"),
        ({"brier": 0.17}, "brier_vs_base_rate"),
    ],
)
def test_a_live_figure_out_of_bounds_is_breached(live: dict[str, float], metric: str):
    assert breached(judged(LIVE | live, ON_TEST, CALM, 4_000, Bounds())) == {(metric, "")}
    assert breached(judged(LIVE | live | {"flights": 999}, ON_TEST, CALM, 4_000, Bounds())) == set()


def test_drifted_features_are_told_but_breach_nothing_while_the_forecasts_are_good():
    drifted = pd.Series(
        {"distance_miles": 0.3, "temperature_f": 0.05, "humidity_pct": 0.1, "months_from_january": 9.0}
    )
    rows = judged(LIVE, ON_TEST, drifted, 4_000, Bounds())
    assert breached(rows) == set()
    assert dict(zip(rows["subject"], rows["value"], strict=True))["distance_miles"] == 0.3
    worse = judged(LIVE | {"mae": 21.5}, ON_TEST, drifted, 4_000, Bounds())
    assert breached(worse) == {("mae_vs_median", ""), ("psi", "distance_miles"), ("psi_share", "")}


def season(share_calm: float, level: float, law: float = 1.0, seed: int = 11) -> dict[str, object]:
    """Live figures and drift of flights of a season, for a model that has seen the example's flights.

    ``share_calm``: flights whose delay scatters little. ``level``: shift of every feature. ``law``: how the
    delay follows them, 1 as in training.
    """
    _, features = example(seed=seed)
    model, rng = trained(), np.random.default_rng(seed)
    is_calm = rng.random(len(features)) < share_calm
    moved = features + np.float32(level)
    moved["temperature_f"] = np.where(is_calm, 0.1, features["temperature_f"])
    for name in ("scheduled_departure_minute", "months_from_january", *CODE_FEATURES):
        moved[name] = features[name]
    spread = 5 + 20 * np.abs(moved["temperature_f"])
    actual = 20 * law * moved["network_planned_overdue_minutes_2h"] + rng.normal(0, 1, len(moved)) * spread
    # Served intervals follow the outcomes; the first half stands for those known before.
    half, baselines = len(moved) // 2, model.manifest.training["baselines"]
    served = calibrate(model, moved[:half], actual[:half].to_numpy(np.float32))
    actual, moved = actual[half:].to_numpy(float), moved[half:]
    live = evaluate(actual, predict(served, moved), baselines)
    return {"live": live, "psi": psi(model.manifest.reference, moved)}


@cache
def trained() -> TrainedModel:
    return train(CONFIG, *example())


@pytest.mark.parametrize(("share_calm", "level"), [(0.0, 0.0), (0.9, 0.4), (0.0, 0.4), (0.6, -0.4)])
def test_another_season_raises_no_alert_though_its_features_are_others(share_calm: float, level: float):
    found = season(share_calm, level)
    rows = judged(found["live"], trained().manifest.metrics["test"], found["psi"], 6_000, Bounds(psi=0.1))
    shares = rows.set_index("metric")["value"]
    assert (shares["psi_share"] > Bounds().psi_share) == (level != 0)
    assert breached(rows) == set()


def test_delays_that_no_longer_follow_the_features_raise_one_in_any_season():
    for share_calm, level in ((0.0, 0.0), (0.9, 0.4)):
        found = season(share_calm, level, law=-1.0)
        rows = judged(found["live"], trained().manifest.metrics["test"], found["psi"], 6_000, Bounds(psi=0.1))
        assert ("mae_vs_median", "") in breached(rows)


def test_the_better_challenger_with_an_honest_interval_is_promoted():
    decision = decide(GOOD | {"mae": 17.9}, GOOD)
    assert decision.promote
    assert "17.90" in decision.reasons[0]


@pytest.mark.parametrize(
    ("challenger", "reason"),
    [
        ({"mae": 18.0}, "MAE"),
        ({"mae": 17.0, "rmse": 31.5}, "RMSE"),
        ({"mae": 17.0, "coverage_90": 0.87}, "covers 0.870"),
        ({"mae": 17.0, "coverage_90": float("nan")}, "covers nan"),
        ({"mae": 17.0, "flights": 499.0}, "only 499 unseen flights"),
    ],
)
def test_a_challenger_is_refused_with_the_reason(challenger: dict[str, float], reason: str):
    decision = decide(GOOD | challenger, GOOD, GateRules())
    assert not decision.promote
    assert reason in " ".join(decision.reasons)


def test_the_first_model_needs_flights_and_coverage_only():
    assert decide(GOOD | {"mae": 99.0}, None).promote
    assert not decide({}, None).promote


def test_both_are_compared_on_the_flights_that_the_challenger_has_not_seen():
    flights, features = example()
    arrived = Arrived.of(CONFIG, flights, features)
    champion, better = (
        train(
            replace(CONFIG, mean=replace(SMALL, rounds=1), quantiles=replace(SMALL, rounds=1)),
            flights,
            features,
        ),
        None,
    )
    better = train(CONFIG, flights, features)
    decision, figures = compare(better, champion, arrived)
    assert decision.promote
    assert figures["period"]["first"] == "2013-05-01"
    assert figures["champion_has_seen_until"] < "2013-05-01"
    assert figures["challenger"]["flights"] == figures["champion"]["flights"] == arrived.parts["test"].sum()
    again, _ = compare(champion, better, arrived)
    assert not again.promote


class Linear:
    """A regressor that knows the one feature that the example's delay grows with."""

    def predict(self, features: np.ndarray) -> np.ndarray:
        return 20 * features[:, list(example()[1].columns).index("network_planned_overdue_minutes_2h")]


class Nonsense:
    """A regressor that does not give a number per row."""

    def predict(self, features: np.ndarray) -> np.ndarray:
        return np.full((len(features), 2), np.nan)


def pickled(regressor: object) -> tuple[bytes, str]:
    content = pickle.dumps(regressor)
    return content, artifact.sha256(content)


def test_a_registered_regressor_gets_an_interval_that_covers_and_is_opened_only_when_pinned():
    flights, features = example()
    content, pinned = pickled(Linear())
    model = registered(content, pinned, Dataset(flights, features), CONFIG)
    test = model.manifest.metrics["test"]
    assert test["coverage_90"] == pytest.approx(0.9, abs=0.03)
    assert test["mae_vs_median"] < 1
    assert test["brier_vs_base_rate"] < 1
    files = artifact.save(model)
    loaded = artifact.load(files, pinned)
    assert isinstance(loaded, PickledModel)
    pd.testing.assert_frame_equal(predict(loaded, features.head(20)), predict(model, features.head(20)))
    assert "pickled regressor" in files[artifact.CARD_FILE].decode()
    for wrong in ("", "0" * 64):
        with pytest.raises(RefusedPickleError, match=pinned):
            artifact.load(files, wrong)
    with pytest.raises(Exception, match="has the SHA-256"):
        artifact.load(files | {artifact.PICKLE_FILE: pickle.dumps(Nonsense())}, pinned)


def test_a_regressor_that_does_not_give_a_number_per_row_is_refused():
    content, pinned = pickled(Nonsense())
    with pytest.raises(UnfitFeaturesError, match="one finite number per row"):
        registered(content, pinned, Dataset(*example()), CONFIG)


def test_a_pickle_that_cannot_be_opened_is_refused_in_a_sentence():
    content = b"cno_such_module\nThing\n."
    with pytest.raises(RefusedPickleError, match="no_such_module"):
        registered(content, artifact.sha256(content), Dataset(*example()), CONFIG)
