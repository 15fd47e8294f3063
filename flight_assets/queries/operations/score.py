"""Health score: one figure over services, freshness, runs, lag and quality."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import pandas as pd

from flight_assets.provenance import PIPELINE_JOBS, STORING_JOBS
from flight_assets.queries import dagster

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flight_assets.settings import Settings

RECENT_RUNS = 100
HEALTH_WEIGHTS: Mapping[str, float] = {
    "services": 0.35,
    "freshness": 0.25,
    "runs": 0.2,
    "lag": 0.1,
    "quality": 0.1,
}


def health_parts(
    settings: Settings,
    *,
    works: float | None,
    data_age_s: float | None,
    succeeded: float | None,
    lag: float | None,
    rejected: float | None,
) -> dict[str, float]:
    """Return the parts of the health score, each 0…1; what cannot be read counts 0.

    Args:
        settings: the limits.
        works: share of services whose check passes.
        data_age_s: seconds since a run of the pipeline last succeeded.
        succeeded: share of the recent ended runs of the pipeline that succeeded.
        lag: messages that no batch has taken.
        rejected: share of the recent batches' messages that were quarantined.
    """
    return {
        "services": works or 0.0,
        "freshness": _within(data_age_s, settings.alert_data_age_s),
        "runs": succeeded or 0.0,
        "lag": _within(lag, settings.alert_lag_messages),
        "quality": 0.0
        if rejected is None
        else max(0.0, 1 - rejected / max(settings.alert_rejected_ratio, 1e-9)),
    }


def _within(value: float | None, limit: float) -> float:
    """1 up to the limit, then limit / value; 0 for an unknown value."""
    return 0.0 if value is None else min(1.0, limit / max(value, 1e-9))


def health_score(parts: Mapping[str, float]) -> float:
    """Return the health of the pipeline, 0…1: Σ weight × part with the weights of ``HEALTH_WEIGHTS``.

    - services: 0.35 × share of services whose check passes
    - freshness: 0.25 × min(1, age limit / age of the data)
    - runs: 0.20 × share of recent runs that succeeded
    - lag: 0.10 × min(1, lag limit / lag)
    - quality: 0.10 × max(0, 1 − quarantined share / its limit)

    The limits are those of the alerts (settings).
    """
    return sum(weight * parts[name] for name, weight in HEALTH_WEIGHTS.items())


def pipeline_runs(runs: pd.DataFrame, now: datetime) -> tuple[float | None, float | None]:
    """Return data age and success share from ``dagster.runs``.

    Age: seconds since a run last brought the stores up to date. Share: ended runs of the pipeline, whole or
    in parts, that succeeded.
    """
    ended = runs[runs["job"].isin(PIPELINE_JOBS) & runs["status"].isin(dagster.ENDED)]
    good = ended[ended["status"] == "SUCCESS"]
    stored = good[good["job"].isin(STORING_JOBS)]
    age = (pd.Timestamp(now) - stored["ended"].max()).total_seconds() if len(stored) else None
    return age, (len(good) / len(ended) if len(ended) else None)
