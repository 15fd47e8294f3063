"""``flights archive …``: plan, due, run, status, pause, resume, verify, restore, expire."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click
from rich.table import Table

from flight_assets.commands.console import console
from flight_assets.errors import FlightsError
from flight_assets.settings import get_settings

if TYPE_CHECKING:
    from datetime import datetime

    from flight_assets.archive.record import ArchiveRecord
    from flight_assets.archive.steps import Archiver


@click.group()
def archive() -> None:
    """Move old flights from MongoDB to HDFS, verified, and back."""


def _archiver() -> Archiver:
    from flight_assets.archive.steps import Archiver
    from flight_assets.stores import warehouse

    settings = get_settings()
    return Archiver(settings, lambda: warehouse.open_warehouse(settings), purpose="flights archive")


@archive.command()
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def plan(as_json: bool) -> None:
    """Show what an archive would move now; changes nothing."""
    size, selection, held_back = _archiver().preview(exact=True)
    settings = get_settings()
    found: dict[str, Any] = {
        "hot_mb": round(size.mb, 3),
        "threshold_mb": settings.archive_threshold_mb,
        "hot_documents": size.documents,
        "documents": selection.documents,
        "mb": round(selection.bytes / 1e6, 3),
        "oldest": selection.bins[0].start.isoformat() if selection.bins else None,
        "newest": selection.bins[-1].end.isoformat() if selection.bins else None,
        "remaining_documents": selection.remaining_documents,
        "remaining_mb": round(selection.remaining_bytes / 1e6, 3),
        "held_back": held_back,
        "shortened_window": selection.shortened,
        "capped": selection.capped,
        "reason": selection.reason,
    }
    if as_json:
        click.echo(json.dumps(found))
        return
    table = Table("", "documents", "MB", "taken in (UTC)")
    table.add_row("hot now", str(size.documents), f"{size.mb:.1f} of {settings.archive_threshold_mb:g}", "")
    table.add_row(
        "would move", str(selection.documents), f"{found['mb']:.1f}", f"{found['oldest']} – {found['newest']}" if selection.bins else ""
    )
    table.add_row("would remain", str(selection.remaining_documents), f"{found['remaining_mb']:.1f}", "")
    console.print(table)
    console.print(selection.reason, soft_wrap=True)
    if held_back:
        console.print(f"{held_back} old documents have fields that the contract does not know: they stay hot", soft_wrap=True)


@archive.command()
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def due(as_json: bool) -> None:
    """Say whether an archive is to be made or finished now, and why: what the sensor decides. Exit 0 in either case."""
    from flight_assets.archive.trigger import Cursor, decide
    from flight_assets.automation.archive_sensor import observe

    decision = decide(observe(get_settings(), active_run=None), Cursor())
    if as_json:
        click.echo(json.dumps({"ask": decision.ask, "warn": decision.warn, "reason": decision.reason}))
        return
    console.print(f"{'yes' if decision.ask else 'no'}: {decision.reason}", soft_wrap=True)


@archive.command()
def run() -> None:
    """Archive what is due now, or finish an unfinished archive, as the sensor's job does."""
    from flight_assets.archive.record import Archives
    from flight_assets.automation.runs import run_job
    from flight_assets.stores.hdfs import Hdfs

    settings = get_settings()
    archives = Archives(Hdfs(settings))
    before = {record.archive_id: record.state for record in archives.records()}
    with console.status("archiving"):
        run_job(settings, "archive_flights")
    changed = [record for record in archives.records() if before.get(record.archive_id) != record.state]
    if not changed:
        console.print("nothing is due: `flights archive plan` says why")
    for record in changed:
        _print_record(record)


@archive.command()
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def status(as_json: bool) -> None:
    """Show the hot store's size, the archives, and what happens next."""
    from flight_assets.queries.archive import archive_status

    found = archive_status(get_settings())
    if as_json:
        click.echo(json.dumps(found.as_dict(), default=str))
        return
    console.print(f"hot: {found.hot_mb:.1f} MB of {found.threshold_mb:g} MB, {found.hot_documents} documents")
    if found.archives:
        table = Table("archive", "state", "documents", "MB", "deleted", "newest taken in (UTC)")
        for record in found.archives:
            newest = f"{record.last_ingestion:%Y-%m-%d %H:%M}" if record.last_ingestion else "-"
            table.add_row(
                record.archive_id, record.state, str(record.record_count or record.planned_documents), f"{record.file_size_mb or 0:.1f}",
                str(record.deleted), newest,
            )  # fmt: skip
        console.print(table)
    console.print(f"running: {found.running or 'no'}", soft_wrap=True)
    if found.current and found.current.last_error:
        console.print(f"last error: {found.current.last_error}", soft_wrap=True)
    console.print(f"next: {found.next}", soft_wrap=True)


