"""Killing services with -9 and waiting until the supervisor has brought them back."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Collection

import psutil

from flight_assets.platform import launcher, supervision
from flight_assets.platform.services import services
from flight_assets.settings import Settings

SERVICES = ("kafka", "namenode", "datanode", "metastore", "spark", "mongod", "redis", "dagster-daemon")
COME_BACK_S = 600.0


def kill(settings: Settings, name: str) -> None:
    """kill -9 of a service with its children; one that is just starting again is killed as it starts."""
    pid = supervision.process_info(settings)[name]["pid"]
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid) if pid else None
        for member in [process, *process.children(recursive=True)] if process else []:
            with contextlib.suppress(psutil.NoSuchProcess):
                member.kill()


def wait_for(settings: Settings, names: Collection[str] = SERVICES) -> None:
    """Return when these services do their work again. Raises TimeoutError with what is wrong."""
    deadline = time.monotonic() + COME_BACK_S
    for service in (service for service in services(settings) if service.name in names):
        while problem := launcher.problem_of(settings, service):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{service.name} did not come back: {problem}")
            if supervision.process_info(settings)[service.name]["statename"] == "FATAL":
                supervision.start_service(settings, service.name)
            time.sleep(1)
