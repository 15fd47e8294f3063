"""``flights service …``: one service by itself, for containers.

``flights up`` starts a whole platform on one machine.
"""

from __future__ import annotations

from getpass import getuser
from pathlib import Path

import click

from flight_assets.commands.console import Group, console, example
from flight_assets.settings import get_settings


@click.group(cls=Group, epilog=example("flights service run kafka", "flights service check kafka"))
def service() -> None:
    """Run or check one service by itself, as containers do."""


@service.command(epilog=example("flights service run kafka"))
@click.argument("name")
def run(name: str) -> None:
    """Write the configuration and become the service NAME."""
    from flight_assets.platform import foreground

    foreground.run(get_settings(), name)


@service.command(epilog=example("flights service check kafka"))
@click.argument("name")
def check(name: str) -> None:
    """Check the service NAME: exit 0 if it works, 1 with the reason if not."""
    from flight_assets.platform import foreground

    foreground.check(get_settings(), name)


@service.command(epilog=example("flights service executor"))
def executor() -> None:
    """Become an executor of Spark on Kubernetes, where Spark starts this command itself."""
    from flight_assets.platform import spark_executor

    spark_executor.run_executor(get_settings())


@service.command(epilog=example("flights service configure"))
def configure() -> None:
    """Write the configuration files of every service, as `run` does before it starts one."""
    from flight_assets.platform.config import write_configs

    write_configs(get_settings())


@service.command(epilog=example("flights service install"))
def install() -> None:
    """Fetch the jars that an image needs, so that its containers start without a network."""
    from flight_assets.platform import foreground

    foreground.install(get_settings(), console.print)


@service.command(
    epilog=example("flights service units", "flights service units --folder /etc/systemd/system")
)
@click.option("--user", default=getuser, help="The user that the platform runs as; by default you.")
@click.option("--live", is_flag=True, help="Start it with live processing.")
@click.option(
    "--folder", type=click.Path(path_type=Path), help="Write the units here instead of printing them."
)
def units(user: str, live: bool, folder: Path | None) -> None:
    """Print the units by which systemd starts the platform at boot."""
    from flight_assets.platform import systemd

    for name, text in systemd.units(get_settings(), user, live=live).items():
        if folder is None:
            click.echo(text)
        else:
            (folder / name).write_text(text)
            console.print(
                f"wrote {folder / name}; then: systemctl daemon-reload && systemctl enable --now {name}"
            )


@service.command(epilog=example("flights service bootstrap"))
def bootstrap() -> None:
    """Create what is missing in the stores: topic, tables, dimensions, collection."""
    from flight_assets.platform.bootstrap import bootstrap as create

    create(get_settings(), console.print)
