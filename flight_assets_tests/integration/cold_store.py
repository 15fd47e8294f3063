"""The stores of the archive's tests: a database and a warehouse of their own on the test platform, and what
tests do with them.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from flight_assets.archive import files
from flight_assets.archive.record import ARCHIVE_ROOT, RECORD_ROOT, Archives
from flight_assets.archive.steps import Archiver
from flight_assets.bench.hot_flights import fact_rows, fill, now
from flight_assets.contracts.tables import ARCHIVE_METADATA
from flight_assets.stores import mongo, mongo_documents, mongo_writes
from flight_assets.stores.hdfs import Hdfs
from flight_assets_tests import archiving
from flight_assets_tests.factories import merge_flights

OWN = "test_archive"
OLD = timedelta(days=9)


class Crash(Exception):
    """Stands for the death of the process."""


def clean(settings, house) -> None:
    """Remove the database, the warehouse and every archive."""
    house.spark.sql(f"DROP DATABASE IF EXISTS {OWN} CASCADE").collect()
    for path in (ARCHIVE_ROOT, RECORD_ROOT):
        Hdfs(settings).delete(path)
    with mongo.connect(settings) as client:
        client.drop_database(OWN)


def bring_back(settings, house) -> None:
    """Bring back what earlier tests have archived of the platform's own flights, and forget those archives.

    ``clean`` deletes the files of every archive, and the platform's view would go on to name theirs.
    """
    archives = Archives(Hdfs(settings))
    if not archives.ids():
        return
    archives.resume()
    archiving.restore_all(settings, lambda: house)
    for record in archives.records():
        _give_up(archives, house, settings, record)
    house.delete_all(ARCHIVE_METADATA)


def _give_up(archives: Archives, house, settings, record) -> None:
    files.unregister(house, settings, record)
    for path in (record.directory, record.temporary):
        Hdfs(settings).delete(path)
    archives.forget(record.archive_id)


class Store:
    """Stores of the archive's tests, and all that is done with them."""

    first = 0

    def __init__(self, settings, house, flights) -> None:
        self.settings, self.house, self.flights = settings, house, flights
        self.archives = Archives(Hdfs(settings))

    def fill(self, count: int, age: timedelta = OLD) -> list[str]:
        """Flights of three hours. Those of another day were taken in from noon on, so that no test meets
        midnight by chance.
        """
        start = now() - age
        return self.fill_from(
            count, start.replace(hour=12, minute=0, second=0, microsecond=0) if age.days > 1 else start
        )

    def fill_from(self, count: int, start: datetime) -> list[str]:
        """Flights of three hours from a moment on."""
        Store.first += 10_000
        return fill(self.settings, count, start, start + timedelta(hours=3), first=Store.first)

    def fill_both(self, days: int, a_day: int, age: timedelta = OLD) -> list[str]:
        """Flights of the noons of some days, in the hot store and in the fact table, as batches
        leave them.
        """
        Store.first += 10_000
        start = (now() - age).replace(hour=12, minute=0, second=0, microsecond=0)
        rows = []
        for nth in range(days):
            taken = start - timedelta(days=nth)
            rows += fact_rows(a_day, taken, taken + timedelta(hours=3), first=Store.first + nth * a_day)
        merge_flights(self.house, rows)
        self.flights.insert_many([mongo_documents.document(row) for row in rows])
        return [row["flight_id"] for row in rows]

    def united(self, flight_ids: list[str]) -> list[tuple[str, str | None]]:
        """Flight and archive of each row that the view of hot and cold has of some flights."""
        names = ", ".join(f"'{flight_id}'" for flight_id in flight_ids)
        rows = (
            self.house.spark.table(f"{OWN}.{files.UNITED}")
            .where(f"flight_id IN ({names})")
            .select("flight_id", "archive_id")
        )
        return sorted(map(tuple, rows.collect()))

    def archiver(self, reached=lambda _record: None, **changes) -> Archiver:
        return Archiver(self.settings.model_copy(update=changes), lambda: self.house, reached=reached)

    def hot(self) -> dict[str, dict]:
        return {document["_id"]: document for document in self.flights.find()}

    def archived(self, record) -> dict[str, str]:
        rows = (
            self.house.spark.table(f"{OWN}.{files.VIEW}")
            .where(f"archive_id = '{record.archive_id}'")
            .select("flight_id", "event_id")
        )
        return {row.flight_id: row.event_id for row in rows.collect()}

    def give_up(self, record) -> None:
        """Remove an archive, finished or not, with all that there is of it."""
        _give_up(self.archives, self.house, self.settings, record)

    def update(self, flight_id: str) -> None:
        """A newer event of a flight, as a batch writes it."""
        document = self.flights.find_one({"_id": flight_id})
        version = {
            "timestamp_us": document["version"]["timestamp_us"] + 1,
            "kafka_offset": document["version"]["kafka_offset"] + 1,
        }
        newer = document | {"version": version, "event_id": f"{flight_id}:late", "ingestion_timestamp": now()}
        assert mongo_writes.upsert_newer(self.flights, [newer]) == mongo_writes.UpsertCounts(1, 0)
