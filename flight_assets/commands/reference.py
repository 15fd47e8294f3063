"""``flights reference …``: the airlines and airports that codes mean, and a user's own additions."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping
from typing import Any

import click

from flight_assets.commands.console import (
    Column,
    Group,
    console,
    example,
    json_option,
    number,
    print_table,
    printable,
    wide_option,
)
from flight_assets.contracts.tables import DIM_AIRLINE, DIM_AIRPORT, Table
from flight_assets.errors import FlightsError
from flight_assets.settings import get_settings

KINDS = {"airline": DIM_AIRLINE, "airport": DIM_AIRPORT}
KIND = click.argument("kind", type=click.Choice(list(KINDS)))
COLUMNS = (
    Column("kind"), Column("code"), Column("ICAO"), Column("name", folds=True),
    Column("where", folds=True, optional=True),
    Column("zone", optional=True), Column("since"), Column("until"), Column("origin", optional=True),
)  # fmt: skip
UNKNOWN_COLUMNS = (
    Column("field"),
    Column("code"),
    number("events"),
    number("flights"),
    Column("first date"),
    Column("last date"),
)
DAY = click.DateTime(["%Y-%m-%d"])


@click.group(cls=Group, epilog=example("flights reference show IST", "flights reference unknown"))
def reference() -> None:
    """Airlines and airports: show, add, load, export, unknown codes."""


@reference.command(epilog=example("flights reference show IST"))
@click.argument("code")
@wide_option
@json_option
def show(code: str, wide: bool, as_json: bool) -> None:
    """Show every airline and airport that has or had CODE (IATA or ICAO)."""
    from flight_assets.stores import dimensions
    from flight_assets.stores.warehouse import open_warehouse

    found = dimensions.rows_of(open_warehouse(get_settings()), code.upper())
    if not found:
        raise FlightsError(
            f"no airline and no airport has the code {printable(code)}: add it with `flights reference add`"
        )
    if as_json:
        _print_lines(found)
        return
    print_table(COLUMNS, [_cells(row) for row in found], wide=wide)


def _cells(row: Mapping[str, Any]) -> tuple[Any, ...]:
    where = ", ".join(filter(None, (row.get("city"), row["country"])))
    return (
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


@reference.command(epilog=example('flights reference add airline ZZ --name "Zed Air" --country US'))
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
    """Add or replace an airline or airport; the next batch knows it."""
    _add(KINDS[kind], [{"code": code, **values}])


@reference.command(epilog=example("flights reference load airline my_airlines.csv"))
@KIND
@click.argument("file", type=click.File("r", encoding="utf-8"))
def load(kind: str, file: io.TextIOBase) -> None:
    """Add or replace airlines or airports from a CSV FILE, as `export` writes it."""
    _add(KINDS[kind], list(csv.DictReader(file)))


@reference.command(epilog=example("flights reference export airport > my_airports.csv"))
@KIND
@click.option("--all", "everything", is_flag=True, help="The packaged rows as well, not only your own.")
def export(kind: str, everything: bool) -> None:
    """Write your own airlines or airports as CSV, for `load` elsewhere."""
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


@reference.command(epilog=example("flights reference unknown"))
@wide_option
@json_option
def unknown(wide: bool, as_json: bool) -> None:
    """List the codes of staged events that no airline or airport has: how many events, and when."""
    from flight_assets.queries.reference import unknown_codes
    from flight_assets.stores.warehouse import open_warehouse

    rows = unknown_codes(open_warehouse(get_settings()))
    if as_json:
        _print_lines(rows)
        return
    if not rows:
        console.print("every code is known")
        return
    print_table(UNKNOWN_COLUMNS, [tuple(row.values()) for row in rows], wide=wide)


def _add(table: Table, given: Iterable[Mapping[str, Any]]) -> None:
    from flight_assets.stores import dimensions
    from flight_assets.stores.warehouse import open_warehouse

    settings = get_settings()
    rows = [dimensions.checked_row(table, values) for values in given]
    loaded, changed = dimensions.load(open_warehouse(settings), table, rows)
    dimensions.publish(settings, table, loaded)
    console.print(
        f"{len(rows)} {'added or replaced' if changed else 'there already'}; {table.name} has {len(loaded):,}"
        " rows"
    )


def _print_lines(rows: Iterable[Mapping[str, Any]]) -> None:
    for row in rows:
        click.echo(json.dumps(row, default=str))
