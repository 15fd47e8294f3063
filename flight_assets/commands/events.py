"""``flights events``: what was found in the stream, why, and how well the patterns work."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from flight_assets.commands.console import (
    Column,
    Group,
    console,
    example,
    json_option,
    print_table,
    printable,
    wide_option,
)
from flight_assets.commands.event_trials import measure, replay, test_pattern
from flight_assets.settings import get_settings

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

    from flight_assets.events.model import Pattern

LISTED = 30

FINDING_COLUMNS = (
    Column("finding"),
    Column("severity"),
    Column("pattern"),
    Column("key", folds=True),
    Column("raised (UTC)"),
    Column("explanation", folds=True),
)


@click.group(cls=Group, epilog=example("flights events list", "flights events explain 0123456789abcdef"))
def events() -> None:
    """Show complex events: late aircraft, stopped airports, silent feeds and more, found in the stream."""


@events.command(
    name="list", epilog=example("flights events list", "flights events list --flight UA1545-EWR-20130101")
)
@click.option("--flight", "flight_id", default="", help="Only findings that name this flight.")
@wide_option
@json_option
def list_findings(flight_id: str, wide: bool, as_json: bool) -> None:
    """List the open findings, the most severe and newest first."""
    from flight_assets.queries.events import open_findings
    from flight_assets.stores import mongo

    settings = get_settings()
    with mongo.database(settings) as db:
        found = open_findings(db, flight_id)
    if as_json:
        _print_json(found.to_dict("records"))
    elif found.empty:
        console.print("nothing is open")
    else:
        names = ["finding_id", "severity", "pattern", "key", "raised", "explanation"]
        rows = found[names].assign(raised=found["raised"].dt.strftime("%m-%d %H:%M"))
        print_table(FINDING_COLUMNS, rows.head(LISTED).itertuples(index=False), wide=wide)
        if len(rows) > LISTED:
            console.print(f"{len(rows) - LISTED} more: --json prints all")


@events.command(epilog=example("flights events show 0123456789abcdef"))
@click.argument("finding_id")
@json_option
def show(finding_id: str, as_json: bool) -> None:
    """Show a finding with each of its changes."""
    found = _history(finding_id)
    if as_json:
        _print_json(found.to_dict("records"))
        return
    for row in found.itertuples():
        console.print(
            f"{row.change_timestamp:%Y-%m-%d %H:%M:%S} {row.change_type}: {printable(row.explanation)}",
            soft_wrap=True,
            markup=False,
        )
        if row.cleared_because:
            console.print(f"  cleared because {printable(row.cleared_because)}", soft_wrap=True, markup=False)
    console.print(
        f"flights: {', '.join(map(printable, found.iloc[-1]['flight_ids'])) or 'none'}",
        soft_wrap=True,
        markup=False,
    )


@events.command(epilog=example("flights events explain 0123456789abcdef"))
@click.argument("finding_id")
@json_option
def explain(finding_id: str, as_json: bool) -> None:
    """Explain a finding: its sentences, its numbers, the rule with its parameters, and what clears it."""
    from flight_assets.events.own import all_patterns

    newest = _history(finding_id).iloc[-1]
    pattern = next((each for each in all_patterns(get_settings()) if each.name == newest["pattern"]), None)
    numbers = newest["numbers"]
    if as_json:
        told = {"explanation": newest["explanation"], "numbers": numbers}
        click.echo(json.dumps(told | {"pattern": _declared(pattern) if pattern else newest["pattern"]}))
        return
    console.print(printable(newest["explanation"]), soft_wrap=True, markup=False)
    for name, value in numbers.items():
        console.print(f"  {name:24} {value:.4g}", markup=False)
    if pattern:
        console.print(f"rule: {pattern.meaning}", soft_wrap=True, markup=False)
        for each in pattern.parameters:
            console.print(
                f"  {each.name} = {each.default:g} {each.unit}: {each.meaning}", soft_wrap=True, markup=False
            )
        console.print(f"cleared when {pattern.clears}", soft_wrap=True, markup=False)


@events.command(epilog=example("flights events patterns", "flights events patterns --json"))
@wide_option
@json_option
def patterns(wide: bool, as_json: bool) -> None:
    """List the patterns: meaning, severity, parameters, and what clears a finding."""
    from flight_assets.events.own import all_patterns

    found = all_patterns(get_settings())
    if as_json:
        _print_json(_declared(each) for each in found)
        return
    columns = (
        Column("pattern"),
        Column("severity"),
        Column("meaning", folds=True),
        Column("cleared when", folds=True),
    )
    print_table(columns, [(each.name, each.severity, each.meaning, each.clears) for each in found], wide=wide)


@events.command(epilog=example("flights events find"))
def find() -> None:
    """Search the finished batches now, as the sensor does."""
    from flight_assets.automation.runs import run_job
    from flight_assets.events.store import EventStore
    from flight_assets.stores.hdfs import Hdfs

    settings = get_settings()
    run_job(settings, "find_events")
    head = EventStore(Hdfs(settings)).head()
    console.print(
        f"{head.open_findings} findings are open after batch {head.batch_id}"
        if head
        else "there is no batch yet"
    )


def _history(finding_id: str) -> pd.DataFrame:
    from flight_assets.queries.events import history_of
    from flight_assets.stores.warehouse import open_warehouse

    return history_of(open_warehouse(get_settings()), finding_id)


def _declared(pattern: Pattern) -> dict[str, Any]:
    return {
        "name": pattern.name,
        "meaning": pattern.meaning,
        "severity": pattern.severity,
        "parameters": [asdict(each) for each in pattern.parameters],
        "inputs": list(pattern.inputs),
        "clears": pattern.clears,
    }


def _print_json(rows: Iterable[Any]) -> None:
    for row in rows:
        click.echo(json.dumps(row, default=_plain))


def _plain(value: Any) -> Any:  # noqa: ANN401 - JSON of times, arrays and missing values
    if hasattr(value, "isoformat"):
        return None if value != value else value.isoformat()  # a missing time is not equal to itself
    return value.tolist() if hasattr(value, "tolist") else str(value)


events.add_command(replay)
events.add_command(test_pattern)
events.add_command(measure)
