"""``flights backfill``: a day of the warehouse, made again from the raw layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from flight_assets.commands.console import console
from flight_assets.settings import get_settings

if TYPE_CHECKING:
    from datetime import datetime


@click.command()
@click.option("--day", type=click.DateTime(["%Y-%m-%d"]), required=True, help="UTC date on which Kafka took the messages.")
def backfill(day: datetime) -> None:
    """Rebuild a day of staging, quarantine, predictions and fact from the raw layer, to the same rows."""
    from flight_assets.stores import warehouse
    from flight_assets.stores.backfill import rebuild_day
    from flight_assets.stores.hdfs import Hdfs

    settings = get_settings()
    done = rebuild_day(warehouse.open_warehouse(settings), Hdfs(settings), settings, day.date(), console.print)
    console.print(f"{day:%Y-%m-%d}: {done.messages} messages gave {done.staged} staged events, {done.flights} flights", soft_wrap=True)
