"""Page of the command line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import click

from flight_assets.docgen.markdown import page, table


def commands_page() -> str:
    """Return the page of the command line: usage and first sentence of every command."""
    from flight_assets.cli import main

    single = [name for name, command in main.commands.items() if not isinstance(command, click.Group)]
    parts = [_commands((["flights", name], main.commands[name]) for name in sorted(single))]
    for name, group in sorted(main.commands.items()):
        if isinstance(group, click.Group):
            parts += [
                f"## flights {name}",
                _first_sentence(group),
                _commands(_leaves(["flights", name], group)),
            ]
    return page(
        "Command line",
        "the command tree of `flight_assets/cli.py`",
        "In a checkout `flights` is `.venv/bin/flights`. `--help` explains every option. Exit codes: 0 done,"
        " 1 failed, 2 wrong use.",
        *parts,
    )


def _leaves(words: list[str], group: click.Group) -> Iterator[tuple[list[str], click.Command]]:
    if group.invoke_without_command:
        yield words, group
    for name, command in sorted(group.commands.items()):
        below = [*words, name]
        yield from _leaves(below, command) if isinstance(command, click.Group) else [(below, command)]


def _commands(found: Iterable[tuple[list[str], click.Command]]) -> str:
    rows = (
        (f"`{_usage(words, command)}`", _first_sentence(command))
        for words, command in found
        if not command.hidden
    )
    return table(("command", "what it does"), rows)


def _usage(words: list[str], command: click.Command) -> str:
    arguments = [p.human_readable_name.upper() for p in command.params if isinstance(p, click.Argument)]
    return " ".join(
        [
            *words,
            *arguments,
            *(_option(p) for p in command.params if isinstance(p, click.Option) and not p.hidden),
        ]
    )


def _option(option: click.Option) -> str:
    name = max(option.opts, key=len)
    if option.is_flag:
        return f"[{name}]"
    choices = "|".join(map(str, option.type.choices)) if isinstance(option.type, click.Choice) else ""
    usage = f"{name} {choices or option.human_readable_name.upper()}"
    return usage if option.required else f"[{usage}]"


def _first_sentence(command: click.Command) -> str:
    paragraph = " ".join((command.help or "").split("\n\n")[0].split())
    return paragraph.split("\b")[0].strip()
