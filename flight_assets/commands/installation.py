"""``flights version``, ``upgrade-check``, ``uninstall``: the installation as a whole."""

from __future__ import annotations

import json

import click

from flight_assets.commands.console import Column, console, example, json_option, print_table, wide_option
from flight_assets.commands.platform import report
from flight_assets.settings import get_settings

VERSION_COLUMNS = (Column("part"), Column("version"))


@click.command(epilog=example("flights version", "flights version --json"))
@wide_option
@json_option
def version(wide: bool, as_json: bool) -> None:
    """Print the versions of the platform, of Python, of the message contract and of each server."""
    from flight_assets.platform.installation import installed

    found = installed(get_settings())
    if as_json:
        click.echo(json.dumps(found))
        return
    servers = found.pop("servers")
    print_table(VERSION_COLUMNS, [(name, str(value)) for name, value in (found | servers).items()], wide=wide)


@click.command("upgrade-check", epilog=example("flights down", "flights upgrade-check"))
@json_option
def upgrade_check(as_json: bool) -> None:
    """Check whether this version may open the data of the home; exit 1 if not. Run it before `flights up`."""
    from flight_assets.platform.installation import upgrade_findings

    report(list(upgrade_findings(get_settings())), as_json)


@click.command(epilog=example("flights uninstall", "flights uninstall --keep-jars"))
@click.option("--keep-jars", is_flag=True, help="Leave the downloaded jars, which other platforms may share.")
def uninstall(keep_jars: bool) -> None:
    """Stop the platform and delete its folder and the jars. It asks twice; there is no way to skip that."""
    from flight_assets.platform import installation

    settings = get_settings()
    installation.refuse_other_folder(settings.home)
    also = "" if keep_jars else f", and the jars in {settings.cache_dir}"
    click.confirm(f"Delete {settings.home} with all data in it{also}?", abort=True)
    typed = click.prompt(f"Nothing brings it back. Type {settings.home.name} to delete it")
    if typed != settings.home.name:
        raise click.UsageError(f"that was {typed}, not {settings.home.name}: nothing was deleted")
    installation.uninstall(settings, console.print, keep_jars=keep_jars)
    console.print(
        "Remove the program itself by `pip uninstall flight-tracking-platform`, or by deleting the checkout."
    )
