"""mongo_size_sensor tick by tick on a real instance; what it observes of the stores is given.

No service is needed.
"""

from __future__ import annotations

import pytest
from dagster import DagsterRunStatus, build_sensor_context

from flight_assets.archive.trigger import Cursor, Observed
from flight_assets.automation import archive_sensor
from flight_assets.automation.archive_sensor import INTERVAL_S, mongo_size_sensor
from flight_assets.definitions import defs
from flight_assets.errors import StoreUnavailable


def tick(instance, monkeypatch, size_mb: float, cursor: str | None = None):
    def observe(_settings, active_run):
        return Observed(size_mb, 300.0, 5, "5 documents are old", running=active_run)

    monkeypatch.setattr(archive_sensor, "observe", observe)
    return mongo_size_sensor(build_sensor_context(instance=instance, cursor=cursor))


def test_it_looks_every_five_minutes_without_being_switched_on() -> None:
    assert mongo_size_sensor.minimum_interval_seconds == INTERVAL_S == 300
    assert mongo_size_sensor.default_status.value == "RUNNING"
    assert mongo_size_sensor.job.name == "archive_flights"


def test_its_job_makes_the_archive_and_nothing_else() -> None:
    job = defs.resolve_job_def("archive_flights")
    assert {key.to_user_string() for key in job.asset_layer.executable_asset_keys} == {"hdfs_archive"}


def test_over_the_threshold_it_asks_once_and_warns(instance, monkeypatch) -> None:
    found = tick(instance, monkeypatch, 310.0)
    assert len(found.run_requests) == 1
    assert [event.metadata["level"].value for event in found.asset_events] == ["over"]
    again = tick(instance, monkeypatch, 311.0, found.cursor)
    assert Cursor.model_validate_json(again.cursor).asked == 2
    assert not again.asset_events


def test_below_it_skips_with_the_figures_and_the_reason(instance, monkeypatch) -> None:
    found = tick(instance, monkeypatch, 12.5)
    assert not found.run_requests
    assert found.skip_reason.skip_message == "12.5 MB of 300 MB (4%): not over the threshold"


@pytest.mark.parametrize(
    "status", [DagsterRunStatus.NOT_STARTED, DagsterRunStatus.STARTING, DagsterRunStatus.STARTED]
)
def test_while_an_archive_runs_it_never_asks(instance, monkeypatch, status) -> None:
    run = instance.create_run_for_job(defs.resolve_job_def("archive_flights"), status=status)
    found = tick(instance, monkeypatch, 310.0)
    assert not found.run_requests
    assert run.run_id in found.skip_reason.skip_message


def test_a_store_that_is_down_is_a_skip_that_names_it_and_keeps_the_cursor(instance, monkeypatch) -> None:
    def observe(_settings, _active_run):
        raise StoreUnavailable("MongoDB", "127.0.0.1:1", "see `flights status`")

    monkeypatch.setattr(archive_sensor, "observe", observe)
    before = Cursor(level="warning").model_dump_json()
    found = mongo_size_sensor(build_sensor_context(instance=instance, cursor=before))
    assert found.skip_reason.skip_message.startswith("MongoDB does not answer")
    assert found.cursor == before
