"""Passwords and tokens are seen nowhere: each credential of the settings is a canary that no door lets out.

Nothing listens at any address, so every client fails with a credential in its hands.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from dagster import DagsterInstance, serialize_value
from pydantic import SecretStr, ValidationError
from rich.pretty import pretty_repr

from flight_assets import logs
from flight_assets.commands import platform as platform_commands
from flight_assets.contracts.tables import DIM_AIRLINE
from flight_assets.definitions import build_defs
from flight_assets.monitoring import notify
from flight_assets.monitoring.alerts import Alert, State
from flight_assets.monitoring.exporter import Reading
from flight_assets.monitoring.sources import sources
from flight_assets.monitoring.watch import watch
from flight_assets.platform import config, launcher, supervision
from flight_assets.platform.services import further_services, services
from flight_assets.queries import operations
from flight_assets.settings import Settings, get_settings
from flight_assets.stores import dimensions, kafka, mongo, outage, redis, warehouse
from flight_assets.stores.hdfs import Hdfs
from flight_assets_tests import forked

CANARY = "c4n4ry"
SECRETS = {
    name: f"{CANARY}-{name}" for name, field in Settings.model_fields.items() if field.annotation is SecretStr
}
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
ALERT = Alert.model_validate(
    {
        "rule": "StoreDown",
        "severity": "critical",
        "labels": {},
        "summary": "down",
        "remedy": "start it",
        "status": "firing",
    }
    | {"since": NOW, "fired_at": NOW, "last_seen": NOW, "value": 0, "limit": 1}
)


@pytest.fixture(scope="module")
def nowhere() -> Iterator[str]:
    """An address at which nothing listens: the port stays taken, so that no other program gets it."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{bound.getsockname()[1]}"


@pytest.fixture
def given(nowhere, tmp_path) -> dict[str, str]:
    """Every credential, and the addresses of the stores that they are for."""
    host, port = nowhere.split(":")
    return SECRETS | {
        "home": str(tmp_path / "home"),
        "embedded": "false",
        "timeout_s": "0.5",
        "monitoring_timeout_s": "0.5",
        "lease_wait_s": "0",
        "kafka_bootstrap_servers": nowhere,
        "hdfs_url": f"hdfs://{nowhere}",
        "hdfs_http_url": f"http://{nowhere}",
        "spark_remote": f"sc://{nowhere}",
        "spark_ui_url": f"http://{nowhere}",
        "hiveserver2_address": nowhere,
        "mongo_uri": f"mongodb://flights@{nowhere}/?replicaSet=flights&authSource=admin",
        "redis_url": f"redis://default@{nowhere}/0",
        "metastore_uri": f"thrift://{nowhere}",
        "metastore_db_url": f"jdbc:postgresql://{nowhere}/metastore",
        "metastore_db_user": "metastore",
        "dagster_url": f"http://{nowhere}",
        "dagster_code_address": nowhere,
        "dagster_db_url": f"postgresql+psycopg2://dagster@{nowhere}/dagster",
        "metrics_url": f"http://{nowhere}/metrics",
        "dashboard_url": f"http://{nowhere}",
        "airflow_url": f"http://{nowhere}",
        "airflow_user": "viewer",
        "alert_webhook_url": f"http://{nowhere}/hook?key={CANARY}-webhook",
        "alert_email_to": "someone@localhost",
        "smtp_host": host,
        "smtp_port": port,
        "smtp_user": "flights",
    }


@pytest.fixture
def settings(given, own_environment) -> Iterator[Settings]:
    """The settings of this process for the length of a test, out of the environment as a deployment's are."""
    for name in [name for name in os.environ if name.startswith("FLIGHTS_")]:
        del os.environ[name]
    os.environ.update({f"FLIGHTS_{name.upper()}": value for name, value in given.items()})
    get_settings.cache_clear()
    yield get_settings()
    get_settings.cache_clear()


def test_the_canaries_are_where_the_clients_take_them_from(settings):
    """Or the tests below would show nothing."""
    assert {
        "mongo_password",
        "redis_password",
        "dagster_db_password",
        "metastore_db_password",
        "smtp_password",
    } < set(SECRETS)
    for address in (settings.mongo_uri, settings.redis_url, settings.dagster_db_url):
        assert CANARY in address
    assert all(CANARY in getattr(settings, name).get_secret_value() for name in SECRETS)


def test_what_is_named_like_a_credential_is_a_secret():
    named = {
        name
        for name in Settings.model_fields
        if any(word in name for word in ("password", "token", "secret", "webhook"))
    }
    assert named == set(SECRETS)


# --- what shows the settings


@pytest.mark.parametrize("shown", [repr, str, pretty_repr, "{}".format, "{!r}".format])
def test_the_settings_are_shown_without_them(settings, shown):
    assert CANARY not in shown(settings)
    assert "mongodb://flights:***@" in shown(settings)


@pytest.mark.parametrize(
    "wrong", [{"archive_min_window_hours": 1_000}, {"smtp_port": 0}, {"mongo_password": 7}, {"redis_url": 7}]
)
def test_an_error_of_the_settings_shows_none(given, wrong):
    with pytest.raises(ValidationError) as refused:
        Settings(_env_file=None, **given | wrong)
    assert CANARY not in str(refused.value)
    assert CANARY not in repr(refused.value)


