"""The hot side of an archive: how big the hot store is, what of it may leave and from when it is, and deleting what has left."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

from flight_assets.archive.columns import archivable_schema
from flight_assets.archive.policy import Bin, HotSize
from flight_assets.stores import mongo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import pyarrow as pa

    from flight_assets.archive.record import ArchiveRecord
    from flight_assets.settings import Settings

Document = dict[str, Any]

MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
# A minute with more documents than this is looked at second by second, so that an archive takes little more than it must.
REFINE_ABOVE = 5_000
IDS_PER_DELETE = 2_000
# Compacting reads and writes the whole collection: worth it when it gives back a good part of what the files hold.
COMPACT_SHARE = 0.2
COMPACT_BYTES = 20_000_000
COMPACT_TIMEOUT_MS = 600_000


def measure(db: Any) -> HotSize:  # noqa: ANN401 - pymongo's generic type
    """The hot store's sizes by dbStats now."""
    stats = db.command("dbStats", freeStorage=1)
    return HotSize(
        data_bytes=int(stats["dataSize"]),
        index_bytes=int(stats["indexSize"]),
        documents=int(db[mongo.FLIGHTS].estimated_document_count()),
        storage_bytes=int(stats["storageSize"]),
        reusable_bytes=int(stats.get("totalFreeStorageSize", 0)),
    )


def archivable(restored_since: datetime) -> Document:
    """The query for documents that may be archived: they fit the contract, and were not restored lately."""
    return {
        "$jsonSchema": archivable_schema(),
        "$expr": {"$eq": ["$_id", "$flight_id"]},
        "restored.at": {"$not": {"$gte": restored_since}},
    }


def taken_between(start: datetime, end: datetime) -> Document:
    """The query for documents whose newest state Kafka took in this range, end excluded."""
    return {"ingestion_timestamp": {"$gte": start, "$lt": end}}


def histogram(flights: Any, before: datetime, restored_since: datetime) -> list[Bin]:  # noqa: ANN401
    """Archivable documents per minute of ingestion (per second where there are many), up to a moment, oldest first."""
    match = archivable(restored_since)
    minutes = _bins(flights, match | {"ingestion_timestamp": {"$lt": before}}, MINUTE, "minute")
    return [part for each in minutes for part in _refined(flights, match, each)]


def _refined(flights: Any, match: Document, minute: Bin) -> list[Bin]:  # noqa: ANN401
    if minute.documents <= REFINE_ABOVE:
        return [minute]
    return _bins(flights, match | taken_between(minute.start, minute.end), SECOND, "second")


def _bins(flights: Any, match: Document, width: timedelta, unit: str) -> list[Bin]:  # noqa: ANN401
    start = {"$dateTrunc": {"date": "$ingestion_timestamp", "unit": unit}}
    pipeline = [{"$match": match}, {"$group": {"_id": start, "documents": {"$sum": 1}}}, {"$sort": {"_id": 1}}]
    return [Bin(found["_id"], found["_id"] + width, found["documents"]) for found in flights.aggregate(pipeline)]


def held_back(flights: Any, before: datetime) -> int:  # noqa: ANN401
    """How many documents up to a moment do not fit the contract, so that archiving them would lose something."""
    fits = {"$jsonSchema": archivable_schema(), "$expr": {"$eq": ["$_id", "$flight_id"]}}
    return int(flights.count_documents({"ingestion_timestamp": {"$lt": before}, "$nor": [fits]}))


def unchanged(flight_ids: Sequence[str], event_ids: Sequence[str], versions: Sequence[Document], with_prediction: bool) -> Document:
    """The query for those of the documents that are as they were archived, all of them with a prediction or all without.

    The three lists together are exact: an event belongs to one flight, so a document with one of these ids and one of these events
    has the very event that was archived of it. A prediction that is filled in later changes a document without giving it a new event.
    """
    same = {"_id": {"$in": list(flight_ids)}, "event_id": {"$in": list(event_ids)}, "version": {"$in": list(versions)}}
    return same | {"prediction": {"$ne": None} if with_prediction else None}


def deleter(settings: Settings) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """For Spark's workers: delete the archived documents that are unchanged.

    They come as flight_id, event_id, timestamp_us, kafka_offset, predicted. Gives back how many were deleted per batch of rows.
    Deleting again deletes nothing more.
    """

    def run(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        with mongo.database(settings) as db:
            for batch in batches:
                deleted = sum(
                    _delete(db[mongo.FLIGHTS], batch.slice(at, IDS_PER_DELETE)) for at in range(0, batch.num_rows, IDS_PER_DELETE)
                )
                yield pa.RecordBatch.from_pydict({"deleted": pa.array([deleted], pa.int64())})

    return run


def _delete(flights: Any, batch: pa.RecordBatch) -> int:  # noqa: ANN401
    import pyarrow.compute as pc

    return sum(_delete_alike(flights, batch.filter(pc.equal(batch["predicted"], predicted)), predicted) for predicted in (True, False))


def _delete_alike(flights: Any, batch: pa.RecordBatch, predicted: bool) -> int:  # noqa: ANN401
    if not batch.num_rows:
        return 0
    rows = batch.to_pydict()
    moments = zip(rows["timestamp_us"], rows["kafka_offset"], strict=True)
    versions = [{"timestamp_us": moment, "kafka_offset": offset} for moment, offset in moments]
    return int(flights.delete_many(unchanged(rows["flight_id"], rows["event_id"], versions, predicted)).deleted_count)


def states_between(settings: Settings, record: ArchiveRecord) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """For Spark's workers: flight_id, event_id, predicted of the hot documents in an archive's range of ingestion, some at a time."""
    first, last = record.first_ingestion, record.last_ingestion

    def run(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for _ in batches:
            with mongo.database(settings) as db:
                cursor = db[mongo.FLIGHTS].find(
                    {"ingestion_timestamp": {"$gte": first, "$lte": last}}, {"event_id": 1, "prediction.model_version": 1}
                )
                while rows := list(islice(cursor, IDS_PER_DELETE)):
                    yield _states(rows)

    return run


def _states(documents: list[Document]) -> pa.RecordBatch:
    import pyarrow as pa

    return pa.RecordBatch.from_pydict(
        {
            "flight_id": pa.array([each["_id"] for each in documents], pa.string()),
            "event_id": pa.array([each.get("event_id") for each in documents], pa.string()),
            "predicted": pa.array([each.get("prediction") is not None for each in documents], pa.bool_()),
        }
    )


def compact(db: Any, size: HotSize) -> str:  # noqa: ANN401
    """Give free space of the collection and its indexes back to the disk, if it pays. Returns what was done, for the record.

    Reads and writes go on meanwhile. What free space remains is used again by later documents, so a refusal does no harm.
    """
    from pymongo.errors import OperationFailure

    if size.reusable_bytes < max(COMPACT_BYTES, COMPACT_SHARE * size.storage_bytes):
        return f"not worth it: {size.reusable_bytes / 1e6:.1f} MB of {size.storage_bytes / 1e6:.1f} MB are free"
    try:
        freed = db.command("compact", mongo.FLIGHTS, force=True, maxTimeMS=COMPACT_TIMEOUT_MS).get("bytesFreed")
    except OperationFailure as error:
        return f"MongoDB refused: {error.details.get('errmsg') if error.details else error}"
    return f"{(freed or 0) / 1e6:.1f} MB freed"
