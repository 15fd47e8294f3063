"""Repeatable writes of flights to MongoDB: a newer state replaces an older one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flight_assets.contracts.tables import PREDICTED_COLUMNS
from flight_assets.errors import FlightsError
from flight_assets.stores.mongo_documents import (
    UNCONFIRMED,
    Document,
    is_there,
    order_of,
    replaced_by,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pymongo import InsertOne, ReplaceOne
    from pymongo.collection import Collection

    Write = InsertOne["Document"] | ReplaceOne["Document"]

WRITES_PER_BULK = 1_000
DUPLICATE_KEY = 11_000


def replace_all(
    collection: Collection[Document], documents: Sequence[Document], also: Sequence[str] = ()
) -> None:
    """Make a small collection hold exactly these documents, ``also`` those of other ids that it has.

    A repeat changes nothing.
    """
    from pymongo import ReplaceOne

    writes = [ReplaceOne({"_id": each["_id"]}, each, upsert=True) for each in documents]
    for start in range(0, len(writes), WRITES_PER_BULK):
        collection.bulk_write(writes[start : start + WRITES_PER_BULK], ordered=False)
    collection.delete_many({"_id": {"$nin": [*(each["_id"] for each in documents), *also]}})


@dataclass(frozen=True)
class UpsertCounts:
    """Counts of flights: ``upserted``, and ``out_of_order`` ones that met a newer state.

    ``sample``: some of their ids. ``problem``: an error of the current forecasts, which hold nothing up.
    """

    upserted: int
    out_of_order: int
    sample: tuple[str, ...] = ()
    problem: str | None = None


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
        each for each in documents if each["_id"] in present and not is_there(each, present[each["_id"]])
    ] + come_since
    newer = [ReplaceOne(replaced_by(document), document, upsert=True) for document in compared]
    refused = write_unless_there(collection, newer, compared)
    there = _present(collection, refused)
    return sum(1 for document in refused if order_of(there.get(document["_id"], {})) != order_of(document))


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
