"""``flights validate``: what would become of a file, without sending anything."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flight_assets.commands.console import console, example, json_option, printable
from flight_assets.commands.load import (
    EXAMPLES_SHOWN,
    FILES,
    LAYOUT,
    MAPPING,
    are_messages,
    print_survey,
    recognised,
    say,
    surveyed,
)
from flight_assets.settings import get_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flight_assets.contracts.reference import Reference
    from flight_assets.producer.validation import Check, Verdicts
    from flight_assets.settings import Settings
    from flight_assets.sources.layout import Layout
    from flight_assets.sources.opening import Source


@click.command(epilog=example("flights validate messages.jsonl"))
@FILES
@LAYOUT
@MAPPING
@json_option
def validate(files: tuple[Path, ...], layout: str, mapping: Path | None, as_json: bool) -> None:
    """Report what would be staged or rejected of FILES, without sending anything.

    The files hold flights in any layout, or messages as JSON lines. Exit code 1 if a message would be
    rejected.
    """
    from flight_assets.stores.dimensions import present_reference

    settings = get_settings()
    sources = recognised(files, layout, mapping)
    reference = present_reference(settings)
    with tempfile.TemporaryDirectory(prefix="flights-validate-") as folder:
        found, survey = _validated(sources, settings, reference, Path(folder), as_json)
    if as_json:
        click.echo(json.dumps({"survey": survey, "verdicts": found.as_dict()}))
    else:
        _print(found)
    if found.rejected:
        raise SystemExit(1)


def _validated(
    sources: list[tuple[Source, Layout]],
    settings: Settings,
    reference: Reference,
    folder: Path,
    as_json: bool,
) -> tuple[Verdicts, dict[str, Any] | None]:
    """Return the verdicts on the messages of these files, and the survey of files of flights."""
    from flight_assets.producer.load_job import LoadJob
    from flight_assets.producer.validation import verdicts

    check = _checker(settings, reference)
    if are_messages(sources):
        return verdicts(_lines(sources), check), None
    job = LoadJob(folder / "load", reference)
    state = surveyed(job, sources, False, as_json)
    if not as_json:
        print_survey(state, job)
    messages = (
        (place, message.key, message.value)
        for place, message in enumerate(job.messages(settings.scheduled_lead_minutes), 1)
    )
    return verdicts(messages, check), state["survey"]


def _lines(sources: list[tuple[Source, Layout]]) -> Iterator[tuple[int, bytes | None, bytes]]:
    from flight_assets.sources.messages import message_lines

    for source, _ in sources:
        yield from message_lines(source)


def _checker(settings: Settings, reference: Reference) -> Check:
    """Return the check that a batch makes."""
    from flight_assets.transforms.check import check
    from flight_assets.transforms.inputs import Checks

    checks = Checks.of(settings, reference)
    return lambda raw: check(raw, checks)


def _print(found: Verdicts) -> None:
    say("messages", f"{found.messages:,}")
    say("staged", f"{found.staged:,}")
    say("duplicate", f"{found.duplicate:,}")
    say(
        "rejected",
        f"{sum(found.rejected.values()):,}"
        + "".join(f"; {count:,} {why}" for why, count in found.rejected.items()),
    )
    for name in ("unknown_codes", "unknown_fields", "cleaned"):
        if counted := getattr(found, name):
            say(
                name.replace("_", " "),
                ", ".join(f"{value} ({count:,})" for value, count in counted.most_common(10)),
            )
    for line, reason, detail in found.examples[:EXAMPLES_SHOWN]:
        console.print(f"  line {line}: {reason} ({printable(detail)})", markup=False, soft_wrap=True)
