"""Services by themselves, as containers run them: `flights service run` and `check` with real processes, and
what settings change.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import yaml
from pydantic import SecretStr

from flight_assets.errors import FlightsError
from flight_assets.platform import config, foreground, health
from flight_assets.platform.jars import classpath_dir
from flight_assets.platform.launcher import status
from flight_assets.platform.services import services
from flight_assets.settings import BASE_PORTS, Settings, with_password
from flight_assets.stores import kafka
from flight_assets_tests.conftest import PORT_OFFSET
from flight_assets_tests.deploy.compose import BIN

START_S = 120.0

# As long as Docker waits; Spark's worker at times does not end by itself.
GRACE_S = 10.0

# Beside the platform that other tests may have running.
OFFSET = PORT_OFFSET + 400


@pytest.fixture
def home(tmp_path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def environment(home) -> dict[str, str]:
    """Environment of a container, at this machine's own address."""
    own = {"FLIGHTS_HOME": str(home), "FLIGHTS_PORT_OFFSET": str(OFFSET), "FLIGHTS_EMBEDDED": "false"}
    return {
        **os.environ,
        **own,
        "FLIGHTS_SPARK_MASTER": f"spark://127.0.0.1:{BASE_PORTS['spark_master'] + OFFSET}",
    }


@pytest.fixture
def start(environment) -> Iterator[Callable[[str], subprocess.Popen[bytes]]]:
    """Starts `flights service run NAME`; all are ended with the test."""
    started = []

    def run(name: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [BIN / "flights", "service", "run", name], env=environment, stdout=subprocess.DEVNULL
        )
        started.append(process)
        return process

    yield run
    for process in reversed(started):
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(START_S)


