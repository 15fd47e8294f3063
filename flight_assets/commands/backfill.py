"""``flights backfill``: rebuild days of the warehouse from the raw layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from flight_assets.commands.console import console, example
from flight_assets.settings import get_settings

if TYPE_CHECKING:
    from datetime import datetime


@click.command(epilog=example("flights backfill --day 2026-11-01"))
@click.option(
    "--day",
    "days",
    type=click.DateTime(["%Y-%m-%d"]),
    required=True,
    multiple=True,
    help=(
        "UTC date on which Kafka took the messages. If several are damaged, give each: they are rebuilt"
        " together."
    ),
)
def backfill(days: tuple[datetime, ...]) -> None:
    """Rebuild days of staging, quarantine, predictions and fact from the raw layer, to the same rows."""
    from flight_assets.pipeline.backfill import rebuild_days
    from flight_assets.stores import warehouse
    from flight_assets.stores.hdfs import Hdfs

    settings = get_settings()
    dates = {day.date() for day in days}
    done = rebuild_days(warehouse.open_warehouse(settings), Hdfs(settings), settings, dates, console.print)
    summary = f"{done.messages} messages gave {done.staged} staged events, {done.flights} flights"
    console.print(f"{', '.join(map(str, sorted(dates)))}: {summary}", soft_wrap=True)
