"""Back up and restore all data of the embedded platform while it is stopped."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from flight_assets.errors import FlightsError
from flight_assets.platform import launcher, supervision
from flight_assets.platform.obstacles import BYTES_PER_MB, Say, refuse_other_offset
from flight_assets.platform.services import asked_for

if TYPE_CHECKING:
    from flight_assets.settings import Settings

# Written last: a folder without it is no whole backup.
MANIFEST = "backup.json"
CONTENT = "home"
# Written anew at each start, or of use to the stopped processes only.
LEFT_OUT = {"etc", "logs", "run", "data/spark-local", "data/spark-work"}


def backup(settings: Settings, folder: Path, say: Say) -> tuple[str, ...] | None:
    """Stop the platform and copy its data into a new folder.

    Returns what ``launcher.up`` is to start besides the platform's own services, so that it runs as before;
    None if it did not run.

    Raises:
        FlightsError: the stores run elsewhere, there is nothing to copy, the folder is not empty or has too
            little room.
    """
    _refuse_elsewhere(settings)
    if not (settings.home / "data").is_dir():
        raise FlightsError(f"there is no data in {settings.home}: set FLIGHTS_HOME to the platform's folder")
    _refuse_filled(folder, "choose a new folder")
    if folder.resolve().is_relative_to(settings.home):
        raise FlightsError(
            f"{folder} is inside {settings.home}, and would be deleted with it: choose a folder elsewhere"
        )
    runs = supervision.process_info(settings)
    also = tuple(service.name for service in asked_for(settings, runs)) if runs else None
    launcher.down(settings, say)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    needed = sum(size for _, size in _files(settings.home))
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise FlightsError(
            f"{needed // BYTES_PER_MB} MB are needed at {folder}, {free // BYTES_PER_MB} are free"
        )
    _copy(settings.home, folder / CONTENT)
    manifest = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "version": version("flight-tracking-platform"),
    }
    (folder / MANIFEST).write_text(json.dumps(manifest | _extent(folder / CONTENT), indent=1) + "\n")
    say(f"{_extent(folder / CONTENT)['files']} files, {needed // BYTES_PER_MB} MB in {folder}")
    return also


def restore(settings: Settings, folder: Path, say: Say) -> None:
    """Copy a backup to where the platform keeps its data; it does not start it.

    Raises:
        FlightsError: the stores run elsewhere, the folder has no whole backup, it was made with other ports,
            or there is data here already.
    """
    _refuse_elsewhere(settings)
    manifest = folder / MANIFEST
    if not manifest.is_file():
        raise FlightsError(
            f"{folder} has no whole backup, since {MANIFEST} is missing: name a folder that `flights backup`"
            " finished"
        )
    made = json.loads(manifest.read_text())
    if {key: made[key] for key in ("files", "bytes")} != _extent(folder / CONTENT):
        raise FlightsError(
            f"{folder} is not as it was made: {made['files']} files with {made['bytes']} bytes were there;"
            " use another backup"
        )
    refuse_other_offset(settings, folder / CONTENT)
    _refuse_filled(
        settings.home, "run `flights reset` if its data may be lost, or set FLIGHTS_HOME to another folder"
    )
    partial = settings.home.with_name(f"{settings.home.name}.restoring")
    if partial.exists():
        shutil.rmtree(partial)
    _copy(folder / CONTENT, partial)
    partial.replace(settings.home)
    say(f"{made['files']} files of {made['at']}, made by version {made['version']}, are in {settings.home}")


def _copy(source: Path, target: Path) -> None:
    def left_out(folder: str, names: list[str]) -> set[str]:
        return {name for name in names if str((Path(folder) / name).relative_to(source)) in LEFT_OUT}

    shutil.copytree(source, target, symlinks=True, ignore=left_out)


def _files(folder: Path) -> list[tuple[Path, int]]:
    found = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    return [(path, path.stat().st_size) for path in found]


def _extent(folder: Path) -> dict[str, int]:
    sizes = [size for _, size in _files(folder)]
    return {"files": len(sizes), "bytes": sum(sizes)}


def _refuse_filled(folder: Path, remedy: str) -> None:
    if folder.exists() and any(folder.iterdir()):
        raise FlightsError(f"{folder} is not empty: {remedy}")


def _refuse_elsewhere(settings: Settings) -> None:
    if not settings.embedded:
        raise FlightsError(
            "the stores run elsewhere (FLIGHTS_EMBEDDED=false): back up each with its own tools, see"
            " docs/backup.md"
        )
