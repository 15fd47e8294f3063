"""Defaults, the environment, and that one module alone reads it."""

from __future__ import annotations

import ast
import os
import socket
from pathlib import Path

import pytest
from pydantic import ValidationError

import flight_assets
from flight_assets.settings import BASE_PORTS, Settings

PACKAGE = Path(flight_assets.__file__).parent
READERS = {"environ", "environb", "getenv", "getenvb"}


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch, tmp_path):
    """Neither FLIGHTS_* nor a .env, whatever the machine has."""
    for name in [name for name in os.environ if name.startswith("FLIGHTS_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_addresses_follow_from_the_port_offset():
    settings = Settings(port_offset=1_000)
    assert settings.kafka_bootstrap_servers == "127.0.0.1:10092"
    assert settings.hdfs_url == "hdfs://127.0.0.1:9020"
    assert settings.hdfs_http_url == "http://127.0.0.1:10870"
    assert settings.metastore_uri == "thrift://127.0.0.1:10083"
    assert settings.spark_remote == "sc://127.0.0.1:16002"
    assert settings.hiveserver2_address == "127.0.0.1:11000"
    assert settings.mongo_uri == "mongodb://127.0.0.1:28017/?replicaSet=flights"
    assert settings.redis_url == "redis://127.0.0.1:7379/0"
    assert settings.dagster_url == "http://127.0.0.1:4000"


def test_without_an_offset_the_ports_are_the_well_known_ones():
    assert {endpoint: Settings().port(endpoint) for endpoint in BASE_PORTS} == BASE_PORTS


def test_no_two_endpoints_share_a_port():
    assert len(set(BASE_PORTS.values())) == len(BASE_PORTS)


def test_an_address_that_is_given_stays_and_the_others_follow():
    settings = Settings(port_offset=1_000, kafka_bootstrap_servers="broker:9092")
    assert settings.kafka_bootstrap_servers == "broker:9092"
    assert settings.spark_remote == "sc://127.0.0.1:16002"


def test_flights_variables_are_read(monkeypatch):
    monkeypatch.setenv("FLIGHTS_PORT_OFFSET", "300")
    monkeypatch.setenv("FLIGHTS_MONGO_URI", "mongodb://db:1/")
    monkeypatch.setenv("FLIGHTS_TIMEOUT_S", "2.5")
    settings = Settings()
    assert (settings.port_offset, settings.mongo_uri, settings.timeout_s) == (300, "mongodb://db:1/", 2.5)


def test_a_dotenv_file_is_read_and_the_environment_wins_over_it(monkeypatch, tmp_path):
    (tmp_path / ".env").write_text("FLIGHTS_KAFKA_TOPIC=from_file\nFLIGHTS_PORT_OFFSET=5\nOTHER=1\n")
    monkeypatch.setenv("FLIGHTS_PORT_OFFSET", "6")
    settings = Settings()
    assert (settings.kafka_topic, settings.port_offset) == ("from_file", 6)


def test_variables_of_other_programs_are_not_read(monkeypatch):
    monkeypatch.setenv("KAFKA_TOPIC", "theirs")
    assert Settings().kafka_topic == "flight_events"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FLIGHTS_PORT_OFFSET", "-1"),
        ("FLIGHTS_PORT_OFFSET", "50000"),
        ("FLIGHTS_PORT_OFFSET", "many"),
        ("FLIGHTS_TIMEOUT_S", "0"),
        ("FLIGHTS_KAFKA_PARTITIONS", "0"),
        ("FLIGHTS_LEASE_S", "1"),
        ("FLIGHTS_SCHEDULED_LEAD_MINUTES", "44"),
        ("FLIGHTS_MONGO_CACHE_MB", "255"),
    ],
)
def test_a_value_that_cannot_work_is_refused_by_name(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError, match=name.removeprefix("FLIGHTS_").lower()):
        Settings()


def test_the_highest_offset_leaves_every_port_valid():
    limits = Settings.model_fields["port_offset"].metadata
    highest = Settings(port_offset=next(limit.le for limit in limits if hasattr(limit, "le")))
    assert all(highest.port(endpoint) <= 65_535 for endpoint in BASE_PORTS)


def test_settings_do_not_change_once_read():
    with pytest.raises(ValidationError, match="frozen"):
        Settings().port_offset = 5


def test_folders_are_absolute_and_know_the_users_home(tmp_path):
    settings = Settings(home=Path("here"), cache_dir=Path("~/cache"))
    assert settings.home == tmp_path / "here"
    assert settings.cache_dir == Path.home() / "cache"
    assert settings.dagster_home == tmp_path / "here" / "dagster"


def test_the_supervisors_socket_fits_a_unix_address_and_differs_by_home(tmp_path):
    deep = Settings(home=tmp_path / ("x" * 200)).supervisor_socket
    assert len(str(deep)) <= 107
    assert deep != Settings(home=tmp_path).supervisor_socket
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(deep.with_suffix(".test")))
    deep.with_suffix(".test").unlink()


def reads_environment(source: str) -> list[str]:
    """The uses of the process environment in a source other than ``os.environ.setdefault(…)`` and
    assignments, which write.
    """
    tree = ast.parse(source)
    allowed = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr == "setdefault"
    }
    allowed |= {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store)
    }
    uses = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and node.attr in READERS
        and isinstance(node.value, ast.Name)
        and node.value.id == "os"
        and id(node) not in allowed
    ]
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module == "os"]
    taken = [alias for node in imports for alias in node.names if alias.name in READERS]
    return [ast.unparse(node) for node in [*uses, *taken]]


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("import os\nos.environ['A']", 1),
        ("import os\nx = os.environ", 1),
        ("import os\nos.getenv('A')", 1),
        ("from os import environ as e", 1),
        ("import os\nos.environ.setdefault('A', 'b')", 0),
        ("import os\nos.environ['A'] = 'b'", 0),
        ("process.environ()", 0),
    ],
)
def test_reading_the_environment_is_recognised(source, count):
    assert len(reads_environment(source)) == count


@pytest.mark.parametrize(
    "path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.relative_to(PACKAGE).as_posix()
)
def test_no_module_but_settings_reads_the_environment(path):
    assert reads_environment(path.read_text()) == []


def test_clients_can_be_kept_by_their_settings():
    kept = {Settings(_env_file=None): 1}
    assert kept[Settings(_env_file=None)] == 1
    assert Settings(_env_file=None, source_delivers={"own": ["weather"]}) not in kept
