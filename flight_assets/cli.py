"""The command line: ``flights …``. Exit codes: 0 done, 1 failed, 2 wrong use."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import warnings
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.table import Table

from flight_assets.commands.alerts import alerts
from flight_assets.commands.archive import archive
from flight_assets.commands.backfill import backfill
from flight_assets.commands.bench import bench
from flight_assets.commands.console import console
from flight_assets.commands.contract import contract
from flight_assets.commands.ledger import HEADINGS, ledger
from flight_assets.commands.load import load
from flight_assets.commands.model import model
from flight_assets.commands.quarantine import quarantine
from flight_assets.commands.reference import reference
from flight_assets.commands.service import service
from flight_assets.commands.validate import validate
from flight_assets.errors import FlightsError
from flight_assets.provenance import PART_JOBS, STEPS, WHOLE_JOB
from flight_assets.settings import Settings, get_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flight_assets.producer.events import Message


class Cli(click.Group):
    """Prints a FlightsError as one sentence; any other error only with ``--verbose`` as a trace."""

    def invoke(self, context: click.Context) -> Any:  # noqa: ANN401 - click's own signature
        """Run the command that was given."""
        try:
            return super().invoke(context)
        except (FlightsError, ValueError) as error:
            if context.params.get("verbose"):
                raise
            click.echo(f"flights: {error}", err=True)
            sys.exit(1)


@click.group(cls=Cli, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--verbose", is_flag=True, help="Show the trace of a failure.")
def main(verbose: bool) -> None:
    """Flight tracking platform: run it, feed it, look into it."""
    os.environ.setdefault("DAGSTER_HOME", str(get_settings().dagster_home))
    if not verbose:
        warnings.simplefilter("ignore")


@main.command()
@click.option(
    "--continuous", is_flag=True, help="Show events in MongoDB within seconds, ahead of their batch; without it at the next `up`, not."
)
def up(continuous: bool) -> None:
    """Start the platform and wait until every service works."""
    start_platform(get_settings(), ("continuous",) if continuous else ())


def start_platform(settings: Settings, also: tuple[str, ...] = ()) -> None:
    """Bring everything up, also some of the further services, create what is missing in the stores, print the addresses."""
    from flight_assets.platform import launcher
    from flight_assets.platform.bootstrap import bootstrap

    with console.status("starting") as bar:
        launcher.up(settings, console.print, lambda done, total: bar.update(f"downloading jars: {done} of {total}"), also)
        bar.update("creating what is missing, warming Spark")
        bootstrap(settings, console.print)
    print_addresses(settings)


@main.command()
def down() -> None:
    """Stop the platform; data stays."""
    from flight_assets.platform import launcher

    launcher.down(get_settings(), console.print)


@main.command()
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def status(as_json: bool) -> None:
    """Show each service: state, process, port, memory, uptime, version."""
    from flight_assets.platform import launcher

    rows = launcher.status(get_settings())
    if as_json:
        click.echo(json.dumps(launcher.as_json(rows)))
        return
    table = Table("service", "state", "pid", "port", "MB resident", "up s", "version")
    for row in rows:
        table.add_row(*(str(value) if value is not None else "-" for value in vars(row).values()))
    console.print(table)
    console.print(f"resident memory in all: {sum(row.rss_mb for row in rows)} MB")


@main.command()
@click.argument("name")
@click.option("--lines", default=100, show_default=True, help="How many from the end.")
def logs(name: str, lines: int) -> None:
    """Print the end of a service's log."""
    from flight_assets.platform import launcher

    known = [row.name for row in launcher.status(get_settings())]
    if name not in known:
        raise click.UsageError(f"there is no service {name}; there are {', '.join(known)}")
    click.echo(launcher.log_tail(get_settings(), name, lines))


@main.command()
def doctor() -> None:
    """Check the machine and each service; exit 1 if something is wrong."""
    from flight_assets.platform.doctor import examine

    findings = list(examine(get_settings()))
    for finding in findings:
        console.print(f"{'[green]ok[/]  ' if finding.is_fine else '[red]fail[/]'} {finding.subject}: {finding.detail}", soft_wrap=True)
    if not all(finding.is_fine for finding in findings):
        sys.exit(1)


