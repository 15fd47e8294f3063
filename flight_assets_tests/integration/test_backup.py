"""A backup of the real platform: everything is lost, brought back, and counted."""

from __future__ import annotations

import json

import pytest
from dagster import DagsterInstance

from flight_assets_tests.integration.conftest import run_command

pytestmark = [pytest.mark.integration, pytest.mark.restarts_spark]


def flights(*words: object) -> str:
    return run_command("flights", *map(str, words)).stdout


def runs_in_dagster(settings) -> set[str]:
    with DagsterInstance.from_config(str(settings.dagster_home)) as instance:
        return {run.run_id for run in instance.get_runs()}


def test_after_everything_is_lost_a_backup_brings_the_same_counts_and_goes_on(platform, tmp_path):
    flights("produce", "--events", 300, "--seed", 77)
    flights("process")
    before, runs = json.loads(flights("counts", "--json")), runs_in_dagster(platform)
    flights("backup", tmp_path / "copy")
    assert json.loads(flights("counts", "--json")) == before  # it runs again

    flights("reset", "--yes")
    assert not platform.home.exists()
    flights("restore", tmp_path / "copy")
    flights("up")
    assert json.loads(flights("counts", "--json")) == before
    assert runs
    assert runs <= runs_in_dagster(platform)

    flights("produce", "--events", 200, "--seed", 78)
    flights("process")
    after = json.loads(flights("counts", "--json"))
    assert after["kafka_acknowledged"] == after["raw"] == before["raw"] + 200
