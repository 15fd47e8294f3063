"""The two DAGs in a real Airflow, in its own environment, against the platform of the tests.

And Airflow's state on the operations page.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from secrets import token_hex

import pytest
import requests
from dagster import DagsterInstance, DagsterRunStatus, RunsFilter
from pydantic import SecretStr
from streamlit.testing.v1 import AppTest

from dashboard import data
from flight_assets import logs
from flight_assets.archive.record import State
from flight_assets.contracts.tables import FACT
from flight_assets.errors import StoreUnavailable
from flight_assets.provenance import PART_JOBS, Ledger
from flight_assets.queries import operations
from flight_assets.settings import PROJECT_DIR
from flight_assets.stores import lease, mongo
from flight_assets.stores.hdfs import Hdfs
from flight_assets_tests.integration.airflow_server import (
    AIRFLOW,
    ARCHIVING,
    BASE_PORT,
    DAGS,
    HURRIED,
    IDLE_S,
    PROCESSING,
    TOKEN_LIFETIME_S,
    Airflow,
    wait_for,
)
from flight_assets_tests.integration.conftest import (
    COMMAND_TIMEOUT_S,
    flights_of,
    flights_with_defects,
    run_command,
)

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def airflow(quiet_platform, tmp_path_factory):
    """An Airflow with its api-server running and its DAGs parsed."""
    assert AIRFLOW.exists(), "Airflow's environment is not there: `make install-airflow`"
    home = tmp_path_factory.mktemp("airflow")
    url = f"http://127.0.0.1:{BASE_PORT + quiet_platform.port_offset}"
    made = Airflow(home, DAGS, url, {name: token_hex() for name in ("tester", "page")})
    (home / "passwords.json").write_text(json.dumps(made.passwords))
    made.run("db", "migrate")
    make_users = [
        AIRFLOW.with_name("python"),
        PROJECT_DIR / "deploy/airflow/users.py",
        home / "passwords.json",
    ]
    subprocess.run(
        [*make_users, "tester:Admin,page:Viewer"],
        env=made.environment,
        check=True,
        timeout=COMMAND_TIMEOUT_S,
    )
    made.run("dags", "reserialize")
    log = home / "api-server.log"
    server = made.start(
        log,
        "api-server",
        "--host",
        "127.0.0.1",
        "--port",
        str(BASE_PORT + quiet_platform.port_offset),
        "--apps",
        "core",
    )
    try:
        wait_for(url, server, log)
        yield made
    finally:
        server.terminate()
        server.wait(timeout=60)


@pytest.mark.parametrize(
    ("dag_id", "schedule", "tasks"),
    [
        (PROCESSING, "* * * * *", {"ingest": ["process"], "process": ["stores"], "stores": []}),
        (ARCHIVING, "*/5 * * * *", {"size_check": ["decision"], "decision": ["archive"], "archive": []}),
    ],
)
def test_a_dag_runs_by_its_schedule_one_at_a_time_and_tries_again(
    airflow, dag_id: str, schedule: str, tasks: dict
) -> None:
    assert airflow.ask("importErrors")["import_errors"] == []
    dag = airflow.ask(f"dags/{dag_id}/details")
    assert (dag["timetable_summary"], dag["max_active_runs"], dag["catchup"]) == (schedule, 1, False)
    found = airflow.ask(f"dags/{dag_id}/tasks")["tasks"]
    assert {task["task_id"]: task["downstream_task_ids"] for task in found} == tasks
    for task in found:
        assert task["retries"] == 3
        assert task["retry_exponential_backoff"] == 2
        assert task["execution_timeout"]


def test_a_task_waits_for_dagsters_run_and_nothing_is_processed_twice(
    airflow, quiet_platform, send, process, count, house
) -> None:
    """P6 across the two: while a run holds the lease nothing moves.

    Then the DAG and a run of Dagster want the same messages at once.
    """
    process()
    before, ledger = count(), Ledger(Hdfs(quiet_platform))
    offsets = ledger.next_offsets()
    sent = flights_with_defects(seed=14, count=400)
    send(sent)
    log = airflow.home / "processing.log"
    with lease.hold(quiet_platform, "a run of Dagster", 60):
        dag = airflow.start(log, "dags", "test", PROCESSING)
        _wait_for_run(quiet_platform, "ingest_flights", dag, log)
        time.sleep(IDLE_S)
        assert dag.poll() is None
        assert ledger.next_offsets() == offsets
    process()
    assert dag.wait(timeout=COMMAND_TIMEOUT_S) == 0, log.read_text()[-5000:]
    assert airflow.last_states(PROCESSING) == {"ingest": "success", "process": "success", "stores": "success"}
    after, ids = count(), flights_of(sent)
    assert after["raw"] == before["raw"] + 400
    with mongo.database(quiet_platform) as db:
        assert {
            document["_id"] for document in db[mongo.FLIGHTS].find({"_id": {"$in": [*ids]}}, {"_id": 1})
        } == ids
    rows = house.read(FACT).where(f"batch_id >= {before['batches']}").select("flight_id").collect()
    assert sorted(row.flight_id for row in rows) == sorted(ids)


def _wait_for_run(settings, job: str, dag: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + COMMAND_TIMEOUT_S
    with DagsterInstance.from_config(str(settings.dagster_home)) as instance:
        known = {run.run_id for run in instance.get_runs(RunsFilter(job_name=job))}
        while time.monotonic() < deadline:
            assert dag.poll() is None, log.read_text()[-5000:]
            runs = instance.get_runs(RunsFilter(job_name=job, statuses=[DagsterRunStatus.STARTED]))
            if {run.run_id for run in runs} - known:
                return
            time.sleep(0.5)
    raise AssertionError(log.read_text()[-5000:])


def test_the_dag_alone_takes_what_was_sent_through_every_store(
    airflow, quiet_platform, send, small_model, count, house
) -> None:
    before = count()
    sent = flights_with_defects(seed=15, count=300)
    result = send(sent)
    printed = airflow.run("dags", "test", PROCESSING)
    assert airflow.last_states(PROCESSING) == {"ingest": "success", "process": "success", "stores": "success"}
    after, ids = count(), flights_of(sent)
    assert after["kafka_acknowledged"] == after["raw"] == before["raw"] + result.acknowledged
    assert after["batches"] == before["batches"] + 1
    assert (
        after["mongo_documents"] - before["mongo_documents"]
        == after["fact_flights"] - before["fact_flights"]
        == len(ids)
    )
    assert after["predictions"] > before["predictions"]
    assert all(f"'{part}'" in printed for part in PART_JOBS)


def test_a_task_that_never_gets_the_lease_fails_with_the_reason_and_the_sinks_are_told(
    airflow, quiet_platform, send, process, count, webhook, tmp_path, monkeypatch
) -> None:
    before, offsets = count(), Ledger(Hdfs(quiet_platform)).next_offsets()
    send(flights_with_defects(seed=29, count=100, share=0.0))
    hurried = _with_dag(airflow, tmp_path, HURRIED)
    monkeypatch.setenv("FLIGHTS_LEASE_WAIT_S", "0.5")
    monkeypatch.setenv("FLIGHTS_ALERT_WEBHOOK_URL", f"http://127.0.0.1:{webhook.server_port}/hook")
    reason = f"another run is processing (a run of Dagster, pid {os.getpid()}): wait for it to end"
    with lease.hold(quiet_platform, "a run of Dagster", 60):
        printed = hurried.run("dags", "test", "hurried", expect=1)
    assert printed.count(f"flights: {reason}") >= 2
    assert printed.count("Running command") == 2
    (told,) = [body["alerts"] for body in webhook.bodies]
    assert [(alert["rule"], alert["labels"]) for alert in told] == [
        ("AirflowTaskFailed", {"dag": "hurried", "task": "ingest"})
    ]
    assert reason in told[0]["summary"]
    assert reason in logs.path(quiet_platform).read_text()
    assert Ledger(Hdfs(quiet_platform)).next_offsets() == offsets
    process()
    assert count()["raw"] == before["raw"] + 100


def _with_dag(airflow: Airflow, folder: Path, code: str) -> Airflow:
    """The same Airflow, with another DAG instead of the project's."""
    home, dags = folder / "home", folder / "dags"
    home.mkdir()
    dags.mkdir()
    shutil.copy(airflow.home / "airflow.db", home)
    (dags / "dag.py").write_text(code)
    return Airflow(home, dags, airflow.url, airflow.passwords)


