"""Checksum of rows that does not depend on their order, computed column by column. Pure: no I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    Words = NDArray[np.uint64]

# Constants of MurmurHash3's 64-bit finaliser and of SplitMix64 (both public domain).
_MIX_1, _MIX_2 = np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53)
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_NULL = np.uint64(0xA5A5_5A5A_DEAD_0001)
_SHIFT = np.uint64(33)
_WORD = 2**64


def checksum(rows: pa.Table) -> int:
    """Return the sum of a 64-bit hash of each row, modulo 2⁶⁴; 0 for no rows.

    The same rows give the same sum in any order. A changed or moved value, a null for a value, and a
    missing or additional row give another sum. Names and order of the columns count too. Columns may be
    strings, numbers, booleans, dates, times and structs of them.

    Raises:
        TypeError: a column has another type.
    """
    return sum(_sum(batch) for batch in rows.to_batches()) % _WORD


def _sum(batch: pa.RecordBatch) -> int:
    row = np.zeros(batch.num_rows, np.uint64)
    for place, name in enumerate(batch.schema.names):
        row += _mix(_values(batch.column(place)) ^ _salt(name, place))
    return int(_mix(row).sum(dtype=np.uint64))


def _mix(words: Words) -> Words:
    mixed = (words ^ (words >> _SHIFT)) * _MIX_1
    mixed = (mixed ^ (mixed >> _SHIFT)) * _MIX_2
    return mixed ^ (mixed >> _SHIFT)


def _salt(name: str, place: int) -> np.uint64:
    number = int.from_bytes(name.encode(), "little") + place + 1
    return np.uint64(number * int(_GOLDEN) % _WORD)


def _values(column: Any) -> Words:  # noqa: ANN401 - pyarrow's array of any type
    """One word per row, whatever the type; nulls of all types are alike."""
    import pyarrow.types as types

    kind = column.type
    if types.is_struct(kind):
        found = _struct(column)
    elif types.is_string(kind):
        found = _strings(column)
    elif (
        types.is_floating(kind) or types.is_integer(kind) or types.is_boolean(kind) or types.is_temporal(kind)
    ):
        found = _fixed(column)
    else:
        raise TypeError(f"no checksum of a column of type {kind}")
    return (
        np.where(column.is_valid().to_numpy(zero_copy_only=False), found, _NULL)
        if column.null_count
        else found
    )


def _struct(column: Any) -> Words:  # noqa: ANN401
    row = np.zeros(len(column), np.uint64)
    for place in range(column.type.num_fields):
        row += _mix(_values(column.field(place)) ^ _salt(column.type.field(place).name, place))
    return _mix(row)


def _fixed(column: Any) -> Words:  # noqa: ANN401
    import pyarrow as pa
    import pyarrow.types as types

    if types.is_floating(column.type):
        return np.asarray(column.cast(pa.float64()).fill_null(0.0).to_numpy(zero_copy_only=False)).view(
            np.uint64
        )
    if types.is_date32(column.type):
        column = column.cast(pa.int32())
    whole = column.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
    return np.asarray(whole).view(np.uint64)


def _strings(column: Any) -> Words:  # noqa: ANN401
    """Multilinear hash of the bytes: each times a pseudo-random number of its position."""
    _, offset_bytes, data = column.buffers()
    offsets = np.frombuffer(offset_bytes, np.int32)[column.offset : column.offset + len(column) + 1]
    begin, end = offsets[:-1], offsets[1:]
    content = np.frombuffer(data, np.uint8)[offsets[0] : offsets[-1]] if data else np.zeros(0, np.uint8)
    position = np.arange(len(content), dtype=np.int64) - np.repeat(begin - offsets[0], end - begin)
    factors = _mix(np.arange(1, int(position.max(initial=0)) + 2, dtype=np.uint64) * _GOLDEN)
    summed: Words = np.concatenate(
        [np.zeros(1, np.uint64), np.cumsum((content.astype(np.uint64) + np.uint64(1)) * factors[position])]
    )
    found: Words = summed[end - offsets[0]] - summed[begin - offsets[0]]
    return found
