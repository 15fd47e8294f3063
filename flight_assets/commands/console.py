"""Output of the commands: one console, one table helper, and the options that tables share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from textwrap import wrap
from typing import Any

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

console = Console(highlight=False)

# Spaces between two columns of a table.
GAP = 2
# A text column that folds gets at least so many characters.
LEAST_FOLDED = 24

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
wide_option = click.option("--wide", is_flag=True, help="Print every column, however wide.")


@dataclass(frozen=True)
class Column:
    """One column of a table. Numbers have their unit in the heading, and stand right.

    In a narrow terminal, ``optional`` columns are dropped, the last one first; a column that ``folds`` takes
    several lines.
    """

    heading: str
    is_number: bool = False
    optional: bool = False
    folds: bool = False


class Group(click.Group):
    """Group whose list of commands folds long descriptions instead of cutting them."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands that are not hidden, each with its first sentence."""
        commands = [
            (name, self.commands[name]) for name in self.list_commands(ctx) if not self.commands[name].hidden
        ]
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, command.get_short_help_str(limit=1_000)) for name, command in commands]
            )


def number(heading: str, *, optional: bool = False) -> Column:
    """Return a column of numbers."""
    return Column(heading, is_number=True, optional=optional)


def printable(text: str) -> str:
    """Return text with its control characters as escapes.

    A hostile message cannot steer the terminal.
    """
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def example(*commands: str) -> str:
    """Return the end of a help text: commands to copy."""
    return "\b\nExample:\n" + "\n".join(f"  {command}" for command in commands)


def cell_text(value: object) -> str:
    """Return a value as the text of a table's cell; a dash for None."""
    if value is None or value != value:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return printable(f"{value:.4g}" if isinstance(value, float) else str(value))


def print_table(columns: Sequence[Column], rows: Iterable[Sequence[Any]], *, wide: bool = False) -> None:
    """Print rows so that they fit the terminal: drop optional columns, fold long texts, or stack the columns.

    No cell is ever cut. Without a terminal the width is 80 columns, or that of the variable COLUMNS.
    """
    cells = [[cell_text(value) for value in row] for row in rows]
    if wide:
        _print_grid(columns, cells, None)
        return
    kept = _fitting(columns, cells, console.width)
    if kept is None:
        _print_stacked(columns, cells)
        return
    dropped = [column.heading for number, column in enumerate(columns) if number not in kept]
    _print_grid(
        [columns[number] for number in kept],
        [[row[number] for number in kept] for row in cells],
        console.width,
    )
    if dropped:
        console.print(f"--wide shows {', '.join(dropped)} as well", style="dim", markup=False)


def _fitting(columns: Sequence[Column], cells: list[list[str]], width: int) -> list[int] | None:
    """Return the numbers of the columns to print, or None if even those that must be there do not fit."""
    needs = [_needed(column, [row[number] for row in cells]) for number, column in enumerate(columns)]
    kept = list(range(len(columns)))
    while sum(needs[number] + GAP for number in kept) > width:
        optional = [number for number in kept if columns[number].optional]
        if not optional:
            return None
        kept.remove(optional[-1])
    return kept


def _needed(column: Column, texts: list[str]) -> int:
    longest = max((len(text) for text in texts), default=0)
    return max(len(column.heading), min(longest, LEAST_FOLDED) if column.folds else longest)


def _print_grid(columns: Sequence[Column], cells: list[list[str]], width: int | None) -> None:
    table = Table(box=SIMPLE_HEAD, padding=(0, GAP - 1, 0, 0), pad_edge=False, show_edge=False)
    for column in columns:
        table.add_column(
            Text(column.heading),
            justify="right" if column.is_number else "left",
            no_wrap=not (column.folds and width),
            overflow="fold",
        )
    for row in cells:
        table.add_row(*(Text(text) for text in row))
    if width is None:
        longest = sum(
            max(map(len, texts)) + 2 * GAP for texts in zip([c.heading for c in columns], *cells, strict=True)
        )
        Console(file=console.file, width=max(longest, console.width), highlight=False).print(table)
    else:
        console.print(table)


def _print_stacked(columns: Sequence[Column], cells: list[list[str]]) -> None:
    """Print each row as a block: one line for each column."""
    margin = max(len(column.heading) for column in columns)
    for row in cells:
        for column, text in zip(columns, row, strict=True):
            lines = wrap(text, max(console.width - margin - GAP, LEAST_FOLDED)) or [""]
            for heading, line in zip_longest([column.heading], lines, fillvalue=""):
                console.print(f"{heading:{margin}}  {line}", markup=False, soft_wrap=True)
        console.print()
