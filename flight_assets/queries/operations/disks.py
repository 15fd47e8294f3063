"""Disks that the platform's data is on, never the own disk of the container that measures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import psutil

from flight_assets.queries.operations.common import patient
from flight_assets.queries.operations.storage import MONGO_QUERY_MS, hdfs_capacity
from flight_assets.stores import kafka, mongo

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from flight_assets.settings import Settings

DISK_COLUMNS = ("disk", "total_bytes", "free_bytes", "used_ratio")


def disks(settings: Settings) -> pd.DataFrame:
    """One row per disk: ``DISK_COLUMNS``, by name.

    - With ``volumes_dir``: the disks of the volumes that are mounted there, as containers have them. A disk
      is named like its volumes, and ``volumes`` if all are on one.
    - Embedded: the disk of the platform's folder, called ``home``.
    - Else the stores are asked: HDFS, MongoDB's primary, and each log folder of each Kafka broker.

    Raises:
        StoreUnavailable: a store that was asked does not answer.
    """
    if settings.volumes_dir:
        found = list(_of_volumes(sorted(settings.volumes_dir.iterdir())))
    elif settings.embedded:
        home = next(path for path in (settings.home, *settings.home.parents) if path.exists())
        found = [("home", *_of_folder(str(home)))]
    else:
        found = list(_of_stores(patient(settings)))
    rows = [(name, total, free, 1 - free / total if total else 0.0) for name, total, free in found]
    return pd.DataFrame(rows, columns=list(DISK_COLUMNS))


def _of_volumes(paths: list[Path]) -> Iterator[tuple[str, float, float]]:
    by_device: dict[int, list[Path]] = {}
    for path in paths:
        by_device.setdefault(path.stat().st_dev, []).append(path)
    for same in by_device.values():
        name = "volumes" if len(by_device) == 1 else ", ".join(path.name for path in same)
        yield name, *_of_folder(str(same[0]))


def _of_folder(path: str) -> tuple[float, float]:
    """Return total bytes, and the bytes that a server may still write there."""
    usage = psutil.disk_usage(path)
    return float(usage.used + usage.free), float(usage.free)


def _of_stores(settings: Settings) -> Iterator[tuple[str, float, float]]:
    capacity = hdfs_capacity(settings)
    yield "hdfs", capacity["used_bytes"] + capacity["remaining_bytes"], capacity["remaining_bytes"]
    with mongo.database(settings) as db:
        stats = db.command("dbStats", maxTimeMS=MONGO_QUERY_MS)
    yield "mongodb", float(stats["fsTotalSize"]), float(stats["fsTotalSize"] - stats["fsUsedSize"])
    for broker, number, total, free in kafka.log_folders(settings):
        yield f"kafka-{broker}" if number == 1 else f"kafka-{broker}-{number}", total, free
