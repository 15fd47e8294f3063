"""Which offsets are new, and which retention has taken before they could land."""

from __future__ import annotations

import pytest

from flight_assets.errors import FlightsError
from flight_assets.provenance import OffsetRange
from flight_assets.stores.landing import expired_ranges, has_news


def test_news_are_offsets_that_have_not_landed_also_of_a_partition_that_was_added():
    assert not has_news({0: 5, 1: 7}, {"0": 5, "1": 7})
    assert has_news({0: 5, 1: 8}, {"0": 5, "1": 7})
    assert has_news({0: 5, 1: 7, 2: 1}, {"0": 5, "1": 7})
    assert not has_news({0: 5, 1: 7, 2: 0}, {"0": 5, "1": 7})


def test_a_topic_shorter_than_what_has_landed_is_refused():
    with pytest.raises(FlightsError, match="deleted or truncated"):
        has_news({0: 4}, {"0": 5})


def test_offsets_that_expired_before_they_landed_are_lost_and_no_others():
    assert expired_ranges({0: 5, 1: 3}, {"0": 5, "1": 7}) == {}
    assert expired_ranges({0: 9, 1: 7}, {"0": 5, "1": 7}) == {"0": OffsetRange(first=5, last=8)}
    assert expired_ranges({0: 5, 2: 4}, {"0": 5}) == {"2": OffsetRange(first=0, last=3)}, "a partition that was added later"


def test_what_expired_before_the_platform_began_is_not_lost():
    assert expired_ranges({0: 100, 1: 200}, {}) == {}
