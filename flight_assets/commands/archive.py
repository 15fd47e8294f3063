"""``flights archive …``: plan, due, run, status, explain, pause, resume."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from flight_assets.commands.archive_restore import abandon, expire, open_archiver, restore, verify
from flight_assets.commands.console import (
    Column,
    Group,
    console,
    example,
    json_option,
    number,
    print_table,
    wide_option,
)
from flight_assets.errors import FlightsError
from flight_assets.settings import get_settings

if TYPE_CHECKING:
    from flight_assets.archive.record import ArchiveRecord

PLAN_COLUMNS = (Column("part"), number("documents"), number("MB"), Column("ingested UTC", folds=True))

STATUS_COLUMNS = (
    *(Column("archive"), Column("state"), number("documents"), number("MB")),
    *(number("deleted", optional=True), Column("newest UTC", optional=True)),
)
STEP_COLUMNS = (Column("step"), number("took s"), number("attempts"))


@click.group(cls=Group, epilog=example("flights archive plan", "flights archive run"))
def archive() -> None:
    """Move old flights from MongoDB to HDFS, verified, and back."""


@archive.command(epilog=example("flights archive plan"))
@wide_option
@json_option
def plan(wide: bool, as_json: bool) -> None:
    """Show the documents that an archive would move now; changes nothing."""
    size, selection, held_back = open_archiver().preview(exact=True)
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
    span = (
        f"{selection.bins[0].start:%Y-%m-%d %H:%M} to {selection.bins[-1].end:%Y-%m-%d %H:%M}"
        if selection.bins
        else ""
    )
    rows = [
        ("hot now", size.documents, f"{size.mb:.1f}", ""),
        ("would move", selection.documents, f"{found['mb']:.1f}", span),
        ("would remain", selection.remaining_documents, f"{found['remaining_mb']:.1f}", ""),
        ("threshold", None, f"{settings.archive_threshold_mb:g}", ""),
    ]
    print_table(PLAN_COLUMNS, rows, wide=wide)
    console.print(selection.reason, soft_wrap=True)
    if held_back:
        console.print(
            f"{held_back} old documents have fields that the contract does not know: they stay hot",
            soft_wrap=True,
        )


@archive.command(epilog=example("flights archive due"))
@json_option
def due(as_json: bool) -> None:
    """Say whether the sensor would start or continue an archive now, and why. Exit 0 in either case."""
    from flight_assets.archive.trigger import Cursor, decide
    from flight_assets.automation.archive_sensor import observe

    decision = decide(observe(get_settings(), active_run=None), Cursor())
    if as_json:
        click.echo(json.dumps({"ask": decision.ask, "warn": decision.warn, "reason": decision.reason}))
        return
    console.print(f"{'yes' if decision.ask else 'no'}: {decision.reason}", soft_wrap=True)


@archive.command(epilog=example("flights archive run"))
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


@archive.command(epilog=example("flights archive status"))
@wide_option
@json_option
def status(wide: bool, as_json: bool) -> None:
    """Show the hot store's size, the archives, and what happens next."""
    from flight_assets.queries.archive import archive_status

    found = archive_status(get_settings())
    if as_json:
        click.echo(json.dumps(found.as_dict(), default=str))
        return
    console.print(f"hot: {found.hot_mb:.1f} MB of {found.threshold_mb:g} MB, {found.hot_documents} documents")
    if found.archives:
        print_table(STATUS_COLUMNS, [_status_row(record) for record in found.archives], wide=wide)
    console.print(f"running: {found.running or 'no'}", soft_wrap=True)
    if found.current and found.current.last_error:
        console.print(f"last error: {found.current.last_error}", soft_wrap=True)
    console.print(f"next: {found.next}", soft_wrap=True)


@archive.command(epilog=example("flights archive explain"))
@click.argument("archive_id", required=False)
@wide_option
@json_option
def explain(archive_id: str | None, wide: bool, as_json: bool) -> None:
    """Show the steps of one archive: the unfinished or the last one, or ARCHIVE_ID.

    With --json it prints the whole record.
    """
    from flight_assets.archive.steps import STEPS, next_step

    archives = open_archiver().archives
    ids = archives.ids()
    if not (archive_id or ids):
        raise FlightsError(
            "there is no archive yet: `flights archive plan` shows what the first one would move"
        )
    unfinished = archives.unfinished()
    record = archives.record(archive_id) if archive_id else unfinished or archives.record(ids[-1])
    if as_json:
        click.echo(record.to_json())
        return
    _print_record(record)
    seconds = {name: f"{took:.1f}" for name, took in record.seconds.items()}
    print_table(
        STEP_COLUMNS,
        [(name, seconds.get(name), record.attempts.get(name, 0)) for name, _ in STEPS.values()],
        wide=wide,
    )
    if record.last_error:
        console.print(f"last error: {record.last_error}", soft_wrap=True)
    console.print(f"next: {next_step(record)}", soft_wrap=True)


@archive.command(epilog=example("flights archive pause --reason 'disk swap'"))
@click.option("--reason", default="by hand", show_default=True, help="Shown by `flights archive status`.")
def pause(reason: str) -> None:
    """Let no step of any archive begin; the one that runs now ends first."""
    archiver = open_archiver()
    archiver.archives.pause(reason, archiver.now())
    console.print("paused: no step begins until `flights archive resume`")


@archive.command(epilog=example("flights archive resume"))
def resume() -> None:
    """Undo pause."""
    archives = open_archiver().archives
    archives.resume()
    waiting = archives.unfinished()
    resumed = f"archive {waiting.archive_id} continues" if waiting else "archiving starts again"
    console.print(
        f"{resumed} at the next tick of mongo_size_sensor, or now by `flights archive run`", soft_wrap=True
    )


def _status_row(record: ArchiveRecord) -> tuple[object, ...]:
    newest = f"{record.last_ingestion:%Y-%m-%d %H:%M}" if record.last_ingestion else None
    size = f"{record.file_size_mb or 0:.1f}"
    return (
        record.archive_id,
        record.state.value,
        record.record_count or record.planned_documents,
        size,
        record.deleted,
        newest,
    )


def _print_record(record: ArchiveRecord) -> None:
    colour = "yellow" if record.shortened_window else "default"
    console.print(
        f"archive {record.archive_id} is {record.state}: {record.record_count or record.planned_documents}"
        f" documents, {record.file_size_mb or 0:.1f} MB in {len(record.files)} files at"
        f" {record.storage_location}; {record.deleted} deleted from hot",
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


archive.add_command(verify)
archive.add_command(restore)
archive.add_command(abandon)
archive.add_command(expire)
