"""Where every command prints."""

from __future__ import annotations

from rich.console import Console

console = Console(highlight=False)


def printable(text: str) -> str:
    """Text from a message for a terminal: control characters as escapes, so that a hostile message cannot steer the terminal."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
