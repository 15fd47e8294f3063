"""Up, down, status, reset: the embedded platform as a whole.

Talks to its caller through callbacks, never to the terminal.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable, Container
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import psutil

from flight_assets.errors import FlightsError, StartTimeout
from flight_assets.platform import access, jars, supervision
from flight_assets.platform.config import write_configs
from flight_assets.platform.obstacles import (
    BYTES_PER_MB,
    Say,
    end_leftovers,
    refuse_low_disk,
    refuse_taken_ports,
    remember_offset,
)
from flight_assets.platform.services import Service, asked_for, services

if TYPE_CHECKING:
    from flight_assets.settings import Settings

POLL_S = 0.3
LOG_TAIL_LINES = 25


@dataclass(frozen=True)
class ServiceStatus:
    """One service as ``flights status`` shows it.

    ``rss_mb`` counts the process and its children, pages that they share once; 0 when it does not run.
    """

    name: str
    state: str
    pid: int | None
    port: int | None
    rss_mb: int
    uptime_s: int
    version: str


def up(settings: Settings, say: Say, on_jar: Callable[[int, int], None], also: Container[str] = ()) -> None:
    """Bring everything up and wait until each service has proved that it works. Safe to call again.

    Args:
        settings: where and with which ports.
        say: takes one line of progress.
        on_jar: called as jars arrive, with how many have and how many there are to fetch.
        also: names of further services to start with them; those that run and are not named stop.

    Raises:
        FlightsError: what stands in the way and what to do about it.
    """
    refuse_low_disk(settings)
    remember_offset(settings)
    download_jars(settings, say, on_jar)
    for folder in jars.remove_old_sets(settings.cache_dir, time.time()):
        say(f"deleted {folder}: jars of another version")
    table = (*services(settings), *asked_for(settings, also))
    if settings.secured:
        access.make_secrets(settings)
    write_configs(settings)
    make_data_folders(settings, table)
    if not supervision.is_running(settings):
        end_leftovers(settings, say)
    refuse_taken_ports(settings, table)
    supervision.start(settings, supervision.write_config(settings, table))
    _start_all(settings, table, say)


def down(settings: Settings, say: Say) -> None:
    """Stop everything, the services that need others first. Nothing happens when nothing runs."""
    if supervision.is_running(settings):
        infos = supervision.process_info(settings)
        # Services that run only on request need those of the profile, and none of these needs them.
        for service in reversed((*services(settings), *asked_for(settings, infos))):
            say(f"stopping {service.name}")
            supervision.stop_service(settings, service.name)
        supervision.shutdown(settings)
    end_leftovers(settings, say)


def reset(settings: Settings, say: Say) -> None:
    """Stop the platform and remove its folder with all data in it."""
    down(settings, say)
    if settings.home.exists():
        shutil.rmtree(settings.home)


def status(settings: Settings, names: Container[str] | None = None) -> list[ServiceStatus]:
    """Return the state of each service, or of these only, in the order of the table.

    States: running, starting, stopped, failed. Services of other machines count as running.
    """
    infos = supervision.process_info(settings) if settings.embedded else {}
    table = (*services(settings), *asked_for(settings, infos))
    elsewhere = {} if settings.embedded else {"statename": "RUNNING"}
    return [
        _status(settings, service, infos.get(service.name, elsewhere))
        for service in table
        if names is None or service.name in names
    ]


def as_json(statuses: list[ServiceStatus]) -> dict[str, Any]:
    """Return the status as ``flights status --json`` prints it."""
    return {"services": [asdict(row) for row in statuses]}


_STATES = {
    "RUNNING": "running",
    "STARTING": "starting",
    "BACKOFF": "starting",
    "FATAL": "failed",
    "EXITED": "failed",
    "UNKNOWN": "failed",
}


def _status(settings: Settings, service: Service, info: dict[str, Any]) -> ServiceStatus:
    pid = int(info.get("pid") or 0) or None
    return ServiceStatus(
        name=service.name,
        state=_STATES.get(info.get("statename", ""), "stopped"),
        pid=pid,
        port=settings.port(service.ports[0], service.number) if service.ports else None,
        rss_mb=_resident_mb(pid) if pid else 0,
        uptime_s=max(0, int(info["now"] - info["start"])) if pid else 0,
        version=service.version,
    )


def _resident_mb(pid: int) -> int:
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0
    return sum(_resident(member) for member in family) // BYTES_PER_MB


def _resident(process: psutil.Process) -> int:
    """Return the resident memory of a process in bytes.

    A page that several processes share counts as a part in each (Linux's PSS). For a process of another
    user it counts in full, because the system tells no more.
    """
    try:
        try:
            memory = process.memory_full_info()
        except psutil.AccessDenied:
            memory = process.memory_info()
    except psutil.NoSuchProcess:
        return 0
    return int(getattr(memory, "pss", memory.rss))


def download_jars(
    settings: Settings, say: Say, on_jar: Callable[[int, int], None], sets: Container[str] = tuple(jars.ROOTS)
) -> None:
    """Fetch what is missing of some sets of jars, of all by default. Args as for ``up``."""
    wanted = [jar for jar in jars.missing(settings.cache_dir, jars.read_lock()) if jar.set_name in sets]
    arrived = 0
    if wanted:
        say(f"downloading {len(wanted)} jars to {settings.cache_dir}")

    def count(_jar: jars.Jar, _bytes: int) -> None:
        nonlocal arrived
        arrived += 1
        on_jar(arrived, len(wanted))

    jars.download(settings.cache_dir, wanted, count)


def make_data_folders(settings: Settings, table: tuple[Service, ...]) -> None:
    """Make the folders that these services expect, and what each must have prepared."""
    mongods = [service.name for service in table if "mongod" in service.ports]
    for name in (*mongods, "redis", "spark-local", "spark-work"):
        (settings.home / "data" / name).mkdir(parents=True, exist_ok=True)
    for service in table:
        if service.prepared and not service.prepared.exists():
            _prepare(settings, service)


def _prepare(settings: Settings, service: Service) -> None:
    environment = psutil.Process().environ() | service.environment
    done = subprocess.run(  # noqa: S603 - the command is the table's
        service.prepare,
        env=environment,
        cwd=settings.home,
        capture_output=True,
        text=True,
        timeout=service.start_timeout_s,
        check=False,
    )
    if done.returncode:
        raise FlightsError(f"{service.name} could not be prepared:\n{_tail(done.stdout + done.stderr)}")


def _start_all(settings: Settings, table: tuple[Service, ...], say: Say) -> None:
    """Start each service as soon as those that it needs are up; independent ones at the same time."""
    began = time.monotonic()
    done: dict[str, Future[None]] = {}
    with ThreadPoolExecutor(len(table)) as pool:
        for service in table:
            needs = [done[name] for name in service.needs]
            done[service.name] = pool.submit(
                _start_after, settings, service, needs, partial(_announce, say, began)
            )
    for future in done.values():
        future.result()


def _announce(say: Say, began: float, service: Service) -> None:
    ports = ", ".join(service.ports) or "-"
    say(f"{service.name} {service.version} is up after {time.monotonic() - began:.0f} s ({ports})")


def _start_after(
    settings: Settings, service: Service, needs: list[Future[None]], announce: Callable[[Service], None]
) -> None:
    for need in needs:
        need.result()
    supervision.start_service(settings, service.name)
    wait_until_healthy(settings, service)
    announce(service)


def wait_until_healthy(settings: Settings, service: Service) -> None:
    """Return when the service's check passes and the supervisor counts it as running.

    Raises:
        StartTimeout: it did not within its start time; with the tail of its log.
        FlightsError: it ended; with the tail of its log.
    """
    deadline = time.monotonic() + service.start_timeout_s
    pids = set()
    while True:
        problem = problem_of(settings, service)
        info = supervision.process_info(settings).get(service.name, {})
        if problem is None and info.get("statename") != "STARTING":
            return
        pids |= {info.get("pid") or 0} - {0}
        has_died = info.get("statename") == "FATAL" or len(pids) > 1
        if has_died or time.monotonic() > deadline:
            raise (FlightsError if has_died else StartTimeout)(
                f"{service.name} did not come up ({problem or 'it has just started'}); the end of its"
                f" log:\n{log_tail(settings, service.name)}"
            )
        time.sleep(POLL_S)


def problem_of(settings: Settings, service: Service) -> str | None:
    """Return the problem of a service in one line, or None."""
    try:
        service.check(settings)
    except Exception as error:  # a check may fail in as many ways as its client has
        return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
    return None


def log_tail(settings: Settings, name: str, lines: int = LOG_TAIL_LINES) -> str:
    """Return the last lines of a service's log."""
    path = settings.home / "logs" / f"{name}.log"
    if not path.exists():
        return f"(no log at {path})"
    with path.open("rb") as stream:
        stream.seek(max(0, path.stat().st_size - 400 * lines))
        return _tail(stream.read().decode(errors="replace"), lines)


def _tail(text: str, lines: int = LOG_TAIL_LINES) -> str:
    return "\n".join(text.splitlines()[-lines:])
