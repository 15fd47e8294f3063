"""Hot side of an archive: size of the hot store, documents that may leave, and their deletion."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

from flight_assets.archive.columns import archivable_schema
from flight_assets.archive.policy import Bin, HotSize
from flight_assets.archive.record import Sizes
from flight_assets.stores import mongo
from flight_assets.stores.mongo_documents import UNCONFIRMED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import pyarrow as pa

    from flight_assets.archive.record import ArchiveRecord
    from flight_assets.settings import Settings

Document = dict[str, Any]

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
# A minute with more documents than this is looked at second by second, so that an archive takes little more
# than it must.
REFINE_ABOVE = 5_000
IDS_PER_DELETE = 5_000
# Columns of an archived row by which its document is deleted.
KEYS = ("flight_id", "event_id", "timestamp", "kafka_offset", "batch_id", "model_version")
# Compacting reads and writes the whole collection: worth it when it gives back a good part of what the files
# hold.
COMPACT_SHARE = 0.2
COMPACT_BYTES = 20_000_000
# Below the time after which a client gives up on an answer (four times timeout_s).
COMPACT_TIMEOUT_MS = 45_000


def measure(db: Any) -> HotSize:  # noqa: ANN401 - pymongo's generic type
    """Return the hot store's sizes by dbStats now."""
    stats = db.command("dbStats", freeStorage=1)
    return HotSize(
        data_bytes=int(stats["dataSize"]),
        index_bytes=int(stats["indexSize"]),
        documents=int(db[mongo.FLIGHTS].estimated_document_count()),
        storage_bytes=int(stats["storageSize"]),
        reusable_bytes=int(stats.get("totalFreeStorageSize", 0)),
    )


def archivable(restored_since: datetime) -> Document:
    """Return the query for documents to archive: those that fit the contract and may leave."""
    return fitting() | may_leave(restored_since)


def fitting() -> Document:
    """Return the query for documents that an archive holds without losing anything.

    MongoDB needs 15 µs for each that it looks at.
    """
    return {"$jsonSchema": archivable_schema(), "$expr": {"$eq": ["$_id", "$flight_id"]}}


def may_leave(restored_since: datetime) -> Document:
    """Return the query for documents that a batch has confirmed and nobody has restored since then.

    The batch may show an unconfirmed document otherwise, for instance without a prediction.
    """
    return {"restored.at": {"$not": {"$gte": restored_since}}, "batch_id": {"$ne": UNCONFIRMED}}


def taken_between(start: datetime, end: datetime) -> Document:
    """Return the query for documents whose newest state Kafka took in this range, end excluded."""
    return {"ingestion_timestamp": {"$gte": start, "$lt": end}}


def until(taken: Document, end: datetime) -> Document:
    """Return a range of ``taken_between``, cut off at a moment."""
    limits = taken["ingestion_timestamp"]
    return taken_between(limits["$gte"], min(limits["$lt"], end))


def histogram(
    flights: Any,  # noqa: ANN401
    before: datetime,
    restored_since: datetime,
    unfit: Sequence[Document],
) -> list[Bin]:
    """Return archivable documents per minute of ingestion, up to a moment, oldest first.

    A full minute is split into seconds. ``unfit`` holds queries for ranges of ingestion. Documents in these
    ranges are checked against the contract. All others count as valid.
    """
    match = may_leave(restored_since)
    minutes = _counts(flights, match | {"ingestion_timestamp": {"$lt": before}}, "minute")
    for each in unfit:
        minutes.subtract(_counts(flights, match | each | {"$nor": [fitting()]}, "minute"))
    bins = [
        Bin(start, start + MINUTE, documents) for start, documents in sorted(minutes.items()) if documents > 0
    ]
    return [part for each in bins for part in _refined(flights, match, each, unfit)]


def _refined(flights: Any, match: Document, minute: Bin, unfit: Sequence[Document]) -> list[Bin]:  # noqa: ANN401
    if minute.documents <= REFINE_ABOVE:
        return [minute]
    match = match | taken_between(minute.start, minute.end)
    looked_into = any(overlap(each, minute) for each in unfit)
    seconds = _counts(flights, match | fitting() if looked_into else match, "second")
    return [Bin(start, start + SECOND, documents) for start, documents in sorted(seconds.items())]


def overlap(taken: Document, each: Bin) -> bool:
    """Return True if a range of ``taken_between`` overlaps a bin."""
    limits = taken["ingestion_timestamp"]
    return bool(limits["$gte"] < each.end and each.start < limits["$lt"])


def _counts(flights: Any, match: Document, unit: str) -> Counter[datetime]:  # noqa: ANN401
    start = {"$dateTrunc": {"date": "$ingestion_timestamp", "unit": unit}}
    pipeline = [{"$match": match}, {"$group": {"_id": start, "documents": {"$sum": 1}}}]
    return Counter({found["_id"]: found["documents"] for found in flights.aggregate(pipeline)})


def days_before(flights: Any, before: datetime) -> list[Document]:  # noqa: ANN401
    """``taken_between`` of each day of ingestion up to a moment.

    A query over one of them ends in time however big the store is.
    """
    first = flights.find_one({}, {"ingestion_timestamp": 1}, sort=[("ingestion_timestamp", 1)])
    if first is None:
        return []
    day, found = (
        first["ingestion_timestamp"].astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0),
        [],
    )
    while day < before:
        found.append(taken_between(day, min(day + DAY, before)))
        day += DAY
    return found


