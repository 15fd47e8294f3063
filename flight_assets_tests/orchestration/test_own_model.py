"""own_model_sensor: one training per number of days, while the general model serves. Stores are given."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from dagster import DagsterInstance, DagsterRunStatus, RunRequest, SkipReason, build_sensor_context

from flight_assets.automation import models
from flight_assets.automation.models import own_model_sensor, retrain_delay_model
from flight_assets.delay_model.registry import artifact
from flight_assets.delay_model.registry.shipped import shipped_files
from flight_assets.errors import FlightsError
from flight_assets.stores.models import ModelStore

GENERAL = artifact.manifest(shipped_files()).version
FIRST = date(2026, 11, 2)


def asked(
    instance: DagsterInstance, monkeypatch, days: int, champion: str | None = GENERAL
) -> RunRequest | SkipReason:
    arrived = {FIRST + timedelta(days=day): 1_000 for day in range(days)}
    monkeypatch.setattr(ModelStore, "champion", lambda _store: champion)
    monkeypatch.setattr(models, "open_warehouse", lambda _settings: None)
    monkeypatch.setattr(models, "arrived_days", lambda _warehouse: arrived)
    return own_model_sensor(build_sensor_context(instance=instance))


def test_it_runs_without_being_switched_on_and_trains_on_the_warehouse() -> None:
    assert own_model_sensor.default_status.value == "RUNNING"
    assert own_model_sensor.job.name == retrain_delay_model.name == "retrain_delay_model"


def test_too_few_days_are_waited_for_and_told(instance: DagsterInstance, monkeypatch) -> None:
    answer = asked(instance, monkeypatch, days=4)
    assert isinstance(answer, SkipReason)
    assert "0 flights and 1 days are missing" in str(answer.skip_message)


def test_enough_days_ask_once_for_each_number_of_them(instance: DagsterInstance, monkeypatch) -> None:
    first, again, next_day = (asked(instance, monkeypatch, days) for days in (5, 5, 6))
    assert isinstance(first, RunRequest)
    assert first.run_key == again.run_key != next_day.run_key
    assert first.tags["reason"] == "5,000 flights of 5 days have arrived"


@pytest.mark.parametrize("champion", ["20261130-0badc0de", None])
def test_another_champion_than_the_general_model_ends_it(
    instance: DagsterInstance, monkeypatch, champion: str | None
) -> None:
    assert isinstance(asked(instance, monkeypatch, 9, champion), SkipReason)


def test_a_retraining_under_way_is_waited_for(instance: DagsterInstance, monkeypatch) -> None:
    instance.create_run_for_job(job_def=models_job(), status=DagsterRunStatus.STARTED)
    answer = asked(instance, monkeypatch, days=9)
    assert isinstance(answer, SkipReason)
    assert "under way" in str(answer.skip_message)


def test_a_store_that_is_down_is_told(instance: DagsterInstance, monkeypatch) -> None:
    def down(_store: ModelStore) -> str:
        raise FlightsError("HDFS cannot be reached")

    monkeypatch.setattr(ModelStore, "champion", down)
    answer = own_model_sensor(build_sensor_context(instance=instance))
    assert isinstance(answer, SkipReason)
    assert answer.skip_message == "HDFS cannot be reached"


def models_job():
    from flight_assets.definitions import defs

    return defs.resolve_job_def(retrain_delay_model.name)
