"""Predictions on real services: the stream's features are training's, and predicting goes on, waits and is
compared as it should.

Tests share the stores and run in order of the file.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
from dagster import DagsterInstance, RunRequest, SkipReason, build_sensor_context

from flight_assets.assets.delay_model import Source
from flight_assets.contracts.features import FEATURE_NAMES
from flight_assets.contracts.tables import (
    CHALLENGER_PREDICTIONS,
    FACT,
    MODEL_MONITORING,
    PREDICTED_COLUMNS,
    PREDICTIONS,
    STAGING,
)
from flight_assets.delay_model import evaluate
from flight_assets.delay_model.features.build import build_features
from flight_assets.delay_model.features.events import events_from_flights, scheduled_flights
from flight_assets.delay_model.registry.model import TrainedModel
from flight_assets.errors import FlightsError
from flight_assets.pipeline.inference import history_of, unpack, with_features
from flight_assets.pipeline.live.lane import open_lane
from flight_assets.producer.nycflights import load_flights
from flight_assets.producer.replay import replay_messages
from flight_assets.producer.synthetic import synthetic_messages
from flight_assets.provenance import STEPS, BatchRecord, Ledger
from flight_assets.queries import model_quality
from flight_assets.stores import kafka, mongo
from flight_assets.stores.hdfs import Hdfs
from flight_assets.stores.models import MODELS_ROOT, Action, ModelStore
from flight_assets.stores.mongo_expiry import EARLY
from flight_assets_tests.integration.conftest import ANCHOR, flights_with_defects, run_command

pytestmark = pytest.mark.integration
REPLAYED = 12_000
FIRST_DAYS = (date(2012, 12, 31), date(2013, 1, 31))


@pytest.fixture(scope="module")
def store(quiet_platform, small_model) -> ModelStore:
    return ModelStore(Hdfs(quiet_platform))


@pytest.fixture(scope="module")
def ledger(quiet_platform) -> Ledger:
    return Ledger(Hdfs(quiet_platform))


@pytest.fixture(scope="module")
def replayed(send, process, ledger) -> BatchRecord:
    """The batch of the first four days of real flights."""
    send(replay_messages(REPLAYED))
    process()
    return newest(ledger)


@pytest.fixture(scope="module")
def other_model(store, small_model) -> str:
    """A second version: the small model with half of its trees."""
    model = store.load(small_model)
    boosters = {
        name: booster[: max(1, booster.num_boosted_rounds() // 2)] for name, booster in model.boosters.items()
    }
    store.publish(TrainedModel(boosters, replace(model.manifest, version=f"{small_model}-half")))
    return f"{small_model}-half"


def newest(ledger: Ledger) -> BatchRecord:
    return ledger.record(ledger.last_done(STEPS[-1]))


def test_features_from_the_stream_are_those_of_training_to_the_bit(replayed, house) -> None:
    flights = load_flights()
    events = events_from_flights(flights[flights["flight_date"] < "2013-01-12"])
    scheduled = scheduled_flights(events).set_index("flight_id", drop=False)
    trained = build_features(scheduled, events)
    staged = house.read(STAGING).where(f"batch_id <= {replayed.batch_id}")
    announced = staged.where(f"batch_id = {replayed.batch_id} AND event_type = 'scheduled'")
    days = [row.day for row in announced.selectExpr("to_date(timestamp) AS day").distinct().collect()]
    served = (
        with_features(announced, history_of(days, staged))
        .join(announced.select("event_id", "flight_id"), "event_id")
        .toArrow()
    )
    assert served.num_rows == replayed.predicted > 3_000
    matrix = unpack(served["features"].combine_chunks()).to_numpy()
    expected = trained.loc[served["flight_id"].to_pylist()].to_numpy(np.float32)
    np.testing.assert_array_equal(matrix.view(np.int32), expected.view(np.int32))


def test_live_quality_is_what_the_figures_of_training_would_be(replayed, house, store, small_model) -> None:
    live = model_quality.live_quality(house, store, *FIRST_DAYS, "all").iloc[0]
    rows = house.read(PREDICTIONS).where("prediction_date BETWEEN '2012-12-31' AND '2013-01-31'").toPandas()
    arrived = rows[rows["outcome"] == "arrived"]
    baselines = store.manifest(small_model).training["baselines"]
    expected = evaluate.evaluate(arrived["actual_delay_minutes"].to_numpy(float), arrived, baselines)
    assert (live["flights"], live["cancelled"]) == (len(arrived), (rows["outcome"] == "cancelled").sum())
    assert live["predictions"] == len(rows) > live["flights"] + live["cancelled"]
    names = ("mae", "rmse", "mape", "coverage_90", "interval_width_minutes", "brier")
    for name in (*names, "mae_median_baseline", "rmse_mean_baseline", "brier_base_rate"):
        assert live[name] == pytest.approx(expected[name], rel=1e-6), name
    by_day = model_quality.live_quality(house, store, *FIRST_DAYS, "day")
    assert by_day["flights"].sum() == live["flights"]
    assert (by_day["mae"] * by_day["flights"]).sum() / by_day["flights"].sum() == pytest.approx(live["mae"])


def test_confidence_bins_hold_every_arrived_flight_in_order(replayed, house, store) -> None:
    bins = model_quality.confidence_bins(house, *FIRST_DAYS, bins=5)
    assert bins["bin"].tolist() == [1, 2, 3, 4, 5]
    assert bins["confidence"].is_monotonic_increasing
    assert (
        bins["flights"].sum() == model_quality.live_quality(house, store, *FIRST_DAYS, "all")["flights"].sum()
    )


def test_a_prediction_is_explained_by_contributions_that_add_up(replayed, house, store) -> None:
    row = house.read(PREDICTIONS).where(f"batch_id = {replayed.batch_id}").limit(1).collect()[0]
    why = model_quality.explain_flight(house, store, row.flight_id)
    model = store.load(row.model_version)
    features = why.set_index("feature")["value"].loc[list(model.manifest.features)].to_numpy(np.float32)
    said = float(model.boosters["mean"].inplace_predict(features.reshape(1, -1))[0])
    assert why["contribution_minutes"].sum() + why.attrs["expected_minutes"] == pytest.approx(said, abs=1e-3)
    with pytest.raises(FlightsError, match="has no prediction"):
        model_quality.explain_flight(house, store, "ZZ1-EWR-20130101")


def test_a_challenger_predicts_beside_the_champion_and_is_not_served(
    send, process, store, house, ledger, small_model, other_model
) -> None:
    store.challenge(other_model)
    send(flights_with_defects(seed=11, count=600, share=0.0))
    process()
    record = newest(ledger)
    assert (record.model_version, record.challenger_version) == (small_model, other_model)
    beside = house.read(CHALLENGER_PREDICTIONS).where(f"batch_id = {record.batch_id}")
    assert beside.count() == record.predicted > 0
    assert (
        house.read(FACT).where(f"batch_id = {record.batch_id} AND model_version = '{other_model}'").count()
        == 0
    )
    days = (date(2026, 5, 1), date(2026, 7, 1))
    compared = model_quality.versions_compared(house, store, *days)
    assert compared["role"].tolist() == ["challenger", "champion"]
    flights = (
        house.read(PREDICTIONS)
        .where(f"batch_id = {record.batch_id} AND prediction_date >= '2026-05-01'")
        .count()
    )
    assert compared["predictions"].tolist() == [flights] * 2
    assert compared["mae"].nunique() == 2
    store.withdraw()
    send(flights_with_defects(seed=12, count=90, share=0.0))
    process()
    assert newest(ledger).challenger_version is None


def test_a_challenger_predicts_what_live_processing_has_predicted_as_well(
    send, process, store, house, ledger, quiet_platform, other_model
) -> None:
    store.challenge(other_model)
    with open_lane(quiet_platform) as lane, kafka.following(quiet_platform, lane.begins_at) as messages:
        send(synthetic_messages(14, 90, ANCHOR - timedelta(days=80)))
        lane.take(messages())
    with mongo.database(quiet_platform) as db:
        ahead_of_batch = db[EARLY].count_documents({})
    process()
    record = newest(ledger)
    assert record.predicted >= ahead_of_batch > 0
    assert (
        house.read(CHALLENGER_PREDICTIONS).where(f"batch_id = {record.batch_id}").count() == record.predicted
    )
    store.withdraw()


def test_without_a_usable_model_the_stream_goes_on_and_predictions_follow(
    send, process, count, store, house, ledger, quiet_platform, small_model, other_model
) -> None:
    hdfs = Hdfs(quiet_platform)
    store.promote(other_model)
    sound = hdfs.read(f"{MODELS_ROOT}/{other_model}/mean.ubj")
    hdfs.write(f"{MODELS_ROOT}/{other_model}/mean.ubj", sound[:-1] + b"?")
    sent = flights_with_defects(seed=13, count=600, share=0.0)
    send(sent[:400])
    process()
    first = newest(ledger)
    send(sent[400:])
    process()
    second = newest(ledger)
    assert ledger.unpredicted() == [first.batch_id, second.batch_id]
    assert (first.predicted, first.model_version) == (0, None)
    assert first.to_predict > 0
    assert (
        house.read(FACT)
        .where(f"batch_id IN ({first.batch_id}, {second.batch_id}) AND model_version IS NOT NULL")
        .count()
        == 0
    )
    with pytest.raises(FlightsError, match=f"mean.ubj of the model {other_model} has the SHA-256"):
        store.promote(other_model)
    store.rollback()
    process()
    assert ledger.unpredicted() == []
    count()
    batches = f"batch_id IN ({first.batch_id}, {second.batch_id})"
    made = {row.flight_id: row for row in house.read(PREDICTIONS).where(batches).collect()}
    assert len(made) == first.to_predict + second.to_predict
    assert {row.model_version for row in made.values()} == {small_model}
    facts = {row.flight_id: row for row in house.read(FACT).where(batches).collect()}
    assert set(facts) == set(made)
    with mongo.database(quiet_platform) as db:
        documents = {found["_id"]: found for found in db[mongo.FLIGHTS].find({"_id": {"$in": list(made)}})}
    for name, row in made.items():
        assert all(facts[name][column] == row[column] for column in PREDICTED_COLUMNS)
        assert facts[name].error_minutes == row.error_minutes == documents[name]["error_minutes"]
        assert documents[name]["prediction"] == {column: row[column] for column in PREDICTED_COLUMNS}
    assert any(row.error_minutes is not None for row in made.values())
    assert ledger.record(first.batch_id).predicted == first.to_predict


def test_every_decision_is_in_the_journal_and_on_the_command_line(store, small_model, other_model) -> None:
    actions = [entry.action for entry in store.history()][-4:]
    assert actions == [Action.CHALLENGE, Action.WITHDRAW, Action.PROMOTE, Action.ROLLBACK]
    printed = json.loads(run_command("flights", "model", "history", "--json").stdout)
    assert [entry["sequence"] for entry in printed] == list(range(len(printed)))
    listed = json.loads(run_command("flights", "model", "list", "--json").stdout)
    assert listed["champion"] == small_model
    assert {entry["version"] for entry in listed["versions"]} >= {small_model, other_model}
    assert "# Arrival delay model" in run_command("flights", "model", "show", small_model).stdout
    run_command("flights", "model", "promote", "no-such-version", expect=1)


def test_of_two_decisions_at_the_same_moment_one_is_told_to_look_again(
    store, other_model, monkeypatch
) -> None:
    stale = store.state()
    store.refuse(other_model, "first")
    monkeypatch.setattr(store, "state", lambda: stale)
    with pytest.raises(FlightsError, match="another decision about the models"):
        store.refuse(other_model, "second")


def test_monitoring_writes_what_it_found_and_drift_asks_for_a_model(
    replayed, house, quiet_platform, small_model
) -> None:
    from flight_assets.automation.models import drift_sensor
    from flight_assets.automation.runs import run_job

    run_job(quiet_platform, "monitor_delay_model")
    rows = house.read(MODEL_MONITORING).toPandas()
    assert rows["timestamp"].nunique() == 1
    assert set(rows["model_version"]) == {small_model}
    figures = rows[rows["subject"] == ""].set_index("metric")["value"]
    assert {"mae", "rmse", "coverage_90", "mae_vs_median", "psi_share"} <= set(figures.index)
    assert (rows["metric"] == "psi").sum() == len(FEATURE_NAMES)
    # Flights of another year that were loaded lately count: the platform learnt them now.
    learnt = house.read(PREDICTIONS).where(f"outcome = 'arrived' AND model_version = '{small_model}'")
    assert rows.set_index("metric").loc["mae", "flights"] == learnt.count()
    with DagsterInstance.from_config(str(quiet_platform.dagster_home)) as instance:
        answer = drift_sensor(build_sensor_context(instance=instance))
    wanted = RunRequest if rows[rows["subject"] == ""]["breached"].any() else SkipReason
    assert isinstance(answer, wanted)


def test_retraining_from_the_warehouse_goes_through_the_gate(replayed, store, quiet_platform) -> None:
    from flight_assets.automation.runs import run_job

    before = len(store.history())
    short = {
        "history_days": 10_000,
        "calibration_days": 1,
        "early_stopping_days": 2,
        "early_stopping_rounds": 5,
        "test_from": "2013-01-04",
    }
    run_job(
        quiet_platform,
        "retrain_delay_model",
        {"delay_model": {"config": {"source": Source.WAREHOUSE.name, **short}}},
    )
    entry = store.history()[before]
    assert entry.action in (Action.PROMOTE, Action.REFUSE)
    assert entry.figures["challenger"]["flights"] == entry.figures["champion"]["flights"] > 0
    assert entry.champion == (
        entry.version if entry.action is Action.PROMOTE else store.history()[before - 1].champion
    )
    config = {"source": Source.WAREHOUSE.name, "history_days": 10_000, "test_from": "2012-12-01"}
    with pytest.raises(FlightsError, match="training range holds"):
        run_job(quiet_platform, "retrain_delay_model", {"delay_model": {"config": config}})
