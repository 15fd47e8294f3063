"""``flights archive`` verify, restore, abandon and expire: what is done with an archive that is made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from flight_assets.commands.console import (
    console,
    example,
)
from flight_assets.errors import FlightsError
from flight_assets.settings import get_settings

if TYPE_CHECKING:
    from datetime import datetime

    from flight_assets.archive.steps import Archiver


def open_archiver() -> Archiver:
    """Return an archiver of the platform that the settings name."""
    from flight_assets.archive.steps import Archiver
    from flight_assets.stores import warehouse

    settings = get_settings()
    return Archiver(settings, lambda: warehouse.open_warehouse(settings), purpose="flights archive")


@click.command(epilog=example("flights archive verify mongodb_000001"))
@click.argument("archive_id")
def verify(archive_id: str) -> None:
    """Read the files of an archive again and compare counts and checksums; exit 1 if one differs."""
    from flight_assets.archive.restore import verify as read_again

    with console.status("reading"):
        record = read_again(open_archiver(), archive_id)
    console.print(
        f"{len(record.files)} files are unchanged: {record.record_count} rows, checksum {record.checksum}",
        soft_wrap=True,
    )


@click.command(
    epilog=example(
        "flights archive restore mongodb_000001", "flights archive restore --from 2026-11-01 --to 2026-11-03"
    )
)
@click.argument("archive_id", required=False)
@click.option(
    "--from",
    "first",
    type=click.DateTime(["%Y-%m-%d"]),
    help="Flights scheduled on this date or later (the origin's local date).",
)
@click.option(
    "--to", "last", type=click.DateTime(["%Y-%m-%d"]), help="Flights scheduled on this date or earlier."
)
@click.option("--flight-id", help="One flight.")
@click.option(
    "--reason",
    default="by hand",
    show_default=True,
    help="Kept in the documents and in the archive's record.",
)
def restore(
    archive_id: str | None, first: datetime | None, last: datetime | None, flight_id: str | None, reason: str
) -> None:
    """Bring archived flights back into MongoDB: an archive, dates, or a flight.

    A hot document that is as new stays.
    """
    from flight_assets.archive.restore import Selection
    from flight_assets.archive.restore import restore as put_back

    if not (archive_id or first or last or flight_id):
        raise click.UsageError("give an ARCHIVE_ID, --from, --to or --flight-id")
    selection = Selection(
        archive_id, first.date() if first else None, last.date() if last else None, flight_id
    )
    with console.status("restoring"):
        done = put_back(open_archiver(), selection, reason)
    if not done.archives:
        raise FlightsError(f"no archive holds {selection}")
    console.print(
        f"{done.restored} restored from {', '.join(done.archives)}; {done.kept_newer} were hot already, as"
        " new or newer",
        soft_wrap=True,
    )


@click.command(epilog=example("flights archive abandon mongodb_000001 --reason 'its files are lost'"))
@click.argument("archive_id")
@click.option(
    "--reason",
    default="by hand",
    show_default=True,
    help="Kept in the documents and in the archive's record.",
)
def abandon(archive_id: str, reason: str) -> None:
    """Give up an unfinished archive. The documents it deleted from MongoDB come back from the fact table."""
    from flight_assets.archive.removal import abandon as give_up

    with console.status("restoring"):
        done = give_up(open_archiver(), archive_id, reason)
    console.print(
        f"{archive_id} is given up: {done.restored} flights are hot again, {done.kept_newer} were hot",
        soft_wrap=True,
    )


@click.command(epilog=example("flights archive expire"))
def expire() -> None:
    """Delete archives older than FLIGHTS_ARCHIVE_RETENTION_DAYS; does nothing while that is 0."""
    from flight_assets.archive.removal import expire as remove_old

    if not get_settings().archive_retention_days:
        console.print("archives are kept for ever: set FLIGHTS_ARCHIVE_RETENTION_DAYS to let them expire")
        return
    gone = remove_old(open_archiver())
    console.print(f"expired: {', '.join(gone) or 'none is that old'}")