def test_below_the_threshold_the_archive_is_skipped_and_above_it_is_published(
    airflow, small_threshold, monkeypatch
) -> None:
    store = small_threshold
    earlier = store.archives.ids()
    ids = store.fill(50)
    monkeypatch.setenv("FLIGHTS_ARCHIVE_THRESHOLD_MB", "300")
    assert "not over the threshold" in airflow.run("dags", "test", ARCHIVING)
    assert airflow.last_states(ARCHIVING) == {
        "size_check": "success",
        "decision": "success",
        "archive": "skipped",
    }
    assert store.archives.ids() == earlier
    assert set(store.hot()) == set(ids)

    monkeypatch.setenv("FLIGHTS_ARCHIVE_THRESHOLD_MB", "0.01")
    assert "over the threshold: 50 documents" in airflow.run("dags", "test", ARCHIVING)
    assert airflow.last_states(ARCHIVING) == {
        "size_check": "success",
        "decision": "success",
        "archive": "success",
    }
    (archive_id,) = set(store.archives.ids()) - set(earlier)
    record = store.archives.record(archive_id)
    assert (record.state, record.deleted) == (State.DONE, 50)
    assert set(store.archived(record)) == set(ids)
    assert store.hot() == {}


def test_while_an_archive_runs_no_other_is_asked_for_and_none_begins(small_threshold) -> None:
    store = small_threshold
    store.fill(5)
    assert json.loads(run_command("flights", "archive", "due", "--json").stdout)["ask"] is True
    with lease.hold(store.settings, "an archive of Dagster", 5, lease.ARCHIVING):
        due = run_command("flights", "archive", "due")
        refused = run_command("flights", "archive", "run", expect=1)
    assert "no: " in due.stdout
    assert "an archive is running (an archive of Dagster" in due.stdout
    assert "another run is archiving (an archive of Dagster" in refused.stderr
    assert store.archives.records() == []


