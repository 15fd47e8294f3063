"""Delta tables read without Spark: current files, and the rows of some days. The files are local here."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flight_assets.contracts.tables import STAGED_IDS
from flight_assets.pipeline.event_dedup import recent_hashes
from flight_assets.stores.delta_log import DeltaLog, File

NOON = datetime(2026, 6, 10, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY_END = datetime(2026, 6, 11, tzinfo=UTC)
SCHEMA = pa.schema([("flight_id", pa.string()), ("timestamp", pa.timestamp("us", "UTC"))])


class Folder:
    """Files of a folder, read as HDFS reads its own. ``opened`` has the data files that were read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.opened: list[str] = []

    def exists(self, path: str) -> bool:
        return (self._path / path.lstrip("/")).exists()

    def read(self, path: str) -> bytes:
        return (self._path / path.lstrip("/")).read_bytes()

    def open_parquet(self, path: str) -> pq.ParquetFile:
        self.opened.append(path.rsplit("/", 1)[-1])
        return pq.ParquetFile(self._path / path.lstrip("/"), coerce_int96_timestamp_unit="us")


class Table:
    """A table in a folder: commits by hand, as the protocol says."""

    def __init__(self, path: Path) -> None:
        self._path, self._version = path / "t", -1
        (self._path / "_delta_log").mkdir(parents=True)
        self.files = Folder(path)
        self.log = DeltaLog(self.files, "/t")

    def commit(self, *actions: dict) -> None:
        self._version += 1
        text = "\n".join(json.dumps(action) for action in actions)
        (self._path / f"_delta_log/{self._version:020d}.json").write_text(text)

    def add(self, name: str, moments: list[datetime], with_bounds: bool = True) -> dict:
        """Write a file as Spark does, with INT96 times and bounds cut to milliseconds; returns its action."""
        names = [f"{name} {number}" for number in range(len(moments))]
        rows = pa.table({"timestamp": moments, "flight_id": names, "other": [1] * len(moments)})
        pq.write_table(rows, self._path / name, use_deprecated_int96_timestamps=True)
        bounds = {
            f"{end}Values": {"timestamp": f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"}
            for end, moment in (("min", min(moments)), ("max", max(moments)))
        }
        stats = {"numRecords": len(moments)} | (bounds if with_bounds else {})
        return {"add": {"path": name, "partitionValues": {}, "stats": json.dumps(stats)}}

    def on(self, *days: date) -> list[datetime]:
        self.files.opened.clear()
        found = self.log.read_days("timestamp", days, SCHEMA)
        assert found.schema == SCHEMA
        return sorted(found["timestamp"].to_pylist())


@pytest.fixture
def table(tmp_path) -> Table:
    return Table(tmp_path)


def test_rows_of_some_days_come_from_the_files_that_may_have_them(table) -> None:
    evening, midnight = DAY_END - timedelta(microseconds=1), DAY_END
    table.commit(
        table.add("day before", [NOON - 24 * HOUR]),
        table.add("day", [NOON, evening]),
        table.add("both", [evening, midnight]),
        table.add("day after", [midnight]),
    )
    assert table.on(NOON.date()) == [NOON, evening, evening]
    assert table.files.opened == ["day", "both"]
    assert table.on(DAY_END.date(), NOON.date() - timedelta(days=1)) == [NOON - 24 * HOUR, midnight, midnight]
    # By its bound, cut to milliseconds, its last time may be of the next day.
    assert table.files.opened == ["day before", "day", "both", "day after"]


def test_a_file_without_bounds_is_read(table) -> None:
    table.commit(table.add("some", [NOON], with_bounds=False))
    assert table.on(NOON.date()) == [NOON]


def test_a_time_of_the_far_future_is_read_as_it_was_written(table) -> None:
    far = datetime(2400, 1, 1, tzinfo=UTC)
    table.commit(table.add("far", [far]))
    assert table.on(far.date()) == [far]


def test_replaced_files_are_left_out(table) -> None:
    table.commit(table.add("small", [NOON]))
    table.commit({"remove": {"path": "small"}}, table.add("compacted", [NOON]))
    assert [file.path for file in table.log.files()] == ["/t/compacted"]
    assert [file.rows for file in table.log.files()] == [1]
    assert table.on(NOON.date()) == [NOON]


def test_without_a_table_there_are_no_rows(table) -> None:
    assert table.log.files() == []
    assert table.on(NOON.date()) == []


@pytest.mark.parametrize(
    ("months", "read"),
    [
        (["2026-05-01", "2026-06-01"], {0, 1}),
        (["2025-11-01", "2025-12-01", "2026-01-01"], {1, 2}),
        ([], set()),
    ],
)
def test_known_ids_are_those_of_the_newest_two_months(months, read) -> None:
    class Log:
        def files(self) -> list[File]:
            return [File(month, 1, {"processing_month": month}, {}, {}) for month in months]

        def read_file(self, path: str, columns: list[str]) -> pa.Table:
            assert columns == ["event_hash"]
            return pa.table({"event_hash": pa.array([months.index(path)], pa.int64())})

    class Tables:
        def log(self, table) -> Log:
            assert table is STAGED_IDS
            return Log()

    found = recent_hashes(Tables())
    assert found.dtype == np.int64
    assert set(found.tolist()) == read
