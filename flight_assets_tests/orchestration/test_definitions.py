"""The code location as Dagster sees it: what there is, how it hangs together, and when it runs.

No service is needed.
"""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from dagster import (
    AssetKey,
    AssetMaterialization,
    DagsterInstance,
    DagsterRunStatus,
    RunRequest,
    SkipReason,
    build_schedule_context,
)
from dagster import _check as check

from flight_assets.automation import schedules
from flight_assets.automation.maintenance import (
    compact_tables_every_hour,
    maintain_days_every_night,
    update_rollups_often,
)
from flight_assets.automation.retention import prune_runs
from flight_assets.automation.schedules import process_every_minute
from flight_assets.code_version import code_version
from flight_assets.contracts.lineage import COLUMN_SOURCES, COLUMNS, OWN_COLUMNS, PAGES, RAW_SOURCES
from flight_assets.contracts.tables import DIM_AIRLINE, DIM_AIRPORT
from flight_assets.definitions import defs
from flight_assets.pipeline.checks import checks_of
from flight_assets.provenance import PART_JOBS, PIPELINE_JOBS, STORING_JOBS
from flight_assets.stores import lease

GRAPH = {
    "kafka_flight_events": set(),
    "dim_airline": set(),
    "dim_airport": set(),
    "delay_model": set(),
    "model_monitoring": {"predictions"},
    "raw_kafka_batch": {"kafka_flight_events"},
    "staged_events": {"raw_kafka_batch", "dim_airline", "dim_airport"},
    "predictions": {"staged_events"},
    "mongo_hot": {"predictions"},
    "hive_fact": {"mongo_hot", "predictions"},
    "hdfs_archive": {"mongo_hot"},
    **{name: set(reads) for name, (_, reads) in PAGES.items()},
    "flights_hourly": {"hive_fact"},
    "flights_daily": {"hive_fact"},
    "warehouse_files": {"hive_fact"},
    "raw_files": {"hive_fact"},
    "table_files": {"hive_fact"},
    "complex_events": {"hive_fact"},
    "current_forecasts": {"mongo_hot"},
}
MADE_ELSEWHERE = {"kafka_flight_events", *PAGES}
PIPELINE = ["raw_kafka_batch", "staged_events", "predictions", "mongo_hot", "hive_fact"]


def graph():
    return defs.resolve_asset_graph()


def test_graph_has_just_these_assets_and_dependencies() -> None:
    found = {
        key.to_user_string(): {parent.to_user_string() for parent in graph().get(key).parent_keys}
        for key in graph().get_all_asset_keys()
    }
    assert found == GRAPH


@pytest.mark.parametrize("name", sorted(set(GRAPH) - MADE_ELSEWHERE))
def test_asset_states_its_grain_owner_and_kind(name: str) -> None:
    node = graph().get(AssetKey(name))
    assert (
        "One row per" in node.description
        or "One document per" in node.description
        or "version of the delay model" in node.description
    )
    assert node.owners
    assert node.kinds


@pytest.mark.parametrize("name", PIPELINE)
def test_pipeline_assets_share_a_pool_of_one(name: str) -> None:
    assert graph().get(AssetKey(name)).pools == {"processing"}


@pytest.mark.parametrize("name", sorted(MADE_ELSEWHERE))
def test_what_is_made_elsewhere_is_a_node_that_nothing_here_runs(name: str) -> None:
    node = graph().get(AssetKey(name))
    assert node.is_external
    assert node.owners
    assert node.group_name in ("sources", "dashboard")


@pytest.mark.parametrize("name", PIPELINE)
def test_the_graph_shows_each_check_of_an_asset_and_leaves_it_to_the_ledger_to_hold_a_batch(
    name: str,
) -> None:
    specs = {
        key.name: graph().get(key).blocking
        for key in graph().asset_check_keys
        if key.asset_key == AssetKey(name)
    }
    assert specs == {check.name: False for check in checks_of(name)}
    assert any(check.severity == "ERROR" for check in checks_of(name))


@pytest.mark.parametrize("name", sorted(COLUMNS))
def test_every_column_says_where_it_comes_from(name: str) -> None:
    lineage, columns = COLUMN_SOURCES[name], set(COLUMNS[name].column_names)
    assert columns - OWN_COLUMNS <= set(lineage) <= columns
    known = {
        **{asset: set(table.column_names) for asset, table in COLUMNS.items()},
        "raw_kafka_batch": set(RAW_SOURCES),
    }
    known |= {table.name: set(table.column_names) for table in (DIM_AIRLINE, DIM_AIRPORT)}
    for sources in lineage.values():
        assert all(column in known[asset] for asset, column in sources)


@pytest.mark.parametrize("name", PIPELINE)
def test_code_versions_are_of_the_code(name: str) -> None:
    assert graph().get(AssetKey(name)).code_version == code_version(f"flight_assets.assets.{name}")
    assert len({code_version(f"flight_assets.assets.{step}") for step in PIPELINE}) == len(PIPELINE)


def test_job_runs_the_whole_pipeline() -> None:
    job = defs.resolve_job_def("process_flights")
    assert {key.to_user_string() for key in job.asset_layer.executable_asset_keys} == set(PIPELINE)


