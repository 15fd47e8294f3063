"""Command line: ``flights …``. Exit codes: 0 done, 1 failed, 2 wrong use."""

from __future__ import annotations

import os
import sys
import warnings
from typing import Any

import click

from flight_assets.commands.alerts import alerts
from flight_assets.commands.api import api
from flight_assets.commands.archive import archive
from flight_assets.commands.backfill import backfill
from flight_assets.commands.bench import bench
from flight_assets.commands.completion import completion
from flight_assets.commands.console import Group, example
from flight_assets.commands.contract import contract
from flight_assets.commands.demo import demo
from flight_assets.commands.events import events
from flight_assets.commands.feed import feed
from flight_assets.commands.installation import uninstall, upgrade_check, version
from flight_assets.commands.ledger import ledger
from flight_assets.commands.load import load
from flight_assets.commands.model import model
from flight_assets.commands.platform import backup, doctor, down, logs, reset, restore, status, up
from flight_assets.commands.process import counts, process
from flight_assets.commands.produce import produce
from flight_assets.commands.quarantine import quarantine
from flight_assets.commands.reference import reference
from flight_assets.commands.service import service
from flight_assets.commands.tenant import tenant
from flight_assets.commands.validate import validate
from flight_assets.errors import FlightsError
from flight_assets.settings import get_settings


class Cli(Group):
    """Group that prints a FlightsError as one sentence.

    With ``--verbose`` it shows the trace of any error.
    """

    def invoke(self, context: click.Context) -> Any:  # noqa: ANN401 - click's own signature
        """Run the command that was given."""
        try:
            return super().invoke(context)
        except (FlightsError, ValueError) as error:
            if context.params.get("verbose"):
                raise
            click.echo(f"flights: {error}", err=True)
            sys.exit(1)


@click.group(
    cls=Cli,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=example("flights up", "flights status"),
)
@click.version_option(package_name="flight-tracking-platform", prog_name="flights")
@click.option("--verbose", is_flag=True, help="Show the trace of a failure.")
def main(verbose: bool) -> None:
    """Flight tracking platform: run it, feed it, look into it."""
    os.environ.setdefault("DAGSTER_HOME", str(get_settings().dagster_home))
    if not verbose:
        warnings.simplefilter("ignore")


for command in (up, down, status, logs, doctor, reset, backup, restore, produce, process, counts, demo):
    main.add_command(command)
for command in (
    model,
    archive,
    ledger,
    quarantine,
    backfill,
    alerts,
    events,
    bench,
    service,
    load,
    validate,
    reference,
    contract,
    feed,
    api,
    tenant,
    completion,
    version,
    upgrade_check,
    uninstall,
):
    main.add_command(command)
