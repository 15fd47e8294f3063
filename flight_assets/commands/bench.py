"""``flights bench``: measures, side by side in one run."""

from __future__ import annotations

import json
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING

import click

from flight_assets.commands.console import Column, example, json_option, number, print_table, wide_option
from flight_assets.errors import FlightsError
from flight_assets.settings import get_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flight_assets.bench.figures import Figure

QUICK_BENCHES = ("batch", "history", "growth", "stream")
BENCHES = (*QUICK_BENCHES, "quarter", "model", "archive", "dashboard", "api")


COLUMNS = (
    Column("figure"),
    number("value"),
    Column("unit"),
    Column("sides: median (least–most)", folds=True),
)


@click.command(epilog=example("flights bench --quick", "flights bench --only history --json"))
@click.option(
    "--only", type=click.Choice(BENCHES), multiple=True, help="Only this benchmark; may be repeated."
)
@click.option(
    "--quick",
    is_flag=True,
    help=f"Less data and fewer repetitions; without --only, of {', '.join(QUICK_BENCHES)}.",
)
@wide_option
@json_option
def bench(only: tuple[str, ...], quick: bool, wide: bool, as_json: bool) -> None:
    """Measure the platform on this machine. Needs the development packages: `make install-dev`."""
    figures = _module("figures")
    with _naming_missing_packages():
        machine = figures.machine()
    found: dict[str, Figure] = {}
    for name in only or (QUICK_BENCHES if quick else BENCHES):
        measured = _module(name).measure(get_settings(), quick)
        # Print each figure at once: a later benchmark may fail after an hour.
        for figure, value in measured.items():
            click.echo(
                f"{figure} {value.value:.4g} {value.unit}: {value.sides_as_text()}; {value.note}", err=True
            )
        found |= measured
    if as_json:
        click.echo(json.dumps(figures.report(found, machine)))
        return
    rows = [(name, figure.value, figure.unit, figure.sides_as_text()) for name, figure in found.items()]
    print_table(COLUMNS, rows, wide=wide)


def _module(name: str):  # type: ignore[no-untyped-def]  # noqa: ANN202 - a module
    with _naming_missing_packages():
        return import_module(f"flight_assets.bench.{name}")


@contextmanager
def _naming_missing_packages() -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        raise FlightsError(
            f"a package of the benchmarks is missing ({error}): run `make install-dev` in a checkout"
        ) from error
