"""Read Delta tables without Spark: commits, files and columns from a table's log.

Checks use it, so that another program than Spark verifies what Spark wrote. Format: the Delta transaction log
protocol (https://github.com/delta-io/delta/blob/master/PROTOCOL.md).
"""

from __future__ import annotations

import json
from bisect import bisect_left
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from flight_assets.stores.hdfs import Hdfs

# Versions to search for a commit, from the newest back: a repeat comes soon after the first attempt.
COMMITS_BACK = 50


@dataclass(frozen=True)
class Commit:
    """Version of a table: the HDFS paths of the files that it added, and their rows by their statistics."""

    version: int
    files: tuple[str, ...]
    rows: int


@dataclass(frozen=True)
class File:
    """Current data file of a table: its HDFS path, and rows, partition and bounds of columns by the log."""

    path: str
    rows: int
    partition: dict[str, str | None]
    least: dict[str, Any]
    greatest: dict[str, Any]

    def may_have(self, column: str, days: Sequence[date]) -> bool:
        """Return whether a time on one of these UTC days, in order, may be in the file."""
        if column not in self.least or column not in self.greatest:
            return True
        # The log cuts bounds to milliseconds.
        least, greatest = (datetime.fromisoformat(each[column]) for each in (self.least, self.greatest))
        place = bisect_left(days, least.date())
        return place < len(days) and days[place] <= (greatest + timedelta(milliseconds=1)).date()


