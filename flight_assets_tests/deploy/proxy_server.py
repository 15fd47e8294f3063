"""The reverse proxy before a platform of its own, and a user of each role."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from ssl import create_default_context
from typing import Any

import pytest
import requests
from websockets.sync.client import ClientConnection, connect

from flight_assets.settings import LOOPBACK
from flight_assets_tests.deploy.compose import DEPLOY

TIMEOUT_S = 30
RUN_TIMEOUT_S = 240
ROLES = ("viewer", "operator", "admin")

# Port, path, and what the page says of itself.
PAGES = {
    "dashboard": (8443, "/", "Streamlit"),
    "dagster": (8444, "/", "Dagster"),
    "spark": (8445, "/jobs/", "Spark Jobs"),
    "namenode": (8446, "/jmx", "NameNodeInfo"),
    "metrics": (8447, "/metrics", "flights_store_up"),
}

ALLOWED = {
    "viewer": {"dashboard", "dagster"},
    "operator": {"dashboard", "dagster"},
    "admin": set(PAGES),
    "unknown": set(),
}
OTHER_SITE = {"Origin": "https://elsewhere.example"}

LAUNCH = """mutation Launch($job: ExecutionParams!) { launchRun(executionParams: $job) { __typename
    ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""

JOB = {
    "selector": {
        "repositoryLocationName": "flight_assets.definitions", "repositoryName": "__repository__",
        "jobName": "process_flights",
    },
    "runConfigData": {},
}  # fmt: skip


@dataclass
class Users:
    """A folder of secrets, and everybody's password."""

    secrets: Path
    passwords: dict[str, str]

    def add(self, name: str, role: str) -> None:
        """Let someone sign in, with the script that a human uses."""
        command = ["bash", DEPLOY / "proxy/add-user.sh", self.secrets, name, role]
        said = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=True).stdout
        self.passwords[name] = said.split()[-1]


@dataclass
class Proxy:
    """A running nginx, and who may sign in there."""

    process: subprocess.Popen[bytes]
    users: Users
    offset: int

    @property
    def certificate(self) -> str:
        return str(self.users.secrets / "proxy_certificate")

    def address(self, page: str, scheme: str = "https") -> str:
        return f"{scheme}://{LOOPBACK}:{PAGES[page][0] + self.offset}"

    def ask(
        self,
        page: str,
        who: str = "",
        password: str = "",
        path: str = "",
        method: str = "GET",
        scheme: str = "https",
        **more: Any,
    ) -> requests.Response:
        """One request, signed in if ``who`` is given; redirects are not followed."""
        auth = (who, password or self.users.passwords[who]) if who else None
        url = self.address(page, scheme) + (path or PAGES[page][1])
        return requests.request(
            method, url, auth=auth, verify=self.certificate, timeout=TIMEOUT_S, allow_redirects=False, **more
        )

    def graphql(
        self, who: str, query: str, variables: dict[str, Any] | None = None, **more: Any
    ) -> requests.Response:
        return self.ask(
            "dagster",
            who,
            path="/graphql",
            method="POST",
            json={"query": query, "variables": variables or {}},
            **more,
        )

    @contextmanager
    def websocket(
        self, page: str, who: str, path: str, protocol: str, origin: str = ""
    ) -> Iterator[ClientConnection]:
        user = (
            requests.Request(auth=(who, self.users.passwords[who]), url=self.address(page))
            .prepare()
            .headers["Authorization"]
        )
        with connect(
            self.address(page, "wss") + path, ssl=create_default_context(cafile=self.certificate),
            open_timeout=TIMEOUT_S,
            origin=origin or self.address(page), subprotocols=[protocol],
            additional_headers={"Authorization": user},
        ) as connection:  # fmt: skip
            yield connection


def wait_until(is_so: Callable[[], bool], problem: str, wait_s: float = TIMEOUT_S) -> None:
    deadline = time.monotonic() + wait_s
    while not is_so():
        assert time.monotonic() < deadline, problem
        time.sleep(0.2)


def is_healthy(proxy: Proxy) -> bool:
    try:
        return proxy.ask("dashboard", path="/_health").text == "ok\n"
    except requests.ConnectionError:
        assert proxy.process.poll() is None, "nginx ended: its output is above"
        return False


@contextmanager
def running(folder: Path, users: Users, offset: int) -> Iterator[Proxy]:
    """An nginx with the configuration that embedded.sh makes."""
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        pytest.fail("these tests run the reverse proxy: install Debian's package nginx-light")
    subprocess.run(
        ["bash", DEPLOY / "proxy/embedded.sh", users.secrets, folder, str(offset)],
        timeout=TIMEOUT_S,
        check=True,
    )
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [program, "-e", "stderr", "-c", folder / "nginx.conf"], stdout=log, stderr=subprocess.STDOUT
        )
    proxy = Proxy(process, users, offset)
    try:
        wait_until(lambda: is_healthy(proxy), "nginx does not answer")
        yield proxy
    finally:
        process.terminate()
        process.wait(timeout=TIMEOUT_S)
        sys.stdout.write((folder / "log").read_text())
