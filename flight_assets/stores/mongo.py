"""Client of MongoDB: the hot store with one document per flight, and the pipeline's leases."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from flight_assets.contracts import current_forecasts
from flight_assets.contracts.message import EventType
from flight_assets.contracts.units import AIRPORT, FLIGHT_ID
from flight_assets.errors import StoreUnavailable
from flight_assets.stores.mongo_documents import UNCONFIRMED, Document
from flight_assets.stores.mongo_expiry import CURRENT_FORECASTS, ensure_expiry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pymongo import InsertOne, MongoClient, ReplaceOne

    from flight_assets.settings import Settings

    Write = InsertOne["Document"] | ReplaceOne["Document"]

FLIGHTS = "flight_events"
FINDINGS = "open_findings"
INDEXES = ("timestamp", "flight_id", "ingestion_timestamp")
FINDING_INDEXES = ("severity", "airport", "flight_ids")

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
            "batch_id": {"bsonType": ["int", "long"]},
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
    """Create or update the collections of flights, open findings and current forecasts.

    They get validators and indexes. Other collections get TTL indexes.
    """
    with database(settings) as db:
        ensure(db, FLIGHTS, VALIDATOR, INDEXES)
        # A partial index: only documents that no batch has confirmed are in it.
        db[FLIGHTS].create_index("batch_id", partialFilterExpression={"batch_id": UNCONFIRMED})
        # The risk board looks up flights that have not departed. They leave this index when they depart.
        waiting = {"event_type": EventType.SCHEDULED.value}
        db[FLIGHTS].create_index("scheduled_departure", partialFilterExpression=waiting)
        ensure(db, FINDINGS, FINDING_VALIDATOR, FINDING_INDEXES)
        ensure(db, CURRENT_FORECASTS, current_forecasts.VALIDATOR, current_forecasts.INDEXES)
        ensure_expiry(db)


def ensure(db: Any, name: str, validator: Document, indexes: Sequence[str] = ()) -> None:  # noqa: ANN401
    """Create a collection, or update its validator and indexes."""
    if name not in db.list_collection_names():
        db.create_collection(name)
    db.command("collMod", name, validator=validator, validationLevel="strict", validationAction="error")
    for field in indexes:
        db[name].create_index(field)