def test_the_parts_are_the_pipeline_in_its_order_each_step_once() -> None:
    parts = [
        {key.to_user_string() for key in defs.resolve_job_def(name).asset_layer.executable_asset_keys}
        for name in PART_JOBS
    ]
    assert parts == [set(PIPELINE[:1]), set(PIPELINE[1:3]), set(PIPELINE[3:])]
    assert STORING_JOBS[-1] == [*PART_JOBS][-1]


def test_schedule_fires_every_minute_without_being_switched_on() -> None:
    assert process_every_minute.cron_schedule == "* * * * *"
    assert process_every_minute.default_status.value == "RUNNING"


def test_schedule_asks_for_a_run_when_none_is_active(instance: DagsterInstance) -> None:
    result = process_every_minute(build_schedule_context(instance=instance))
    assert isinstance(result, RunRequest)


@pytest.mark.parametrize(
    "status",
    [
        DagsterRunStatus.NOT_STARTED,
        DagsterRunStatus.STARTING,
        DagsterRunStatus.STARTED,
        DagsterRunStatus.CANCELING,
    ],
)
@pytest.mark.parametrize("job", PIPELINE_JOBS)
def test_schedule_skips_while_a_run_is_active(
    instance: DagsterInstance, status: DagsterRunStatus, job: str
) -> None:
    run = instance.create_run_for_job(defs.resolve_job_def(job), status=status)
    result = process_every_minute(build_schedule_context(instance=instance))
    assert isinstance(result, SkipReason)
    assert run.run_id in check.not_none(result.skip_message)


@pytest.mark.parametrize(
    "status", [DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED]
)
def test_schedule_goes_on_after_a_run_has_ended(instance: DagsterInstance, status: DagsterRunStatus) -> None:
    instance.create_run_for_job(defs.resolve_job_def("process_flights"), status=status)
    assert isinstance(process_every_minute(build_schedule_context(instance=instance)), RunRequest)


@pytest.mark.parametrize("is_held", [True, False])
def test_a_run_whose_process_was_killed_does_not_stop_the_schedule_for_ever(
    instance, monkeypatch, is_held: bool
) -> None:
    """Nobody reports the end of a killed process; that it has lost the lease tells."""
    run = instance.create_run_for_job(
        defs.resolve_job_def("process_flights"), status=DagsterRunStatus.STARTED
    )
    monkeypatch.setattr(schedules, "START_GRACE", timedelta(0))
    monkeypatch.setattr(lease, "is_held", lambda _settings: is_held)
    result = process_every_minute(build_schedule_context(instance=instance))
    assert isinstance(result, SkipReason if is_held else RunRequest)
    status = check.not_none(instance.get_run_by_id(run.run_id)).status
    assert status == (DagsterRunStatus.STARTED if is_held else DagsterRunStatus.FAILURE)


def test_maintenance_catches_up_with_the_days_that_were_missed(instance: DagsterInstance) -> None:
    tick = datetime(2026, 3, 10, 2, 47, tzinfo=UTC)
    done = [f"2026-03-0{day}" for day in (3, 4, 6, 7, 8)]
    for day in done:
        instance.report_runless_asset_event(AssetMaterialization("raw_files", partition=day))
    asked = maintain_days_every_night(
        build_schedule_context(instance=instance, scheduled_execution_time=tick)
    )
    assert isinstance(asked, list)
    assert [request.partition_key for request in asked] == ["2026-03-05", "2026-03-09"]


def test_rollups_run_every_five_minutes_in_a_job_of_their_own() -> None:
    assert update_rollups_often.cron_schedule == "*/5 * * * *"
    assert update_rollups_often.default_status.value == "RUNNING"
    job = defs.resolve_job_def("update_rollups")
    assert {key.to_user_string() for key in job.asset_layer.executable_asset_keys} == {
        "flights_hourly",
        "flights_daily",
    }


def test_tables_are_compacted_every_hour_and_nothing_is_removed_then() -> None:
    assert compact_tables_every_hour.cron_schedule == "13 * * * *"
    assert compact_tables_every_hour.default_status.value == "RUNNING"
    (asked,) = check.not_none(compact_tables_every_hour.evaluate_tick(build_schedule_context()).run_requests)
    assert asked.run_config["ops"]["table_files"]["config"] == {"vacuum": False}


def test_old_runs_are_pruned_and_active_ones_kept(instance: DagsterInstance) -> None:
    job = defs.resolve_job_def("process_flights")
    ended = instance.create_run_for_job(job, status=DagsterRunStatus.SUCCESS)
    active = instance.create_run_for_job(job, status=DagsterRunStatus.STARTED)
    assert prune_runs(instance, datetime.now(UTC) - timedelta(days=1)) == 0
    assert prune_runs(instance, datetime.now(UTC) + timedelta(minutes=1)) == 1
    assert {run.run_id for run in instance.get_runs()} == {active.run_id} != {ended.run_id}


def test_loading_definitions_connects_to_nothing() -> None:
    """With every address pointing nowhere and sockets forbidden, the module still loads."""
    program = (
        "import socket\n"
        "def refuse(*a, **k): raise AssertionError('connected at import')\n"
        "socket.socket.connect = refuse\n"
        "import flight_assets.definitions\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
