"""Messages of a test session while it runs, past pytest's capture."""

from __future__ import annotations

import sys


def say(who: str, line: str) -> None:
    """A line on standard error, after the name of who says it."""
    sys.__stderr__.write(f"{who}: {line}\n")
    sys.__stderr__.flush()
