"""Tables that ``flights model`` prints: versions beside each other, and the newest decision."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from flight_assets.commands.console import Column, console, number, print_table

if TYPE_CHECKING:
    from flight_assets.settings import Settings
    from flight_assets.stores.models import ModelStore

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
    "pr_auc": ("area under precision–recall, ≥ 15 minutes late", ".3f"),
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


def model_store(settings: Settings) -> ModelStore:
    """Return the registry of trained models."""
    from flight_assets.stores.hdfs import Hdfs
    from flight_assets.stores.models import ModelStore

    return ModelStore(Hdfs(settings))


def print_models(store: ModelStore, as_json: bool, wide: bool) -> None:
    """Print the versions with their figures on the test period, and the newest decision."""
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


def print_trained(store: ModelStore, versions: list[str], *, wide: bool = False) -> None:
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
    """Print the newest decision of the journal."""
    state = store.state()
    if state:
        console.print(
            f"last decision: {state.action} {state.version}: {state.reason}", soft_wrap=True, markup=False
        )
        console.print("* champion, ~ challenger" if state.challenger else "* champion")
