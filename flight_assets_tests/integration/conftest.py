"""Shared by integration tests: a small trained model, sending messages, running the pipeline, counting."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from dagster import DagsterInstance, RunsFilter

from flight_assets.automation.schedules import UNFINISHED
from flight_assets.bench import runs
from flight_assets.contracts.message import CHECKED_REASONS
from flight_assets.contracts.tables import ARCHIVE_METADATA, FACT
from flight_assets.platform import launcher
from flight_assets.producer.corrupt import mixed_messages
from flight_assets.producer.events import Message
from flight_assets.producer.publish import PublishResult, publish
from flight_assets.producer.synthetic import synthetic_messages
from flight_assets.queries.counts import counts
from flight_assets.stores import mongo, table_ddl, warehouse
from flight_assets_tests import forked
from flight_assets_tests.integration import cold_store
from flight_assets_tests.told import say

BIN = Path(sys.executable).parent
ANCHOR = datetime(2026, 6, 1, 12, tzinfo=UTC)
COMMAND_TIMEOUT_S = 400
RUNS_END_S = 300
REASONS = {reason.value for reason in CHECKED_REASONS}


def run_command(*words: str, expect: int = 0) -> subprocess.CompletedProcess:
    """Run a program of the environment against the test platform and check its exit code."""
    if words[0] == "flights":
        done = forked.run_flights(words[1:], COMMAND_TIMEOUT_S)
    else:
        done = subprocess.run(
            [str(BIN / words[0]), *words[1:]],
            capture_output=True,
            text=True,
            timeout=COMMAND_TIMEOUT_S,
            check=False,
        )
    assert done.returncode == expect, (
        f"{words}: exit {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    )
    return done


def stop_automation(settings) -> None:
    """Stop every schedule and sensor, and return when the runs that they have asked for are over."""
    runs.pause(settings)
    deadline = time.monotonic() + RUNS_END_S
    with DagsterInstance.from_config(str(settings.dagster_home)) as instance:
        while running := instance.get_runs(RunsFilter(statuses=UNFINISHED)):
            assert time.monotonic() < deadline, f"still running: {[run.job_name for run in running]}"
            time.sleep(1)


def train_small_model(settings) -> str:
    """Train and promote a model on seven weeks of real flights, which takes seconds; return its version."""
    from flight_assets.delay_model.features.build import build_features
    from flight_assets.delay_model.features.events import events_from_flights, scheduled_flights
    from flight_assets.delay_model.training.train import BoosterSettings, TrainConfig, train
    from flight_assets.producer.nycflights import load_flights
    from flight_assets.stores.hdfs import Hdfs
    from flight_assets.stores.models import ModelStore

    flights = load_flights()
    flights = flights[flights["flight_date"] < "2013-02-20"]
    events = events_from_flights(flights)
    scheduled = scheduled_flights(events)
    features = build_features(scheduled, events)
    few = BoosterSettings(rounds=20, max_depth=4)
    config = TrainConfig(
        test_from=date(2013, 2, 14),
        calibration_days=7,
        early_stopping_days=7,
        mean=few,
        quantiles=few,
        late=few,
    )
    rows = flights.set_index("flight_id", drop=False).loc[scheduled["flight_id"]].set_index(features.index)
    store = ModelStore(Hdfs(settings))
    model = train(config, rows, features)
    store.publish(model)
    store.promote(model.manifest.version)
    return model.manifest.version


def with_small_model(platform, who: str):
    """The settings of a platform whose runs are the tests' own, with that model; tells its size."""
    stop_automation(platform)
    train_small_model(platform)
    rows = launcher.status(platform)
    say(who, f"{len(rows)} services, {sum(row.rss_mb for row in rows)} MB resident")
    return platform


@pytest.fixture(scope="session")
def send(quiet_platform) -> Callable[[Iterable[Message]], PublishResult]:
    """Send messages to the flight topic; every one must be acknowledged."""

    def send_all(messages: Iterable[Message]) -> PublishResult:
        result = publish(messages, quiet_platform.kafka_bootstrap_servers, quiet_platform.kafka_topic)
        assert result.acknowledged == result.sent
        return result

    return send_all


def flights_with_defects(seed: int, count: int, share: float = 0.05) -> list[Message]:
    """Synthetic messages, bad ones among them; seeds under 15 apart never share a flight."""
    return list(mixed_messages(lambda good: synthetic_messages(seed, good, ANCHOR), count, share, seed))


def flights_of(messages: Iterable[Message]) -> set[str]:
    """The flights of those messages that are not made to be rejected."""
    return {json.loads(message.value)["flight_id"] for message in messages if message.defect not in REASONS}


@pytest.fixture(scope="session")
def process(quiet_platform, small_model) -> Callable[[], None]:
    """Run the pipeline once in this process, as `flights process` does."""
    from flight_assets.automation.runs import run_job

    return lambda: run_job(quiet_platform, "process_flights")


@pytest.fixture(scope="session")
def count(quiet_platform) -> Callable[[], dict[str, int]]:
    """Return the counts of `flights counts --json`, without the time of a process of its own.

    The counts must agree.
    """

    def agreeing_counts() -> dict[str, int]:
        found = counts(quiet_platform)
        assert found.problems == []
        return found.as_dict()

    return agreeing_counts


@pytest.fixture(scope="module")
def cold(quiet_platform, spark):
    """Settings of a database and a warehouse of their own, and no archives."""
    settings = quiet_platform.model_copy(
        update={"mongo_database": cold_store.OWN, "warehouse_database": cold_store.OWN}
    )
    cold_store.bring_back(quiet_platform, warehouse.Warehouse(spark, quiet_platform.warehouse_database))
    house = warehouse.Warehouse(spark, cold_store.OWN)
    cold_store.clean(settings, house)
    house.spark.sql(f"CREATE DATABASE {cold_store.OWN}").collect()
    for table in (FACT, ARCHIVE_METADATA):
        house.spark.sql(table_ddl.create_statement(house.name(table), table)).collect()
    yield settings, house
    cold_store.clean(settings, house)


@pytest.fixture
def archive_store(cold):
    """The archive's parts with an empty hot store; archives of earlier tests are there, finished."""
    settings, house = cold
    with mongo.database(settings) as db:
        db[mongo.FLIGHTS].delete_many({})
        store = cold_store.Store(settings, house, db[mongo.FLIGHTS])
        # Left by a test that failed.
        store.archives.resume()
        left = store.archives.unfinished()
        if left:
            store.give_up(left)
        yield store


@pytest.fixture
def small_threshold(archive_store, monkeypatch):
    """The stores of the archive's tests for commands and daemons, without archives, and with a threshold that
    a few documents exceed.
    """
    for record in archive_store.archives.records():
        archive_store.give_up(record)
    for name, value in (
        ("MONGO_DATABASE", cold_store.OWN),
        ("WAREHOUSE_DATABASE", cold_store.OWN),
        ("ARCHIVE_THRESHOLD_MB", "0.01"),
    ):
        monkeypatch.setenv(f"FLIGHTS_{name}", value)
    return archive_store
