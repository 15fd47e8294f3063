"""``flights feed …``: a live feed of synthetic flights, so that pages move."""

from __future__ import annotations

import json

import click

from flight_assets.commands.console import Group, console, example, json_option
from flight_assets.settings import get_settings


@click.group(cls=Group, epilog=example("flights feed start", "flights feed status", "flights feed stop"))
def feed() -> None:
    """Keep flights coming in real time, at ``producer_rate_per_s`` events a second."""


@feed.command(epilog=example("flights feed start", "FLIGHTS_PRODUCER_RATE_PER_S=5 flights feed start"))
def start() -> None:
    """Start the feed on the running platform, and wait for its first message."""
    from flight_assets.platform import feed as service

    settings = get_settings()
    service.start(settings)
    console.print(f"the feed sends about {settings.producer_rate_per_s:g} events a second")


@feed.command(epilog=example("flights feed stop"))
def stop() -> None:
    """Stop the feed. What it sent stays."""
    from flight_assets.platform import feed as service

    console.print("the feed has stopped" if service.stop(get_settings()) else "no feed was running")


@feed.command(epilog=example("flights feed status"))
@json_option
def status(as_json: bool) -> None:
    """Show whether the feed runs, since when, and what Kafka took."""
    from flight_assets.platform import feed as service
    from flight_assets.stores import kafka

    settings = get_settings()
    row = service.status(settings)
    offsets = kafka.end_offsets(settings) if row else {}
    newest = kafka.newest_timestamp(settings, offsets) if row else None
    found = {
        "state": row.state if row else "stopped",
        "uptime_s": row.uptime_s if row else 0,
        "newest_message": newest.isoformat(timespec="seconds") if newest else None,
    }
    if as_json:
        click.echo(json.dumps(found))
        return
    for name, value in found.items():
        console.print(f"{name.replace('_', ' '):16}{'-' if value is None else value}")
