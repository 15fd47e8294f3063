"""``flights process`` and ``flights counts``: run a batch, and compare the counts of all stores."""

from __future__ import annotations

import json
import signal
import threading
from datetime import UTC, datetime

import click

from flight_assets.commands.console import (
    Column,
    console,
    example,
    json_option,
    number,
    print_table,
    wide_option,
)
from flight_assets.commands.ledger import BATCH_COLUMNS, batch_row
from flight_assets.errors import FlightsError
from flight_assets.provenance import PART_JOBS, STEPS, WHOLE_JOB
from flight_assets.settings import Settings, get_settings


@click.command(epilog=example("flights process", "flights process --live"))
@click.option(
    "--part", type=click.Choice(list(PART_JOBS)), help="Only these steps: one task of another orchestrator."
)
@click.option(
    "--live",
    is_flag=True,
    help="Bring events into MongoDB within seconds, ahead of their batches, until stopped.",
)
@click.option("--continuously", "live_by_its_old_name", is_flag=True, hidden=True)
@wide_option
@json_option
def process(part: str | None, live: bool, live_by_its_old_name: bool, wide: bool, as_json: bool) -> None:
    """Run one batch through every step, as the schedule does.

    Parts run one after the other give the same result. Each takes the processing lease for itself. A batch
    that another run has taken further in between is not pending any more.
    """
    is_live = live or live_by_its_old_name
    if part and is_live:
        raise click.UsageError("--live runs no batch: it goes without --part")
    if is_live:
        _process_live(get_settings())
    else:
        process_now(get_settings(), part, wide=wide, as_json=as_json)


def _process_live(settings: Settings) -> None:
    from flight_assets.pipeline.live.process import process_live

    stop = threading.Event()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signal_number, lambda _number, _frame: stop.set())
    process_live(settings, stop, _say_with_time)


def _say_with_time(line: str) -> None:
    click.echo(f"{datetime.now(UTC):%H:%M:%S} {line}", err=True)


def process_now(
    settings: Settings, part: str | None = None, *, wide: bool = False, as_json: bool = False
) -> None:
    """Run the pipeline, or a part of it, once and print the record of each batch that it finished."""
    from flight_assets.automation.runs import run_job
    from flight_assets.provenance import Ledger
    from flight_assets.stores.hdfs import Hdfs

    last_step = STEPS[-1] if part is None else PART_JOBS[part][-1]
    ledger = Ledger(Hdfs(settings))
    before = ledger.last_done(last_step)
    with console.status("processing"):
        run_job(settings, part or WHOLE_JOB)
    records = [ledger.record(batch_id) for batch_id in range(before + 1, ledger.last_done(last_step) + 1)]
    if as_json:
        for record in records:
            click.echo(json.dumps(json.loads(record.to_json())))
    elif records:
        print_table(BATCH_COLUMNS, [batch_row(record) for record in records], wide=wide)
    else:
        console.print("nothing new")


@click.command(epilog=example("flights counts", "flights counts --json"))
@wide_option
@json_option
def counts(wide: bool, as_json: bool) -> None:
    """Count the rows of each store; exit 1 if the counts do not agree."""
    print_counts(get_settings(), as_json, wide=wide)


def print_counts(settings: Settings, as_json: bool, *, wide: bool = False) -> None:
    """Print the counts of all stores, and whether they agree.

    Raises:
        FlightsError: they do not.
    """
    from flight_assets.queries.counts import counts as count_stores

    found = count_stores(settings)
    if as_json:
        click.echo(json.dumps(found.as_dict()))
    else:
        print_table([Column("store"), number("count")], list(found.as_dict().items()), wide=wide)
    if found.problems:
        raise FlightsError(f"{'; '.join(found.problems)} (events may still wait: run `flights process`)")
    if not as_json:
        console.print(
            "the counts agree: Kafka = raw = staged + duplicate + quarantined; MongoDB and archives = fact",
            soft_wrap=True,
        )
