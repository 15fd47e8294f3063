"""Rule for the sensor's request of an archive: from sizes, the state of archives and the cursor. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel

WARN_SHARE = 0.8


class Cursor(BaseModel):
    """Memory of the sensor from tick to tick."""

    level: str = "ok"
    size_mb: float = 0.0
    asked: int = 0
    last_decision: str = ""


@dataclass(frozen=True)
class Observed:
    """Observation of one tick.

    ``running`` names the process that archives now, ``unfinished`` the archive that waits to be resumed.
    None if there is none.
    """

    size_mb: float
    threshold_mb: float
    due_documents: int
    due_reason: str
    running: str | None = None
    unfinished: str | None = None
    paused: str | None = None


@dataclass(frozen=True)
class Decision:
    """Return the decision about an archive with its reason, a warning, and the cursor of the next tick."""

    ask: bool
    reason: str
    warn: bool
    cursor: Cursor


def decide(seen: Observed, cursor: Cursor) -> Decision:
    """Ask when the size is over the threshold and something may leave, or an archive is unfinished.

    Never while one runs or is paused.
    It warns once when the size rises over 80 % of the threshold, and again only after it has been below.
    """
    level = _level(seen)
    ask, why = _ask(seen)
    figures = f"{seen.size_mb:.1f} MB of {seen.threshold_mb:g} MB ({seen.size_mb / seen.threshold_mb:.0%})"
    reason = f"{figures}: {why}"
    following = Cursor(
        level=level, size_mb=round(seen.size_mb, 1), asked=cursor.asked + ask, last_decision=reason
    )
    return Decision(ask, reason, warn=level != "ok" and cursor.level == "ok", cursor=following)


def _level(seen: Observed) -> str:
    if seen.size_mb > seen.threshold_mb:
        return "over"
    return "warning" if seen.size_mb >= WARN_SHARE * seen.threshold_mb else "ok"


def _ask(seen: Observed) -> tuple[bool, str]:
    if seen.running:
        return False, f"an archive is running ({seen.running})"
    if seen.paused:
        return False, f"archiving is paused ({seen.paused}): `flights archive resume`"
    if seen.unfinished:
        return True, f"archive {seen.unfinished} is unfinished and goes on"
    if seen.size_mb <= seen.threshold_mb:
        return False, "not over the threshold"
    if not seen.due_documents:
        return False, f"over the threshold, but nothing may leave: {seen.due_reason}"
    return True, f"over the threshold: {seen.due_reason}"
