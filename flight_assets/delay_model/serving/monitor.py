"""Rules for a breach: compare a model's live figures and its features with bounds.

A calm or a stormy season moves the errors of the model and of the baseline alike. So their ratio is a fair
score all year.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from flight_assets.delay_model.evaluate import COVERAGE
from flight_assets.delay_model.serving.drift import CALENDAR_FEATURES


@dataclass(frozen=True)
class Bounds:
    """Bounds beyond which a figure is breached.

    - ``error_growth``: most that live MAE relative to the median baseline may be, as a multiple of the test
      period's
    - ``coverage_tolerance``: most that live coverage may differ from 0.90
    - ``psi``: most for a feature's population stability index
    - ``psi_share``: share of the features that may be above ``psi``. Features alone breach nothing: a new
      season moves them, and forecasts stay good. They count once a score is breached too.
    - ``min_flights``: with fewer flights nothing is breached, because chance alone could cause it
    """

    error_growth: float = 1.15
    coverage_tolerance: float = 0.05
    psi: float = 0.25
    psi_share: float = 0.3
    min_flights: int = 1_000


def judged(
    live: Mapping[str, float], on_test: Mapping[str, float], psi: pd.Series, announced: int, bounds: Bounds
) -> pd.DataFrame:
    """One row per metric: metric, subject, value, threshold (NaN without one), breached, flights.

    Args:
        live: a row of ``quality_learnt`` over the window.
        on_test: figures of the test period, from the manifest; empty without one.
        psi: of each feature over the window's announced flights, from ``drift.psi``.
        announced: number of those flights.
        bounds: limits of a breach.
    """
    flights, nan = int(live["flights"]), float("nan")
    ratio = live["mae"] / live["mae_median_baseline"]
    rows: list[tuple[str, str, float, float, bool, int]] = []

    def add(
        metric: str,
        value: float,
        threshold: float = nan,
        breached: bool = False,
        subject: str = "",
        over: int = flights,
    ) -> None:
        rows.append((metric, subject, value, threshold, bool(breached) and over >= bounds.min_flights, over))

    for metric in ("mae", "rmse", "mape", "interval_width_minutes"):
        add(metric, live[metric])
    if on_test:
        allowed = on_test["mae_vs_median"] * bounds.error_growth
        add("mae_vs_median", ratio, allowed, ratio > allowed)
    else:
        add("mae_vs_median", ratio)
    add(
        "coverage_90",
        live["coverage_90"],
        bounds.coverage_tolerance,
        abs(live["coverage_90"] - COVERAGE) > bounds.coverage_tolerance,
    )
    brier, base_rate = live["brier"], live["brier_base_rate"]
    add("brier_vs_base_rate", brier / base_rate, 1.0, brier > base_rate)
    is_worse = any(breached for _, _, _, _, breached, _ in rows)
    for feature, value in psi.items():
        bound = nan if feature in CALENDAR_FEATURES else bounds.psi
        add("psi", float(value), bound, is_worse and value > bound, str(feature), announced)
    counted = psi.drop(labels=list(CALENDAR_FEATURES), errors="ignore")
    share = float((counted > bounds.psi).mean()) if len(counted) else nan
    add("psi_share", share, bounds.psi_share, is_worse and share > bounds.psi_share, over=announced)
    return pd.DataFrame(rows, columns=["metric", "subject", "value", "threshold", "breached", "flights"])
