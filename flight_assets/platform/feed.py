"""The live feed: the producer of synthetic flights in real time, as a service of a running platform."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flight_assets.errors import FlightsError
from flight_assets.platform import launcher, supervision
from flight_assets.platform.services import asked_for, services

if TYPE_CHECKING:
    from flight_assets.platform.launcher import ServiceStatus
    from flight_assets.settings import Settings

FEED = "producer"


def start(settings: Settings) -> None:
    """Start the feed and wait until Kafka takes its messages. Nothing happens if it runs.

    Raises:
        FlightsError: the platform does not run, or no message came.
    """
    running = _running(settings)
    if FEED not in running:
        _reconfigure(settings, {*running, FEED})
    (service,) = asked_for(settings, {FEED})
    supervision.start_service(settings, FEED)
    launcher.wait_until_healthy(settings, service)


def stop(settings: Settings) -> bool:
    """Stop the feed. Returns whether it ran."""
    running = _running(settings)
    if FEED not in running:
        return False
    supervision.stop_service(settings, FEED)
    _reconfigure(settings, running - {FEED})
    return True


def status(settings: Settings) -> ServiceStatus | None:
    """Return the feed's state; None if it was not started."""
    return next(iter(launcher.status(settings, {FEED})), None)


def _running(settings: Settings) -> set[str]:
    """Return the names of the supervisor's services. Raises FlightsError if it does not run."""
    infos = supervision.process_info(settings)
    if not infos:
        raise FlightsError(
            "the platform is not running: `flights up --feed` starts it together with the feed"
        )
    return set(infos)


def _reconfigure(settings: Settings, names: set[str]) -> None:
    """Let the supervisor have these further services; all others go on undisturbed."""
    table = (*services(settings), *asked_for(settings, names))
    supervision.start(settings, supervision.write_config(settings, table))
