"""The stack of docker-compose.yml, run: users, roots, secrets, order, names, a batch, and the pages.

`make compose-test` runs it, with stand-ins for the server images (see images/README.md).
"""

from __future__ import annotations

import json
import os
import re
import ssl
import subprocess
import time
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from flight_assets_tests.deploy import compose, engine
from flight_assets_tests.deploy.engine import Engine
from flight_assets_tests.told import say

pytestmark = [
    pytest.mark.skipif(not os.environ.get("FLIGHTS_TEST_COMPOSE"), reason="make compose-test runs it"),
    pytest.mark.slow,
]
TAG = "compose-test"
TIERS = ("infrastructure", "data", "processing", "applications")
ADMIN = "tester"
EVENTS = 2_000
BATCH_TIMEOUT_S = 300
# Room between the clock of the health checks and that of the engine.
CLOCK_S = 1.0
# Podman lays a folder of its own over /run when the root is read-only; the stand-in's socket is in /tmp.
HIDDEN_BY_PODMAN = ("/var/run/postgresql",)
PAGES = {
    8443: "Streamlit",
    8444: "Dagster",
    8445: "Spark",
    8446: "NameNodeInfo",
    8447: "flights_store_up",
}
PATHS = {8445: "/jobs/", 8446: "/jmx", 8447: "/metrics"}


@pytest.fixture(scope="module")
def secrets(tmp_path_factory) -> Path:
    """A folder of secrets, made as the guide says."""
    folder = tmp_path_factory.mktemp("secrets")
    subprocess.run([compose.DEPLOY / "secrets.sh", folder], check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def password(secrets) -> str:
    """The password of an administrator at the proxy."""
    command = [compose.DEPLOY / "proxy/add-user.sh", secrets, ADMIN, "admin"]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return told.split("password ")[1].strip()


@pytest.fixture(scope="module")
def stack(tmp_path_factory, secrets, password) -> Iterator[Engine]:
    """The running stack: every container without a profile of its own."""
    variables = compose.example() | {
        "IMAGE_TAG": TAG,
        "SECRETS_DIR": str(secrets),
        "KAFKA_CLUSTER_ID": compose.FILLED_IN["KAFKA_CLUSTER_ID"],
    }
    with engine.running(tmp_path_factory.mktemp("engine"), variables) as running:
        began = time.time()
        try:
            running.compose("up", "--detach", "--no-build", "--pull", "never")
        except AssertionError:
            for name, container in running.inspect().items():
                say(name, f"{container['State']['Status']} {container['State'].get('Health')}")
                say(name, running.podman("logs", "--tail", "15", container["Name"], check=False))
            raise
        say("compose", f"up after {time.time() - began:.0f} s")
        yield running


@pytest.fixture(scope="module")
def containers(stack) -> dict[str, Any]:
    """Each container of the stack, as the engine knows it."""
    found = stack.inspect()
    wanted = {name for name, service in compose.services().items() if not service.get("profiles")}
    assert set(found) == wanted
    say("compose", f"{len(found)} containers: {', '.join(sorted(found))}")
    return found


def lasting(containers: dict[str, Any]) -> list[str]:
    """The containers that stay."""
    return [name for name in containers if not compose.is_one_shot(compose.services()[name])]


def test_every_container_runs_or_has_done_its_work(containers):
    states = {name: container["State"] for name, container in containers.items()}
    assert {states[name]["Status"] for name in lasting(containers)} == {"running"}
    others = states.keys() - set(lasting(containers))
    assert {name: states[name]["ExitCode"] for name in others} == dict.fromkeys(others, 0)


def test_no_process_is_root_or_can_become_it(stack, containers):
    for name in lasting(containers):
        status = stack.inside(name, "cat", "/proc/1/status")
        found = dict(re.findall(r"^(Uid|Gid|CapEff|CapBnd|NoNewPrivs):\s+(\S+)", status, re.M))
        uid, gid = compose.services()[name]["user"].split(":")
        assert found == {
            "Uid": uid, "Gid": gid, "CapEff": "0" * 16, "CapBnd": "0" * 16, "NoNewPrivs": "1",
        }, name  # fmt: skip


def test_roots_are_read_only_and_what_is_said_to_be_writable_is(stack, containers):
    for name in lasting(containers):
        service = compose.services()[name]
        written = stack.inside(name, "sh", "-c", "touch /etc/probe 2>&1 || true")
        assert ("Read-only file system" in written) == service.get("read_only", False), (name, written)
        for folder in (mount.split(":")[0] for mount in service.get("tmpfs", [])):
            if folder not in HIDDEN_BY_PODMAN:
                stack.inside(name, "sh", "-c", f"touch {folder}/probe && rm {folder}/probe")


def test_a_container_has_its_own_secrets_only(stack, containers):
    for name in lasting(containers):
        wanted = {
            secret.get("target", secret["source"]).split("/")[-1]
            for secret in compose.services()[name].get("secrets", [])
        }
        listed = stack.inside(name, "sh", "-c", "ls /run/secrets 2>/dev/null || true")
        assert set(listed.split()) == wanted, name
        for secret in wanted:
            stack.inside(name, "sh", "-c", f"test -s /run/secrets/{secret}")


def test_memory_is_limited(containers):
    for name, container in containers.items():
        wanted = int(compose.services()[name]["deploy"]["resources"]["limits"]["memory"])
        assert container["HostConfig"]["Memory"] == wanted, name


def started(container: dict[str, Any]) -> float:
    return datetime.fromisoformat(re.sub(r"(\.\d{6})\d*", r"\1", container["State"]["StartedAt"])).timestamp()


def test_a_container_starts_after_those_that_it_needs_are_healthy(stack, containers):
    for name, container in containers.items():
        for needed, how in compose.services()[name].get("depends_on", {}).items():
            if how["condition"] == "service_healthy":
                assert stack.healthy_at[stack.container(needed)] <= started(container) + CLOCK_S, (
                    name,
                    needed,
                )


def test_the_tiers_start_in_order(containers):
    first = {
        tier: min(
            started(container)
            for container in containers.values()
            if container["Config"]["Labels"]["flights.tier"] == tier
        )
        for tier in TIERS
    }
    for tier in TIERS:
        say("compose", f"{tier} from {first[tier] - first[TIERS[0]]:.0f} s on")
    assert sorted(first, key=first.__getitem__) == list(TIERS)


def networks(name: str) -> set[str]:
    return set(compose.services()[name].get("networks", []))


def test_names_are_found_on_shared_networks_only(stack, containers):
    ask = """import socket, sys
def answers(name):
    try:
        return bool(socket.gethostbyname(name))
    except OSError:
        return False
print(*filter(answers, sys.argv[1:]))"""
    for asking in ("producer", "spark-worker", "dashboard"):
        found = set(stack.inside(asking, "python", "-c", ask, *lasting(containers)).split())
        wanted = {name for name in lasting(containers) if networks(name) & networks(asking)}
        assert found == wanted, asking
    for name, container in containers.items():
        if networks(name):
            assert set(container["NetworkSettings"]["Networks"]) == networks(name), name


def test_every_container_reports_its_state_and_memory_and_the_disks_are_those_of_volumes(stack, containers):
    ask = "import urllib.request as u; print(u.urlopen('http://localhost:9464/metrics').read().decode())"
    shown = stack.inside("metrics", "python", "-c", ask)
    memory = set(re.findall(r'flights_service_memory_bytes\{service="([\w-]+)"\}', shown))
    renamed = {"mongodb": "mongod"}
    assert {renamed.get(name, name) for name in lasting(containers)} <= memory
    assert not re.findall(r'flights_service_up\{service="([\w-]+)"\} 0.0', shown)
    say("compose", ", ".join(re.findall(r"flights_disk_used_ratio\{.*", shown)))
    assert 'flights_disk_used_ratio{disk="volumes"}' in shown


def counts(stack: Engine) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        stack.inside("dagster-code", "flights", "counts", "--json", check=False) or "{}"
    )
    return found


