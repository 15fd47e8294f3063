"""A container engine without a Docker daemon: Podman, driven by Docker Compose through Podman's socket.

Podman leaves the timing of health checks to systemd. A thread here asks each container instead.
"""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flight_assets_tests.deploy.compose import BASE, COMPOSE, DEPLOY

PROJECT = "flights-compose-test"
OURS = ("--filter", f"label=com.docker.compose.project={PROJECT}")
# Some machines may not raise limits, and crun refuses cgroups of both versions side by side.
CONFIGURATION = """[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1000:1000"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
[network]
network_backend = "netavark"
"""
CHECK_PAUSE_S = {"starting": 3.0, "unhealthy": 3.0, "healthy": 45.0}
CHECK_TIMEOUT_S = 90


@dataclass
class Engine:
    """Podman with a socket in a folder of the test. ``healthy_at`` is when each container first was."""

    folder: Path
    variables: dict[str, str] = field(default_factory=dict)
    healthy_at: dict[str, float] = field(default_factory=dict)
    stopping: threading.Event = field(default_factory=threading.Event)

    @property
    def environment(self) -> dict[str, str]:
        """The environment of podman and of Docker Compose."""
        return os.environ | {
            "CONTAINERS_CONF": str(self.folder / "containers.conf"),
            "DOCKER_HOST": f"unix://{self.folder / 'podman.sock'}",
        }

    def podman(self, *words: str, timeout_s: float = 120, check: bool = True) -> str:
        """Return what podman prints."""
        done = subprocess.run(
            ["podman", *words],
            capture_output=True,
            text=True,
            timeout=timeout_s,
            env=self.environment,
            check=False,
        )
        assert not check or done.returncode == 0, (
            f"podman {' '.join(words)}: {done.stdout[-1500:]}{done.stderr[-1500:]}"
        )
        return done.stdout

    def compose(self, *words: str, timeout_s: float = 900) -> str:
        """Return what Docker Compose prints about the stack of this test."""
        (self.folder / "env").write_text(
            "".join(f"{name}={value}\n" for name, value in self.variables.items())
        )
        command = [
            str(COMPOSE), "--env-file", str(self.folder / "env"), "--project-name", PROJECT,
            "-f", str(DEPLOY / BASE), *words,
        ]  # fmt: skip
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=timeout_s, env=self.environment, check=False
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout

    def inside(self, service: str, *command: str, timeout_s: float = 300, check: bool = True) -> str:
        """Return what a command prints inside the container of a service."""
        return self.podman("exec", self.container(service), *command, timeout_s=timeout_s, check=check)

    def container(self, service: str) -> str:
        """Name of a service's container."""
        return f"{PROJECT}-{service}-1"

    def inspect(self) -> dict[str, Any]:
        """Return what podman knows of each container of the stack, by service."""
        names = self.podman("ps", "--all", "--quiet", *OURS).split()
        found = json.loads(self.podman("inspect", *names)) if names else []
        return {container["Config"]["Labels"]["com.docker.compose.service"]: container for container in found}

    def watch(self) -> None:
        """Ask each container for its health until the engine stops."""
        due: dict[str, float] = {}
        with ThreadPoolExecutor(2) as pool:
            while not self.stopping.wait(1.0):
                listed = json.loads(self.podman("ps", "--format", "json", *OURS, check=False) or "[]")
                waiting = [
                    row["Names"][0] for row in listed if due.get(row["Names"][0], 0.0) <= time.monotonic()
                ]
                for name, state in pool.map(self._check, waiting):
                    due[name] = time.monotonic() + CHECK_PAUSE_S.get(state, 45.0)
                    if state == "healthy":
                        self.healthy_at.setdefault(name, time.time())

    def _check(self, name: str) -> tuple[str, str]:
        self.podman("healthcheck", "run", name, timeout_s=CHECK_TIMEOUT_S, check=False)
        state = self.podman("inspect", "--format", "{{.State.Health.Status}}", name, check=False)
        return name, state.strip() or "none"


@contextmanager
def running(folder: Path, variables: dict[str, str]) -> Iterator[Engine]:
    """Yield an engine with its socket and health checks. They end with the block, and so does the stack."""
    engine = Engine(folder, variables)
    (folder / "containers.conf").write_text(CONFIGURATION)
    with (folder / "podman.log").open("w") as log:
        service = subprocess.Popen(
            ["podman", "system", "service", "--time=0", engine.environment["DOCKER_HOST"]],
            stdout=log, stderr=log, env=engine.environment,
        )  # fmt: skip
        watcher = threading.Thread(target=engine.watch)
        try:
            while not (folder / "podman.sock").exists():
                assert service.poll() is None, (folder / "podman.log").read_text()
                time.sleep(0.2)
            watcher.start()
            yield engine
        finally:
            engine.stopping.set()
            engine.compose("down", "--volumes", "--timeout", "5")
            watcher.join()
            service.terminate()
            service.wait(10)
