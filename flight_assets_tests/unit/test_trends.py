"""Trend, its uncertainty, anomalies and rolling means, against known answers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flight_assets.queries.trends import modified_z, rolling_mean, trend


def test_a_straight_line_is_found_without_doubt():
    line = trend(pd.Series([3.0 + 2.0 * x for x in range(10)]))
    assert line is not None
    assert line.slope == pytest.approx(2.0)
    assert (line.slope_low, line.slope_high) == pytest.approx((2.0, 2.0))
    assert line.is_clear
    assert not line.is_anomaly.any()


def test_slope_and_interval_agree_with_a_worked_example():
    """Weights of women by height, R's `women`: slope 3.45, standard error 0.09114, 13 degrees of freedom."""
    line = trend(pd.Series([115.0, 117, 120, 123, 126, 129, 132, 135, 139, 142, 146, 150, 154, 159, 164]))
    assert line is not None
    assert line.slope == pytest.approx(3.45)
    assert line.slope_high - line.slope == pytest.approx(2.160369 * 0.09114, rel=1e-3)


def test_missing_values_neither_count_nor_stand_out():
    values = pd.Series([1.0, np.nan, 3.0, 4.0, np.nan, 6.0, 7.0])
    line = trend(values)
    assert line is not None
    assert line.slope == pytest.approx(1.0)
    assert not line.is_anomaly.any()


def test_few_values_have_no_trend():
    assert trend(pd.Series([1.0, 2.0, np.nan, np.nan, 3.0, 4.0])) is None


def test_one_value_far_off_is_an_anomaly():
    values = pd.Series([10.0, 11, 10, 9, 10, 11, 60, 10, 9, 10])
    line = trend(values)
    assert line is not None
    assert list(values[line.is_anomaly]) == [60.0]


def test_noise_has_no_clear_trend():
    line = trend(pd.Series([1.0, -1, 1, -1, 1, -1, 1, -1]))
    assert line is not None
    assert not line.is_clear


def test_rolling_mean_takes_what_there_is():
    assert list(rolling_mean(pd.Series([2.0, 4.0, 6.0]), 2)) == [2.0, 3.0, 5.0]


@example([0.0, 3.0, 1e-308])  # the distance is more than a float holds
@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=50))
def test_modified_z_is_finite(values):
    assert np.isfinite(modified_z(np.array(values))).all()