def held_back(flights: Any, ranges: Sequence[Document]) -> int:  # noqa: ANN401
    """Return the number of documents in some ranges of ingestion that an archive could not hold."""
    return sum(int(flights.count_documents(each | {"$nor": [fitting()]})) for each in ranges)


def unchanged(
    flight_ids: Sequence[str],
    event_ids: Sequence[str],
    versions: Sequence[Document],
    newest_batch: int,
    with_prediction: bool,
) -> Document:
    """Return the query for documents unchanged since export, all with a prediction or all without.

    The first three lists together are exact. An event belongs to one flight, so a document with one of these
    ids and one of these events has the event that was archived. A batch newer than the archived ones may
    have added to a document, and a prediction that arrives later changes one without a new event.
    """
    same = {
        "_id": {"$in": list(flight_ids)},
        "event_id": {"$in": list(event_ids)},
        "version": {"$in": list(versions)},
    }
    same["batch_id"] = {"$lte": newest_batch}
    return same | {"prediction": {"$ne": None} if with_prediction else None}


def delete_unchanged(flights: Any, keys: pa.Table) -> int:  # noqa: ANN401
    """Delete the documents that are as they were archived; rows have the columns ``KEYS``.

    A repeat deletes nothing more.

    Returns how many of these flights are still hot, because their document has changed since.
    """
    return sum(_delete(flights, batch) for batch in keys.to_batches(max_chunksize=IDS_PER_DELETE))


def _delete(flights: Any, batch: pa.RecordBatch) -> int:  # noqa: ANN401
    import pyarrow.compute as pc

    with_prediction = pc.is_valid(batch["model_version"])
    deleted = _delete_alike(flights, batch.filter(with_prediction), True) + _delete_alike(
        flights, batch.filter(pc.invert(with_prediction)), False
    )
    if deleted == batch.num_rows:
        return 0
    return int(flights.count_documents({"_id": {"$in": batch["flight_id"].to_pylist()}}))


def _delete_alike(flights: Any, batch: pa.RecordBatch, predicted: bool) -> int:  # noqa: ANN401
    if not batch.num_rows:
        return 0
    moments = zip(
        batch["timestamp"].cast("int64").to_pylist(), batch["kafka_offset"].to_pylist(), strict=True
    )
    versions = [{"timestamp_us": moment, "kafka_offset": offset} for moment, offset in moments]
    newest_batch = max(batch["batch_id"].to_pylist())
    match = unchanged(
        batch["flight_id"].to_pylist(), batch["event_id"].to_pylist(), versions, newest_batch, predicted
    )
    return int(flights.delete_many(match).deleted_count)


def hot_in_range(flights: Any, record: ArchiveRecord) -> bool:  # noqa: ANN401
    """Return True if a hot document lies in the ingestion range of an archive."""
    return (
        flights.find_one(
            {"ingestion_timestamp": {"$gte": record.first_ingestion, "$lte": record.last_ingestion}},
            {"_id": 1},
        )
        is not None
    )


def states_between(
    settings: Settings, record: ArchiveRecord
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """Yield flight_id, event_id, predicted and hot_batch of an archive's hot documents, in parts."""
    first, last = record.first_ingestion, record.last_ingestion

    def run(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for _ in batches:
            with mongo.database(settings) as db:
                cursor = db[mongo.FLIGHTS].find(
                    {"ingestion_timestamp": {"$gte": first, "$lte": last}},
                    {"event_id": 1, "prediction.model_version": 1, "batch_id": 1},
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
            "hot_batch": pa.array([each["batch_id"] for each in documents], pa.int64()),
        }
    )


def compact(db: Any) -> str:  # noqa: ANN401
    """Give free space of the collection and its indexes back to the disk, if it pays.

    Returns what was done, for the record. Reads and writes go on meanwhile. What free space remains is used
    again by later documents, so a refusal does no harm.
    """
    from pymongo.errors import OperationFailure

    # Space of deleted documents counts as free from the next checkpoint on, which would come within a minute
    # by itself.
    db.client.admin.command("fsync")
    size = measure(db)
    if size.reusable_bytes < max(COMPACT_BYTES, COMPACT_SHARE * size.storage_bytes):
        return (
            f"not worth it: {size.reusable_bytes / 1e6:.1f} MB of {size.storage_bytes / 1e6:.1f} MB are free"
        )
    try:
        freed = db.command("compact", mongo.FLIGHTS, force=True, maxTimeMS=COMPACT_TIMEOUT_MS).get(
            "bytesFreed"
        )
    except OperationFailure as error:
        return f"MongoDB refused: {error.details.get('errmsg') if error.details else error}"
    return f"{(freed or 0) / 1e6:.1f} MB freed"


def sizes_of(size: HotSize) -> Sizes:
    """Return a measured size as the record of an archive holds it."""
    return Sizes(
        data_bytes=size.data_bytes,
        index_bytes=size.index_bytes,
        storage_bytes=size.storage_bytes,
        reusable_bytes=size.reusable_bytes,
        documents=size.documents,
    )
