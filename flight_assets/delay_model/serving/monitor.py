"""Whether a model still does what it did: its live figures and its features against bounds. One place for those rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from flight_assets.delay_model.evaluate import COVERAGE
from flight_assets.delay_model.serving.drift import CALENDAR_FEATURES


@dataclass(frozen=True)
class Bounds:
    """When a figure counts as breached.

    - ``error_growth``: live MAE relative to the median baseline, at most this many times what it was on the test period.
    - ``coverage_tolerance``: how far the live coverage may be from 0.90.
    - ``psi``: population stability index of a feature; ``psi_share``: share of the features that may be over it.
    - ``min_flights``: with fewer nothing is called breached, since chance alone could do it.
    """

    error_growth: float = 1.15
    coverage_tolerance: float = 0.05
    psi: float = 0.25
    psi_share: float = 0.3
    min_flights: int = 1_000


def judged(live: Mapping[str, float], on_test: Mapping[str, float], psi: pd.Series, announced: int, bounds: Bounds) -> pd.DataFrame:
    """One row per metric: metric, subject, value, threshold (NaN where there is none), breached, flights.

    Args:
        live: a row of ``live_quality`` over the window.
        on_test: the figures of the test period, from the manifest; empty if there was none.
        psi: of each feature over the window's announced flights, as ``drift.psi`` returns it.
        announced: how many flights that were.
        bounds: see there.
    """
    flights, nan = int(live["flights"]), float("nan")
    ratio = live["mae"] / live["mae_median_baseline"]
    rows: list[tuple[str, str, float, float, bool, int]] = []

    def add(metric: str, value: float, threshold: float = nan, breached: bool = False, subject: str = "", over: int = flights) -> None:
        rows.append((metric, subject, value, threshold, bool(breached) and over >= bounds.min_flights, over))

    for metric in ("mae", "rmse", "mape", "interval_width_minutes"):
        add(metric, live[metric])
    if on_test:
        allowed = on_test["mae_vs_median"] * bounds.error_growth
        add("mae_vs_median", ratio, allowed, ratio > allowed)
    else:
        add("mae_vs_median", ratio)
    add("coverage_90", live["coverage_90"], bounds.coverage_tolerance, abs(live["coverage_90"] - COVERAGE) > bounds.coverage_tolerance)
    add("brier_vs_base_rate", live["brier"] / live["brier_base_rate"], 1.0, live["brier"] > live["brier_base_rate"])
    for feature, value in psi.items():
        bound = nan if feature in CALENDAR_FEATURES else bounds.psi
        add("psi", float(value), bound, value > bound, str(feature), announced)
    counted = psi.drop(labels=list(CALENDAR_FEATURES), errors="ignore")
    share = float((counted > bounds.psi).mean()) if len(counted) else nan
    add("psi_share", share, bounds.psi_share, share > bounds.psi_share, over=announced)
    return pd.DataFrame(rows, columns=["metric", "subject", "value", "threshold", "breached", "flights"])
