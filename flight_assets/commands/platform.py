"""Commands for the platform as a whole.

``flights up``, ``down``, ``status``, ``logs``, ``doctor``, ``reset``, ``backup``, ``restore``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

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
from flight_assets.settings import Settings, get_settings

if TYPE_CHECKING:
    from flight_assets.platform.doctor import Finding

LIVE = "live"
STATUS_COLUMNS = (
    Column("service"), Column("state"), number("pid", optional=True), number("port"), number("memory MB"),
    number("up s"),
    Column("version", optional=True),
)  # fmt: skip


@click.command(epilog=example("flights up", "flights up --live", "flights up --feed"))
@click.option(
    "--live", is_flag=True, help="Show events in MongoDB within seconds. `up` without it ends that."
)
@click.option(
    "--feed", "with_feed", is_flag=True, help="Keep synthetic flights coming. `up` without it ends that."
)
@click.option("--continuous", "live_by_its_old_name", is_flag=True, hidden=True)
def up(live: bool, with_feed: bool, live_by_its_old_name: bool) -> None:
    """Start the platform and wait until every service works."""
    from flight_assets.platform import feed

    start_platform(get_settings(), (LIVE,) if live or live_by_its_old_name else ())
    if with_feed:
        # The topic must be there before the first message.
        feed.start(get_settings())


def start_platform(settings: Settings, also: tuple[str, ...] = ()) -> None:
    """Start every service and those of ``also``, create what the stores lack, and print the addresses."""
    from flight_assets.platform import installation, launcher
    from flight_assets.platform.bootstrap import bootstrap

    with console.status("starting") as bar:
        launcher.up(
            settings,
            console.print,
            lambda done, total: bar.update(f"downloading jars: {done} of {total}"),
            also,
        )
        bar.update("creating what is missing, warming Spark")
        bootstrap(settings, console.print)
    installation.remember(settings)
    print_addresses(settings)


@click.command(epilog=example("flights down"))
def down() -> None:
    """Stop the platform; data stays."""
    from flight_assets.platform import launcher

    launcher.down(get_settings(), console.print)


@click.command(epilog=example("flights status", "flights status --json"))
@wide_option
@json_option
def status(wide: bool, as_json: bool) -> None:
    """Show each service: state, process, port, memory, uptime, version."""
    from flight_assets.platform import launcher

    rows = launcher.status(get_settings())
    if as_json:
        click.echo(json.dumps(launcher.as_json(rows)))
        return
    print_table(STATUS_COLUMNS, [tuple(vars(row).values()) for row in rows], wide=wide)
    settings = get_settings()
    console.print(f"resident memory in all: {sum(row.rss_mb for row in rows)} MB")
    if settings.api_key_file.exists():
        console.print(
            f"API {settings.api_url}/v1, key {settings.api_key_file.read_text().strip()}", soft_wrap=True
        )


@click.command(epilog=example("flights logs spark --lines 50"))
@click.argument("name")
@click.option("--lines", default=100, show_default=True, help="How many from the end.")
def logs(name: str, lines: int) -> None:
    """Print the end of the log of the service NAME."""
    from flight_assets.platform import launcher

    known = [row.name for row in launcher.status(get_settings())]
    if name not in known:
        raise click.UsageError(f"there is no service {name}; there are {', '.join(known)}")
    click.echo(launcher.log_tail(get_settings(), name, lines))


@click.command(epilog=example("flights doctor"))
@json_option
def doctor(as_json: bool) -> None:
    """Check the machine and each service; exit 1 if something is wrong."""
    from flight_assets.platform.doctor import examine

    report(list(examine(get_settings())), as_json)


def report(findings: list[Finding], as_json: bool) -> None:
    """Print findings, one a line or as JSON. Exit 1 if one of them is not fine."""
    if as_json:
        click.echo(json.dumps([vars(finding) for finding in findings]))
    else:
        for finding in findings:
            mark = (
                "[yellow]warn[/]"
                if finding.is_warning
                else "[green]ok[/]  "
                if finding.is_fine
                else "[red]fail[/]"
            )
            console.print(f"{mark} {finding.subject}: {finding.detail}", soft_wrap=True)
    if not all(finding.is_fine for finding in findings):
        sys.exit(1)


@click.command(epilog=example("flights reset", "flights reset --yes"))
@click.option("--yes", is_flag=True, help="Do not ask.")
def reset(yes: bool) -> None:
    """Stop the platform and delete its folder with all data."""
    from flight_assets.platform import launcher

    settings = get_settings()
    if not yes:
        click.confirm(f"Delete {settings.home} with all data in it?", abort=True)
    launcher.reset(settings, console.print)


@click.command(epilog=example("flights backup backups/monday"))
@click.argument("folder", type=click.Path(path_type=Path))
def backup(folder: Path) -> None:
    """Stop the platform, copy all of its data into FOLDER, and start it again if it ran."""
    from flight_assets.platform import backup as copies

    also = copies.backup(get_settings(), folder, console.print)
    if also is not None:
        start_platform(get_settings(), also)


@click.command(epilog=example("flights restore backups/monday"))
@click.argument("folder", type=click.Path(path_type=Path))
def restore(folder: Path) -> None:
    """Bring back the copy that `backup` made in FOLDER, where no data is yet. Then run `flights up`."""
    from flight_assets.platform import backup as copies

    copies.restore(get_settings(), folder, console.print)


def print_addresses(settings: Settings) -> None:
    """Print the address of each service."""
    rows = [
        ("Dashboard", settings.dashboard_url),
        ("API", f"{settings.api_url}/v1, with the key that `flights status` shows"),
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
