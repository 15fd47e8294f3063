"""A secured platform: its secrets are made once and kept, each process has those of its role, no command has
any.
"""

from __future__ import annotations

import re

import pytest
from pydantic import ValidationError

from flight_assets.errors import FlightsError
from flight_assets.platform import access, config, kafka_access, services, supervision
from flight_assets.settings import PROJECT_DIR, SECRETS, Settings


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """A redis-server that says its version."""
    path = tmp_path_factory.mktemp("program") / "redis-server"
    path.write_text("#!/bin/sh\necho Redis server v=7.0.15 sha=0\n")
    path.chmod(0o700)
    return path


@pytest.fixture
def secured(tmp_path, program):
    return new_home(tmp_path, program)


@pytest.fixture(scope="module")
def with_secrets(tmp_path_factory, program):
    """A home with its secrets, which tests only read: making the keys takes seconds."""
    settings = new_home(tmp_path_factory.mktemp("secured"), program)
    access.make_secrets(settings)
    return settings


def new_home(folder, program) -> Settings:
    settings = Settings(_env_file=None, secured=True, home=folder / "home", redis_server=program)
    settings.home.mkdir()
    return settings


def again(settings: Settings, **given) -> Settings:
    """As another process reads them."""
    return Settings(
        _env_file=None, secured=True, home=settings.home, redis_server=settings.redis_server, **given
    )


def test_secrets_are_made_once_and_are_their_owners_only(with_secrets):
    files = {path.name: path for path in with_secrets.secrets_dir.iterdir()}
    assert set(files) == set(SECRETS)
    assert {
        path.stat().st_mode & 0o077 for path in (with_secrets.home, with_secrets.secrets_dir, *files.values())
    } == {0}
    assert len({path.read_text() for path in files.values()}) == len(SECRETS)
    other = again(with_secrets)
    access.make_secrets(other)
    assert other.mongo_uri == with_secrets.mongo_uri
    assert {name: other.secret(name).get_secret_value() for name in SECRETS} == {
        name: path.read_text() for name, path in files.items()
    }


def test_who_began_with_other_secrets_is_told(secured):
    late = again(secured)
    access.make_secrets(secured)
    with pytest.raises(FlightsError, match="run the command again"):
        access.make_secrets(late)


def test_without_openssl_one_sentence_says_so(secured, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(FlightsError, match="openssl"):
        access.make_secrets(secured)


def test_a_process_has_what_its_role_has_in_each_store(with_secrets):
    users = {role: again(with_secrets, role=role) for role in ("pipeline", "dashboard", "producer")}
    for role in ("pipeline", "dashboard"):
        assert f"://{role}:{users[role].secret(f'mongo_{role}').get_secret_value()}@" in users[role].mongo_uri
        assert f"://{role}:{users[role].secret(f'redis_{role}').get_secret_value()}@" in users[role].redis_url
    assert "@" not in users["producer"].mongo_uri + users["producer"].redis_url
    assert not users["producer"].spark_token
    assert len({user.kafka_password.get_secret_value() for user in users.values()}) == 3
    assert len({user.hdfs_user for user in users.values()}) == 3


def test_a_setting_that_is_given_is_stronger(secured):
    given = again(
        secured,
        mongo_uri="mongodb://me@db:1/",
        **{"mongo_password": "mine"},
        kafka_user="me",
        spark_remote="sc://spark:1",
    )
    assert (given.mongo_uri, given.kafka_user, given.spark_remote) == (
        "mongodb://me:mine@db:1/",
        "me",
        "sc://spark:1",
    )


def test_services_have_their_roles_and_no_command_or_file_but_the_servers_a_secret(with_secrets):
    config.write_configs(with_secrets)
    table = services.services(with_secrets)
    written = supervision.write_config(with_secrets, table).read_text()
    assert set(re.findall(r'SERVICE="(\w+)",.*FLIGHTS_ROLE="dashboard"', written)) == {"metrics", "dashboard"}
    values = [with_secrets.secret(name).get_secret_value() for name in SECRETS]
    shown = written + str([service.command + service.prepare for service in table])
    assert not any(value in shown for value in values)
    files = [path for path in (with_secrets.home / "etc").rglob("*") if path.is_file()]
    holders = {path for path in files if any(value in path.read_text() for value in values)}
    assert {path.name for path in holders} == {"spark-defaults.conf", "hive-site.xml"}
    assert {path.stat().st_mode & 0o077 for path in holders} == {0}


def test_an_open_platform_has_nothing_of_it(tmp_path):
    settings = Settings(_env_file=None, home=tmp_path)
    config.write_configs(settings)
    written = "".join(path.read_text() for path in (tmp_path / "etc").rglob("*") if path.is_file())
    written += supervision.write_config(settings, services.services(settings)).read_text()
    assert not re.search(r"sasl|ssl|tls|token|FLIGHTS_ROLE|FLIGHTS_SECURED|flights\.secrets", written)
    assert not settings.secrets_dir.exists()


def test_the_cluster_profile_is_not_secured(tmp_path):
    with pytest.raises(ValidationError, match="embedded profile only"):
        Settings(_env_file=None, home=tmp_path, secured=True, profile="cluster")


def test_containers_grant_the_pipeline_the_same_in_mongodb():
    script = (PROJECT_DIR / "deploy/mongo/users.js").read_text()
    granted = set(re.findall(r'role: "(\w+)", db: "flight_tracking"', script))
    assert granted == set(access.MONGO_ROLES["pipeline"])
    assert re.search(r"actions: (\[.*?\])", script)[1] == str(list(access.MONGO_SERVER_ACTIONS)).replace(
        "'", '"'
    )


def test_what_a_user_may_do_in_kafka_is_granted_and_no_more(secured):
    granted = {
        (acl.principal, acl.resource_pattern.resource_name, acl.operation.name)
        for acl in kafka_access.kafka_rights(secured)
    }
    assert {right[1:] for right in granted if right[0] == "User:producer"} == {("flight_events", "WRITE")}
    assert ("User:dashboard", "flight_events", "WRITE") not in granted
