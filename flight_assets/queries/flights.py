"""One view of hot and cold: a flight wherever it is, once, in its newest state."""

from __future__ import annotations

import atexit
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from flight_assets.archive.record import (
    RECORD_ROOT,
    RECORD_SUFFIX,
    UNFINISHED,
    ArchivedFile,
    ArchiveRecord,
    Archives,
    State,
)
from flight_assets.stores import mongo, mongo_documents
from flight_assets.stores.hdfs import Hdfs
from flight_assets.transforms.rules import flight_day

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from flight_assets.settings import Settings

Document = dict[str, Any]


@dataclass(frozen=True)
class FoundFlight:
    """Newest state of a flight as a hot document, and its place: ``hot``, or the name of an archive."""

    document: Document
    place: str


class FlightFinder:
    """Finder of flights in the hot store and in the archives.

    It keeps connections, so that it is fast when warm. The hot store is read before the archives, because
    an archive publishes before it deletes. So a flight that is being archived is found at least once. Of
    two states the newer is returned.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client = mongo.connect(settings)
        self._hdfs = Hdfs(settings)
        self._archives = Archives(self._hdfs)
        self._settled: dict[str, ArchiveRecord] = {}

    def close(self) -> None:
        """Give the connection back."""
        self._client.close()

    def find(self, flight_id: str) -> FoundFlight | None:
        """Return the flight in its newest state, or None if neither store has it."""
        with mongo.answering(self._settings):
            document = self._client[self._settings.mongo_database][mongo.FLIGHTS].find_one({"_id": flight_id})
        found = [FoundFlight(document, "hot")] if document else []
        found += [
            FoundFlight(mongo_documents.document(row), archive_id)
            for archive_id, row in self._cold(flight_id)
        ]
        # max keeps the first of equals: the hot one.
        return max(found, key=lambda each: _version(each.document), default=None)

    def _cold(self, flight_id: str) -> Iterator[tuple[str, dict[str, Any]]]:
        for record in self._published():
            for each in record.files:
                if each.first_flight_id <= flight_id <= each.last_flight_id and _may_be_of(each, flight_id):
                    yield from ((record.archive_id, row) for row in self._rows(record, each, flight_id))

    def _rows(self, record: ArchiveRecord, each: ArchivedFile, flight_id: str) -> list[dict[str, Any]]:
        """Return the rows of a flight in a file.

        Files are sorted by flight, so the statistics of its row groups point to the one.
        """
        import pyarrow.compute as pc

        try:
            parquet = self._hdfs.open_parquet(f"{record.directory}/{each.path}")
        except FileNotFoundError:
            return []  # expired since the record was read
        groups = [
            group
            for group in range(parquet.num_row_groups)
            if _has(parquet.metadata.row_group(group), flight_id)
        ]
        if not groups:
            return []
        rows: pa.Table = parquet.read_row_groups(groups)
        day = date.fromisoformat(each.path.split("/", 1)[0].split("=", 1)[1])
        hits = rows.filter(pc.equal(rows["flight_id"], flight_id)).to_pylist()
        return [row | {"processing_date": day} for row in hits]

    def _published(self) -> list[ArchiveRecord]:
        """Return the records of archives whose directory is published, at any step."""
        found = []
        for name in self._hdfs.list(RECORD_ROOT):
            if not name.endswith(RECORD_SUFFIX):
                continue
            record = self._settled.get(name) or self._archives.record(name.removesuffix(RECORD_SUFFIX))
            if record.state is State.DONE and self._settings.archive_retention_days == 0:
                self._settled[name] = record
            published = record.state is State.DONE or (
                record.state in UNFINISHED and self._hdfs.exists(record.directory)
            )
            if published:
                found.append(record)
        return found


def _may_be_of(each: ArchivedFile, flight_id: str) -> bool:
    day = flight_day(flight_id)
    return day is not None and each.first_flight_date <= day <= each.last_flight_date


def _has(group: Any, flight_id: str) -> bool:  # noqa: ANN401 - pyarrow's metadata
    for nth in range(group.num_columns):
        column = group.column(nth)
        if column.path_in_schema == "flight_id":
            statistics = column.statistics
            return (
                statistics is None
                or not statistics.has_min_max
                or statistics.min <= flight_id <= statistics.max
            )
    return True


def _version(document: Document) -> tuple[int, datetime, int, int, bool]:
    """Return the order of states: the newer event, and of the same event the one with a prediction."""
    version = document.get("version") or {}
    return (
        int(version.get("timestamp_us", -1)),
        document.get("ingestion_timestamp", mongo_documents.EPOCH),
        int(document.get("kafka_partition", -1)),
        int(version.get("kafka_offset", -1)),
        document.get("prediction") is not None,
    )


@lru_cache(maxsize=4)
def _finder(settings: Settings) -> FlightFinder:
    finder = FlightFinder(settings)
    atexit.register(finder.close)
    return finder


def find_flight(settings: Settings, flight_id: str) -> FoundFlight | None:
    """Return the newest state of a flight and its store, hot or cold; None if neither has it."""
    return _finder(settings).find(flight_id)