@pytest.fixture
def with_airflow(airflow, quiet_platform):
    """Settings whose operations page shows this Airflow."""
    who = {
        "airflow_url": airflow.url,
        "airflow_user": "page",
        "airflow_password": SecretStr(airflow.passwords["page"]),
    }
    return quiet_platform.model_copy(update=who)


def test_the_operations_page_shows_the_dags_with_the_state_of_their_last_run(
    airflow, with_airflow, monkeypatch
) -> None:
    found = operations.airflow_dags(with_airflow).set_index("dag_id")
    assert found.loc[[PROCESSING, ARCHIVING], "last_run_state"].to_list() == ["success", "success"]
    assert found.loc[[PROCESSING, ARCHIVING], "last_run_at"].notna().all()
    monkeypatch.setattr(data, "get_settings", lambda: with_airflow)
    page = AppTest.from_file(
        str(PROJECT_DIR / "dashboard/app_pages/operations.py"), default_timeout=120
    ).run()
    assert not page.exception
    (shown,) = [table.value for table in page.dataframe if "dag_id" in table.value.columns]
    assert (
        dict(zip(shown["dag_id"], shown["last_run_state"], strict=True)) == found["last_run_state"].to_dict()
    )


def test_a_token_that_has_expired_is_named_and_signing_in_needs_none(airflow, with_airflow) -> None:
    sign_in = {"username": "page", "password": airflow.passwords["page"]}
    token = requests.post(f"{airflow.url}/auth/token/cli", json=sign_in, timeout=30).json()["access_token"]
    only_token = with_airflow.model_copy(update={"airflow_user": "", "airflow_token": SecretStr(token)})
    assert len(operations.airflow_dags(only_token)) == 2
    time.sleep(TOKEN_LIFETIME_S + 1)
    with pytest.raises(StoreUnavailable, match="HTTP 401.*FLIGHTS_AIRFLOW_USER"):
        operations.airflow_dags(only_token)
    assert len(operations.airflow_dags(with_airflow)) == 2
    wrong = with_airflow.model_copy(update={"airflow_password": SecretStr("wrong")})
    with pytest.raises(StoreUnavailable, match="HTTP 401"):
        operations.airflow_dags(wrong)
