"""Rows of Arrow on their way to MongoDB."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pyarrow as pa
import pytest

from flight_assets.pipeline.write_hot import rows_of

SUMMER = datetime(2026, 7, 1, 12, 30, 15, 123456, tzinfo=UTC)


@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_rows_are_arrows_own_with_times_in_utc(zone):
    rows = [
        {"flight_id": "UA1", "at": SUMMER, "day": date(2026, 7, 1), "weather": {"wind": 1.5}, "delay": 3.0},
        {"flight_id": "UA2", "at": None, "day": None, "weather": None, "delay": None},
    ]
    types = [("flight_id", pa.string()), ("at", pa.timestamp("us", zone)), ("day", pa.date32())]
    schema = pa.schema([*types, ("weather", pa.struct([("wind", pa.float64())])), ("delay", pa.float64())])
    batch = pa.RecordBatch.from_pylist(rows, schema)
    assert rows_of(batch) == batch.to_pylist() == rows
    assert rows_of(batch)[0]["at"].tzinfo is UTC
    assert rows_of(batch.slice(0, 0)) == []
