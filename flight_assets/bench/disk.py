"""Bytes on disk of the services' data."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from flight_assets.settings import Settings

# Unit of `st_blocks`, by POSIX's convention on Linux and macOS.
BYTES_PER_BLOCK = 512


def disk_bytes(settings: Settings) -> dict[str, int]:
    """Return the bytes on disk of each service's data."""
    return {
        folder.name: sum(map(_bytes_on_disk, folder.rglob("*")))
        for folder in (settings.home / "data").iterdir()
    }


def _bytes_on_disk(path: Path) -> int:
    try:
        return path.stat().st_blocks * BYTES_PER_BLOCK
    except FileNotFoundError:  # the service has removed it meanwhile
        return 0
