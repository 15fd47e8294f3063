"""Containers against the table of services: commands, addresses, pages, passwords."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from sqlalchemy import create_engine

from flight_assets.platform.foreground import find
from flight_assets.settings import BASE_PORTS, LOOPBACK
from flight_assets_tests.deploy.compose import (
    DEPLOY,
    config,
    example,
    is_ours,
    needs,
    services,
    settings_in,
)
from flight_assets_tests.deploy.stacks import (
    ADDRESSES,
    EMBEDDED,
    OF_OTHER_IMAGES,
    TABLE,
    container_of,
    endpoint_owner,
)

# --- the table of services


@pytest.mark.parametrize("name", TABLE)
def test_a_service_has_a_container_that_waits_for_what_it_needs(name):
    found = services()
    assert {container_of(need) for need in TABLE[name].needs} <= needs(found, container_of(name))


@pytest.mark.parametrize("name", sorted(set(TABLE) - OF_OTHER_IMAGES))
def test_a_container_of_ours_runs_and_checks_the_tables_service(name):
    container = services()[container_of(name)]
    assert container["command"] == ["service", "run", name]
    assert container["healthcheck"]["test"] == ["CMD", "flights", "service", "check", name]


@pytest.mark.parametrize("name", sorted(set(TABLE) - OF_OTHER_IMAGES))
def test_its_command_is_the_embedded_one_at_another_address(name):
    """So what the tests of the platform run is what a container runs."""
    settings = settings_in(services()[container_of(name)])
    there, here = find(settings, name), TABLE[name]
    moved = {
        settings.bind_host: LOOPBACK,
        settings.advertised_host: LOOPBACK,
        settings.spark_master: EMBEDDED.spark_master,
    }
    assert [moved.get(word, word) for word in there.command] == here.command
    if name in ("dagster-code", "dagster-webserver", "dashboard"):
        assert settings.bind_host in there.command
    assert {key: moved.get(value, value) for key, value in there.environment.items()} == here.environment


@pytest.mark.parametrize("container", [name for name, service in services().items() if is_ours(service)])
def test_every_address_is_that_of_the_container_that_serves_it(container):
    settings = settings_in(services()[container])
    for setting, endpoint in ADDRESSES.items():
        value = getattr(settings, setting)
        found = urlsplit(value if "://" in value else f"any://{value}")
        assert (found.hostname, found.port) == (endpoint_owner(endpoint), BASE_PORTS[endpoint]), setting


def published() -> dict[str, set[int]]:
    """The ports of this machine by container; each has the same number in its container."""
    found = {name: service.get("ports", []) for name, service in services().items()}
    assert all(int(port["published"]) == port["target"] for ports in found.values() for port in ports)
    return {name: {port["target"] for port in ports} for name, ports in found.items() if ports}


# Pages of each role at each port of the proxy.
PROXIED = re.findall(
    r'"(?:~\^)?(\d+) \(?([a-z|]+)\)?\$?" ([a-z-]+):(\d+);', (DEPLOY / "proxy/nginx.conf").read_text()
)


def test_pages_are_published_by_the_proxy_only():
    at_proxy = {int(port) for port, _, _, _ in PROXIED}
    own = {
        name: {BASE_PORTS[endpoint]}
        for name, endpoint in (("spark", "hiveserver2"), ("metrics", "metrics"), ("api", "api"))
    }
    assert published() == own | {"airflow-api-server": {8080}, "proxy": at_proxy}
    listening = re.findall(r"listen (\d+) ssl;", (DEPLOY / "proxy/nginx.conf").read_text())
    assert {int(port) for port in listening} == at_proxy


def test_the_proxy_finds_each_page_where_its_container_serves_it():
    pages = ("dashboard", "dagster_viewer", "dagster_webserver", "spark_ui", "namenode_http", "metrics")
    assert {(name, int(port)) for _, _, name, port in PROXIED} == {
        (endpoint_owner(page), BASE_PORTS[page]) for page in pages
    }
    assert {name for _, _, name, _ in PROXIED} <= needs(services(), "proxy")


def test_a_viewer_gets_the_dashboard_and_the_dagster_that_takes_no_changes():
    roles = {name: set(who.split("|")) for _, who, name, _ in PROXIED}
    assert {name for name, who in roles.items() if "viewer" in who} == {"dashboard", "dagster-viewer"}
    assert {name for name, who in roles.items() if "operator" in who} == {"dashboard", "dagster-webserver"}
    assert {name for name, who in roles.items() if "admin" in who} == set(roles) - {"dagster-viewer"}
    assert TABLE["dagster-viewer"].command[-1] == "--read-only"


def test_who_connects_with_a_password_has_its_file():
    without_mongo = {"producer", "airflow-migrate"}
    for name, service in services().items():
        tier = service["labels"]["flights.tier"]
        if is_ours(service) and tier == "applications" and name not in without_mongo:
            settings = settings_in(service)
            assert "flights:flights_mongo_password@" in settings.mongo_uri
            assert "default:flights_redis_password@" in settings.redis_url
    assert "dagster:flights_dagster_db_password@" in settings_in(services()["dagster-code"]).dagster_db_url


def test_the_dashboard_signs_in_to_airflow_as_a_viewer_whose_password_is_a_file(tmp_path):
    dashboard = settings_in(services()["dashboard"])
    assert dashboard.airflow_password.get_secret_value() == "flights_airflow_password"
    assert (dashboard.airflow_url, example()["FLIGHTS_AIRFLOW_URL"]) == (
        "",
        "",
    )  # without the profile there is no Airflow to show
    users = services()["airflow-migrate"]["environment"]["AIRFLOW_USERS"].split(",")
    assert f"{dashboard.airflow_user}:Viewer" in users
    for name, service in services().items():
        if name.startswith("airflow-"):
            assert service["environment"]["AIRFLOW__CORE__AUTH_MANAGER"].endswith(".FabAuthManager")
            has_passwords = "airflow_passwords" in {secret["source"] for secret in service["secrets"]}
            assert has_passwords == (name == "airflow-migrate")

    subprocess.run(["bash", DEPLOY / "secrets.sh", tmp_path], check=True)
    passwords = json.loads((tmp_path / "airflow_passwords").read_text())
    assert set(passwords) == {user.split(":")[0] for user in users}
    assert passwords[dashboard.airflow_user] == (tmp_path / "flights_airflow_password").read_text()
    assert {Path(secret["file"]).name for secret in config()["secrets"].values()} == {
        path.name for path in tmp_path.iterdir()
    }


def test_the_address_of_airflow_that_the_example_names_is_its_containers():
    port = services()["airflow-api-server"]["ports"][0]["target"]
    assert (
        f"# With --profile airflow: http://airflow-api-server:{port}," in (DEPLOY / "env.example").read_text()
    )


def test_the_driver_of_dagsters_database_is_installed():
    assert create_engine(settings_in(services()["dagster-code"]).dagster_db_url).dialect.driver == "psycopg2"
