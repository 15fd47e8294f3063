"""Selections of an archive, held against the rules that any selection must satisfy."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from flight_assets.archive.policy import Bin, HotSize, Policy, select, slices

NOW = datetime(2026, 11, 23, 0, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
MB = 1_000_000


def policy(
    threshold_mb=300.0, low_water_share=0.8, window_days=7.0, min_window_hours=24.0, max_documents=10**9
) -> Policy:
    return Policy(
        int(threshold_mb * MB),
        low_water_share,
        timedelta(days=window_days),
        timedelta(hours=min_window_hours),
        max_documents,
    )


def bins_at(ages_and_counts) -> list[Bin]:
    """Bins of a minute that ended so many minutes ago, oldest first."""
    ordered = sorted(dict(ages_and_counts).items(), reverse=True)
    return [Bin(NOW - (age + 1) * MINUTE, NOW - age * MINUTE, count) for age, count in ordered]


def store(bins, size_mb: float, others: int = 0) -> HotSize:
    return HotSize(
        int(size_mb * MB * 0.9), int(size_mb * MB * 0.1), sum(each.documents for each in bins) + others
    )


@st.composite
def situations(draw):
    ages = draw(st.dictionaries(st.integers(0, 20 * 1_440), st.integers(1, 5_000), max_size=40))
    found = bins_at(ages)
    hot = store(found, draw(st.floats(0, 2_000)), draw(st.integers(0, 10_000)))
    window_days = draw(st.floats(0.5, 10))
    made = policy(
        threshold_mb=draw(st.floats(1, 1_000)),
        low_water_share=draw(st.floats(0.1, 1)),
        window_days=window_days,
        min_window_hours=draw(st.floats(0, 12)),
        max_documents=draw(st.integers(1, 50_000)),
    )
    return made, hot, found


@given(situations())
def test_any_selection_is_the_oldest_and_keeps_its_limits(situation):
    rules, hot, bins = situation
    found = select(rules, hot, bins, NOW)
    assert found.bins == tuple(bins[: len(found.bins)])
    assert found.documents == sum(each.documents for each in found.bins)
    assert found.documents + found.remaining_documents == hot.documents
    assert all(each.end <= NOW - rules.min_window for each in found.bins)
    assert found.documents <= rules.max_documents or len(found.bins) == 1


@given(situations())
def test_all_that_is_older_than_the_window_leaves_and_more_only_when_the_rest_is_too_big(situation):
    rules, hot, bins = situation
    found = select(rules, hot, bins, NOW)
    aged = [each for each in bins if each.end <= NOW - rules.window]
    rest = hot.bytes - hot.bytes_of(sum(each.documents for each in aged))
    if not found.capped:
        assert len(found.bins) >= len(aged)
    assert found.shortened == (len(found.bins) > len(aged))
    if found.shortened:
        assert rest > rules.threshold_bytes
        before_last = found.documents - found.bins[-1].documents
        assert hot.bytes - hot.bytes_of(before_last) > rules.low_water_bytes, "the last bin was not needed"
    if rest > rules.threshold_bytes and not found.capped:
        may_leave = [each for each in bins if each.end <= NOW - rules.min_window]
        assert found.remaining_bytes <= rules.low_water_bytes or len(found.bins) == len(may_leave)


@given(situations())
def test_archiving_again_and_again_comes_to_an_end(situation):
    rules, hot, bins = situation
    for _ in range(len(bins) + 1):
        found = select(rules, hot, bins, NOW)
        if not found.documents:
            return
        share = found.remaining_documents / hot.documents if hot.documents else 0
        hot = HotSize(int(hot.data_bytes * share), int(hot.index_bytes * share), found.remaining_documents)
        bins = bins[len(found.bins) :]
    raise AssertionError("something is always due")


@given(situations(), st.integers(1, 20_000))
def test_slices_hold_just_the_bins_in_order_and_none_spans_midnight(situation, per_file):
    _, _, bins = situation
    made = slices(bins, per_file)
    assert sum(each.documents for each in made) == sum(each.documents for each in bins)
    assert all(one.end <= other.start for one, other in pairwise(made))
    for each in made:
        inside = [found for found in bins if each.start <= found.start < each.end]
        assert (
            sum(found.documents for found in inside) == each.documents <= max(per_file, inside[0].documents)
        )
        assert each.start.date() == (each.end - timedelta(microseconds=1)).date()


def test_under_the_threshold_only_age_counts():
    bins = bins_at({10 * 1_440: 100, 6 * 1_440: 900})
    found = select(policy(), store(bins, 299), bins, NOW)
    assert (found.documents, found.shortened, found.capped) == (100, False, False)
    assert found.reason == "100 documents are older than the window of 7 days"


def test_a_window_that_fits_under_the_threshold_stays_whole():
    bins = bins_at({10 * 1_440: 100, 6 * 1_440: 900})
    assert select(policy(), store(bins, 320), bins, NOW).documents == 100


def test_a_window_too_big_is_shortened_and_that_is_said_loudly():
    bins = bins_at({day * 1_440: 100 for day in range(2, 7)})
    found = select(policy(), store(bins, 500), bins, NOW)
    assert (found.documents, found.remaining_bytes, found.shortened) == (300, 200 * MB, True)
    assert "SHORTENED" in found.reason


def test_nothing_younger_than_the_shortest_window_leaves_however_big_the_store_is():
    bins = bins_at({60: 100, 120: 100})
    found = select(policy(), store(bins, 5_000), bins, NOW)
    assert found.documents == 0
    assert "none is older than the shortest window of 24 hours" in found.reason


def test_a_bin_that_ends_at_the_edge_of_the_window_leaves_and_one_that_crosses_it_stays():
    edge = NOW - timedelta(days=7)
    bins = [Bin(edge - MINUTE, edge, 5), Bin(edge, edge + MINUTE, 7)]
    assert select(policy(), store(bins, 1), bins, NOW).documents == 5
    assert select(policy(), store(bins, 1), bins, NOW - timedelta(seconds=1)).documents == 0


def test_an_empty_store_has_nothing_to_move():
    found = select(policy(), HotSize(0, 4_096, 0), [], NOW)
    assert (found.documents, found.bytes, found.remaining_bytes) == (0, 0, 4_096)


def test_one_archive_takes_no_more_than_its_cap_and_says_that_more_is_due():
    bins = bins_at({day * 1_440: 100 for day in range(8, 18)})
    found = select(policy(max_documents=250), store(bins, 100), bins, NOW)
    assert (found.documents, found.capped) == (200, True)
    assert "one archive takes 250 at most" in found.reason
