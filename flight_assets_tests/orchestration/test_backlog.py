"""The sensor that drains a backlog, on a real instance; what it finds in the topic is given. No service."""

from __future__ import annotations

import pytest
from dagster import (
    DagsterEvent,
    DagsterEventType,
    DagsterRunStatus,
    RunRequest,
    SkipReason,
    build_run_status_sensor_context,
)

from flight_assets.automation import backlog
from flight_assets.automation.backlog import process_backlog
from flight_assets.definitions import defs
from flight_assets.errors import StoreUnavailable

BY_SCHEDULE = {"dagster/schedule_name": "process_every_minute"}
MANY = 5_000


def ended(instance, monkeypatch, waiting: int, tags: dict[str, str] = BY_SCHEDULE, batch_id: int = 7):
    """Return the sensor's answer to the end of a run, with so many messages waiting in the topic."""
    monkeypatch.setattr(backlog, "backlog", lambda _settings: (waiting, batch_id))
    run = instance.create_run_for_job(
        defs.resolve_job_def("process_flights"), status=DagsterRunStatus.SUCCESS, tags=tags
    )
    return said_after(instance, run)


def said_after(instance, run):
    event = DagsterEvent(DagsterEventType.RUN_SUCCESS.value, job_name=run.job_name)
    return process_backlog(build_run_status_sensor_context(process_backlog.name, event, instance, run))


def test_it_looks_after_each_run_without_being_switched_on() -> None:
    assert process_backlog.default_status.value == "RUNNING"
    assert process_backlog.minimum_interval_seconds == 1


def test_the_next_run_starts_when_one_ends_and_messages_are_waiting(instance, monkeypatch) -> None:
    assert isinstance(ended(instance, monkeypatch, MANY), RunRequest)
    assert isinstance(
        ended(instance, monkeypatch, MANY, {"dagster/sensor_name": "process_backlog"}), RunRequest
    )


def test_a_handful_of_messages_waits_for_the_minute(instance, monkeypatch) -> None:
    assert isinstance(ended(instance, monkeypatch, 99), SkipReason)
    assert isinstance(ended(instance, monkeypatch, 100), RunRequest)


def test_a_run_that_made_no_progress_is_not_followed_by_another(instance, monkeypatch) -> None:
    """Dagster starts one run per key: the same batch gives the same key, the next batch another."""
    keys = [ended(instance, monkeypatch, MANY, batch_id=batch_id).run_key for batch_id in (7, 7, 8)]
    assert keys[0] == keys[1] != keys[2]


def test_a_run_by_hand_starts_no_other(instance, monkeypatch) -> None:
    assert isinstance(ended(instance, monkeypatch, MANY, {}), SkipReason)


@pytest.mark.parametrize("job", ["process_flights", "store_flights"])
def test_it_never_asks_while_a_run_is_under_way(instance, monkeypatch, job: str) -> None:
    run = instance.create_run_for_job(defs.resolve_job_def(job), status=DagsterRunStatus.STARTING)
    said = ended(instance, monkeypatch, MANY)
    assert isinstance(said, SkipReason)
    assert run.run_id in (said.skip_message or "")


def test_a_store_that_is_down_is_a_skip_that_names_it(instance, monkeypatch) -> None:
    def down(_settings):
        raise StoreUnavailable("Kafka", "127.0.0.1:9092", "start it")

    run = instance.create_run_for_job(
        defs.resolve_job_def("process_flights"), status=DagsterRunStatus.SUCCESS, tags=BY_SCHEDULE
    )
    monkeypatch.setattr(backlog, "backlog", down)
    said = said_after(instance, run)
    assert isinstance(said, SkipReason)
    assert "Kafka" in (said.skip_message or "")
