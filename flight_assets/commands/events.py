"""``flights events``: what was found in the stream, why, and how well the patterns work."""

from __future__ import annotations

import json
from dataclasses import asdict
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
    printable,
    wide_option,
)
from flight_assets.errors import FlightsError
from flight_assets.settings import get_settings

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

    from flight_assets.events.model import Change, Pattern

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


@events.command(
    epilog=example(
        "flights events replay", "flights events replay --from 3 --set overdue.departure_minutes=60"
    )
)
@click.option("--from", "first", type=click.IntRange(0), default=0, show_default=True, help="First batch.")
@click.option("--to", "last", type=click.IntRange(0), help="Last batch; by default the newest.")
@click.option(
    "--set",
    "changed",
    multiple=True,
    metavar="PATTERN.PARAMETER=VALUE",
    help="Another value of a parameter, to see what it changes.",
)
@click.option(
    "--store", is_flag=True, help="Drop what is stored, and find and store it again from the first batch on."
)
@json_option
def replay(first: int, last: int | None, changed: tuple[str, ...], store: bool, as_json: bool) -> None:
    """Feed finished batches to a new engine and print what it finds. Without --store nothing is written."""
    if store:
        if last is not None or changed:
            raise click.UsageError("--store goes without --to and --set")
        from flight_assets.automation.runs import run_job

        run_job(get_settings(), "find_events", {"complex_events": {"config": {"from_batch": first}}})
        console.print(f"found again from batch {first} on: see `flights events list`")
        return
    changes = _replayed(first, last, _values(changed))
    if as_json:
        import msgspec

        for change in changes:
            click.echo(msgspec.json.encode(change).decode())
        return
    for change in changes:
        found = change.finding
        text = found.cleared_because if change.kind == "cleared" else found.explanation
        console.print(
            f"{_clock(change.at)} {change.kind} {found.pattern} {printable(found.key)}: {printable(text)}",
            soft_wrap=True,
            markup=False,
        )
    console.print(f"{len(changes)} changes")


@events.command(name="test", epilog=example("flights events test my_pattern.py"))
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--days", type=click.IntRange(1), default=2, show_default=True, help="Made days to feed.")
@json_option
def test_pattern(file: Path, days: int, as_json: bool) -> None:
    """Test an own pattern on made days.

    It must load, run without error, and find the same whatever the batches.
    """
    from flight_assets.events.own import load
    from flight_assets.events.trial import trial

    pattern = load(file)
    found = trial(pattern, days)
    if as_json:
        click.echo(json.dumps(asdict(found)))
    else:
        console.print(
            f"{pattern.name}: {found.raised} findings in {found.events} events of {days} made days, "
            f"{found.still_open} still open; {found.microseconds_per_event:.0f} µs per event",
            soft_wrap=True,
        )
        for text in found.examples:
            console.print(f"  {printable(text)}", soft_wrap=True, markup=False)
    if found.problem:
        raise FlightsError(f"{pattern.name} does not pass: {found.problem}")


@events.command(
    epilog=example("flights events measure --days 4", "flights events measure --data on_time_2008_01.parquet")
)
@click.option("--days", type=click.IntRange(1), default=4, show_default=True, help="Planted days per value.")
@click.option("--seed", type=int, default=1, show_default=True, help="Seed of the made days.")
@click.option(
    "--data",
    type=click.Path(exists=True, path_type=Path),
    help="File of real flights, to compare chains with the aircraft's rotations.",
)
@json_option
def measure(days: int, seed: int, data: Path | None, as_json: bool) -> None:
    """Measure precision and recall on planted days, false alarms on quiet ones, speed and memory.

    No service is needed.
    """
    from flight_assets.events import measure as measured

    if data is not None:
        from flight_assets.events.rotations import compare

        _print_facts(compare(data), as_json)
        return
    scores = [score.row() for score in measured.scores(days, seed)]
    alarms, speed = measured.false_alarms(days, seed), measured.speed()
    if as_json:
        click.echo(json.dumps({"scores": scores, "false_alarms_per_quiet_day": alarms, "speed": speed}))
        return
    columns = (
        Column("pattern"), Column("parameter"), number("value"), Column("default"),
        number("planted"), number("found"), number("precision"), number("recall"),
    )  # fmt: skip
    names = ("pattern", "parameter", "value", "is_default", "planted", "found", "precision", "recall")
    print_table(columns, [[row[name] for name in names] for row in scores])
    print_table((Column("pattern"), number("false alarms per quiet day")), alarms.items())
    _print_facts(speed, as_json=False)


def _print_facts(facts: dict[str, float], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(facts))
    else:
        print_table((Column("measure"), number("value")), facts.items())


def _history(finding_id: str) -> pd.DataFrame:
    from flight_assets.queries.events import history_of
    from flight_assets.stores.warehouse import open_warehouse

    return history_of(open_warehouse(get_settings()), finding_id)


def _replayed(first: int, last: int | None, values: dict[str, dict[str, float]]) -> list[Change]:
    from flight_assets.events.process import replayed
    from flight_assets.stores.hdfs import Hdfs
    from flight_assets.stores.warehouse import open_warehouse

    settings = get_settings()
    return replayed(settings, Hdfs(settings), open_warehouse(settings), first, last, values)


def _values(changed: Iterable[str]) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for text in changed:
        name, equals, value = text.partition("=")
        pattern, dot, parameter = name.partition(".")
        if not equals or not dot:
            raise click.UsageError(
                f"{text!r} is not PATTERN.PARAMETER=VALUE, e.g. overdue.departure_minutes=60"
            )
        found.setdefault(pattern, {})[parameter] = float(value)
    return found


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


def _clock(seconds: int) -> str:
    from flight_assets.events.publish import moment

    return f"{moment(seconds):%Y-%m-%d %H:%M:%S}"
