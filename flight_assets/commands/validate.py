"""``flights validate``: what would become of a file, without sending anything."""

from __future__ import annotations

import importlib
import importlib.util
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.table import Table

from flight_assets.commands.console import console, printable
from flight_assets.commands.load import FILES, JSON, LAYOUT, MAPPING, are_messages, cell, print_survey, recognised, surveyed
from flight_assets.settings import get_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flight_assets.contracts.reference import Reference
    from flight_assets.producer.validation import Check, Verdicts
    from flight_assets.sources.layout import Layout
    from flight_assets.sources.reading import Source

CHECK_MODULE, RULES_MODULE = "flight_assets.transforms.check", "flight_assets.transforms.rules"


@click.command()
@FILES
@LAYOUT
@MAPPING
@JSON
def validate(files: tuple[Path, ...], layout: str, mapping: Path | None, as_json: bool) -> None:
    """Report what would be staged or rejected of FILES, without sending anything.

    The files hold flights in any layout, or messages as JSON lines. Exit code 1 if a message would be rejected.

    Example: flights validate messages.jsonl
    """
    from flight_assets.stores.dimensions import present_reference

    settings = get_settings()
    sources = recognised(files, layout, mapping)
    reference = present_reference(settings)
    with tempfile.TemporaryDirectory(prefix="flights-validate-") as folder:
        found, survey = _validated(sources, reference, settings.scheduled_lead_minutes, Path(folder), as_json)
    if as_json:
        click.echo(json.dumps({"survey": survey, "verdicts": found.as_dict() if found else None}))
    elif found:
        _print(found)
    if found and found.rejected:
        raise SystemExit(1)


def _validated(
    sources: list[tuple[Source, Layout]], reference: Reference, lead_minutes: int, folder: Path, as_json: bool
) -> tuple[Verdicts | None, dict[str, Any] | None]:
    """Return the verdicts on the messages of these files, and the survey of files of flights."""
    from flight_assets.producer.load_job import LoadJob
    from flight_assets.producer.validation import verdicts

    check = _checker(reference)
    if are_messages(sources):
        return (verdicts(_lines(sources), check) if check else None), None
    job = LoadJob(folder / "load", reference)
    state = surveyed(job, sources, False, as_json)
    if not as_json:
        print_survey(state, job)
    messages = ((place, message.key, message.value) for place, message in enumerate(job.messages(lead_minutes), 1))
    return (verdicts(messages, check) if check else None), state["survey"]


def _lines(sources: list[tuple[Source, Layout]]) -> Iterator[tuple[int, bytes | None, bytes]]:
    from flight_assets.sources.messages import message_lines

    for source, _ in sources:
        yield from message_lines(source)


def _checker(reference: Reference) -> Check | None:
    """Return the check that a batch makes; None in a version of the platform where only Spark can make it."""
    if importlib.util.find_spec(CHECK_MODULE) is None:
        return None
    module, rules = importlib.import_module(CHECK_MODULE), importlib.import_module(RULES_MODULE)
    checks = rules.Checks(reference)
    return lambda raw: module.check(raw, checks)


def _print(found: Verdicts) -> None:
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_row("messages", f"{found.messages:,}")
    table.add_row("staged", f"{found.staged:,}")
    table.add_row("duplicate", f"{found.duplicate:,}")
    table.add_row("rejected", f"{sum(found.rejected.values()):,}" + "".join(f"; {count:,} {why}" for why, count in found.rejected.items()))
    for name in ("unknown_codes", "unknown_fields", "cleaned"):
        if counted := getattr(found, name):
            values = ", ".join(f"{cell(value)} ({count:,})" for value, count in counted.most_common(10))
            table.add_row(name.replace("_", " "), values)
    console.print(table)
    for line, reason, detail in found.examples[:5]:
        console.print(f"  line {line}: {reason} ({printable(detail)})", markup=False, soft_wrap=True)
