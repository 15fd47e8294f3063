"""The installation: its versions, those that wrote a home's data, the upgrade check, and the removal."""

from __future__ import annotations

import json
import re
import shutil
import sys
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flight_assets.contracts.message import SCHEMA_VERSIONS
from flight_assets.errors import FlightsError
from flight_assets.platform import doctor, jars, launcher, supervision
from flight_assets.platform.doctor import Finding
from flight_assets.platform.obstacles import BYTES_PER_MB, Say
from flight_assets.platform.services import programs, services

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flight_assets.settings import Settings

PACKAGE = "flight-tracking-platform"
RECORD = "installation.json"
# Major releases of MongoDB, each of which opens the files of the one before.
MONGOD_MAJORS = (4, 5, 6, 7, 8)


def installed(settings: Settings) -> dict[str, Any]:
    """Return the installed versions: platform, Python, message contract, Dagster and each server."""
    return {
        "platform": version(PACKAGE),
        "python": ".".join(map(str, sys.version_info[:3])),
        "contract": max(SCHEMA_VERSIONS),
        "dagster": version("dagster"),
        "redis_program": programs.redis_server(settings).name,
        "servers": {service.name: service.version for service in services(settings)},
    }


def remember(settings: Settings) -> None:
    """Write into the home what its data was last opened with."""
    text = json.dumps(installed(settings), indent=2)
    (settings.home / RECORD).write_text(text + "\n")


def recorded(settings: Settings) -> dict[str, Any] | None:
    """Return what the home's data was last opened with, or None before the first start that wrote it."""
    path = settings.home / RECORD
    if not path.exists():
        return None
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def upgrade_findings(settings: Settings) -> Iterator[Finding]:
    """Yield whether this installation may open the data of the home, and what to do before that.

    Raises:
        FlightsError: there is no data to upgrade.
    """
    if not (settings.home / "port_offset").exists():
        raise FlightsError(f"there is no platform in {settings.home}: nothing to upgrade")
    yield doctor.python_finding()
    yield _stopped(settings)
    yield _backup(settings)
    yield _jars(settings)
    before = recorded(settings)
    if before is None:
        yield Finding("data", True, f"{settings.home} does not say what wrote it: back up first", True)
        return
    now = installed(settings)
    yield _platform(before["platform"], now["platform"])
    yield _mongod(before["servers"]["mongod"], now["servers"]["mongod"])
    yield _redis(settings, before["redis_program"], now["redis_program"])
    if before["dagster"] != now["dagster"]:
        detail = (
            f"{before['dagster']} becomes {now['dagster']}: run `dagster instance migrate` after `flights up`"
        )
        yield Finding("Dagster", True, detail, True)


def numbers(release: str) -> tuple[int, ...]:
    """Return the numbers of a release for comparing: ``"6.0.5"`` gives ``(6, 0, 5)``."""
    return tuple(int(part) for part in re.findall(r"\d+", release)[:3])


def _stopped(settings: Settings) -> Finding:
    runs = supervision.is_running(settings)
    return Finding("platform", not runs, "it runs: stop it by `flights down`" if runs else "stopped")


def _backup(settings: Settings) -> Finding:
    used = sum(path.lstat().st_size for path in settings.home.rglob("*")) // BYTES_PER_MB
    free = shutil.disk_usage(settings.home).free // BYTES_PER_MB
    return Finding(
        "room for a backup", free > used, f"the data is {used} MB, and {free} MB are free", free <= used
    )


def _jars(settings: Settings) -> Finding:
    missing = len(jars.missing(settings.cache_dir, jars.read_lock()))
    return Finding("jars", True, f"{missing} to download" if missing else "all there", missing > 0)


def _platform(before: str, now: str) -> Finding:
    is_fine = numbers(before) <= numbers(now)
    return Finding(
        "version",
        is_fine,
        f"data of {before}, opened by {now}"
        if is_fine
        else f"the data is of {before}, newer than {now}: install {before}",
    )


def _mongod(before: str, now: str) -> Finding:
    old, new = numbers(before)[0], numbers(now)[0]
    step = (
        MONGOD_MAJORS.index(new) - MONGOD_MAJORS.index(old) if {old, new} <= set(MONGOD_MAJORS) else new - old
    )
    if 0 <= step <= 1:
        return Finding("mongod", True, f"{before} becomes {now}" if before != now else now)
    way = "install the newer one again, or restore a backup" if step < 0 else f"run {old + 1}.0 first"
    return Finding("mongod", False, f"{now} does not open the files of {before}: {way}")


def _redis(settings: Settings, before: str, now: str) -> Finding:
    is_fine = before == now or (before, now) == ("redis", "valkey")
    remedy = (
        f"{now} cannot read the files of {before}: delete {settings.home / 'data/redis'}, it holds copies"
    )
    return Finding(
        "Redis",
        is_fine,
        f"{now} as before" if before == now else f"{before} becomes {now}" if is_fine else remedy,
    )


def uninstall(settings: Settings, say: Say, *, keep_jars: bool) -> None:
    """Stop the platform and delete its home with all data, and the downloaded jars.

    Raises:
        FlightsError: the home is not a folder of the platform.
    """
    refuse_other_folder(settings.home)
    launcher.reset(settings, say)
    say(f"deleted {settings.home}")
    if not keep_jars and settings.cache_dir.exists():
        shutil.rmtree(settings.cache_dir)
        say(f"deleted {settings.cache_dir}")


def refuse_other_folder(home: Path) -> None:
    """Raise FlightsError if a folder is not one that `flights up` made."""
    if not (home / "port_offset").exists():
        raise FlightsError(f"there is no platform in {home}: set FLIGHTS_HOME to the one to remove")
