"""Client of MongoDB: the hot store with one document per flight, and the pipeline's leases."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from flight_assets.contracts.message import EventType
from flight_assets.contracts.tables import PREDICTED_COLUMNS
from flight_assets.contracts.units import AIRPORT, FLIGHT_ID
from flight_assets.errors import FlightsError, StoreUnavailable
from flight_assets.stores.mongo_expiry import ensure_expiry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pymongo import InsertOne, MongoClient, ReplaceOne
    from pymongo.collection import Collection

    from flight_assets.settings import Settings

    Write = InsertOne["Document"] | ReplaceOne["Document"]

FLIGHTS = "flight_events"
FINDINGS = "open_findings"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
WRITES_PER_BULK = 1_000
DUPLICATE_KEY = 11_000
INDEXES = ("timestamp", "flight_id", "ingestion_timestamp")
FINDING_INDEXES = ("severity", "airport", "flight_ids")
# Batch number of a live document. The batch of its event replaces it.
UNCONFIRMED = -1

Document = dict[str, Any]

VALIDATOR: Document = {
    "$jsonSchema": {
        "bsonType": "object",
        "required": [
            "_id",
            "flight_id",
            "event_type",
            "timestamp",
            "airline",
            "origin",
            "destination",
            "ingestion_timestamp",
            "batch_id",
        ],
        "properties": {
            "flight_id": {"bsonType": "string", "pattern": f"^{FLIGHT_ID}$"},
            "event_type": {"enum": [kind.value for kind in EventType]},
            "timestamp": {"bsonType": "date"},
            "ingestion_timestamp": {"bsonType": "date"},
            "scheduled_departure": {"bsonType": "date"},
            "airline": {"bsonType": "string"},
            "origin": {"bsonType": "string", "pattern": f"^{AIRPORT}$"},
            "destination": {"bsonType": "string", "pattern": f"^{AIRPORT}$"},
            "batch_id": {"bsonType": ["int", "long"]},
            "quality_score": {"bsonType": "double", "minimum": 0, "maximum": 1},
            "prediction": {"bsonType": ["object", "null"]},
        },
    }
}

FINDING_VALIDATOR: Document = {
    "$jsonSchema": {
        "bsonType": "object",
        "required": ["_id", "pattern", "severity", "key", "group", "raised", "updated", "explanation"],
        "properties": {
            "_id": {"bsonType": "string", "pattern": "^[0-9a-f]{16}$"},
            "severity": {"enum": ["critical", "warning", "info"]},
            "raised": {"bsonType": "date"},
            "updated": {"bsonType": "date"},
            "explanation": {"bsonType": "string"},
            "flight_ids": {"bsonType": "array", "maxItems": 50},
        },
    }
}


def connect(settings: Settings) -> MongoClient[Document]:
    """Return a client. Waits end after ``timeout_s``; writes survive a server crash (majority, journaled)."""
    from pymongo import MongoClient

    timeout_ms = int(settings.timeout_s * 1000)
    return MongoClient(
        settings.mongo_uri,
        tz_aware=True,
        serverSelectionTimeoutMS=timeout_ms,
        connectTimeoutMS=timeout_ms,
        socketTimeoutMS=4 * timeout_ms,
        w="majority",
        journal=True,
    )


@contextmanager
def database(settings: Settings) -> Iterator[Any]:
    """Yield the platform's database.

    Raises:
        StoreUnavailable: MongoDB cannot be reached or has no primary.
    """
    with connect(settings) as client, answering(settings):
        yield client[settings.mongo_database]


@contextmanager
def answering(settings: Settings) -> Iterator[None]:
    """Turn a lost connection inside the block into StoreUnavailable."""
    from pymongo.errors import ConnectionFailure

    try:
        yield
    except ConnectionFailure as error:
        address = settings.mongo_uri.rsplit("@", 1)[-1]
        raise StoreUnavailable(
            "MongoDB", address, "see `flights status` and `flights logs mongod`"
        ) from error


def ensure_collection(settings: Settings) -> None:
    """Create or update the collections of flights and open findings, with validators and indexes.

    Other collections get TTL indexes.
    """
    with database(settings) as db:
        ensure(db, FLIGHTS, VALIDATOR, INDEXES)
        # A partial index: only documents that no batch has confirmed are in it.
        db[FLIGHTS].create_index("batch_id", partialFilterExpression={"batch_id": UNCONFIRMED})
        ensure(db, FINDINGS, FINDING_VALIDATOR, FINDING_INDEXES)
        ensure_expiry(db)


def ensure(db: Any, name: str, validator: Document, indexes: Sequence[str] = ()) -> None:  # noqa: ANN401
    """Create a collection, or update its validator and indexes."""
    if name not in db.list_collection_names():
        db.create_collection(name)
    db.command("collMod", name, validator=validator, validationLevel="strict", validationAction="error")
    for field in indexes:
        db[name].create_index(field)


def replace_all(collection: Collection[Document], documents: Sequence[Document]) -> None:
    """Make a small collection hold exactly these documents. A repeat changes nothing."""
    from pymongo import ReplaceOne

    writes = [ReplaceOne({"_id": each["_id"]}, each, upsert=True) for each in documents]
    for start in range(0, len(writes), WRITES_PER_BULK):
        collection.bulk_write(writes[start : start + WRITES_PER_BULK], ordered=False)
    collection.delete_many({"_id": {"$nin": [each["_id"] for each in documents]}})


@dataclass(frozen=True)
class UpsertCounts:
    """Counts of flights: ``upserted``, and ``out_of_order`` ones that met a newer state.

    ``sample``: some of their ids.
    """

    upserted: int
    out_of_order: int
    sample: tuple[str, ...] = ()


def upsert_newer(collection: Collection[Document], documents: Sequence[Document]) -> UpsertCounts:
    """Write each document unless the collection has the same or a newer state of its flight.

    A repeat counts the same. The same state of an earlier batch, or of the live process, is replaced.
    Existing states are looked up first: an insert takes a third of the time of an upsert, and equal states
    need no write. An older document matches nothing, tries to insert and meets the key. Only this error is
    expected.
    """
    out_of_order = 0
    for start in range(0, len(documents), WRITES_PER_BULK):
        out_of_order += _upsert_bulk(collection, documents[start : start + WRITES_PER_BULK])
    return UpsertCounts(len(documents) - out_of_order, out_of_order)


def _upsert_bulk(collection: Collection[Document], documents: Sequence[Document]) -> int:
    """Write the documents. Returns how many met a newer one."""
    from pymongo import InsertOne, ReplaceOne

    present = _present(collection, documents)
    absent = [document for document in documents if document["_id"] not in present]
    # The query also compares documents that came after the look-up, or that occur twice here.
    come_since = write_unless_there(collection, [InsertOne(document) for document in absent], absent)
    compared = [
        each for each in documents if each["_id"] in present and not _is_there(each, present[each["_id"]])
    ] + come_since
    newer = [ReplaceOne(replaced_by(document), document, upsert=True) for document in compared]
    refused = write_unless_there(collection, newer, compared)
    there = _present(collection, refused)
    return sum(1 for document in refused if _order(there.get(document["_id"], {})) != _order(document))


# Order of events within a document. MongoDB cuts times to milliseconds; Kafka has no finer ones.
_ORDER = ("version.timestamp_us", "ingestion_timestamp", "kafka_partition", "version.kafka_offset")


def _order(document: Document) -> tuple[Any, ...]:
    version = document.get("version") or {}
    return (
        version.get("timestamp_us"),
        document.get("ingestion_timestamp"),
        document.get("kafka_partition"),
        version.get("kafka_offset"),
    )


def _is_there(document: Document, present: Document) -> bool:
    """Return whether the collection has this state, from this batch or a later one."""
    return _order(present) == _order(document) and present.get("batch_id", UNCONFIRMED) >= document.get(
        "batch_id", UNCONFIRMED
    )


def replaced_by(document: Document) -> Document:
    """Return the query for the document to replace: an older state, or the same of an earlier batch."""
    values = dict(zip(_ORDER, _order(document), strict=True))
    older = [
        {**{same: values[same] for same in _ORDER[:nth]}, name: {"$lt": values[name]}}
        for nth, name in enumerate(_ORDER)
    ]
    same = {**values, "batch_id": {"$lt": document.get("batch_id", UNCONFIRMED)}}
    return {"_id": document["_id"], "$or": [*older, same]}


def write_unless_there(
    collection: Collection[Document], writes: Sequence[Write], documents: Sequence[Document]
) -> list[Document]:
    """Write documents. Returns those that were not written because their key exists.

    Each write belongs to the document at its position.

    Raises:
        FlightsError: MongoDB refuses a document for another reason.
    """
    from pymongo.errors import BulkWriteError

    try:
        if writes:
            collection.bulk_write(writes, ordered=False)
    except BulkWriteError as error:
        _refuse_others(dict(error.details))
        return [documents[entry["index"]] for entry in error.details["writeErrors"]]
    return []


def _present(collection: Collection[Document], documents: Sequence[Document]) -> dict[str, Document]:
    """Return by id the event order and batch of those flights whose state the collection has confirmed."""
    from pymongo.read_concern import ReadConcern

    if not documents:
        return {}
    found = collection.with_options(read_concern=ReadConcern("majority")).find(
        {"_id": {"$in": [document["_id"] for document in documents]}},
        {"version": 1, "batch_id": 1, "ingestion_timestamp": 1, "kafka_partition": 1},
    )
    return {document["_id"]: document for document in found}


def fill_in_predictions(collection: Collection[Document], predictions: Sequence[Document]) -> int:
    """Add prediction and, after arrival, error to documents without a prediction.

    Returns the documents changed.
    """
    from pymongo import UpdateOne

    writes = []
    for row in predictions:
        prediction = {name: row[name] for name in PREDICTED_COLUMNS}
        error = {"$subtract": ["$actual_delay_minutes", prediction["predicted_delay_minutes"]]}
        change = [{"$set": {"prediction": {"$literal": prediction}, "error_minutes": error}}]
        writes.append(UpdateOne({"_id": row["flight_id"], "prediction": None}, change))
    chunks = (writes[start : start + WRITES_PER_BULK] for start in range(0, len(writes), WRITES_PER_BULK))
    return sum(collection.bulk_write(chunk, ordered=False).modified_count for chunk in chunks)


def replace_confirmed(
    collection: Collection[Document], ids: Sequence[str], instead: Sequence[Document]
) -> None:
    """Replace the documents of these flights by others, whichever is newer, and delete those without one.

    Flights that the collection does not have stay out of it, and documents that no batch has confirmed stay.
    """
    from pymongo import DeleteOne, ReplaceOne

    known = {document["_id"]: document for document in instead}
    for start in range(0, len(ids), WRITES_PER_BULK):
        confirmed = [
            {"_id": name, "batch_id": {"$ne": UNCONFIRMED}} for name in ids[start : start + WRITES_PER_BULK]
        ]
        writes = [
            ReplaceOne(each, known[each["_id"]]) if each["_id"] in known else DeleteOne(each)
            for each in confirmed
        ]
        collection.bulk_write(writes, ordered=False)


def _refuse_others(result: Document) -> None:
    refused = [error for error in result["writeErrors"] if error["code"] != DUPLICATE_KEY]
    if refused or result.get("writeConcernErrors"):
        first = (refused or result["writeConcernErrors"])[0]
        raise FlightsError(
            f"MongoDB refused {len(refused)} documents, the first because: {first.get('errmsg', first)}"
        )


def document(flight: Document) -> Document:
    """Return the document of a row of ``fact_flight_events``: nested prediction, ISO dates, and ``version``.

    The version decides which state is newer. It has whole microseconds, because MongoDB cuts times to
    milliseconds.
    """
    row = {
        name: value.isoformat() if isinstance(value, date) and not isinstance(value, datetime) else value
        for name, value in flight.items()
    }
    prediction = {name: row.pop(name) for name in PREDICTED_COLUMNS}
    offset = row.pop("kafka_offset")
    happened: datetime = flight["timestamp"]
    return {
        "_id": row["flight_id"],
        **row,
        "prediction": prediction if prediction["model_version"] is not None else None,
        "version": {"timestamp_us": (happened - EPOCH) // timedelta(microseconds=1), "kafka_offset": offset},
    }


def flight(found: Document) -> Document:
    """Return the row of ``fact_flight_events`` of a document, plus its ``prediction``."""
    version = found["version"]
    happened = EPOCH + timedelta(microseconds=version["timestamp_us"])
    dates = {name: date.fromisoformat(found[name]) for name in ("flight_date", "processing_date")}
    return {**found, **dates, "timestamp": happened, "kafka_offset": version["kafka_offset"]}
