"""``flights model …``: train, list, promote."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from flight_assets.commands.console import console
from flight_assets.settings import Settings, get_settings

if TYPE_CHECKING:
    from flight_assets.stores.models import ModelStore

# Of the test period, beside both baselines; delays in minutes.
MODEL_FIGURES = (
    *("flights", "r2", "rmse", "rmse_mean_baseline", "mae", "mae_median_baseline", "mae_vs_median"),
    *("coverage_90", "interval_width_minutes", "brier_vs_base_rate"),
)


@click.group()
def model() -> None:
    """The delay model: train, list, promote."""


@model.command("train")
@click.option("--seed", type=click.IntRange(0), help="Instead of the configured one.")
def train_model(seed: int | None) -> None:
    """Train on the real flights, publish the model and make it the champion."""
    from flight_assets.automation.runs import run_job

    config: dict[str, Any] = {} if seed is None else {"delay_model": {"config": {"seed": seed}}}
    with console.status("training on 336,776 real flights"):
        run_job(get_settings(), "train_delay_model", config)
    _print_models(get_settings())


@model.command("list")
def list_models() -> None:
    """Show the versions and their figures on the test period."""
    _print_models(get_settings())


@model.command()
@click.argument("version")
def promote(version: str) -> None:
    """Let a version predict from the next batch on."""
    model_store(get_settings()).promote(version)
    console.print(f"{version} is the champion from the next batch on")


def model_store(settings: Settings) -> ModelStore:
    """The trained models."""
    from flight_assets.stores.hdfs import Hdfs
    from flight_assets.stores.models import ModelStore

    return ModelStore(Hdfs(settings))


def _print_models(settings: Settings) -> None:
    store = model_store(settings)
    champion = store.champion()
    for version in store.versions():
        test = store.load(version).manifest.metrics.get("test", {})
        figures = ", ".join(f"{name} {test[name]:.4g}" for name in MODEL_FIGURES if test.get(name) is not None)
        console.print(f"{'* ' if version == champion else '  '}{version}: {figures or 'no test period'}", soft_wrap=True)
