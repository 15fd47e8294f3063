"""Exact trailing windows, against counting by hand."""

from __future__ import annotations

import numpy as np

from flight_assets.delay_model.features.timeline import NO_KEY, Moments, Spans, Timeline, mean_or_nan


def ints(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int64)


def test_a_window_holds_its_start_and_not_its_end():
    timeline = Timeline(ints(1, 1, 1), ints(10, 20, 30), {"value": ints(1, 2, 4)})
    first, last = timeline.before(Moments(ints(1), ints(30)), 20), timeline.before(Moments(ints(1), ints(30)))
    assert (last - first).tolist() == [2]
    assert timeline.total("value", first, last).tolist() == [3]


def test_random_windows_agree_with_counting_one_by_one():
    rng = np.random.default_rng(5)
    keys, times, values = rng.integers(0, 5, 400), rng.integers(0, 1_000, 400), rng.integers(-50, 500, 400)
    timeline = Timeline(keys, times, {"value": values})
    wanted, now = rng.integers(0, 7, 200), rng.integers(-50, 1_100, 200)
    moments = Moments(wanted, now)
    first, last = timeline.before(moments, 100), timeline.before(moments)
    for row in range(200):
        inside = (keys == wanted[row]) & (times >= now[row] - 100) & (times < now[row]) & (keys != NO_KEY)
        assert last[row] - first[row] == inside.sum()
        assert timeline.total("value", first, last)[row] == values[inside].sum()


def test_history_before_the_window_does_not_change_a_mean_by_a_bit():
    rng = np.random.default_rng(6)
    times, values = np.sort(rng.integers(0, 100_000, 5_000)), rng.integers(-1_000, 100_000, 5_000)
    results = []
    for start in (0, 50_000):
        kept = times >= start
        timeline = Timeline(np.ones(kept.sum(), dtype=np.int64), times[kept], {"value": values[kept]})
        moments = Moments(ints(1), ints(90_000))
        first, last = timeline.before(moments, 30_000), timeline.before(moments)
        results.append(mean_or_nan(timeline.total("value", first, last), last - first, 60.0))
    assert results[0].tobytes() == results[1].tobytes()


def test_rows_leads_back_to_the_input():
    timeline = Timeline(ints(NO_KEY, 2, 1), ints(5, 5, 5))
    assert timeline.rows(timeline.starts(Moments(ints(2), ints(9)))).tolist() == [1]
    assert len(timeline) == 2


def test_spans_are_open_after_their_start_until_their_end():
    spans = Spans(ints(1, 1, 2), ints(10, 20, 10), ints(30, 20, 30), {"value": ints(7, 100, 1_000)})
    moments = ints(10, 11, 21, 30, 31)
    count, total = spans.open_at(Moments(np.ones(5, dtype=np.int64), moments), "value")
    assert count.tolist() == [0, 1, 1, 1, 0]
    assert total.tolist() == [0, 7, 7, 7, 0]


def test_the_mean_of_nothing_is_nan():
    assert np.isnan(mean_or_nan(ints(0), ints(0), 60.0)).all()
