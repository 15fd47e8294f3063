"""Shared parts of the operations page: timeouts of monitoring, JSON over HTTP, several sources at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from flight_assets.contracts.units import BYTES_PER_MB
from flight_assets.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from flight_assets.settings import Settings


def patient(settings: Settings) -> Settings:
    """Return the settings with the short timeout of monitoring: pages and scrapes must not wait."""
    return settings.model_copy(update={"timeout_s": settings.monitoring_timeout_s})


def archive_threshold_bytes(settings: Settings) -> int:
    """Return the size of MongoDB (data and indexes) at which the archive starts, in bytes."""
    return int(settings.archive_threshold_mb * BYTES_PER_MB)


def get_json(settings: Settings, url: str, store: str) -> Any:  # noqa: ANN401 - whatever the JSON holds
    """Return the JSON of a REST address. Raises StoreUnavailable naming the store."""
    import requests

    try:
        reply = requests.get(url, timeout=settings.monitoring_timeout_s)
        reply.raise_for_status()
        return reply.json()
    except requests.RequestException as error:
        raise StoreUnavailable(
            store, url.split("?", 1)[0], f"see `flights status` ({type(error).__name__})"
        ) from error


def gather(sources: dict[str, Callable[[], Any]]) -> dict[str, Any]:
    """Ask several sources at once; a source that failed has its exception as value."""

    def ask(source: Callable[[], Any]) -> Any:  # noqa: ANN401
        try:
            return source()
        except Exception as error:  # each client has errors of its own; the caller shows them
            return error

    with ThreadPoolExecutor(max(1, len(sources))) as pool:
        return dict(zip(sources, pool.map(ask, sources.values()), strict=True))