# --- the command line


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [
        "--help", "service --help", "status", "status --json", "doctor", "--verbose counts",
        "--verbose process", "produce --events 1",
        "--verbose ledger", "archive status", "alerts list", "alerts test", "alerts rules",
        "service check mongod",
        "service check dagster-code", "logs mongod",
    ],
)  # fmt: skip
def test_no_command_prints_one(settings, command):
    done = forked.run_flights(tuple(command.split()), 120)
    said = done.stdout + done.stderr
    assert said
    assert CANARY not in said


def test_the_addresses_that_up_prints_have_none(settings, capsys):
    platform_commands.print_addresses(settings)
    said = capsys.readouterr().out
    assert settings.metrics_url in said
    assert CANARY not in said


# --- stores that do not answer


def ask_mongodb(settings: Settings) -> None:
    with mongo.connect(settings) as client:
        client.admin.command("ping")


def dagsters_storage(settings: Settings) -> None:
    config.write_configs(settings)
    DagsterInstance.from_config(str(settings.dagster_home)).get_runs_count()


FAILING: dict[str, Callable[[Settings], object]] = {
    "mongodb": mongo.ensure_collection,
    "mongodb, driver": ask_mongodb,
    "redis": lambda settings: dimensions.publish(settings, DIM_AIRLINE),
    "redis, driver": lambda settings: redis.connect(settings).ping(),
    "redis, page 6": operations.redis_info,
    "kafka": kafka.end_offsets,
    "hdfs": lambda settings: Hdfs(settings).exists("/"),
    "warehouse": warehouse.connect,
    "airflow": operations.airflow_dags,
    "dagster": lambda settings: operations.get_json(settings, settings.dagster_url, "Dagster"),
    "dagster's storage": dagsters_storage,
}


@pytest.mark.parametrize("name", FAILING)
def test_an_error_of_a_client_names_none(settings, name):
    with pytest.raises(Exception) as failed:
        FAILING[name](settings)
    trace = "".join(traceback.format_exception(failed.value))
    assert settings.kafka_bootstrap_servers.split(":")[1] in trace  # it did try to connect
    assert CANARY not in trace
    assert CANARY not in outage.explain(settings, failed.value)


@pytest.mark.parametrize("send", [notify.to_webhook, notify.to_email])
def test_a_sink_that_cannot_be_told_names_none(settings, send):
    with pytest.raises(OSError) as failed:
        send(settings, [ALERT])
    assert CANARY not in notify.reason(failed.value)


def test_neither_the_log_nor_the_state_of_the_alarms_has_one(settings):
    logs.configure(settings)
    state = watch(settings, State(alerts={ALERT.key: ALERT}), {}, NOW)
    assert state.problems
    assert CANARY not in state.model_dump_json()
    assert CANARY not in logs.path(settings).read_text()


@pytest.mark.parametrize("source", sources(), ids=lambda source: source.store)
def test_the_metrics_of_a_store_that_is_down_name_none(settings, source):
    reading = Reading(source)
    reading.ask(settings)
    assert CANARY not in f"{reading.problem} {reading.samples}"


@pytest.mark.parametrize("service", services(Settings(_env_file=None)), ids=lambda service: service.name)
def test_the_check_of_a_service_names_none(settings, service):
    problem = launcher.problem_of(settings, service)
    assert problem
    assert CANARY not in problem


# --- the list of processes


def test_no_command_line_of_a_service_has_one(settings):
    for service in (*services(settings), *further_services(settings)):
        assert CANARY not in " ".join([*service.command, *service.prepare])
        assert CANARY not in repr(service)
    assert CANARY not in supervision.write_config(settings, services(settings)).read_text()


def test_files_that_must_have_one_are_for_their_owner_only(settings):
    config.write_configs(settings)
    written = [path for path in settings.home.rglob("*") if path.is_file()]
    having = [path for path in written if CANARY in path.read_text()]
    assert {path.name for path in having} == {"hive-site.xml", "dagster.yaml"}
    assert {path.stat().st_mode & 0o077 for path in having} == {0}


# --- Dagster


SNAPSHOT = """
from dagster import serialize_value
from dagster._core.remote_representation.external_data import RepositorySnap
from flight_assets.definitions import defs
print(serialize_value(RepositorySnap.from_def(defs.get_repository_def())))
"""


@pytest.mark.slow
@pytest.mark.usefixtures("settings")
def test_what_dagsters_pages_get_of_the_code_has_none():
    """Jobs, resources, default run configuration and metadata, as the code server sends them.

    In a process that loads them itself.
    """
    sent = subprocess.run(
        [sys.executable, "-c", SNAPSHOT], capture_output=True, text=True, timeout=120, check=True
    ).stdout
    assert '"process_flights"' in sent
    assert CANARY not in sent


def test_a_run_that_fails_leaves_none_in_its_record(settings):
    """Its configuration, tags, events, metadata and the trace of its failure."""
    with DagsterInstance.ephemeral() as instance:
        job = build_defs(settings).resolve_job_def("process_flights")
        done = job.execute_in_process(instance=instance, raise_on_error=False)
        assert not done.success
        events = instance.all_logs(done.run_id)
        kept = "".join(serialize_value(entry) for entry in [instance.get_run_by_id(done.run_id), *events])
    assert "MongoDB does not answer" in kept
    assert CANARY not in kept
