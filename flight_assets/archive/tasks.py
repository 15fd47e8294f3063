"""Work of Spark's tasks for an archive: write a slice of MongoDB, read a file back, delete its documents.

Each is one item of work with its result; ``each`` runs items in Spark. The logic of the steps is in
``steps``.
"""

from __future__ import annotations

import json
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from flight_assets.archive import columns, hot
from flight_assets.archive.checksum import checksum
from flight_assets.stores import lease, mongo
from flight_assets.stores.hdfs import Hdfs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import datetime

    import pyarrow as pa

    from flight_assets.archive.record import TimeSlice
    from flight_assets.settings import Settings
    from flight_assets.stores.warehouse import Warehouse

Found = dict[str, Any]
Item = TypeVar("Item")
Result = TypeVar("Result")
# Target of a file: 50,000 flights, which real ones fill to about 4 MB of Parquet. A task holds one such slice
# in memory (60 MB).
DOCUMENTS_PER_FILE = 50_000
# A reader of one flight reads one row group.
ROWS_PER_GROUP = 5_000
# An archive is one task of Spark, so that its other cores are left to the batches. The task works on two
# items at once: while MongoDB is busy with one, the other is turned into columns and written.
TASKS_AT_ONCE = 1
ITEMS_AT_ONCE = 2
# Before each item the archive lets a running batch end, but no longer than this: batches without a gap must
# not keep it from ending.
GIVES_WAY_S = 20.0


class Work(Protocol):
    """Piece of work that can be sent to Spark's workers."""

    @property
    def settings(self) -> Settings:
        """Return the settings of the stores."""

    def __call__(self, nth: int) -> list[Found]:
        """Do it for one item."""


def each(warehouse: Warehouse, work: Work, items: int) -> list[Found]:
    """Return the results of a piece of work for the items 0 … n-1, in order, run by Spark's tasks.

    Results must fit JSON and be small. Batches go first: no item starts while one is processed, for up to
    ``GIVES_WAY_S``.
    """

    def run(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        numbers = (
            _given_way(work.settings, nth) for batch in batches for nth in batch.column("id").to_pylist()
        )
        for found in overlapped(work, numbers):
            yield pa.RecordBatch.from_pydict(
                {"found": pa.array([json.dumps(each_found) for each_found in found], pa.string())}
            )

    rows = (
        warehouse.spark.range(0, items, 1, min(TASKS_AT_ONCE, max(items, 1)))
        .mapInArrow(run, "found string")
        .collect()
    )
    return [json.loads(row.found) for row in rows]


def _given_way(settings: Settings, nth: int) -> int:
    """Return the number, as soon as no batch is being processed."""
    until = time.monotonic() + GIVES_WAY_S
    while lease.is_held(settings) and time.monotonic() < until:
        time.sleep(lease.POLL_S)
    return nth


def overlapped(work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Yield the result of each item in order, with ``ITEMS_AT_ONCE`` items in work.

    No item is taken before it can start.
    """
    with ThreadPoolExecutor(ITEMS_AT_ONCE) as pool:
        waiting: deque[Future[Result]] = deque()
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) == ITEMS_AT_ONCE:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


@dataclass(frozen=True)
class Export:
    """Write one slice of ingestion time below a directory, as files sorted by flight.

    A file has at most ``DOCUMENTS_PER_FILE`` rows.
    Found: per file ``path`` (below the directory), ``rows``, ``checksum``; and at last ``held_back``, the
    documents of the slice that do not fit the contract.
    """

    settings: Settings
    directory: str
    slices: tuple[TimeSlice, ...]
    restored_since: datetime

    def __call__(self, nth: int) -> list[Found]:
        """Do it for the nth slice; a repeat overwrites."""
        hdfs, taken = Hdfs(self.settings), hot.taken_between(self.slices[nth].start, self.slices[nth].end)
        found: list[Found] = []
        with mongo.database(self.settings) as db:
            flights = db[mongo.FLIGHTS]
            pages = columns.pages(
                flights,
                hot.archivable(self.restored_since) | taken,
                DOCUMENTS_PER_FILE,
                self.slices[nth].documents,
            )
            for page, rows in enumerate(pages):
                found += [
                    _write(hdfs, self.directory, f"part-{nth:05d}-{page:03d}", part)
                    for part in columns.by_date(rows)
                ]
            left = flights.count_documents(taken) - sum(each_found["rows"] for each_found in found)
            held_back = hot.held_back(flights, [taken]) if left > 0 else 0
        return [*found, {"slice": nth, "held_back": held_back}]


def _write(hdfs: Hdfs, directory: str, name: str, part: columns.DatePart) -> Found:
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(part.rows, sink, compression="snappy", row_group_size=ROWS_PER_GROUP)
    path = f"{columns.date_directory(part.processing_date)}/{name}.parquet"
    hdfs.write(f"{directory}/{path}", sink.getvalue().to_pybytes())
    return {"path": path, "rows": part.rows.num_rows, "checksum": str(checksum(part.rows))}


@dataclass(frozen=True)
class ReadBack:
    """Reading of one file whole: the fields of ``ArchivedFile``.

    An unreadable file gives ``path`` and ``problem``.
    """

    settings: Settings
    directory: str
    paths: tuple[str, ...]

    def __call__(self, nth: int) -> list[Found]:
        """Do it for the nth file."""
        path = self.paths[nth]
        try:
            content = Hdfs(self.settings).read(f"{self.directory}/{path}")
        except FileNotFoundError:
            return [{"path": path, "problem": "is missing"}]
        rows = _opened(content)
        if isinstance(rows, str):
            return [{"path": path, "problem": rows}]
        facts = {
            "rows": rows.num_rows,
            "bytes": len(content),
            "sha256": sha256(content).hexdigest(),
            "checksum": str(checksum(rows)),
        }
        return [{"path": path} | facts | columns.ranges(rows)]


def _opened(content: bytes) -> pa.Table | str:
    """Return the rows of a Parquet file, or why there are none."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        rows = pq.ParquetFile(pa.BufferReader(content)).read()
    except (pa.ArrowException, OSError) as error:
        return f"cannot be read ({str(error).splitlines()[0]})"
    return rows if columns.is_of_contract(rows.schema) else "has other columns than the contract"


@dataclass(frozen=True)
class Delete:
    """Deletion of one file's documents from the hot store, where they are unchanged.

    A repeat deletes none.
    """

    settings: Settings
    directory: str
    files: tuple[tuple[str, str], ...]

    def __call__(self, nth: int) -> list[Found]:
        """Do it for the nth of the files, which are given as path and SHA-256."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        path, digest = self.files[nth]
        try:
            content = Hdfs(self.settings).read(f"{self.directory}/{path}")
        except FileNotFoundError:
            return [{"path": path, "problem": "is missing"}]
        if sha256(content).hexdigest() != digest:
            return [{"path": path, "problem": "has changed since it was verified"}]
        keys = pq.ParquetFile(pa.BufferReader(content)).read(list(hot.KEYS))
        with mongo.database(self.settings) as db:
            return [{"left": hot.delete_unchanged(db[mongo.FLIGHTS], keys)}]


def problems(found: Sequence[Found]) -> list[str]:
    """Return the problems of files, one text for each."""
    return [
        f"{each_found['path']} {each_found['problem']}" for each_found in found if "problem" in each_found
    ]
