"""Days and numbers as a bounded list of ranges, so that no plan and no SQL text grows with the data."""

from __future__ import annotations

from datetime import date
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# Conditions of a query at most. More ranges are merged across their smallest gaps: that reads more, never
# less.
RANGES_AT_MOST = 16


class DateRange(NamedTuple):
    """Days from ``first`` to ``last``, both included."""

    first: date
    last: date


def date_ranges(days: Iterable[date], limit: int = RANGES_AT_MOST) -> list[DateRange]:
    """Return at most ``limit`` ranges that cover the days, in order."""
    numbers = merged([day.toordinal() for day in days], limit)
    return [DateRange(date.fromordinal(first), date.fromordinal(last)) for first, last in numbers]


def merged(numbers: Iterable[int], limit: int = RANGES_AT_MOST) -> list[tuple[int, int]]:
    """Return at most ``limit`` ranges, both ends included, that cover whole numbers, in order."""
    ordered = sorted(set(numbers))
    if not ordered:
        return []
    gaps = sorted((after - before, index) for index, (before, after) in enumerate(pairwise(ordered), 1))
    apart = [(width, index) for width, index in gaps if width > 1]
    cuts = sorted(index for _, index in apart[len(apart) - min(len(apart), limit - 1) :])
    begins, ends = [0, *cuts], [*cuts, len(ordered)]
    return [(ordered[begin], ordered[end - 1]) for begin, end in zip(begins, ends, strict=True)]


def in_date_ranges(column: str, ranges: Sequence[DateRange]) -> str:
    """Return the SQL condition that a column of dates lies in one of the ranges; false without any.

    Delta skips files by it. Spark 4.2 cannot resolve BETWEEN in the ``replaceWhere`` of a Delta write, so
    bounds are compared one by one.
    """
    return _any_of(f"({column} >= DATE'{first}' AND {column} <= DATE'{last}')" for first, last in ranges)


def in_ranges(column: str, ranges: Sequence[tuple[int, int]]) -> str:
    """Return the SQL condition that a column of whole numbers lies in one of the ranges.

    False without any.
    """
    return _any_of(f"({column} >= {first} AND {column} <= {last})" for first, last in ranges)


def _any_of(conditions: Iterable[str]) -> str:
    found = list(conditions)
    return f"({' OR '.join(found)})" if found else "false"
