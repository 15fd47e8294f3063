"""``flights load`` and ``flights validate``: real flights from files, into Kafka or only looked at."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flight_assets.commands.console import console, example, json_option, printable
from flight_assets.errors import FlightsError
from flight_assets.settings import get_settings

if TYPE_CHECKING:
    from flight_assets.producer.events import Message
    from flight_assets.producer.load_job import LoadJob
    from flight_assets.settings import Settings
    from flight_assets.sources.layout import Layout
    from flight_assets.sources.opening import Source
    from flight_assets.sources.weather import Weather

FILES = click.argument("files", nargs=-1, required=True, metavar="FILES", type=click.Path(path_type=Path))
LAYOUT = click.option("--layout", default="", help="Name of the layout; recognised from the file by default.")
MAPPING = click.option(
    "--mapping", type=click.Path(exists=True, path_type=Path), help="TOML file that describes the columns."
)
EXAMPLES_SHOWN = 5
NAME_WIDTH = 16
NOTE_EVERY_S = 2.0


def say(name: str, text: str) -> None:
    """Print a line of a report: a name and what is said of it."""
    console.print(f"{name:{NAME_WIDTH}}{printable(text)}", markup=False, soft_wrap=True)


@click.command(
    epilog=example("flights load T_ONTIME.csv.gz --dry-run", "flights load on_time_2008_1.zip --shift-to-now")
)
@FILES
@LAYOUT
@MAPPING
@click.option(
    "--shift-to-now",
    is_flag=True,
    help="Move the flights by whole weeks, so that the last day is in this week.",
)
@click.option(
    "--rate", type=click.FloatRange(0), default=0.0, help="Messages per second; 0 is as fast as it goes."
)
@click.option(
    "--weather",
    type=click.Path(exists=True, path_type=Path),
    multiple=True,
    help="CSV file of weather reports.",
)
@click.option("--dry-run", is_flag=True, help="Only report what the files hold.")
@json_option
def load(
    files: tuple[Path, ...], layout: str, mapping: Path | None, shift_to_now: bool, rate: float,
    weather: tuple[Path, ...],
    dry_run: bool, as_json: bool,
) -> None:  # fmt: skip
    """Load flights from FILES into Kafka, as the events of their lives.

    First reports what the files hold. Ctrl-C stops the sending, and the same command resumes it. Loading a
    file twice only yields duplicates.
    """
    settings = get_settings()
    sources = recognised(files, layout, mapping)
    if are_messages(sources):
        _send_lines(settings, sources, rate, dry_run, as_json)
        return
    job = _job(settings, files, layout, mapping, weather, shift_to_now)
    reports = _weather(settings, job, weather)
    state = surveyed(job, sources, shift_to_now, as_json)
    if not as_json:
        print_survey(state, job)
        if reports:
            say("weather", reports.about)
    sent = None if dry_run else _send(settings, job, state, reports, rate, as_json)
    if as_json:
        click.echo(json.dumps(state["survey"] | {"sent": sent}))
    if dry_run:
        job.forget()


def recognised(files: tuple[Path, ...], layout: str, mapping: Path | None) -> list[tuple[Source, Layout]]:
    """Return every table of the files with its layout."""
    from flight_assets.sources.mapping import read_mapping
    from flight_assets.sources.reading import sources_of
    from flight_assets.sources.registry import layout_of

    if mapping:
        described = read_mapping(mapping)
        return [
            (source, described.layout_for(source))
            for path in files
            for source in sources_of(path, **described.reading)
        ]
    return [(source, layout_of(source, layout)) for path in files for source in sources_of(path)]


def are_messages(sources: list[tuple[Source, Layout]]) -> bool:
    """Return True for files of our own messages, False for files of flights.

    Raises FlightsError for both at once.
    """
    from flight_assets.sources.messages import NAME

    kinds = {found.name == NAME for _, found in sources}
    if len(kinds) > 1:
        raise FlightsError(
            "messages of the platform's own and files of flights go in loads of their own: give them"
            " separately"
        )
    return kinds == {True}


def _job(
    settings: Settings,
    files: tuple[Path, ...],
    layout: str,
    mapping: Path | None,
    weather: tuple[Path, ...],
    shift: bool,
) -> LoadJob:
    from flight_assets.producer.load_job import open_job
    from flight_assets.stores.dimensions import present_reference

    reference = present_reference(settings)
    described = [mapping.read_text(encoding="utf-8")] if mapping else []
    options = [
        layout,
        *described,
        *(str(path) for path in weather),
        "shift" if shift else "",
        reference.fingerprint,
    ]
    return open_job(settings.home, files, options, reference)


def surveyed(
    job: LoadJob, sources: list[tuple[Source, Layout]], shift_to_now: bool, quiet: bool
) -> dict[str, Any]:
    """Return the state of the load, with a count of rows while the files are read."""
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("reading: {task.completed:,} rows"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=quiet) as progress:
        task = progress.add_task("reading", total=None)
        return job.survey(sources, lambda rows: progress.update(task, completed=rows), shift_to_now)


def print_survey(state: dict[str, Any], job: LoadJob) -> None:
    """Print what was recognised, and the first unusable rows."""
    found = state["survey"]
    for name, layout in found["layouts"].items():
        say("file", f"{name}: {layout}")
    events = ", ".join(f"{count:,} {kind}" for kind, count in found["events"].items() if count)
    say("rows", f"{found['rows']:,}")
    say(
        "flights",
        f"{found['flights']:,} from {found['first_day']} to {found['last_day']}, {found['days']} days"
        if found["flights"]
        else "none",
    )
    say("carriers", f"{len(found['carriers'])}: {' '.join(found['carriers'])}")
    say("airports", f"{found['airports']:,}")
    say("events", f"{sum(found['events'].values()):,}: {events}")
    if found["computed_distances"]:
        say("distance", f"great circle for {found['computed_distances']:,} flights, which give none")
    for kind in ("airlines", "airports"):
        if codes := found[f"unknown_{kind}"]:
            say("unknown", f"{kind} {' '.join(codes)}: loaded and flagged, see `flights reference add`")
    if state["weeks"]:
        say("moved", f"by {state['weeks']} weeks; events after this moment are left out")
    say(
        "unusable",
        f"{found['unusable_rows']:,} rows"
        + "".join(f"; {n:,} {why}" for why, n in found["unusable"].items()),
    )
    for row in found["examples"][:EXAMPLES_SHOWN]:
        where = f"{printable(row['file'])}, line {row['line']}"
        console.print(
            f"  {where}: {row['reason']} ({printable(row['detail'])})", markup=False, soft_wrap=True
        )
    if found["unusable_rows"] > EXAMPLES_SHOWN:
        console.print(f"  all of them: {job.unusable_file}", markup=False, soft_wrap=True)


def _weather(settings: Settings, job: LoadJob, files: tuple[Path, ...]) -> Weather | None:
    """Return the reports of files of weather; None without any file."""
    from flight_assets.sources.weather import read_weather

    return read_weather(files, job.reference, settings.scheduled_lead_minutes) if files else None


def _send(
    settings: Settings,
    job: LoadJob,
    state: dict[str, Any],
    weather: Weather | None,
    rate: float,
    quiet: bool,
) -> dict[str, int]:
    """Send what has not been sent, and keep how far it came."""
    from flight_assets.producer.publish import MAX_UNACKNOWLEDGED

    lead = settings.scheduled_lead_minutes
    enrich = weather.add_to if weather else None
    before, noted_at = state["sent"], time.monotonic()
    if before and not quiet:
        console.print(f"resuming after {before:,} messages")

    def note(acknowledged: int, _sent: int) -> None:
        nonlocal noted_at
        if time.monotonic() - noted_at >= NOTE_EVERY_S:
            noted_at = time.monotonic()
            job.note_sent(before + max(0, acknowledged - MAX_UNACKNOWLEDGED))

    total = None if state["weeks"] else sum(state["survey"]["events"].values()) - before
    result = _published(settings, job.messages(lead, enrich), rate, total, note, quiet)
    if result["interrupted"]:
        job.note_sent(before + result["sent"])
        raise FlightsError(
            f"stopped after {before + result['sent']:,} messages: the same command goes on from there"
        )
    job.forget()
    return {name: result[name] for name in ("sent", "acknowledged")}


def _published(
    settings: Settings,
    messages: Iterator[Message],
    rate: float,
    total: int | None,
    note: Callable[[int, int], None],
    quiet: bool,
) -> dict[str, int]:
    """Send messages with a progress bar. Returns sent, acknowledged and interrupted."""
    from rich.progress import Progress

    from flight_assets.producer.publish import publish
    from flight_assets.stores.kafka import security_options

    with Progress(console=console, transient=True, disable=quiet) as progress:
        task = progress.add_task("sending", total=total)

        def advance(acknowledged: int, sent: int) -> None:
            progress.update(task, completed=acknowledged, description=f"acknowledged {acknowledged:,}")
            note(acknowledged, sent)

        servers, topic = settings.kafka_bootstrap_servers, settings.kafka_topic
        result = publish(
            messages, servers, topic, rate, advance, settings.timeout_s, security=security_options(settings)
        )
    if not quiet:
        console.print(
            f"Kafka acknowledged {result.acknowledged:,} of {result.sent:,} messages in"
            f" {result.seconds:.1f} s"
        )
    if result.failed:
        raise FlightsError(f"{result.failed} messages were too large for the broker; the others were sent")
    return {"sent": result.sent, "acknowledged": result.acknowledged, "interrupted": int(result.interrupted)}


def _send_lines(
    settings: Settings, sources: list[tuple[Source, Layout]], rate: float, dry_run: bool, as_json: bool
) -> None:
    """Send lines that are messages already, as they are."""
    from flight_assets.producer.events import Message
    from flight_assets.sources.messages import message_lines

    def messages() -> Iterator[Message]:
        for source, _ in sources:
            for _, key, value in message_lines(source):
                yield Message(key, value, 0)

    if dry_run:
        count = sum(1 for _ in messages())
        click.echo(json.dumps({"messages": count}) if as_json else f"{count:,} messages")
        return
    result = _published(settings, messages(), rate, None, lambda *_: None, as_json)
    if as_json:
        click.echo(json.dumps(result))