def test_events_become_flights_in_every_store_by_dagster_s_schedule(stack, containers):
    stack.inside(
        *("dagster-code", "flights", "produce", "--source", "synthetic"),
        "--events",
        str(EVENTS),
        "--seed",
        "5",
    )
    deadline = time.monotonic() + BATCH_TIMEOUT_S
    while (found := counts(stack)).get("raw", 0) < EVENTS and time.monotonic() < deadline:
        time.sleep(10)
    say("compose", json.dumps(found))
    assert found["raw"] >= EVENTS
    assert found["fact_flights"] > 0
    assert found["mongo_documents"] > 0


def fetch(port: int, password: str) -> str:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    token = b64encode(f"{ADMIN}:{password}".encode()).decode()
    request = urllib.request.Request(
        f"https://localhost:{port}{PATHS.get(port, '/')}", headers={"Authorization": f"Basic {token}"}
    )
    with urllib.request.urlopen(request, context=context, timeout=60) as answer:
        return str(answer.read().decode())


@pytest.mark.parametrize("port", PAGES)
def test_each_page_is_there_through_the_proxy(stack, password, port):
    assert PAGES[port] in fetch(port, password)


def test_the_six_pages_open_in_a_browser(stack, password):
    from playwright.sync_api import sync_playwright

    chromium = Path("/usr/bin/chromium")
    if not chromium.exists():
        pytest.skip("chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(chromium), args=["--no-sandbox"])
        page = browser.new_context(
            ignore_https_errors=True, http_credentials={"username": ADMIN, "password": password}
        ).new_page()
        for path in ("", "streaming", "history", "prediction", "quality", "operations"):
            page.goto(f"https://localhost:8443/{path}", timeout=90_000)
            page.wait_for_selector("h1", timeout=90_000)
            page.wait_for_selector("[data-testid=stException]", state="detached")
            say("compose", f"page {path or 'overview'}: {page.inner_text('h1')}")
        browser.close()


def test_data_is_there_after_down_and_up(stack, containers):
    before = counts(stack)
    stack.compose("down", "--timeout", "20")
    stack.healthy_at.clear()
    stack.compose("up", "--detach", "--no-build", "--pull", "never")
    after = counts(stack)
    say("compose", f"after down and up: {json.dumps(after)}")
    assert before["raw"] <= after["raw"]
    assert before["fact_flights"] <= after["fact_flights"]
    assert before["mongo_documents"] <= after["mongo_documents"]
