"""Quarter of one-minute batches in small: commits day after day, nightly maintenance, a moved clock.

A commit must look through the files of a partition and the versions of the table's log, which could grow.
Both are counted after each day. The time of a commit and of a batch's query are taken.

Days pass by ageing the log's files on HDFS, by which Delta expires its entries. VACUUM uses the times
within them, so it runs each night and removes nothing. Files that no version names stay, and no reader
looks at them. A day has fewer than 1,440 commits: the note gives the factor.
"""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta
from functools import partial
from statistics import median
from typing import TYPE_CHECKING

import requests
from pyspark.sql import functions as F

from flight_assets.bench.figures import Figure
from flight_assets.bench.history import own_table
from flight_assets.contracts.tables import STAGING
from flight_assets.pipeline import maintenance
from flight_assets.stores.hdfs import Hdfs

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspark.sql import DataFrame

    from flight_assets.settings import Settings
    from flight_assets.stores.warehouse import Warehouse

DATABASE = "bench_quarter"
DAYS, QUICK_DAYS = 90, 15
COMMITS_A_DAY, QUICK_COMMITS_A_DAY = 12, 10
MINUTES_A_DAY = 1_440
ROWS_A_COMMIT = 20
# Days after which the log (7 days, whole ones) keeps no entry from before its last checkpoint.
EXPIRED_AFTER = 8
ENDS = 5


def measure(settings: Settings, quick: bool) -> dict[str, Figure]:
    """Return the figures of a quarter by name, with the days as sides.

    - ``quarter_commit_growth``, ``quarter_question_growth``: the last days' median time over the first days'.
    - ``quarter_files_per_partition``: the most data files of a day's partition after its night.
    - ``quarter_log_files``: files in the table's log at the end.
    """
    days, commits = (QUICK_DAYS, QUICK_COMMITS_A_DAY) if quick else (DAYS, COMMITS_A_DAY)
    with own_table(settings, DATABASE, STAGING) as warehouse:
        clock = _Clock(settings, warehouse.path(STAGING))
        rows = _events(warehouse)
        first_day = datetime.now(UTC).date() - timedelta(days=days)
        commit_s, question_s, files, log_files = [], [], [], []
        for number in range(days):
            day = first_day + timedelta(days=number)
            batches = range(number * commits, (number + 1) * commits)
            commit_s.append(
                median(_seconds(partial(_commit, warehouse, rows, day, batch_id)) for batch_id in batches)
            )
            question_s.append(median(_seconds(partial(_question, warehouse, batches.stop)) for _ in range(3)))
            maintenance.optimize(warehouse, settings, STAGING, f"processing_date = DATE'{day}'")
            maintenance.vacuum(warehouse, Hdfs(settings), STAGING)
            clock.pass_a_day()
            files.append(float(_live_files(warehouse, day)))
            log_files.append(float(clock.log_files()))
    by_day = {"by day": commit_s}
    note = (
        f"{days} days of {commits} commits of {ROWS_A_COMMIT} rows; a platform's log is"
        f" {MINUTES_A_DAY / commits:.0f} times as long"
    )
    return {
        "quarter_commit_growth": Figure(_growth(commit_s), "ratio", by_day, note=note),
        "quarter_question_growth": Figure(
            _growth(question_s), "ratio", {"by day": question_s}, note="flights seen before a batch"
        ),
        "quarter_files_per_partition": Figure(
            max(files), "files", {"by day": files}, side_unit="files", note="after the night's OPTIMIZE"
        ),
        "quarter_log_files": Figure(
            log_files[-1], "files", {"by day": log_files}, side_unit="files", note="in _delta_log"
        ),
    }


def _growth(by_day: list[float]) -> float:
    """Return the median of the last days over that of the first; the very first day warms up."""
    return median(by_day[-ENDS:]) / median(by_day[1 : 1 + ENDS])


def _events(warehouse: Warehouse) -> DataFrame:
    """Rows of the contract's types; what is in them does not matter."""
    nulls = [F.lit(None).cast(column.type).alias(column.name) for column in STAGING.columns]
    return warehouse.spark.range(ROWS_A_COMMIT).select("id", *nulls)


def _commit(warehouse: Warehouse, rows: DataFrame, day: date, batch_id: int) -> None:
    number = F.lit(batch_id) * ROWS_A_COMMIT + F.col("id")
    own = {
        "event_id": F.format_string("event-%d", number),
        "flight_id": F.format_string("flight-%d", number),
        "flight_date": F.lit(day),
        "processing_date": F.lit(day),
        "batch_id": F.lit(batch_id).cast("bigint"),
    }
    warehouse.append_once(rows.withColumns(own), STAGING, batch_id)


def _question(warehouse: Warehouse, batch_id: int) -> None:
    """Query flights as a batch does: by the batch and the dates of its flights."""
    warehouse.read(STAGING).where(
        f"batch_id < {batch_id} AND flight_date = (DATE'{datetime.now(UTC).date()}')"
    ).select("flight_id").count()


def _seconds(run: Callable[[], None]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def _live_files(warehouse: Warehouse, day: date) -> int:
    names = (
        warehouse.read(STAGING)
        .where(f"processing_date = DATE'{day}'")
        .select("_metadata.file_path")
        .distinct()
    )
    return int(names.count())


class _Clock:
    """Makes the entries of a table's log older, in the order in which they were written.

    Each once, when it reaches the age to expire.
    """

    def __init__(self, settings: Settings, folder: str) -> None:
        self._url = f"{settings.hdfs_http_url}/webhdfs/v1"
        self._hdfs, self._log, self._timeout_s = Hdfs(settings), f"{folder}/_delta_log", settings.timeout_s
        self._days: list[dict[str, datetime]] = []

    def pass_a_day(self) -> None:
        """Make everything written since the last call a day older."""
        known = set().union(*self._days)
        self._days.append(
            {
                name: written
                for name, written in self._hdfs.modified_in(self._log).items()
                if name not in known
            }
        )
        if len(self._days) > EXPIRED_AFTER:
            present = self._hdfs.modified_in(self._log)
            for name, written in self._days[-EXPIRED_AFTER - 1].items():
                if name in present:
                    old = int((written - timedelta(days=EXPIRED_AFTER + 1)).timestamp() * 1000)
                    params: dict[str, str | int] = {
                        "op": "SETTIMES",
                        "modificationtime": old,
                        "accesstime": old,
                        "user.name": "bench",
                    }
                    requests.put(
                        f"{self._url}{self._log}/{name}", params=params, timeout=self._timeout_s
                    ).raise_for_status()

    def log_files(self) -> int:
        """Files in the table's log."""
        return self._hdfs.file_count(self._log)