def check(environment: dict[str, str], name: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [BIN / "flights", "service", "check", name],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def wait_for(environment: dict[str, str], name: str) -> None:
    deadline = time.monotonic() + START_S
    while (done := check(environment, name)).returncode:
        assert time.monotonic() < deadline, done.stderr
        time.sleep(0.3)


@pytest.mark.integration
def test_a_service_runs_in_the_foreground_and_its_check_tells_whether_it_works(start, environment, home):
    before = check(environment, "redis")
    assert before.returncode == 1
    assert before.stderr.startswith("flights: redis does not work: ")
    process = start("redis")
    wait_for(environment, "redis")
    assert (home / "data/redis").is_dir()
    process.kill()
    process.wait(START_S)
    assert check(environment, "redis").returncode == 1


@pytest.mark.integration
def test_a_worker_of_a_spark_cluster_joins_its_master(start, environment):
    start("spark-master")
    wait_for(environment, "spark-master")
    start("spark-worker")
    wait_for(environment, "spark-worker")
    elsewhere = environment | {"FLIGHTS_SPARK_MASTER": "spark://elsewhere:7077"}
    assert "belongs to spark://127.0.0.1" in check(elsewhere, "spark-worker").stderr


def test_an_unknown_service_is_named(environment):
    done = check(environment, "teapot")
    assert done.returncode == 1
    assert "there is no service teapot; there are mongod, " in done.stderr


def test_running_becomes_the_tables_command_in_an_empty_folder(home, monkeypatch):
    settings = Settings(_env_file=None, home=home)
    called: list[tuple[object, ...]] = []
    monkeypatch.setattr(os, "execve", lambda *words: called.append((Path.cwd(), *words)))
    monkeypatch.chdir(home.parent)
    foreground.run(settings, "metrics")
    ((folder, program, command, given),) = called
    service = foreground.find(settings, "metrics")
    assert (program, command) == (service.command[0], service.command)
    assert service.environment.items() <= given.items()
    assert (folder, list(folder.iterdir())) == (home / "run", [])
    assert (home / "etc/dagster/workspace.yaml").exists()


# --- what settings say


@pytest.mark.parametrize(
    ("url", "password", "wanted"),
    [
        (
            "mongodb://flights@a:1,b:2/?replicaSet=x",
            "p/@ :",
            "mongodb://flights:p%2F%40%20%3A@a:1,b:2/?replicaSet=x",
        ),
        ("redis://default@a:1/0", "", "redis://default@a:1/0"),
        ("redis://a:1/0", "unused", "redis://a:1/0"),
        ("redis://default:own@a:1/0", "other", "redis://default:own@a:1/0"),
        ("", "unused", ""),
    ],
)
def test_a_password_goes_behind_the_user_of_a_url(url, password, wanted):
    assert with_password(url, SecretStr(password)) == wanted


def test_secrets_are_read_from_files_and_shown_to_nobody(tmp_path):
    (tmp_path / "flights_mongo_password").write_text("canary\n")
    (tmp_path / "flights_metastore_db_password").write_text("canary")
    settings = Settings(
        _env_file=None, _secrets_dir=tmp_path, mongo_uri="mongodb://flights@a:1/", home=tmp_path
    )
    assert settings.mongo_uri == "mongodb://flights:canary@a:1/"
    assert settings.metastore_db_password.get_secret_value() == "canary"
    assert "canary" not in repr(settings.metastore_db_password)


def test_a_metastore_on_postgresql(tmp_path):
    url = "jdbc:postgresql://postgres:5432/metastore"
    settings = Settings(
        _env_file=None,
        home=tmp_path,
        metastore_db_url=url,
        metastore_db_user="m",
        metastore_db_password=SecretStr("p<"),
    )
    found = config.metastore_properties(settings)
    own = {
        key.removeprefix("javax.jdo.option.Connection"): value
        for key, value in found.items()
        if key.startswith("javax.jdo")
    }
    assert own == {"URL": url, "DriverName": "org.postgresql.Driver", "UserName": "m", "Password": "p<"}
    config.write_configs(settings)
    assert (tmp_path / "etc/metastore/hive-site.xml").stat().st_mode & 0o777 == 0o600
    words = foreground.find(settings, "metastore").command[-1].split(":")
    assert str(classpath_dir(settings.cache_dir, "metastore") / "*") in words


def test_dagster_on_postgresql_and_a_code_server_elsewhere(tmp_path):
    url = "postgresql://dagster@postgres:5432/dagster"
    password = SecretStr("p")
    settings = Settings(
        _env_file=None,
        home=tmp_path,
        dagster_db_url=url,
        dagster_db_password=password,
        dagster_code_address="code:4266",
    )
    config.write_configs(settings)
    instance = yaml.safe_load((settings.dagster_home / "dagster.yaml").read_text())
    assert instance["storage"] == {
        "postgres": {"postgres_url": "postgresql://dagster:p@postgres:5432/dagster"}
    }
    assert instance["telemetry"] == {"enabled": False}
    (location,) = yaml.safe_load((tmp_path / "etc/dagster/workspace.yaml").read_text())["load_from"]
    assert (location["grpc_server"]["host"], location["grpc_server"]["port"]) == ("code", 4266)
    config.write_configs(Settings(_env_file=None, home=tmp_path))
    assert "storage" not in yaml.safe_load((settings.dagster_home / "dagster.yaml").read_text())


def test_a_login_to_kafka(tmp_path):
    settings = Settings(
        _env_file=None,
        home=tmp_path,
        kafka_ca_file="/ca.pem",
        kafka_user="me",
        **{"kafka_password": "canary"},
    )
    login = {"security_protocol": "SASL_SSL", "sasl_plain_username": "me", "sasl_plain_password": "canary"}
    assert kafka.client_options(settings).items() >= login.items()


def test_services_elsewhere_count_as_running_until_their_check_says_otherwise(tmp_path):
    rows = status(Settings(_env_file=None, home=tmp_path, embedded=False))
    assert {(row.state, row.pid) for row in rows} == {("running", None)}
    assert [row.name for row in rows] == [
        service.name for service in services(Settings(_env_file=None, home=tmp_path))
    ]


@pytest.mark.parametrize(
    "form", ["{}", "any://{}/path", "mongodb://u:p%40@{}/?x=1", "{},elsewhere:1", "sc://{}/;token=x"]
)
def test_whatever_an_address_looks_like_its_server_is_asked(form):
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        health.answers(form.format(address))
    with pytest.raises(OSError, match="refused"):
        health.answers(form.format(address))


def test_an_address_without_a_port_is_refused():
    with pytest.raises(ValueError, match="no host:port"):
        health.answers("somewhere")


def test_a_producer_that_sends_nothing_is_ill(monkeypatch, tmp_path):
    from datetime import UTC, datetime, timedelta

    settings = Settings(_env_file=None, home=tmp_path)
    monkeypatch.setattr(kafka, "end_offsets", lambda _settings: {0: 1})
    for age_s, is_ill in ((health.PRODUCER_SILENCE_S - 5, False), (health.PRODUCER_SILENCE_S + 5, True)):
        newest = datetime.now(UTC) - timedelta(seconds=age_s)
        monkeypatch.setattr(kafka, "newest_timestamp", lambda _settings, _ends, newest=newest: newest)
        if is_ill:
            with pytest.raises(FlightsError, match="newest message"):
                health.check_producer(settings)
        else:
            health.check_producer(settings)
