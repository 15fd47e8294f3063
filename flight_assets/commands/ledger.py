"""``flights ledger``: the record of each batch, what its checks found, and letting a failed check pass."""

from __future__ import annotations

import json

import click
from rich.table import Table

from flight_assets.commands.console import console, printable
from flight_assets.provenance import STEPS, BatchRecord, Ledger
from flight_assets.settings import get_settings

# Counts of a batch's record, and headings that fit a terminal of 80 columns.
HEADINGS = {
    "batch_id": "batch",
    "record_count": "raw",
    "staged": "staged",
    "duplicate": "dupl.",
    "quarantined": "quar.",
    "predicted": "pred.",
    "upserted": "ups.",
    "out_of_order": "late",
    "merged": "merged",
}


@click.group(invoke_without_command=True)
@click.option("--batch", "batch_id", type=click.IntRange(0), help="Only this one, with everything that is known of it.")
@click.option("--last", type=click.IntRange(1), default=20, show_default=True, help="So many.")
@click.option("--json", "as_json", is_flag=True, help="For programs: the records, one per line, as /metadata/batch_<id>.json has them.")
@click.pass_context
def ledger(context: click.Context, batch_id: int | None, last: int, as_json: bool) -> None:
    """Show the record of each batch: counts, offsets, times, sizes, versions, checks."""
    if context.invoked_subcommand:
        return
    from flight_assets.queries.ledger import held_up, records

    found = records(get_settings(), batch_id, last)
    if as_json:
        for record in found:
            click.echo(json.dumps(json.loads(record.to_json())))
        return
    console.print(_table(found))
    if batch_id is not None:
        _print_details(found[0])
    for number, result in held_up(found):
        console.print(
            f"batch {number} is held up by {result.name} of {result.asset}: {printable(result.detail)}", soft_wrap=True, markup=False
        )


@ledger.command()
@click.option("--batch", "batch_id", type=click.IntRange(0), help="Only this one.")
@click.option("--last", type=click.IntRange(1), default=20, show_default=True, help="So many.")
def openlineage(batch_id: int | None, last: int) -> None:
    """Print batches as events of OpenLineage, one JSON object per line: what each step read and wrote, column by column."""
    from openlineage.client.serde import Serde

    from flight_assets.queries.ledger import records
    from flight_assets.queries.openlineage import run_events

    for record in records(get_settings(), batch_id, last):
        for event in run_events(get_settings(), record):
            click.echo(Serde.to_json(event))


@ledger.command()
@click.argument("batch_id", type=click.IntRange(0))
@click.argument("check")
@click.option("--reason", required=True, help="Why; kept in the record.")
def accept(batch_id: int, check: str, reason: str) -> None:
    """Let a failed check of a batch pass as a warning, so that the next run goes on."""
    from flight_assets.stores import lease
    from flight_assets.stores.hdfs import Hdfs

    settings = get_settings()
    with lease.hold(settings, f"accepting a check of batch {batch_id}", 120):
        Ledger(Hdfs(settings)).accept(batch_id, check, reason)
    console.print(f"batch {batch_id} goes on with the next run; {check} is a warning from now on")


def _table(records: list[BatchRecord]) -> Table:
    table = Table(*HEADINGS.values(), "s", "bad")
    for record in records:
        failed = sum(not result.passed for result in record.checks)
        row = [*(getattr(record, name) for name in HEADINGS), f"{sum(record.seconds.values()):.0f}"]
        table.add_row(*("-" if value is None else str(value) for value in row), str(failed))
    return table


def _print_details(record: BatchRecord) -> None:
    by_step = {step: record.seconds[step] for step in STEPS if step in record.seconds}
    details = {
        "messages taken": f"{record.oldest} – {record.timestamp}",
        "offsets": {partition: f"{span.first}–{span.last}" for partition, span in record.offsets.items()},
        "rejected by reason": record.quarantined_by_reason,
        "contract versions": record.schema_versions,
        "unknown fields": record.unknown_fields,
        "seconds by step": by_step,
        "bytes of messages": record.message_bytes,
        "MB of raw files": record.file_size_mb,
        "model": record.model_version,
        "versions": record.versions,
        "raw files": record.storage_location,
    }
    for name, value in details.items():
        shown = ", ".join(f"{key} {part}" for key, part in value.items()) or "none" if isinstance(value, dict) else value
        console.print(f"  {name:18} {printable(str(shown))}", soft_wrap=True, markup=False)
    for result in record.checks:
        mark = "ok  " if result.passed else result.severity.lower()[:4]
        console.print(f"  {mark} {result.asset}.{result.name}: {printable(result.detail)}", soft_wrap=True, markup=False)