class DeltaLog:
    """Log of the table in an HDFS folder."""

    def __init__(self, hdfs: Hdfs, folder: str) -> None:
        self._hdfs, self._folder = hdfs, folder

    def append_of(self, app_id: str, txn_version: int) -> Commit | None:
        """Return the commit that carries a transaction id; None if none of the newest COMMITS_BACK does."""
        newest = self._newest()
        for version in range(newest, max(-1, newest - COMMITS_BACK), -1):
            actions = self._actions(version)
            if any(
                (each["txn"]["appId"], each["txn"]["version"]) == (app_id, txn_version)
                for each in actions
                if "txn" in each
            ):
                return self._commit(version, [each["add"] for each in actions if "add" in each])
        return None

    def newest_commit(self) -> Commit:
        """Return the newest version, with the files that it added."""
        newest = self._newest()
        return self._commit(newest, [each["add"] for each in self._actions(newest) if "add" in each])

    def columns(self) -> dict[str, str]:
        """Return the table's current columns: Spark SQL type by name."""
        for version in range(self._newest(), -1, -1):
            if not self._hdfs.exists(self._path(version)):
                break
            for action in self._actions(version):
                if "metaData" in action:
                    return _columns(action["metaData"]["schemaString"])
            if self._hdfs.exists(self._checkpoint(version)):
                return _columns(self._checkpointed_schema(version))
        raise FileNotFoundError(f"{self._folder} has no Delta log")

    def snapshot(self) -> Commit:
        """Return all current files of the table, and their rows. For tables without deletion vectors."""
        newest, files = self._current()
        return self._commit(newest, files)

    def files(self) -> list[File]:
        """Return the table's current files; none without a table. For tables without deletion vectors."""
        found = []
        for each in self._current()[1]:
            stats = json.loads(each.get("stats") or "{}")
            found.append(
                File(
                    f"{self._folder}/{unquote(each['path'])}",
                    stats.get("numRecords", 0),
                    dict(each.get("partitionValues") or {}),
                    stats.get("minValues", {}),
                    stats.get("maxValues", {}),
                )
            )
        return found

    def _current(self) -> tuple[int, list[dict[str, Any]]]:
        """Return the newest version, and the ``add`` action of each current file."""
        newest = self._newest()
        files: dict[str, dict[str, Any]] = {}
        first = newest
        while first > 0 and not self._hdfs.exists(self._checkpoint(first)):
            first -= 1
        if self._hdfs.exists(self._checkpoint(first)):
            rows = self._hdfs.open_parquet(self._checkpoint(first)).read(columns=["add"])["add"].to_pylist()
            files = {row["path"]: row for row in rows if row}
            first += 1
        for version in range(first, newest + 1):
            for action in self._actions(version):
                if "remove" in action:
                    files.pop(action["remove"]["path"], None)
                if "add" in action:
                    files[action["add"]["path"]] = action["add"]
        return newest, list(files.values())

    def _commit(self, version: int, added: list[dict[str, Any]]) -> Commit:
        rows = sum(json.loads(each.get("stats") or "{}").get("numRecords", 0) for each in added)
        return Commit(version, tuple(f"{self._folder}/{unquote(each['path'])}" for each in added), rows)

    def read(self, commit: Commit, columns: list[str], limit: int | None = None) -> pa.Table:
        """Return columns of a commit's rows, at most ``limit`` rows if given, from its Parquet files."""
        tables: list[pa.Table] = []
        for path in commit.files:
            if limit is not None and sum(table.num_rows for table in tables) >= limit:
                break
            tables.append(self.read_file(path, columns))
        whole = (
            pa.concat_tables(tables)
            if tables
            else pa.table({name: pa.array([], pa.null()) for name in columns})
        )
        return whole if limit is None else whole.slice(0, limit)

    def read_file(self, path: str, columns: list[str]) -> pa.Table:
        """Return columns of one data file."""
        return self._hdfs.open_parquet(path).read(columns=columns)

    def read_days(self, column: str, days: Collection[date], schema: pa.Schema) -> pa.Table:
        """Return the current rows whose time is on one of these UTC days, with the columns of ``schema``.

        Files without such rows are not read, and one file at a time is in memory.
        """
        import pyarrow.compute as pc

        ordered, found = sorted(days), [schema.empty_table()]
        wanted = pa.array(ordered, pa.date32())
        for file in self.files():
            if file.may_have(column, ordered):
                rows = self.read_file(file.path, schema.names).select(schema.names).cast(schema)
                on = pc.cast(rows[column], pa.date32(), safe=False)
                found.append(rows.filter(pc.is_in(on, value_set=wanted)))
        return pa.concat_tables(found)

    def _newest(self) -> int:
        """Return the newest version. From the last checkpoint on, versions have no gaps."""
        try:
            version = int(
                json.loads(self._hdfs.read(f"{self._folder}/_delta_log/_last_checkpoint"))["version"]
            )
        except FileNotFoundError:
            version = 0
        while self._hdfs.exists(self._path(version + 1)):
            version += 1
        return version

    def _path(self, version: int) -> str:
        return f"{self._folder}/_delta_log/{version:020d}.json"

    def _checkpoint(self, version: int) -> str:
        return f"{self._folder}/_delta_log/{version:020d}.checkpoint.parquet"

    def _actions(self, version: int) -> list[dict[str, Any]]:
        try:
            return [json.loads(line) for line in self._hdfs.read(self._path(version)).splitlines() if line]
        except FileNotFoundError:  # the log is kept only for some days
            return []

    def _checkpointed_schema(self, version: int) -> str:
        rows = (
            self._hdfs.open_parquet(self._checkpoint(version))
            .read(columns=["metaData"])["metaData"]
            .to_pylist()
        )
        return next(str(row["schemaString"]) for row in rows if row)


def _columns(schema: str) -> dict[str, str]:
    return {field["name"]: _simple(field["type"]) for field in json.loads(schema)["fields"]}


def _simple(kind: Any) -> str:  # noqa: ANN401 - JSON
    """Return a type of Delta's schema in the form of Spark's ``simpleString``."""
    if isinstance(kind, str):
        return {"long": "bigint", "integer": "int", "byte": "tinyint", "short": "smallint"}.get(kind, kind)
    if kind["type"] == "struct":
        fields = [f"{field['name']}:{_simple(field['type'])}" for field in kind["fields"]]
        return f"struct<{','.join(fields)}>"
    if kind["type"] == "array":
        return f"array<{_simple(kind['elementType'])}>"
    return f"map<{_simple(kind['keyType'])},{_simple(kind['valueType'])}>"
