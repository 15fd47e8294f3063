"""``flights events`` replay, test and measure: how patterns would work on other values and made days."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flight_assets.commands.console import (
    Column,
    console,
    example,
    json_option,
    number,
    print_table,
    printable,
)
from flight_assets.errors import FlightsError
from flight_assets.settings import get_settings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flight_assets.events.model import Change


@click.command(
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


@click.command(name="test", epilog=example("flights events test my_pattern.py"))
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


@click.command(
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


def _clock(seconds: int) -> str:
    from flight_assets.events.publish import moment

    return f"{moment(seconds):%Y-%m-%d %H:%M:%S}"
