"""One service in the foreground, as a container runs it, without a supervisor."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NoReturn

import psutil

from flight_assets.errors import FlightsError
from flight_assets.platform import container_state, launcher
from flight_assets.platform.config import write_configs
from flight_assets.platform.services import Service, further_services, services

if TYPE_CHECKING:
    from collections.abc import Callable

    from flight_assets.settings import Settings

# The jars of what runs from our own image; Kafka's and HDFS's servers have images of their own.
IMAGE_JARS = ("spark", "metastore")


def find(settings: Settings, name: str) -> Service:
    """Return a service of the table by its name, also one that the embedded platform does not have.

    Raises FlightsError if there is none.
    """
    table = {service.name: service for service in (*services(settings), *further_services(settings))}
    if name not in table:
        raise FlightsError(f"there is no service {name}; there are {', '.join(table)}")
    return table[name]


def install(settings: Settings, say: Callable[[str], None]) -> None:
    """Fetch the jars of an image and compile what Spark needs. A container then starts without a network."""
    launcher.download_jars(settings, say, lambda _done, _total: None, IMAGE_JARS)
    launcher.make_data_folders(settings, (find(settings, "spark"),))


def run(settings: Settings, name: str) -> NoReturn:
    """Become the service: replace this process by its command, in an empty folder.

    Its configuration is written from the settings.
    """
    service = find(settings, name)
    write_configs(settings)
    launcher.make_data_folders(settings, (service,))
    folder = settings.home / "run"
    folder.mkdir(exist_ok=True)
    os.chdir(folder)
    os.execve(service.command[0], service.command, psutil.Process().environ() | service.environment)  # noqa: S606 - the table's command


def check(settings: Settings, name: str) -> None:
    """Return if a service does its work. Raises FlightsError with what is wrong.

    With ``state_dir``, the outcome is also reported there.
    """
    problem = launcher.problem_of(settings, find(settings, name))
    if settings.state_dir:
        own = container_state.service_name(settings, name)
        container_state.write(settings.state_dir, own, works=problem is None)
    if problem:
        raise FlightsError(f"{name} does not work: {problem}")
