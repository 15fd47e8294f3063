"""Is this machine fit, and does each service work? One finding per question."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil

from flight_assets.errors import StoreUnavailable
from flight_assets.platform import jars, launcher, obstacles
from flight_assets.platform.services import services
from flight_assets.stores import kafka

if TYPE_CHECKING:
    from flight_assets.settings import Settings

SUPPORTED_PYTHONS = ((3, 11), (3, 12), (3, 13), (3, 14))
NEEDED_MEMORY_MB = 6_000


@dataclass(frozen=True)
class Finding:
    """Answer to one question.

    ``detail`` names the remedy if it is not fine; a warning is fine but not safe.
    """

    subject: str
    is_fine: bool
    detail: str
    is_warning: bool = False


def examine(settings: Settings) -> Iterator[Finding]:
    """Yield each finding as soon as it is known: the machine first, then the services."""
    yield python_finding()
    yield _disk(settings)
    yield _memory()
    yield _jars(settings)
    for service in services(settings):
        problem = launcher.problem_of(settings, service)
        yield Finding(service.name, problem is None, problem or "works")
    yield from _topic(settings)


def python_finding() -> Finding:
    """Return whether this Python is one of the supported ones."""
    version = sys.version_info[:2]
    wanted = ", ".join(".".join(map(str, supported)) for supported in SUPPORTED_PYTHONS)
    return Finding("Python", version in SUPPORTED_PYTHONS, f"{version[0]}.{version[1]}; supported: {wanted}")


def _disk(settings: Settings) -> Finding:
    folder = next(path for path in (settings.home, *settings.home.parents) if path.exists())
    free_mb = shutil.disk_usage(folder).free // obstacles.BYTES_PER_MB
    needed = obstacles.MIN_FREE_DISK_MB
    return Finding("disk", free_mb >= needed, f"{free_mb} MB free at {folder}, {needed} needed")


def _memory() -> Finding:
    total_mb = psutil.virtual_memory().total // obstacles.BYTES_PER_MB
    return Finding("memory", total_mb >= NEEDED_MEMORY_MB, f"{total_mb} MB in all, {NEEDED_MEMORY_MB} needed")


def _jars(settings: Settings) -> Finding:
    missing = len(jars.missing(settings.cache_dir, jars.read_lock()))
    return Finding(
        "jars",
        missing == 0,
        f"{missing} to download: run `flights up`" if missing else f"all in {settings.cache_dir}",
    )


def _topic(settings: Settings) -> Iterator[Finding]:
    try:
        warnings = kafka.topic_warnings(settings)
    except StoreUnavailable as error:
        yield Finding("topic", False, str(error))
        return
    yield from (Finding("topic", True, warning, is_warning=True) for warning in warnings)
    if not warnings:
        yield Finding("topic", True, "its settings are safe")
