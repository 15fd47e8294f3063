"""events_sensor tick by tick on a real instance; whether work waits is given. No service is needed."""

from __future__ import annotations

import pytest
from dagster import DagsterRunStatus, RunRequest, SkipReason, build_sensor_context

from flight_assets.automation import events
from flight_assets.automation.events import events_sensor, find_events
from flight_assets.automation.schedules import process_flights
from flight_assets.definitions import defs
from flight_assets.errors import StoreUnavailable


@pytest.fixture
def tick(instance, monkeypatch):
    def one(answer):
        def has_work(_settings, _hdfs, _now):
            if isinstance(answer, Exception):
                raise answer
            return answer

        monkeypatch.setattr(events, "has_work", has_work)
        monkeypatch.setattr(events, "Hdfs", lambda _settings: None)
        return events_sensor(build_sensor_context(instance=instance))

    return one


def assets_of(job) -> set[str]:
    keys = defs.resolve_job_def(job.name).asset_layer.executable_asset_keys
    return {key.to_user_string() for key in keys}


def test_the_search_is_a_job_of_its_own_that_no_batch_waits_for() -> None:
    assert assets_of(find_events) == {"complex_events", "current_forecasts"}
    assert not assets_of(find_events) & assets_of(process_flights)
    assert events_sensor.default_status.value == "RUNNING"
    assert events_sensor.minimum_interval_seconds <= 30


def test_it_asks_when_a_batch_or_a_timer_waits_and_is_silent_otherwise(tick) -> None:
    assert isinstance(tick(True), RunRequest)
    assert tick(False).skip_message == "no batch and no timer waits"


def test_it_does_not_ask_while_a_search_runs(tick, instance) -> None:
    instance.create_run_for_job(defs.resolve_job_def("find_events"), status=DagsterRunStatus.STARTED)
    assert tick(True).skip_message == "a search is under way"


def test_a_store_that_is_down_is_a_skip_that_names_it(tick) -> None:
    found = tick(StoreUnavailable("HDFS", "127.0.0.1:1", "see `flights status`"))
    assert isinstance(found, SkipReason)
    assert found.skip_message.startswith("HDFS does not answer")
