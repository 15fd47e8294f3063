"""The reverse proxy's own configuration in a real nginx, before the pages of a platform: who gets what, and
what nobody gets.
"""

from __future__ import annotations

import json
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from websockets.exceptions import InvalidStatus

from flight_assets.platform import launcher
from flight_assets.settings import BASE_PORTS, LOOPBACK
from flight_assets_tests.conftest import PORT_OFFSET
from flight_assets_tests.deploy.compose import DEPLOY
from flight_assets_tests.deploy.proxy_server import (
    ALLOWED,
    JOB,
    LAUNCH,
    OTHER_SITE,
    PAGES,
    ROLES,
    RUN_TIMEOUT_S,
    TIMEOUT_S,
    Proxy,
    Users,
    running,
    wait_until,
)
from flight_assets_tests.integration.conftest import stop_automation
from flight_assets_tests.told import say


@pytest.fixture(scope="module")
def users(tmp_path_factory) -> Users:
    """One of each role, and one who has a password and no role."""
    secrets = tmp_path_factory.mktemp("users") / "secrets"
    subprocess.run(["bash", DEPLOY / "secrets.sh", secrets], timeout=TIMEOUT_S, check=True)
    found = Users(secrets, {})
    for name in (*ROLES, "unknown"):
        found.add(name, name if name in ROLES else "admin")
    roles = secrets / "proxy_roles"
    roles.write_text(roles.read_text().replace("unknown admin;", ""))
    return found


@pytest.fixture(scope="module")
def proxy(platform, users, tmp_path_factory) -> Iterator[Proxy]:
    """The proxy before the test platform."""
    stop_automation(platform)
    launcher.up(platform, partial(say, "proxy"), lambda _done, _total: None, ("dagster-viewer",))
    with running(tmp_path_factory.mktemp("proxy"), users, platform.port_offset) as found:
        yield found


@pytest.mark.parametrize("page", PAGES)
def test_without_the_right_password_nobody_gets_in(proxy, page):
    assert proxy.ask(page).status_code == 401
    assert proxy.ask(page).headers["WWW-Authenticate"].startswith("Basic ")
    for name in (*ROLES, "unknown", "stranger"):
        assert proxy.ask(page, name, "wrong").status_code == 401
    assert proxy.ask(page, path="/_health").text == "ok\n"


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("who", ALLOWED)
def test_everybody_gets_the_pages_of_their_role(proxy, who, page):
    answer = proxy.ask(page, who)
    assert answer.status_code == (200 if page in ALLOWED[who] else 403)
    assert (PAGES[page][2] in answer.text) == (page in ALLOWED[who])


def test_plain_http_is_sent_to_https(proxy):
    answer = proxy.ask("dagster", "operator", scheme="http", path="/runs?page=2")
    assert (answer.status_code, answer.headers["Location"]) == (
        301,
        f"{proxy.address('dagster')}/runs?page=2",
    )


def test_a_viewer_sees_runs_and_starts_none(proxy):
    assert (
        "results"
        in proxy.graphql("viewer", "{ runsOrError { ... on Runs { results { runId } } } }").json()["data"][
            "runsOrError"
        ]
    )
    assert (
        proxy.graphql("viewer", LAUNCH, {"job": JOB}).json()["data"]["launchRun"]["__typename"]
        == "UnauthorizedError"
    )
    assert (
        proxy.ask(
            "dagster", "viewer", path="/report_asset_materialization/staged_events", method="POST"
        ).status_code
        == 401
    )
    permissions = proxy.graphql("viewer", "{ permissions { value } }").json()["data"]["permissions"]
    assert {permission["value"] for permission in permissions} == {False}


def test_an_operator_starts_a_run_which_succeeds(proxy):
    began = time.monotonic()
    launched = proxy.graphql("operator", LAUNCH, {"job": JOB}).json()["data"]["launchRun"]
    assert launched["__typename"] == "LaunchRunSuccess", launched
    query = "query Run($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"

    def status() -> str:
        # A viewer sees what the operator did.
        return proxy.graphql("viewer", query, {"id": launched["run"]["runId"]}).json()["data"]["runOrError"][
            "status"
        ]

    wait_until(lambda: status() in ("SUCCESS", "FAILURE"), "the run does not end", RUN_TIMEOUT_S)
    assert status() == "SUCCESS"
    say(
        "proxy",
        f"a run that an operator started through the proxy succeeded after {time.monotonic() - began:.0f} s",
    )


