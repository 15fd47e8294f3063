"""Measures of daily sums: any part of the days, longer periods, weekdays, and days on which nothing
arrived.
"""

from __future__ import annotations

from datetime import date, timedelta

import pandas as pd
import pytest

from flight_assets.queries import history

MONDAY = date(2026, 6, 1)


def sums(*arrivals: list[float]) -> pd.DataFrame:
    """One day from Monday on per list: its flights are those arrivals, in minutes of delay, and one that was
    cancelled.
    """
    rows = [
        {
            "flight_date": MONDAY + timedelta(days=number), "flights": len(delays) + 1,
            "departed": len(delays), "arrived": len(delays),
            "cancelled": 1, "departure_delay_sum": 2 * sum(delays), "arrival_delay_sum": sum(delays),
            "arrival_delay_sum_squares": sum(delay**2 for delay in delays),
            "arrival_delayed_15": sum(delay >= 15 for delay in delays),
            "quality_sum": 0.5 * (len(delays) + 1),
        }
        for number, delays in enumerate(arrivals)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_the_whole_weighs_each_flight_and_not_each_day():
    row = history.whole(sums([0.0, 0.0, 0.0], [20.0])).iloc[0]
    assert (row.flights, row.arrived, row.cancelled) == (6, 4, 2)
    assert (row.mean_arrival_delay, row.mean_departure_delay, row.late_share) == (5.0, 10.0, 0.25)
    assert row.sd_arrival_delay == pytest.approx(75**0.5)
    assert (row.cancelled_share, row.mean_quality) == (pytest.approx(2 / 6), 0.5)


def test_what_is_made_of_no_arrival_is_null_and_not_zero():
    row = history.whole(sums([])).iloc[0]
    assert (row.flights, row.cancelled_share) == (1, 1.0)
    assert row[["mean_departure_delay", "mean_arrival_delay", "sd_arrival_delay", "late_share"]].isna().all()


def test_a_part_has_both_its_ends():
    assert history.part(
        sums([1.0], [2.0], [3.0], [4.0]), MONDAY + timedelta(days=1), MONDAY + timedelta(days=2)
    )["arrival_delay_sum"].tolist() == [2, 3]


@pytest.mark.parametrize(
    ("period", "begins", "arrived"),
    [("day", 10, [1] * 10), ("week", 2, [7, 3]), ("month", 1, [10])],
)
def test_longer_periods_begin_on_their_first_day(period, begins, arrived):
    frame = history.in_periods(sums(*([[5.0]] * 10)), period)
    assert (len(frame), frame["arrived"].tolist()) == (begins, arrived)
    assert frame["begin"].iloc[0] == pd.Timestamp(MONDAY)
    assert (frame["mean_arrival_delay"] == 5.0).all()


def test_a_day_without_flights_is_there_with_none():
    frame = history.in_periods(sums([1.0], [2.0], [3.0]).drop(index=1), "day")
    assert frame["flights"].tolist() == [2, 0, 2]


def test_weekdays_begin_with_monday():
    frame = history.by_weekday(sums(*[[float(number)] for number in range(8)])).set_index("weekday")
    assert frame.loc[1, "mean_arrival_delay"] == 3.5
    assert frame.loc[7, "mean_arrival_delay"] == 6.0


def test_nothing_is_no_row_but_a_whole_of_zero():
    none = sums([1.0])[:0]
    assert history.whole(none).iloc[0].flights == 0
    assert history.in_periods(none, "week").empty
    assert history.by_weekday(none).empty
