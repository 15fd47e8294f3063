"""Where every command prints."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape

console = Console(highlight=False)


def printable(text: str) -> str:
    """Text from a message for a terminal: control characters as escapes, so that a hostile message cannot steer the terminal."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def cell(text: str) -> str:
    """Return a text from outside for a cell of a table: ``printable``, and its brackets are no markup."""
    return escape(printable(text))