def test_the_dashboards_websocket_opens(proxy):
    with proxy.websocket("dashboard", "viewer", "/_stcore/stream", "streamlit") as connection:
        assert connection.response.status_code == 101
        assert connection.subprotocol == "streamlit"


@pytest.mark.parametrize("who", ["viewer", "operator"])
def test_dagsters_websocket_answers(proxy, who):
    with proxy.websocket("dagster", who, "/graphql", "graphql-ws") as connection:
        connection.send(json.dumps({"type": "connection_init", "payload": {}}))
        assert json.loads(connection.recv(timeout=TIMEOUT_S)) == {"type": "connection_ack"}


def runs(proxy: Proxy) -> int:
    """How many runs there are."""
    found = proxy.graphql("viewer", "{ runsOrError { ... on Runs { count } } }").json()
    return found["data"]["runsOrError"]["count"]


def test_another_sites_page_does_nothing_with_the_password_that_the_browser_adds(proxy):
    before = runs(proxy)
    assert proxy.graphql("operator", LAUNCH, {"job": JOB}, headers=OTHER_SITE).status_code == 403
    as_address = {"query": LAUNCH, "variables": json.dumps({"job": JOB})}
    assert proxy.ask("dagster", "operator", path="/graphql", params=as_address).status_code == 405
    assert (
        proxy.ask(
            "dagster", "operator", path="/graphql", method="POST", params=as_address, headers=OTHER_SITE
        ).status_code
        == 403
    )
    stream = proxy.websocket("dashboard", "viewer", "/_stcore/stream", "streamlit", OTHER_SITE["Origin"])
    with pytest.raises(InvalidStatus, match="403"), stream:
        pass
    assert runs(proxy) == before
    own = {"Origin": proxy.address("dagster")}
    assert proxy.graphql("operator", "{ version }", headers=own).status_code == 200


def test_a_new_role_comes_with_a_new_password_and_a_reload(proxy):
    proxy.users.add("guest", "viewer")
    proxy.process.send_signal(signal.SIGHUP)
    wait_until(lambda: proxy.ask("dashboard", "guest").status_code == 200, "the new user cannot sign in")
    first = proxy.users.passwords["guest"]
    assert proxy.ask("namenode", "guest").status_code == 403
    proxy.users.add("guest", "admin")
    proxy.process.send_signal(signal.SIGHUP)
    wait_until(lambda: proxy.ask("namenode", "guest").status_code == 200, "the new role has no effect")
    assert proxy.ask("dashboard", "guest", first).status_code == 401
    assert proxy.ask("dashboard", "viewer").status_code == 200


class Echo(BaseHTTPRequestHandler):
    """Answers with the headers that it was asked with."""

    def do_GET(self) -> None:
        body = json.dumps(dict(self.headers)).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


def test_the_password_ends_at_the_proxy(users, tmp_path):
    offset = PORT_OFFSET + 100
    with HTTPServer((LOOPBACK, BASE_PORTS["dashboard"] + offset), Echo) as behind:
        thread = threading.Thread(target=behind.serve_forever)
        thread.start()
        try:
            with running(tmp_path, users, offset) as proxy:
                headers = proxy.ask("dashboard", "viewer").json()
                host = proxy.address("dashboard").removeprefix("https://")
        finally:
            behind.shutdown()
            thread.join()
    assert "Authorization" not in headers
    assert (headers["Host"], headers["X-Forwarded-Proto"]) == (host, "https")
    assert not any(password in (tmp_path / "log").read_text() for password in users.passwords.values())


def test_no_page_of_a_browser_waits_for_its_password(proxy):
    """A page is some 30 requests, and each has its password hashed."""
    began = time.monotonic()
    for _ in range(30):
        assert proxy.ask("dashboard", "viewer", path="/_stcore/health").status_code == 200
    each_ms = (time.monotonic() - began) * 1_000 / 30
    say("proxy", f"a request with TLS handshake, password and role: {each_ms:.1f} ms")
    assert each_ms < 250
