"""``flights quarantine …``: list rejected messages, show one, and send acceptable or repaired ones again."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TextIO

import click

from flight_assets.commands.console import (
    Column,
    Group,
    console,
    example,
    json_option,
    number,
    print_table,
    printable,
    wide_option,
)
from flight_assets.contracts.message import Reason
from flight_assets.errors import FlightsError
from flight_assets.settings import get_settings

if TYPE_CHECKING:
    from flight_assets.queries.quarantine import Selection

REASONS = click.Choice([reason.value for reason in Reason])
REASON_NAMES = ", ".join(REASONS.choices)
MOMENT = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"])
TEXT_SHOWN = 60
REFUSED_SHOWN = 20


COLUMNS = (
    Column("id"), number("batch", optional=True), Column("reason"), Column("detail", folds=True),
    number("bytes", optional=True),
    Column("sent again", optional=True),
)  # fmt: skip


@click.group(
    cls=Group,
    epilog=example("flights quarantine list --reason wrong_type", "flights quarantine replay --batch 3"),
)
def quarantine() -> None:
    """Rejected messages: list, show, send again."""


@quarantine.command("list", epilog=example("flights quarantine list --limit 10"))
@click.option("--reason", type=REASONS, metavar="REASON", help=f"Only of this reason: {REASON_NAMES}.")
@click.option("--batch", "batch_id", type=int, help="Only of this batch.")
@click.option("--since", type=MOMENT, help="Taken by Kafka at this moment (UTC) or later.")
@click.option("--until", type=MOMENT, help="Taken by Kafka before this moment (UTC).")
@click.option(
    "--limit", type=click.IntRange(1), default=50, show_default=True, help="How many of the oldest messages."
)
@wide_option
@json_option
def list_rejected(
    reason: str | None,
    batch_id: int | None,
    since: datetime | None,
    until: datetime | None,
    limit: int,
    wide: bool,
    as_json: bool,
) -> None:
    """List rejected messages, oldest first. With --json it prints one object a line."""
    from flight_assets.queries.quarantine import Selection, described, rejected

    settings = get_settings()
    rows = described(
        settings, rejected(settings, Selection(reason, batch_id, _utc(since), _utc(until)), limit)
    )
    if as_json:
        for row in rows:
            click.echo(json.dumps(row))
        return
    print_table(COLUMNS, [_cells(row) for row in rows], wide=wide)


@quarantine.command(epilog=example("flights quarantine show flight_events-0-4001"))
@click.argument("message_id")
@json_option
def show(message_id: str, as_json: bool) -> None:
    """Show one message: its bytes, its place in the topic, the reason of its rejection."""
    from flight_assets.queries.quarantine import Selection, described, rejected

    settings = get_settings()
    rows = described(settings, rejected(settings, Selection(ids=(message_id,)), 1))
    if not rows:
        raise FlightsError(f"no rejected message {message_id}: see `flights quarantine list`")
    if as_json:
        click.echo(json.dumps(rows[0]))
        return
    for name, value in rows[0].items():
        click.echo(f"{name:20} {printable(str(value))}")


@quarantine.command(epilog=example("flights quarantine replay --reason unknown_airport --dry-run"))
@click.option(
    "--reason", type=REASONS, metavar="REASON", help=f"Every message of this reason: {REASON_NAMES}."
)
@click.option("--batch", "batch_id", type=int, help="Every message of this batch.")
@click.option("--id", "ids", multiple=True, help="This message; may be given more than once.")
@click.option(
    "--repair",
    type=click.File("r", encoding="utf-8"),
    help='Corrected messages, a line each: {"id": "…", "message": {…}}.',
)
@click.option(
    "--limit",
    type=click.IntRange(1),
    help="How many of the oldest messages; all by default.",
)
@click.option("--dry-run", is_flag=True, help="Print the outcome without sending.")
def replay(
    reason: str | None,
    batch_id: int | None,
    ids: tuple[str, ...],
    repair: TextIO | None,
    limit: int | None,
    dry_run: bool,
) -> None:
    """Send messages again, each once: those that pass the checks by now, and repaired ones."""
    from flight_assets.pipeline import replay as store
    from flight_assets.queries.quarantine import Selection, pages
    from flight_assets.stores.warehouse import open_warehouse

    settings = get_settings()
    repairs = store.read_repairs(repair) if repair else {}
    selection: Selection = Selection(
        reason, batch_id, ids=(*ids, *(repairs if not (reason or batch_id is not None or ids) else ()))
    )
    if not selection.conditions():
        raise click.UsageError("give --reason, --batch, --id or --repair")
    sent = already = 0
    refused: list[tuple[str, str, str]] = []
    refused_count = 0
    found = pages(settings, selection, limit)
    with console.status("looking for the messages") as bar:
        for done in store.replay_pages(settings, open_warehouse(settings), found, repairs, dry_run):
            sent, already = sent + len(done.sent), already + len(done.already)
            refused_count += len(done.refused)
            refused += done.refused[: REFUSED_SHOWN - len(refused)]
            bar.update(f"{sent:,} sent, {refused_count:,} would be rejected again")
    console.print(
        f"{sent} {'would be' if dry_run else ''} sent, {already} had been sent before, "
        f"{refused_count} would be rejected again".replace("  ", " ")
    )
    for name, why, detail in refused:
        console.print(f"  {name}: {why} ({printable(detail[:TEXT_SHOWN])})", soft_wrap=True, markup=False)


def _cells(row: dict[str, Any]) -> tuple[object, ...]:
    again = row["replay"]["to"] or row["replay"]["state"] if row["replay"] else None
    return row["id"], row["batch_id"], row["reason"], row["detail"][:TEXT_SHOWN], row["bytes"], again


def _utc(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment else None
