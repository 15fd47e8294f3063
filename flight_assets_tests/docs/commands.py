"""Tell whether a command that a page shows exists, with its words, options and arguments."""

from __future__ import annotations

import re
import shlex

import click

from flight_assets.cli import main
from flight_assets_tests.docs.markdown import ROOT, Page

MAKE_TARGETS = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.M))
_ENDS = {"|", "&&", ";", ">", "&"}


def commands(page: Page) -> list[str]:
    """Commands of the page that begin with ``flights`` or ``make``, typed ones and those in the text."""
    found = []
    for line in (*page.typed, *page.inline_code):
        try:
            parts = shlex.split(line)
        except ValueError:
            continue
        for number, part in enumerate(parts):
            name = part.rsplit("/", 1)[-1]
            begins = all(
                "=" in before or before in ("exec", "docker", "compose", "dagster-code")
                for before in parts[:number]
            )
            if name in ("flights", "make") and begins and parts[number + 1 : number + 2] not in ([], ["…"]):
                rest = parts[number + 1 :]
                end = next((place for place, word in enumerate(rest) if word in _ENDS), len(rest))
                found.append(shlex.join([name, *rest[:end]]))
                break
    return list(dict.fromkeys(found))


def problem(command: str) -> str:
    """Return why the command would be refused; empty if it would not.

    Values are not looked at, so that NAME stands for a name. A page may name a command without its arguments.
    """
    name, *words = shlex.split(command)
    if name == "make":
        unknown = [word for word in words if "=" not in word and word not in MAKE_TARGETS]
        return f"no target {', '.join(unknown)}" if unknown else ""
    return _problem_of(main, words)


def _problem_of(command: click.Command, words: list[str]) -> str:
    context = click.Context(command, info_name="flights")
    try:
        _, rest, _ = command.make_parser(context).parse_args(list(words))
    except click.UsageError as error:
        return error.format_message()
    if not isinstance(command, click.Group):
        return f"too many words: {rest}" if rest else ""
    if not rest:
        return ""
    if rest[0] not in command.commands:
        return f"no command {rest[0]}"
    return _problem_of(command.commands[rest[0]], rest[1:])
