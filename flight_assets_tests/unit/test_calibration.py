"""Bins of probability with their band, and the spans in which a version served."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from flight_assets.queries.calibration import COLUMNS, calibration_error, wilson, with_bands
from flight_assets.queries.champions import served
from flight_assets.stores.models import Action, Entry

BEGIN = datetime(2026, 6, 1, tzinfo=UTC)


def test_a_bin_has_its_share_and_a_band_around_it():
    counts = pd.DataFrame(
        {"maker": ["model"], "bin": [2], "flights": [200], "late": [50], "predicted": [0.24]}
    )
    (row,) = with_bands(counts).to_dict("records")
    assert set(row) == set(COLUMNS)
    assert row["observed"] == 0.25
    # Values of the published formula.
    assert (row["band_low"], row["band_high"]) == pytest.approx((0.1950, 0.3143), abs=1e-4)


def test_the_band_of_few_flights_stays_within_0_and_1_and_is_wide():
    low, high = wilson(np.array([0.0, 3.0]), np.array([3.0, 3.0]))
    assert low.tolist() == pytest.approx([0.0, 0.4385], abs=1e-4)
    assert high.tolist() == pytest.approx([0.5615, 1.0], abs=1e-4)


def test_the_calibration_error_weighs_bins_by_flights():
    bins = pd.DataFrame({"flights": [90, 10], "predicted": [0.1, 0.9], "observed": [0.1, 0.4]})
    assert calibration_error(bins) == pytest.approx(0.05)
    assert np.isnan(calibration_error(bins.head(0)))


def entry(hours: int, action: Action, version: str, champion: str | None) -> Entry:
    at = BEGIN + timedelta(hours=hours)
    return Entry(
        sequence=hours,
        at=at,
        action=action,
        version=version,
        champion=champion,
        challenger=None,
        reason=f"r{hours}",
    )


def test_each_champion_has_a_span_and_other_decisions_none():
    found = served(
        [
            entry(0, Action.REFUSE, "v0", None),
            entry(1, Action.PROMOTE, "v1", "v1"),
            entry(2, Action.CHALLENGE, "v2", "v1"),
            entry(3, Action.PROMOTE, "v2", "v2"),
            entry(5, Action.ROLLBACK, "v1", "v1"),
        ]
    )
    assert found["model_version"].tolist() == ["v1", "v2", "v1"]
    assert found["action"].tolist() == ["rollback", "promote", "promote"]
    assert found["reason"].tolist() == ["r5", "r3", "r1"]
    hours = (found["until"] - found["since"]) / timedelta(hours=1)
    assert hours.tolist()[1:] == [2, 2]
    assert found["until"].isna().tolist() == [True, False, False]


def test_a_journal_without_entries_has_no_span():
    assert served([]).empty
