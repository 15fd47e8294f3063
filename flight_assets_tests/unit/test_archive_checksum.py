"""The checksum of an archive's rows: what must not change it, and what must."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flight_assets.archive.checksum import checksum
from flight_assets.archive.columns import WEATHER

SCHEMA = pa.schema(
    [
        ("name", pa.string()),
        ("count", pa.int32()),
        ("big", pa.int64()),
        ("share", pa.float64()),
        ("flag", pa.bool_()),
        ("day", pa.date32()),
        ("moment", pa.timestamp("us", tz="UTC")),
        ("weather", pa.struct([(name, pa.float64()) for name in WEATHER[:2]])),
    ]
)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def nullable(values):
    return st.none() | values


doubles = st.floats(allow_nan=False, width=64)
ROWS = st.fixed_dictionaries(
    {
        "name": nullable(st.text("ab\0é€𝄞", max_size=30)),
        "count": nullable(st.integers(-(2**31), 2**31 - 1)),
        "big": nullable(st.integers(-(2**63), 2**63 - 1)),
        "share": nullable(doubles),
        "flag": nullable(st.booleans()),
        "day": nullable(st.dates(date(1971, 1, 1), date(2100, 1, 1))),
        "moment": nullable(st.integers(0, 2**51).map(lambda us: EPOCH + timedelta(microseconds=us))),
        "weather": nullable(st.fixed_dictionaries({name: nullable(doubles) for name in WEATHER[:2]})),
    }
)


def table(rows) -> pa.Table:
    return pa.Table.from_pylist(rows, SCHEMA)


def as_text(value) -> str:
    """Return the value as text: -0.0 == 0.0, but their bits differ.

    The order of a structure's fields does not count.
    """
    return repr(sorted(value.items()) if isinstance(value, dict) else value)


@settings(deadline=None)  # the first call loads pandas
@given(
    st.lists(ROWS, max_size=8).flatmap(lambda rows: st.tuples(st.just(rows), st.permutations(rows))),
    st.integers(1, 7),
)
def test_neither_order_nor_chunks_matter(both, size):
    rows, shuffled = both
    chunks = pa.Table.from_batches(table(shuffled).to_batches(max_chunksize=size), SCHEMA)
    assert checksum(chunks) == checksum(table(rows)) < 2**64


@settings(deadline=None)  # the first call loads pandas
@given(st.lists(ROWS, min_size=1, max_size=8), st.data())
def test_any_changed_value_matters(rows, data):
    place = data.draw(st.integers(0, len(rows) - 1))
    name = data.draw(st.sampled_from(SCHEMA.names))
    other = data.draw(ROWS)[name]
    changed = [row | {name: other} if nth == place else row for nth, row in enumerate(rows)]
    same = as_text(rows[place][name]) == as_text(other)
    assert (checksum(table(changed)) == checksum(table(rows))) == same


@settings(deadline=None)  # the first call loads pandas
@given(st.lists(ROWS, min_size=1, max_size=8), ROWS)
def test_a_row_more_less_or_twice_matters(rows, other):
    whole = checksum(table(rows))
    assert checksum(table([*rows, other])) != whole
    assert checksum(table(rows[1:])) != whole
    assert checksum(table([*rows, rows[0]])) != whole


def test_values_that_change_places_between_rows_or_columns_matter():
    both = [{"name": "a", "big": 1, "share": 2.0}, {"name": "b", "big": 2, "share": 1.0}]
    crossed = [{"name": "a", "big": 2, "share": 2.0}, {"name": "b", "big": 1, "share": 1.0}]
    assert checksum(table(both)) != checksum(table(crossed))
    assert checksum(pa.table({"a": ["x"], "b": ["y"]})) != checksum(pa.table({"a": ["y"], "b": ["x"]}))
    assert checksum(pa.table({"a": ["x"]})) != checksum(pa.table({"b": ["x"]}))


@pytest.mark.parametrize(
    ("name", "zero"), [("name", ""), ("count", 0), ("share", 0.0), ("flag", False), ("weather", {})]
)
def test_a_null_is_not_the_zero_of_its_type(name, zero):
    assert checksum(table([{name: None}])) != checksum(table([{name: zero}]))


def test_texts_that_differ_only_in_length_or_zero_bytes_differ():
    sums = {checksum(pa.table({"a": [text]})) for text in ("", "\0", "\0\0", "a", "a\0", "ab", "ba")}
    assert len(sums) == 7


def test_no_rows_have_the_sum_zero():
    assert checksum(table([])) == 0


def test_a_type_that_it_does_not_know_is_refused():
    with pytest.raises(TypeError, match="no checksum of a column of type list"):
        checksum(pa.table({"a": pa.array([[1]])}))