@archive.command()
@click.argument("archive_id", required=False)
@click.option("--json", "as_json", is_flag=True, help="For programs: the whole record.")
def explain(archive_id: str | None, as_json: bool) -> None:
    """Show one archive (the unfinished or the last one) step by step: done, how often tried, how long, and what comes next."""
    from flight_assets.archive.steps import STEPS, next_step

    archives = _archiver().archives
    ids = archives.ids()
    if not (archive_id or ids):
        raise FlightsError("there is no archive yet: `flights archive plan` shows what the first one would move")
    unfinished = archives.unfinished()
    record = archives.record(archive_id) if archive_id else unfinished or archives.record(ids[-1])
    if as_json:
        click.echo(record.to_json())
        return
    _print_record(record)
    for name, _ in STEPS.values():
        took = f"{record.seconds[name]:.1f} s" if name in record.seconds else "not done"
        console.print(f"  {name:8} {took:>10}  tried {record.attempts.get(name, 0)} times")
    if record.last_error:
        console.print(f"last error: {record.last_error}", soft_wrap=True)
    console.print(f"next: {next_step(record)}", soft_wrap=True)


@archive.command()
@click.option("--reason", default="by hand", show_default=True, help="Shown to whoever asks why.")
def pause(reason: str) -> None:
    """Let no step of any archive begin; the one that runs now ends first."""
    archiver = _archiver()
    archiver.archives.pause(reason, archiver.now())
    console.print("paused: no step begins until `flights archive resume`")


@archive.command()
def resume() -> None:
    """Undo pause."""
    archives = _archiver().archives
    archives.resume()
    waiting = archives.unfinished()
    what = f"archive {waiting.archive_id} goes on" if waiting else "archives are made again"
    console.print(f"{what} at the next tick of mongo_size_sensor, or now by `flights archive run`", soft_wrap=True)


@archive.command()
@click.argument("archive_id")
def verify(archive_id: str) -> None:
    """Read the files of an archive again and compare counts and checksums; exit 1 if one differs."""
    from flight_assets.archive.restore import verify as read_again

    with console.status("reading"):
        record = read_again(_archiver(), archive_id)
    console.print(
        f"{len(record.files)} files hold what was written: {record.record_count} rows, checksum {record.checksum}", soft_wrap=True
    )


@archive.command()
@click.argument("archive_id", required=False)
@click.option(
    "--from", "first", type=click.DateTime(["%Y-%m-%d"]), help="Flights scheduled on this date or later (the origin's local date)."
)
@click.option("--to", "last", type=click.DateTime(["%Y-%m-%d"]), help="Flights scheduled on this date or earlier.")
@click.option("--flight-id", help="One flight.")
@click.option("--reason", default="by hand", show_default=True, help="Kept in the documents and in the archive's record.")
def restore(archive_id: str | None, first: datetime | None, last: datetime | None, flight_id: str | None, reason: str) -> None:
    """Bring archived flights back into MongoDB: an archive, dates, or a flight. A hot document that is as new stays."""
    from flight_assets.archive.restore import What
    from flight_assets.archive.restore import restore as put_back

    if not (archive_id or first or last or flight_id):
        raise click.UsageError("say what: an ARCHIVE_ID, --from, --to or --flight-id")
    what = What(archive_id, first.date() if first else None, last.date() if last else None, flight_id)
    with console.status("restoring"):
        done = put_back(_archiver(), what, reason)
    if not done.archives:
        raise FlightsError(f"no archive holds {what}")
    console.print(
        f"{done.restored} restored from {', '.join(done.archives)}; {done.kept_newer} were hot already, as new or newer", soft_wrap=True
    )


@archive.command()
@click.argument("archive_id")
@click.option("--reason", default="by hand", show_default=True, help="Kept in the documents and in the archive's record.")
def abandon(archive_id: str, reason: str) -> None:
    """Give up an unfinished archive that cannot go on; what it took from MongoDB comes back from the fact table."""
    from flight_assets.archive.restore import abandon as give_up

    with console.status("restoring"):
        done = give_up(_archiver(), archive_id, reason)
    console.print(f"{archive_id} is given up: {done.restored} flights are hot again, {done.kept_newer} were hot", soft_wrap=True)


@archive.command()
def expire() -> None:
    """Delete archives older than FLIGHTS_ARCHIVE_RETENTION_DAYS; does nothing while that is 0."""
    from flight_assets.archive.restore import expire as remove_old

    if not get_settings().archive_retention_days:
        console.print("archives are kept for ever: set FLIGHTS_ARCHIVE_RETENTION_DAYS to let them expire")
        return
    gone = remove_old(_archiver())
    console.print(f"expired: {', '.join(gone) or 'none is that old'}")


def _print_record(record: ArchiveRecord) -> None:
    colour = "yellow" if record.shortened_window else "default"
    console.print(
        f"archive {record.archive_id} is {record.state}: {record.record_count or record.planned_documents} documents, "
        f"{record.file_size_mb or 0:.1f} MB in {len(record.files)} files at {record.storage_location}; {record.deleted} deleted from hot",
        soft_wrap=True,
    )
    console.print(f"why: {record.reason}", style=colour, soft_wrap=True)
    if record.size_before and record.size_after:
        before, after = record.size_before, record.size_after
        console.print(
            f"hot store: {(before.data_bytes + before.index_bytes) / 1e6:.1f} MB before, "
            f"{(after.data_bytes + after.index_bytes) / 1e6:.1f} MB after; compaction: {record.compaction}",
            soft_wrap=True,
        )