@main.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
def reset(yes: bool) -> None:
    """Stop the platform and delete its folder with all data."""
    from flight_assets.platform import launcher

    settings = get_settings()
    if not yes:
        click.confirm(f"Delete {settings.home} with all data in it?", abort=True)
    launcher.reset(settings, console.print)


@main.command()
@click.argument("folder", type=click.Path(path_type=Path))
def backup(folder: Path) -> None:
    """Stop the platform, copy all of its data into FOLDER, and start it again if it ran."""
    from flight_assets.platform import backup as copies

    also = copies.backup(get_settings(), folder, console.print)
    if also is not None:
        start_platform(get_settings(), also)


@main.command()
@click.argument("folder", type=click.Path(path_type=Path))
def restore(folder: Path) -> None:
    """Bring back what `backup` copied into FOLDER, to where no data is; then run `flights up`."""
    from flight_assets.platform import backup as copies

    copies.restore(get_settings(), folder, console.print)


@main.command()
@click.option("--source", type=click.Choice(["synthetic", "replay"]), default="synthetic", show_default=True)
@click.option("--events", type=click.IntRange(1), default=1_000, show_default=True, help="How many messages, bad ones included.")
@click.option("--rate", type=click.FloatRange(0), default=0.0, show_default=True, help="Messages per second; 0 is as fast as it goes.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="The same seed gives the same messages.")
@click.option(
    "--bad-share", type=click.FloatRange(0, 1, max_open=True), default=0.0, show_default=True, help="Share of bad or awkward ones."
)
@click.option("--forever", is_flag=True, help="Synthetic flights in real time, about --rate a second (1 by default), until Ctrl-C.")
def produce(source: str, events: int, rate: float, seed: int, bad_share: float, forever: bool) -> None:
    """Send flight events to Kafka."""
    settings = get_settings()
    if forever and source == "replay":
        raise click.UsageError("--forever goes with --source synthetic")
    messages = _live(settings, rate or 1.0, seed, bad_share) if forever else _finite(settings, source, events, seed, bad_share)
    publish_with_progress(settings, messages, 0.0 if forever else rate, None if forever else events)


def _live(settings: Settings, rate: float, seed: int, bad_share: float) -> Iterator[Message]:
    from flight_assets.producer.corrupt import with_bad_messages
    from flight_assets.producer.live import live_messages
    from flight_assets.producer.pace import when_due

    good = live_messages(seed, rate, datetime.now(UTC), settings.scheduled_lead_minutes)
    return when_due(with_bad_messages(good, bad_share, seed))


def _finite(settings: Settings, source: str, events: int, seed: int, bad_share: float) -> Iterator[Message]:
    from flight_assets.producer.corrupt import mixed_messages
    from flight_assets.producer.replay import replay_messages
    from flight_assets.producer.synthetic import synthetic_messages

    lead = settings.scheduled_lead_minutes
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)

    def good(count: int) -> Iterator[Message]:
        return replay_messages(count, lead_minutes=lead) if source == "replay" else synthetic_messages(seed, count, today, lead)

    return mixed_messages(good, events, bad_share, seed)


def publish_with_progress(settings: Settings, messages: Iterator[Message], rate: float, total: int | None) -> int:
    """Send messages with a progress bar; prints and returns how many Kafka acknowledged."""
    from rich.progress import Progress

    from flight_assets.producer.publish import publish
    from flight_assets.stores.kafka import security_options

    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("sending", total=total)

        def advance(acknowledged: int, _sent: int) -> None:
            progress.update(task, completed=acknowledged, description=f"acknowledged {acknowledged:,}")

        servers, topic = settings.kafka_bootstrap_servers, settings.kafka_topic
        result = publish(messages, servers, topic, rate, advance, settings.timeout_s, security=security_options(settings))
    defects = ", ".join(f"{count} {name}" for name, count in sorted(result.by_defect.items()))
    console.print(f"Kafka acknowledged {result.acknowledged} of {result.sent} messages in {result.seconds:.1f} s")
    console.print(f"bad or awkward among them: {defects or 'none'}", soft_wrap=True)
    if result.failed:
        raise FlightsError(f"{result.failed} messages were too large for the broker")
    return result.acknowledged


