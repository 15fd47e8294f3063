"""``flights bench``: measures, side by side in one run."""

from __future__ import annotations

import json
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING

import click
from rich.table import Table

from flight_assets.commands.console import console
from flight_assets.errors import FlightsError
from flight_assets.settings import get_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flight_assets.bench.figures import Figure

QUICK_BENCHES = ("batch", "history", "growth", "stream")
BENCHES = (*QUICK_BENCHES, "quarter", "model", "archive", "dashboard")


@click.command()
@click.option("--only", type=click.Choice(BENCHES), multiple=True, help="These, instead of all.")
@click.option("--quick", is_flag=True, help=f"Less data and fewer repetitions; without --only, of {', '.join(QUICK_BENCHES)}.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def bench(only: tuple[str, ...], quick: bool, as_json: bool) -> None:
    """Measure what the platform promises, on this machine; needs a checkout."""
    shown = _module("figures")
    with _told_what_is_missing():
        machine = shown.machine()
    found: dict[str, Figure] = {}
    for name in only or (QUICK_BENCHES if quick else BENCHES):
        measured = _module(name).measure(get_settings(), quick)
        # A later bench may fail after an hour: what is known by then is not lost.
        for figure, value in measured.items():
            click.echo(f"{figure} {value.value:.4g} {value.unit}: {value.sides_as_text()}; {value.note}", err=True)
        found |= measured
    if as_json:
        click.echo(json.dumps(shown.report(found, machine)))
        return
    table = Table("figure", "value", "unit", "sides: median (least–most)")
    for name, figure in found.items():
        table.add_row(name, f"{figure.value:.4g}", figure.unit, figure.sides_as_text())
    console.print(table)


def _module(name: str):  # type: ignore[no-untyped-def]  # noqa: ANN202 - a module
    with _told_what_is_missing():
        return import_module(f"flight_assets.bench.{name}")


@contextmanager
def _told_what_is_missing() -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:  # a package that is not installed, too
        raise FlightsError(
            f"the benchmarks are not installed ({error}): run `flights bench` in a checkout after `make install-dev`"
        ) from error
