"""The Compose files: accepted by Docker Compose, and the same as what the code's table of services says."""

from __future__ import annotations

import re

import pytest

from flight_assets.settings import LOOPBACK, Settings
from flight_assets_tests.deploy.compose import (
    BASE,
    DEPLOY,
    FILES,
    FILLED_IN,
    config,
    example,
    is_one_shot,
    is_ours,
    needs,
    run,
    services,
    settings_in,
    variables,
)
from flight_assets_tests.deploy.stacks import CONTAINERS, STACKS, TIERS, WRITABLE

# --- the files


@pytest.mark.parametrize("stack", STACKS, ids=lambda stack: "-".join(stack) or "alone")
def test_docker_compose_accepts_the_files(stack):
    assert config(*stack)["name"] == "flights"


def test_docker_compose_checks_its_schema(tmp_path):
    """Or the test above would say little."""
    (tmp_path / BASE).write_text("services: {a: {image: b, heathcheck: {}}}\n")
    done = run(BASE, variables={}, folder=tmp_path)
    assert done.returncode != 0
    assert "heathcheck" in done.stderr


@pytest.mark.parametrize("name", sorted(FILLED_IN))
def test_what_has_no_default_must_be_set(name):
    given = {key: value for key, value in FILLED_IN.items() if key != name}
    done = run(BASE, "docker-compose.tls.yml", variables=given)
    assert done.returncode != 0
    assert f"set {name}" in done.stderr


def test_the_example_names_the_variables_that_are_used():
    used = set().union(*(variables((DEPLOY / name).read_text()) for name in FILES))
    assert set(example()) == used
    assert {name for name, value in example().items() if not value} == {
        *FILLED_IN,
        "FLIGHTS_ALERT_WEBHOOK_URL",
        "FLIGHTS_AIRFLOW_URL",
    }


def test_the_example_gives_the_defaults_of_the_files():
    written = [
        match for name in FILES for match in re.findall(r"\$\{(\w+):-([^}]*)\}", (DEPLOY / name).read_text())
    ]
    assert set(written) == {(name, value) for name, value in example().items() if name not in FILLED_IN}


# --- each container


@pytest.mark.parametrize(("stack", "name"), CONTAINERS)
def test_a_container_is_confined(stack, name):
    service = services(*stack)[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert (service["user"].split(":")[0] == "0") == (name == "hdfs-volumes")
    assert service.get("read_only", False) == (name not in WRITABLE)
    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory"}
    assert service["restart"] in ("unless-stopped", "on-failure", "no")
    assert service["init"]


@pytest.mark.parametrize(("stack", "name"), CONTAINERS)
def test_an_image_is_pinned_to_a_version(stack, name):
    image = services(*stack)[name]["image"]
    tag = image.rsplit(":", 1)[1]
    assert re.match(r"\d+\.\d+", tag)
    assert not image.startswith(("bitnami/", "bde2020/", "wurstmeister/", "confluentinc/"))


@pytest.mark.parametrize(("stack", "name"), CONTAINERS)
def test_what_runs_on_has_a_health_check_and_what_waits_asks_for_it(stack, name):
    found = services(*stack)
    assert ("healthcheck" in found[name]) != is_one_shot(found[name])
    for other, wait in found[name].get("depends_on", {}).items():
        assert wait["condition"] == (
            "service_completed_successfully" if is_one_shot(found[other]) else "service_healthy"
        )


@pytest.mark.parametrize(("stack", "name"), CONTAINERS)
def test_tiers_start_in_their_order(stack, name):
    found = services(*stack)
    tier = {other: TIERS.index(service["labels"]["flights.tier"]) for other, service in found.items()}
    before = {tier[other] for other in needs(found, name)}
    assert all(other <= tier[name] for other in before)
    # MongoDB waits for nothing: it needs nothing of the tier before.
    if tier[name] and not name.startswith("mongodb"):
        assert tier[name] - 1 in before


@pytest.mark.parametrize(("stack", "name"), CONTAINERS)
def test_secrets_are_files(stack, name):
    for key, value in services(*stack)[name].get("environment", {}).items():
        if re.search(r"PASSWORD|SECRET_KEY|FERNET|JWT|CONN", key):
            assert key.endswith(("_FILE", "_CMD"))
        assert not re.search(r"://[^/@]*:[^/@]*@", str(value))


@pytest.mark.parametrize(("stack", "name"), CONTAINERS)
def test_data_is_in_named_volumes_and_files_of_ours_are_mounted_read_only(stack, name):
    for mount in services(*stack)[name].get("volumes", []):
        if mount["type"] == "volume":
            assert mount["source"] in config(*stack)["volumes"]
        else:
            assert mount["read_only"]
            assert mount["source"].startswith(str(DEPLOY))


@pytest.mark.parametrize(("stack", "name"), CONTAINERS)
def test_a_mounted_file_or_a_file_that_is_run_is_there(stack, name):
    service = services(*stack)[name]
    words = [
        *(service.get("entrypoint") or []),
        *(service.get("command") or []),
        *service.get("healthcheck", {}).get("test", []),
    ]
    for word in map(str, words):
        for mounted in re.findall(r"/etc/flights/\S+", word):
            assert (DEPLOY / mounted.removeprefix("/etc/flights/")).is_file()
            assert any(mounted.startswith(mount["target"]) for mount in service["volumes"])


@pytest.mark.parametrize(("stack", "name"), CONTAINERS)
def test_ports_are_published_on_loopback_unless_said_otherwise(stack, name):
    assert {port["host_ip"] for port in services(*stack)[name].get("ports", [])} <= {LOOPBACK}


@pytest.mark.parametrize(("stack", "name"), CONTAINERS)
def test_every_variable_and_secret_of_ours_is_a_setting(stack, name):
    service = services(*stack)[name]
    names = [
        *service.get("environment", {}),
        *(secret["source"].upper() for secret in service.get("secrets", [])),
    ]
    ours = [key.removeprefix("FLIGHTS_").lower() for key in names if key.startswith("FLIGHTS_")]
    assert set(ours) <= set(Settings.model_fields)
    if is_ours(service):
        settings_in(service)
