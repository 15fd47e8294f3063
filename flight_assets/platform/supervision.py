"""Supervisor of the services (supervisord of the ``supervisor`` package), and its client."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xmlrpc.client import Fault, ServerProxy

from flight_assets.errors import FlightsError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flight_assets.platform.services import Service
    from flight_assets.settings import Settings

# In the environment of each service: whose it is, so that what a crash left behind can be recognised.
HOME_MARK = "FLIGHTS_PLATFORM_HOME"
SERVICE_MARK = "FLIGHTS_PLATFORM_SERVICE"
START_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 30


def write_config(settings: Settings, services: Sequence[Service]) -> Path:
    """Write supervisord's configuration with one program per service, none started by itself."""
    run, logs = settings.home / "run", settings.home / "logs"
    for folder in (run, logs):
        folder.mkdir(parents=True, exist_ok=True)
    path = settings.home / "etc/supervisord.conf"
    path.parent.mkdir(parents=True, exist_ok=True)
    socket = settings.supervisor_socket
    path.write_text(
        f"[unix_http_server]\nfile={socket}\nchmod=0700\n\n"
        f"[supervisord]\nlogfile={logs}/supervisord.log\npidfile={run}/supervisord.pid\nchilddir={run}\nnodaemon=false\n\n"
        "[rpcinterface:supervisor]\nsupervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n\n"
        + "\n".join(_program(settings, service) for service in services)
    )
    return path


def _program(settings: Settings, service: Service) -> str:
    marks = {HOME_MARK: str(settings.home), SERVICE_MARK: service.name}
    # Services run in a folder of their own, where no `.env` is found.
    marks |= {
        "FLIGHTS_HOME": str(settings.home),
        "FLIGHTS_PORT_OFFSET": str(settings.port_offset),
        "FLIGHTS_PROFILE": settings.profile,
    }
    if settings.secured:
        marks |= {"FLIGHTS_SECURED": "true", "FLIGHTS_ROLE": service.role}
    environment = ",".join(
        f'{key}="{_escape(value)}"' for key, value in (service.environment | marks).items()
    )
    return (
        f"[program:{service.name}]\ncommand={_escape(' '.join(_quote(word) for word in service.command))}\n"
        f"directory={settings.home / 'run'}\nenvironment={environment}\n"
        f"autostart=false\nautorestart=true\nstartsecs=1\nstartretries=3\nstopwaitsecs={STOP_TIMEOUT_S}\n"
        "stopasgroup=true\nkillasgroup=true\nredirect_stderr=true\n"
        f"stdout_logfile={settings.home}/logs/{service.name}.log\nstdout_logfile_maxbytes=20MB\nstdout_logfile_backups=2\n"
    )


def _escape(text: str) -> str:
    return text.replace("%", "%%")


def _quote(word: str) -> str:
    return f'"{word}"' if any(char in word for char in " ;*") else word


@contextlib.contextmanager
def proxy(settings: Settings) -> Iterator[Any]:
    """Yield the supervisor's interface for the length of a block.

    A call raises OSError when no supervisor runs.
    """
    from supervisor.xmlrpc import SupervisorTransport

    transport = SupervisorTransport(None, None, f"unix://{settings.supervisor_socket}")
    with ServerProxy("http://127.0.0.1", transport=transport) as server:
        yield server.supervisor


def is_running(settings: Settings) -> bool:
    """Return True if the supervisor of this home answers."""
    try:
        with proxy(settings) as supervisor:
            return bool(supervisor.getState()["statename"] == "RUNNING")
    except (OSError, Fault):
        return False


def start(settings: Settings, config: Path) -> None:
    """Start the supervisor, or let the running one read its configuration again."""
    if is_running(settings):
        with proxy(settings) as supervisor:
            _reload(supervisor)
        return
    command = [sys.executable, "-m", "supervisor.supervisord", "-c", str(config)]
    done = subprocess.run(  # noqa: S603
        command, capture_output=True, text=True, timeout=START_TIMEOUT_S, cwd=settings.home, check=False
    )
    deadline = time.monotonic() + START_TIMEOUT_S
    while not is_running(settings):
        if done.returncode or time.monotonic() > deadline:
            raise FlightsError(
                f"the supervisor did not start: {(done.stderr or done.stdout).strip()}; see"
                f" {settings.home}/logs"
            )
        time.sleep(0.1)


def _reload(supervisor: Any) -> None:  # noqa: ANN401
    added, changed, removed = supervisor.reloadConfig()[0]
    for name in [*changed, *removed]:
        with contextlib.suppress(Fault):
            supervisor.stopProcessGroup(name)
        supervisor.removeProcessGroup(name)
    for name in [*added, *changed]:
        supervisor.addProcessGroup(name)


def process_info(settings: Settings) -> dict[str, dict[str, Any]]:
    """Return the supervisor's record of each service by name; empty when it does not run."""
    try:
        with proxy(settings) as supervisor:
            return {info["name"]: info for info in supervisor.getAllProcessInfo()}
    except OSError:
        return {}


def start_service(settings: Settings, name: str) -> None:
    """Ask for a start and return at once; a service that runs is left alone."""
    with contextlib.suppress(Fault), proxy(settings) as supervisor:
        supervisor.startProcess(name, False)


def stop_service(settings: Settings, name: str) -> None:
    """Stop one service and wait until it has ended."""
    with contextlib.suppress(Fault), proxy(settings) as supervisor:
        supervisor.stopProcess(name)


def shutdown(settings: Settings) -> None:
    """End the supervisor itself."""
    with contextlib.suppress(OSError), proxy(settings) as supervisor:
        supervisor.shutdown()
    deadline = time.monotonic() + STOP_TIMEOUT_S
    while is_running(settings) and time.monotonic() < deadline:
        time.sleep(0.1)