@main.command()
@click.option("--part", type=click.Choice(list(PART_JOBS)), help="Only these steps: what one task of another orchestrator runs.")
@click.option("--continuously", is_flag=True, help="Bring events into MongoDB as they come, ahead of their batches, until stopped.")
def process(part: str | None, continuously: bool) -> None:
    """Run one batch through every step, as the schedule does.

    Parts run one after the other do the same: each holds the processing lease for itself, and a batch that another run has taken further
    in between is not pending any more.
    """
    if part and continuously:
        raise click.UsageError("--continuously runs no batch: it goes without --part")
    if continuously:
        _process_continuously(get_settings())
    else:
        process_now(get_settings(), part)


def _process_continuously(settings: Settings) -> None:
    from flight_assets.continuous.process import process_continuously

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    process_continuously(settings, stop, _say_with_time)


def _say_with_time(line: str) -> None:
    click.echo(f"{datetime.now(UTC):%H:%M:%S} {line}", err=True)


def process_now(settings: Settings, part: str | None = None) -> None:
    """Run the pipeline, or a part of it, once and print what became of each batch that it finished."""
    from flight_assets.automation.runs import run_job
    from flight_assets.provenance import Ledger
    from flight_assets.stores.hdfs import Hdfs

    job = part or WHOLE_JOB
    last_step = STEPS[-1] if part is None else PART_JOBS[part][-1]
    kept = Ledger(Hdfs(settings))
    before = kept.last_done(last_step)
    with console.status("processing"):
        run_job(settings, job)
    done = range(before + 1, kept.last_done(last_step) + 1)
    if not done:
        console.print("nothing new")
        return
    table = Table(*HEADINGS.values(), "s")
    for batch_id in done:
        record = kept.record(batch_id)
        values = [getattr(record, name) for name in HEADINGS]
        table.add_row(*("-" if value is None else str(value) for value in values), f"{sum(record.seconds.values()):.0f}")
    console.print(table)


@main.command()
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def counts(as_json: bool) -> None:
    """Count what is in each store; exit 1 if the counts do not agree."""
    print_counts(get_settings(), as_json)


def print_counts(settings: Settings, as_json: bool) -> None:
    """Print the counts of all stores, and whether they agree.

    Raises:
        FlightsError: they do not.
    """
    from flight_assets.queries.counts import counts as count_stores

    found = count_stores(settings)
    if as_json:
        click.echo(json.dumps(found.as_dict()))
    else:
        table = Table("store", "count")
        for name, value in found.as_dict().items():
            table.add_row(name, str(value))
        console.print(table)
    if found.problems:
        raise FlightsError(f"{'; '.join(found.problems)} (events may still wait: run `flights process`)")
    if not as_json:
        console.print("the counts agree: Kafka = raw = staged + duplicate + quarantined; MongoDB and archives = fact", soft_wrap=True)


@main.command()
def demo() -> None:
    """From nothing to flights in every store: start, train, send 20,000 events in two parts, process, count."""
    from flight_assets.demo import run_demo

    run_demo(get_settings())


for command in (model, archive, ledger, quarantine, backfill, alerts, bench, service, load, validate, reference, contract):
    main.add_command(command)


def print_addresses(settings: Settings) -> None:
    """Where each service is reached."""
    rows: list[tuple[str, str]] = [
        ("Dashboard", settings.dashboard_url),
        ("Dagster", settings.dagster_url),
        ("Kafka", f"{settings.kafka_bootstrap_servers}, topic {settings.kafka_topic}"),
        ("HDFS", f"{settings.hdfs_url}, WebHDFS and JMX at {settings.hdfs_http_url}"),
        ("HiveServer2", f"{settings.hiveserver2_address}, database {settings.warehouse_database}"),
        ("Spark Connect", f"{settings.spark_remote}, jobs at {settings.spark_ui_url}"),
        ("MongoDB", f"{settings.mongo_uri.rsplit('@', 1)[-1]}, database {settings.mongo_database}"),
        ("Redis", settings.redis_url.rsplit("@", 1)[-1]),
        ("Metrics", settings.metrics_url),
    ]
    for name, address in rows:
        console.print(f"  {name:14} {address}", soft_wrap=True)
