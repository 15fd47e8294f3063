"""``flights ledger``: records of batches with their checks, what waits, and ways out of a held batch."""

from __future__ import annotations

import json
from dataclasses import asdict

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
from flight_assets.provenance import STEPS, BatchRecord, Ledger
from flight_assets.settings import get_settings

# Counts of a batch's record. The optional ones give way in a narrow terminal.
_COUNTS = {
    "batch_id": number("batch"),
    "record_count": number("raw"),
    "staged": number("staged"),
    "duplicate": number("duplicate"),
    "quarantined": number("quarantined"),
    "predicted": number("predicted", optional=True),
    "upserted": number("upserted", optional=True),
    "out_of_order": number("out of order", optional=True),
    "merged": number("merged"),
}
BATCH_COLUMNS = (*_COUNTS.values(), number("took s"), number("failed checks"))


@click.group(
    cls=Group,
    invoke_without_command=True,
    epilog=example("flights ledger --last 5", "flights ledger --batch 3"),
)
@click.option("--batch", "batch_id", type=click.IntRange(0), help="Only this batch, with its whole record.")
@click.option(
    "--last", type=click.IntRange(1), default=20, show_default=True, help="How many of the newest batches."
)
@wide_option
@json_option
@click.pass_context
def ledger(context: click.Context, batch_id: int | None, last: int, wide: bool, as_json: bool) -> None:
    """Show the record of each batch: counts, offsets, times, sizes, versions, checks.

    With --json it prints one record a line, as /metadata/batch_<id>.json has it.
    """
    if context.invoked_subcommand:
        return
    from flight_assets.queries.ledger import held_up, records

    found = records(get_settings(), batch_id, last)
    if as_json:
        for record in found:
            click.echo(json.dumps(json.loads(record.to_json())))
        return
    print_table(BATCH_COLUMNS, [batch_row(record) for record in found], wide=wide)
    if batch_id is not None:
        _print_details(found[0])
    for held, result in held_up(found):
        console.print(
            f"batch {held} is held up by {result.name} of {result.asset}: {printable(result.detail)}",
            soft_wrap=True,
            markup=False,
        )


@ledger.command(epilog=example("flights ledger openlineage --last 1"))
@click.option("--batch", "batch_id", type=click.IntRange(0), help="Only this batch.")
@click.option(
    "--last", type=click.IntRange(1), default=20, show_default=True, help="How many of the newest batches."
)
def openlineage(batch_id: int | None, last: int) -> None:
    """Print batches as OpenLineage events, one JSON object per line.

    Each step has its inputs and outputs, column by column.
    """
    from openlineage.client.serde import Serde

    from flight_assets.queries.ledger import records
    from flight_assets.queries.openlineage import run_events

    for record in records(get_settings(), batch_id, last):
        for event in run_events(get_settings(), record):
            click.echo(Serde.to_json(event))


@ledger.command(epilog=example("flights ledger accept 3 fresh --reason 'a replay of 2013'"))
@click.argument("batch_id", type=click.IntRange(0))
@click.argument("check")
@click.option("--reason", required=True, help="Why; kept in the record.")
def accept(batch_id: int, check: str, reason: str) -> None:
    """Accept a failed check of a batch as a warning, so that the next run continues."""
    from flight_assets.stores import lease
    from flight_assets.stores.hdfs import Hdfs

    settings = get_settings()
    with lease.hold(settings, f"accepting a check of batch {batch_id}", 120):
        Ledger(Hdfs(settings)).accept(batch_id, check, reason)
    console.print(f"batch {batch_id} continues with the next run; {check} is a warning from now on")


WAITING_COLUMNS = (
    number("batch"),
    Column("waits for"),
    Column("why", folds=True),
    Column("what to do", folds=True),
)


@ledger.command(epilog=example("flights ledger blocked", "flights ledger blocked --json"))
@wide_option
@json_option
def blocked(wide: bool, as_json: bool) -> None:
    """List the batches that wait: for which step, why, and what to do.

    With --json it prints one object a line.
    """
    from flight_assets.queries.ledger import waiting
    from flight_assets.stores.hdfs import Hdfs

    found = [asdict(each) for each in waiting(Ledger(Hdfs(get_settings())))]
    if as_json:
        for row in found:
            click.echo(json.dumps(row))
    elif found:
        print_table(WAITING_COLUMNS, [tuple(row.values()) for row in found], wide=wide)
    else:
        console.print("no batch waits")


@ledger.command(epilog=example("flights ledger quarantine 3 --reason 'a producer in test mode'"))
@click.argument("batch_id", type=click.IntRange(0))
@click.option("--reason", required=True, help="Why; kept in the record and with each message.")
def quarantine(batch_id: int, reason: str) -> None:
    """Move a batch that is held up to quarantine as a whole, so that those behind it go on."""
    from flight_assets.pipeline.move_batch import move_batch
    from flight_assets.stores.hdfs import Hdfs
    from flight_assets.stores.warehouse import open_warehouse

    settings = get_settings()
    record = move_batch(settings, open_warehouse(settings), Hdfs(settings), batch_id, reason)
    console.print(
        f"{record.quarantined} messages of batch {batch_id} are in quarantine; the next run takes the batches"
        f" behind it. `flights quarantine replay --batch {batch_id}` sends them again",
        soft_wrap=True,
    )


@ledger.command(
    "new-topic", epilog=example("flights ledger new-topic --reason 'the topic was created again'")
)
@click.option("--reason", required=True, help="Why; kept beside the records.")
def new_topic(reason: str) -> None:
    """Read the topic from its beginning with the next batch, after it was deleted, truncated or replaced."""
    from flight_assets.pipeline.new_topic import start_new_topic

    settings = get_settings()
    start = start_new_topic(settings, reason)
    console.print(
        f"batch {start.first_batch} begins with the oldest message of {settings.kafka_topic};"
        f" {start.offsets_before} offsets of the other topic have landed before",
        soft_wrap=True,
    )


def batch_row(record: BatchRecord) -> list[object]:
    """Return the cells of ``BATCH_COLUMNS`` for one batch."""
    failed = sum(not result.passed for result in record.checks)
    return [*(getattr(record, name) for name in _COUNTS), f"{sum(record.seconds.values()):.0f}", failed]


def _print_details(record: BatchRecord) -> None:
    by_step = {step: record.seconds[step] for step in STEPS if step in record.seconds}
    details = {
        "messages taken": f"{record.oldest} – {record.timestamp}",
        "offsets": {partition: f"{span.first}–{span.last}" for partition, span in record.offsets.items()},
        "rejected by reason": record.quarantined_by_reason,
        "moved to quarantine": record.moved or "no",
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
        shown = (
            ", ".join(f"{key} {part}" for key, part in value.items()) or "none"
            if isinstance(value, dict)
            else value
        )
        console.print(f"  {name:19} {printable(str(shown))}", soft_wrap=True, markup=False)
    for result in record.checks:
        mark = "ok  " if result.passed else result.severity.lower()[:4]
        console.print(
            f"  {mark} {result.asset}.{result.name}: {printable(result.detail)}", soft_wrap=True, markup=False
        )
