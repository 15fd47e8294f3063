"""Filters become conditions that hold codes and dates only."""

from __future__ import annotations

from datetime import date

import pytest

from flight_assets.queries.filters import Filters


def test_no_filter_is_no_condition():
    assert Filters().sql() == "TRUE"
    assert Filters().mongo() == {}


def test_every_filter_is_in_the_condition():
    filters = Filters(date(2026, 6, 1), date(2026, 6, 30), ("UA", "AA"), ("EWR",), ("IAH",), ("EWR-IAH",))
    assert (
        filters.sql()
        == "flight_date >= DATE'2026-06-01' AND flight_date <= DATE'2026-06-30' AND airline IN ('AA', 'UA')"
        " AND origin IN ('EWR') AND destination IN ('IAH') AND concat(origin, '-', destination) IN"
        " ('EWR-IAH')"
    )
    assert filters.mongo() == {
        "flight_date": {"$gte": "2026-06-01", "$lte": "2026-06-30"}, "airline": {"$in": ["AA", "UA"]},
        "origin": {"$in": ["EWR"]},
        "destination": {"$in": ["IAH"]}, "route": {"$in": ["EWR-IAH"]},
    }  # fmt: skip


@pytest.mark.parametrize(
    "wrong",
    [
        {"airlines": ("U'A",)},
        {"origins": ("') OR 1=1 --",)},
        {"destinations": ("iah",)},
        {"routes": ("EWR-IAH-LAX",)},
    ],
)
def test_what_is_no_code_is_refused(wrong):
    with pytest.raises(ValueError, match="no code"):
        Filters(**wrong)
