"""Champions of the delay model: which version served from when until when, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flight_assets.stores.models import Entry, ModelStore

COLUMNS = ("model_version", "since", "until", "action", "reason")


def champions(models: ModelStore) -> pd.DataFrame:
    """Return ``served`` of the registry's journal."""
    return served(models.history())


def served(journal: Sequence[Entry]) -> pd.DataFrame:
    """One row per span in which one version was champion, newest first: COLUMNS. Times UTC.

    ``until`` is null for the champion of now. Decisions that leave the champion in place begin no span.

    ``journal``: all entries, oldest first.
    """
    spans: list[dict[str, object]] = []
    for entry in journal:
        now = spans[-1]["model_version"] if spans else None
        if entry.champion == now:
            continue
        if spans:
            spans[-1]["until"] = entry.at
        spans.append(
            {
                "model_version": entry.champion,
                "since": entry.at,
                "until": None,
                "action": entry.action.value,
                "reason": entry.reason,
            }
        )
    frame = pd.DataFrame(reversed(spans), columns=list(COLUMNS))
    for name in ("since", "until"):
        frame[name] = pd.to_datetime(frame[name], utc=True)
    return frame
