"""The archive as its users meet it: asked for by the sensor of a running Dagster, and by the commands."""

from __future__ import annotations

import json
import os
import subprocess
import time
from datetime import timedelta

import pytest
from dagster import DagsterInstance, DagsterRunStatus, RunsFilter

from flight_assets.archive.record import State
from flight_assets.archive.trigger import Cursor
from flight_assets.bench.hot_flights import now
from flight_assets_tests.integration.cold_store import OLD
from flight_assets_tests.integration.conftest import BIN, run_command

pytestmark = pytest.mark.integration
DAEMON_TIMEOUT_S = 400
# The platform's own definitions without all else that starts by itself.
ONLY_THIS_SENSOR = """
from dagster import Definitions
from flight_assets import definitions
from flight_assets.automation.archive_sensor import mongo_size_sensor

defs = Definitions(
    assets=definitions.defs.assets,
    jobs=definitions.defs.jobs,
    sensors=[mongo_size_sensor],
    resources=definitions.defs.resources,
    executor=definitions.defs.executor,
)
"""


def test_the_sensor_of_a_running_dagster_archives_what_is_due(small_threshold, tmp_path, monkeypatch) -> None:
    """A daemon of its own evaluates the sensor by itself, launches the run it asks for, and skips with the
    figures afterwards.
    """
    store = small_threshold
    ids = store.fill(50)
    young = store.fill(3, age=timedelta(hours=5))
    (tmp_path / "only_this_sensor.py").write_text(ONLY_THIS_SENSOR)
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    with (tmp_path / "daemon.log").open("w") as log:
        command = [str(BIN / "dagster-daemon"), "run", "-f", str(tmp_path / "only_this_sensor.py")]
        daemon = subprocess.Popen(command, stdout=log, stderr=log, env=dict(os.environ))
    try:
        run = _finished_run(daemon, tmp_path)
    finally:
        daemon.terminate()
        daemon.wait(timeout=60)
    assert run.status is DagsterRunStatus.SUCCESS
    assert run.tags["dagster/sensor_name"] == "mongo_size_sensor"
    record = store.archives.records()[-1]
    assert (record.state, record.deleted) == (State.DONE, 50)
    assert set(store.archived(record)) == set(ids)
    assert set(store.hot()) == set(young)
    assert _cursor(tmp_path).asked == 1


def _finished_run(daemon, home):
    deadline = time.monotonic() + DAEMON_TIMEOUT_S
    while time.monotonic() < deadline:
        assert daemon.poll() is None, (home / "daemon.log").read_text()[-3000:]
        with DagsterInstance.from_config(str(home)) as instance:
            runs = instance.get_runs(RunsFilter(job_name="archive_flights"))
        if runs and runs[0].is_finished:
            return runs[0]
        time.sleep(2)
    raise AssertionError((home / "daemon.log").read_text()[-3000:])


def _cursor(home) -> Cursor:
    with DagsterInstance.from_config(str(home)) as instance:
        state = next(
            each for each in instance.all_instigator_state() if each.instigator_name == "mongo_size_sensor"
        )
    return Cursor.model_validate_json(state.instigator_data.cursor)


def flights(*words: str, expect: int = 0) -> str:
    return run_command("flights", "archive", *words, expect=expect).stdout


def test_the_commands_from_plan_to_restore(small_threshold) -> None:
    store = small_threshold
    day = (now() - OLD).date()
    ids = store.fill(20)
    plan = json.loads(flights("plan", "--json"))
    assert (plan["documents"], plan["remaining_documents"], plan["held_back"]) == (20, 0, 0)
    assert "would move" in flights("plan")
    assert len(store.hot()) == 20, "a dry run moves nothing"

    flights("pause", "--reason", "a test")
    assert "paused" in run_command("flights", "archive", "run", expect=1).stderr
    assert "a test" in json.loads(flights("status", "--json"))["paused"]
    flights("resume")
    assert "20 deleted from hot" in flights("run")
    assert store.hot() == {}
    assert "nothing is due" in flights("run")

    archive_id = json.loads(flights("explain", "--json"))["archive_id"]
    explained = flights("explain", archive_id)
    assert "next: nothing: it is done" in explained
    assert all(
        step in explained for step in ("export", "verify", "publish", "record", "check", "delete", "confirm")
    )
    assert "20 rows" in flights("verify", archive_id)
    assert "1 restored" in flights("restore", "--flight-id", ids[0], "--reason", "a look")
    assert "restored from" in flights(
        "restore", "--from", day.isoformat(), "--to", (day + timedelta(days=1)).isoformat()
    )
    assert "0 restored" in flights("restore", archive_id)
    assert set(store.hot()) == set(ids)
    assert store.archives.record(archive_id).restores[0].reason == "a look"
    assert "kept for ever" in flights("expire")
    run_command("flights", "archive", "verify", "mongodb_999999", expect=1)
    run_command("flights", "archive", "restore", expect=2)
