"""Obstacles to a start: a full disk, taken ports, leftovers of a crash, another port offset."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import TYPE_CHECKING

import psutil

from flight_assets.errors import FlightsError
from flight_assets.platform import supervision
from flight_assets.platform.services import Service

if TYPE_CHECKING:
    from pathlib import Path

    from flight_assets.settings import Settings

BYTES_PER_MB = 1024 * 1024
MIN_FREE_DISK_MB = 2_000
Say = Callable[[str], None]


def refuse_low_disk(settings: Settings) -> None:
    """Raise FlightsError if less than ``MIN_FREE_DISK_MB`` are free."""
    settings.home.mkdir(parents=True, exist_ok=True)
    free_mb = shutil.disk_usage(settings.home).free // BYTES_PER_MB
    if free_mb < MIN_FREE_DISK_MB:
        raise FlightsError(
            f"only {free_mb} MB free at {settings.home}, {MIN_FREE_DISK_MB} are needed: free some, or set"
            " FLIGHTS_HOME to another disk"
        )


def remember_offset(settings: Settings) -> None:
    """Write the port offset of a new platform. Raise FlightsError if an existing one has another."""
    path = settings.home / "port_offset"
    if not path.exists():
        path.write_text(f"{settings.port_offset}\n")
    refuse_other_offset(settings, settings.home)


def refuse_other_offset(settings: Settings, folder: Path) -> None:
    """Raise FlightsError if a folder's data was created with other ports.

    The stores write their own addresses into it.
    """
    created_with = int((folder / "port_offset").read_text())
    if created_with != settings.port_offset:
        raise FlightsError(
            f"{folder} was created with FLIGHTS_PORT_OFFSET={created_with}, not {settings.port_offset}: "
            "set that, or use another FLIGHTS_HOME"
        )


def end_leftovers(settings: Settings, say: Say) -> None:
    """End the processes of this home that outlived their supervisor.

    Their ports and locks are free afterwards.
    """
    left = [process for process in psutil.process_iter() if _is_ours(settings, process.pid)]
    for process in left:
        say(f"ending process {process.pid}, left over from a crash")
        process.kill()
    psutil.wait_procs(left, timeout=supervision.STOP_TIMEOUT_S)


def _is_ours(settings: Settings, pid: int | None) -> bool:
    """Return True if a process belongs to the platform of this home.

    The mark is a variable of the environment that its children inherit.
    """
    if pid is None or pid == psutil.Process().pid:
        return False
    try:
        return bool(psutil.Process(pid).environ().get(supervision.HOME_MARK) == str(settings.home))
    except psutil.Error:
        return False


def refuse_taken_ports(settings: Settings, table: tuple[Service, ...]) -> None:
    """Raise FlightsError if a process of somebody else listens on a port of the table."""
    wanted = {
        settings.port(name, service.number): service.name for service in table for name in service.ports
    }
    for connection in psutil.net_connections("tcp"):
        port = connection.laddr.port if connection.laddr else 0
        if (
            connection.status != psutil.CONN_LISTEN
            or port not in wanted
            or _is_ours(settings, connection.pid)
        ):
            continue
        raise FlightsError(
            f"port {port} of {wanted[port]} is taken by {_describe(connection.pid)}: stop it, or set"
            " FLIGHTS_PORT_OFFSET and FLIGHTS_HOME"
        )


def _describe(pid: int | None) -> str:
    if pid is None:
        return "a process of another user"
    try:
        process = psutil.Process(pid)
        return f"process {pid} ({' '.join(process.cmdline())[:120] or process.name()})"
    except psutil.Error:
        return f"process {pid}"
