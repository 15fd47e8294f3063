"""Flights as documents of MongoDB: their form, and which state of a flight is the newer one."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from flight_assets.contracts.tables import PREDICTED_COLUMNS

if TYPE_CHECKING:
    from pymongo import InsertOne, ReplaceOne

    Write = InsertOne["Document"] | ReplaceOne["Document"]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# Batch number of a live document. The batch of its event replaces it.
UNCONFIRMED = -1
Document = dict[str, Any]

# Order of events within a document. MongoDB cuts times to milliseconds; Kafka has no finer ones.
_ORDER = ("version.timestamp_us", "ingestion_timestamp", "kafka_partition", "version.kafka_offset")


def order_of(document: Document) -> tuple[Any, ...]:
    """Return the place of a document in the order of events; the greater is the newer."""
    version = document.get("version") or {}
    return (
        version.get("timestamp_us"),
        document.get("ingestion_timestamp"),
        document.get("kafka_partition"),
        version.get("kafka_offset"),
    )


def is_there(document: Document, present: Document) -> bool:
    """Return whether the collection has this state, from this batch or a later one."""
    return order_of(present) == order_of(document) and present.get("batch_id", UNCONFIRMED) >= document.get(
        "batch_id", UNCONFIRMED
    )


def replaced_by(document: Document) -> Document:
    """Return the query for the document to replace: an older state, or the same of an earlier batch."""
    values = dict(zip(_ORDER, order_of(document), strict=True))
    older = [
        {**{same: values[same] for same in _ORDER[:nth]}, name: {"$lt": values[name]}}
        for nth, name in enumerate(_ORDER)
    ]
    same = {**values, "batch_id": {"$lt": document.get("batch_id", UNCONFIRMED)}}
    return {"_id": document["_id"], "$or": [*older, same]}


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
