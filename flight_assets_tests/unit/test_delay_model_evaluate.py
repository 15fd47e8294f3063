"""The figures, on arrays small enough to work out by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from flight_assets.delay_model import evaluate as ev
from flight_assets.delay_model.serving.conformal import moved_distance, tail_factor

ACTUAL = np.array([0.0, 10.0, 20.0, -30.0])
PREDICTED = np.array([5.0, 10.0, 10.0, -15.0])


def predictions(**changes: object) -> pd.DataFrame:
    columns = {
        "predicted_delay_minutes": PREDICTED,
        "predicted_mean_delay_minutes": PREDICTED,
        "interval_low_minutes": PREDICTED - 10,
        "interval_high_minutes": PREDICTED + 10,
        "probability_delayed_15": np.array([0.0, 0.5, 1.0, 0.0]),
    }
    return pd.DataFrame(columns | changes)


def test_errors():
    assert ev.mae(ACTUAL, PREDICTED) == 7.5
    assert ev.rmse(ACTUAL, PREDICTED) == pytest.approx(np.sqrt((25 + 100 + 225) / 4))
    assert ev.r2(ACTUAL, PREDICTED) == pytest.approx(1 - 350 / 1_400)
    assert ev.r2(ACTUAL, np.full(4, ACTUAL.mean())) == 0
    assert np.isnan(ev.r2(np.ones(3), np.ones(3)))


def test_mape_leaves_out_flights_near_their_plan():
    assert ev.mape(ACTUAL, PREDICTED) == pytest.approx((10 / 20 + 15 / 30) / 2)
    assert np.isnan(ev.mape(np.array([0.0, 14.9]), np.zeros(2)))


def test_pinball_is_least_at_the_quantile():
    sample = np.arange(1.0, 1_001.0)
    losses = {q: ev.pinball(sample, np.full(1_000, q), 0.9) for q in (850.0, 900.0, 950.0)}
    assert min(losses, key=lambda q: losses[q]) == 900.0
    assert ev.pinball(ACTUAL, PREDICTED, 0.5) == ev.mae(ACTUAL, PREDICTED) / 2


def test_interval_figures():
    assert ev.coverage(ACTUAL, PREDICTED - 10, PREDICTED + 10) == 0.75
    assert ev.mean_width(PREDICTED - 10, PREDICTED + 5) == 15


def test_brier_and_skill():
    happened = np.array([False, False, True, False])
    assert ev.brier(happened, np.array([0.0, 0.5, 1.0, 0.0])) == 0.0625
    assert ev.skill(0.0625, 0.125) == 0.5


def test_evaluate_puts_the_baselines_beside():
    figures = ev.evaluate(
        ACTUAL, predictions(), {"mean_minutes": 2.0, "median_minutes": 0.0, "late_share": 0.25}
    )
    assert figures["mae_median_baseline"] == 15
    assert figures["mae_vs_median"] == 0.5
    assert figures["brier_base_rate"] == pytest.approx(0.1875)
    assert figures["coverage_90"] == 0.75
    assert figures["flights"] == 4


def test_evaluate_by_groups_equals_evaluating_each_group():
    training = {"mean_minutes": 2.0, "median_minutes": 0.0, "late_share": 0.25}
    airline = pd.Series(["UA", "AA", "UA", "AA"], index=[9, 8, 7, 6], name="airline")
    table = ev.evaluate_by(airline, ACTUAL, predictions(), training)
    assert table.index.name == "airline"
    assert table.loc["UA", "mae"] == 7.5
    assert table["flights"].tolist() == [2, 2]


def test_error_by_confidence_goes_from_least_to_most_confident():
    confidence = np.array([0.9, 0.1, 0.8, 0.2])
    table = ev.error_by_confidence(ACTUAL, PREDICTED, confidence, bins=2)
    assert table["mae"].tolist() == [7.5, 7.5]
    assert table["confidence"].tolist() == pytest.approx([0.15, 0.85])


@pytest.mark.parametrize("coverage", [0.5, 0.9])
@pytest.mark.parametrize("factor", [0.2, 5.0])
def test_cqr_covers_what_it_says_although_the_quantiles_are_wrong(coverage: float, factor: float):
    """Quantiles far too narrow, or far too wide, of a skewed delay: corrected on one half, the other half is
    covered as promised.
    """
    rng = np.random.default_rng(11)
    spread = rng.uniform(5, 60, 40_000)
    actual = (rng.exponential(1, 40_000) - 0.7) * spread
    distance = factor * spread
    each_tail = (1 + coverage) / 2
    known, new = slice(0, 20_000), slice(20_000, None)
    below = tail_factor((-distance - actual)[known], distance[known], each_tail)
    above = tail_factor((actual - distance)[known], distance[known], each_tail)
    low, high = -distance * (1 + below), distance * (1 + above)
    assert ev.coverage(actual[new], low[new], high[new]) == pytest.approx(coverage, abs=0.01)
    assert (actual[new] > high[new]).mean() == pytest.approx(1 - each_tail, abs=0.01)


def test_cqr_takes_the_next_larger_ratio():
    assert tail_factor(np.arange(1.0, 10.0), np.full(9, 2.0), 0.9) == 4.5
    assert tail_factor(np.arange(1.0, 10.0), np.zeros(9), 0.9) == 9.0


def test_cqr_needs_enough_flights():
    with pytest.raises(ValueError, match="at least 9"):
        tail_factor(np.arange(8.0), np.ones(8), 0.9)


def test_an_end_never_passes_the_median():
    distances = np.array([10, 0, 10], dtype=np.float32)
    assert moved_distance(distances, 0.5).tolist() == [15, 0.5, 15]
    assert moved_distance(distances, -2.0).tolist() == [0, 0, 0]
