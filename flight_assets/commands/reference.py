"""``flights reference …``: the airlines and airports that codes mean, and a user's own additions."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping
from typing import Any

import click
from rich.table import Table as Grid

from flight_assets.commands.console import console, printable
from flight_assets.commands.load import cell
from flight_assets.contracts.tables import DIM_AIRLINE, DIM_AIRPORT, Table
from flight_assets.errors import FlightsError
from flight_assets.settings import get_settings

KINDS = {"airline": DIM_AIRLINE, "airport": DIM_AIRPORT}
KIND = click.argument("kind", type=click.Choice(list(KINDS)))
JSON = click.option("--json", "as_json", is_flag=True, help="For programs: one object per line.")
DAY = click.DateTime(["%Y-%m-%d"])


@click.group()
def reference() -> None:
    """Airlines and airports: show, add, load, export, unknown codes."""


@reference.command()
@click.argument("code")
@JSON
def show(code: str, as_json: bool) -> None:
    """Show every airline and airport that has or had CODE (IATA or ICAO).

    Example: flights reference show IST
    """
    from flight_assets.stores import dimensions
    from flight_assets.stores.warehouse import open_warehouse

    found = dimensions.rows_of(open_warehouse(get_settings()), code.upper())
    if not found:
        raise FlightsError(f"no airline and no airport has the code {printable(code)}: add it with `flights reference add`")
    if as_json:
        _print_lines(found)
        return
    table = Grid("kind", "code", "ICAO", "name", "where", "zone", "since", "until", "origin")
    for row in found:
        where = ", ".join(filter(None, (row.get("city"), row["country"])))
        values = (
            row["kind"],
            row["code"],
            row["icao"],
            row["name"],
            where,
            row.get("time_zone"),
            row["since"],
            row["until"],
            row["origin"],
        )
        table.add_row(*(cell(str(value)) if value else "-" for value in values))
    console.print(table)


@reference.command()
@KIND
@click.argument("code")
@click.option("--name", required=True, help="Full name.")
@click.option("--icao", help="ICAO code.")
@click.option("--country", help="Two letters, ISO 3166-1.")
@click.option("--city", help="City of an airport.")
@click.option("--state", help="State of an airport.")
@click.option("--latitude", type=click.FloatRange(-90, 90), help="Degrees north, of an airport.")
@click.option("--longitude", type=click.FloatRange(-180, 180), help="Degrees east, of an airport.")
@click.option("--time-zone", help="IANA time zone of an airport, such as Europe/Berlin.")
@click.option("--since", type=DAY, help="First day on which the code means it.")
@click.option("--until", type=DAY, help="Last day on which the code means it.")
def add(kind: str, code: str, **values: Any) -> None:  # noqa: ANN401 - options of several types
    """Add or replace an airline or airport; the next batch knows it.

    Example: flights reference add airline ZZ --name "Zed Air" --country US
    """
    _add(KINDS[kind], [{"code": code, **values}])


@reference.command()
@KIND
@click.argument("file", type=click.File("r", encoding="utf-8"))
def load(kind: str, file: io.TextIOBase) -> None:
    """Add or replace airlines or airports from a CSV FILE, as `export` writes it.

    Example: flights reference load airline my_airlines.csv
    """
    _add(KINDS[kind], list(csv.DictReader(file)))


@reference.command()
@KIND
@click.option("--all", "everything", is_flag=True, help="The packaged rows as well, not only your own.")
def export(kind: str, everything: bool) -> None:
    """Write your own airlines or airports as CSV, for `load` elsewhere.

    Example: flights reference export airport > my_airports.csv
    """
    from flight_assets.stores import dimensions
    from flight_assets.stores.warehouse import open_warehouse

    table, house = KINDS[kind], open_warehouse(get_settings())
    rows = house.read(table).toArrow().to_pylist() if everything else dimensions.users_rows(house, table)
    names = [name for name in table.column_names if name not in ("version", "origin")]
    out = io.StringIO()
    writer = csv.DictWriter(out, names, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(sorted(rows, key=lambda row: (row["code"], str(row["since"] or ""))))
    click.echo(out.getvalue(), nl=False)


@reference.command()
@JSON
def unknown(as_json: bool) -> None:
    """List the codes of staged events that no airline or airport has: how many events, and when.

    Example: flights reference unknown
    """
    from flight_assets.queries.reference import unknown_codes
    from flight_assets.stores.warehouse import open_warehouse

    rows = unknown_codes(open_warehouse(get_settings()))
    if as_json:
        _print_lines(rows)
        return
    table = Grid("field", "code", "events", "flights", "first date", "last date")
    for row in rows:
        table.add_row(*(cell(str(value)) for value in row.values()))
    console.print(table if rows else "every code is known")


def _add(table: Table, given: Iterable[Mapping[str, Any]]) -> None:
    from flight_assets.stores import dimensions
    from flight_assets.stores.warehouse import open_warehouse

    settings = get_settings()
    rows = [dimensions.checked_row(table, values) for values in given]
    loaded, changed = dimensions.load(open_warehouse(settings), table, rows)
    dimensions.publish(settings, table, loaded)
    console.print(f"{len(rows)} {'added or replaced' if changed else 'there already'}; {table.name} has {len(loaded):,} rows")


def _print_lines(rows: Iterable[Mapping[str, Any]]) -> None:
    for row in rows:
        click.echo(json.dumps(row, default=str))
