"""Predictions and documents that the live process writes before the batch of their events.

Each flight has one prediction: the first one kept is final, and the batch of its event writes it into the
warehouse. Until that batch confirms it, a live document has ``mongo.UNCONFIRMED`` as its batch. If the batch
did not stage its event, the next run takes the document back.
"""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from flight_assets.contracts.tables import PREDICTED_COLUMNS, PREDICTIONS, SIDE_COLUMNS, arrow_schema
from flight_assets.provenance import METADATA_ROOT
from flight_assets.stores import mongo, mongo_writes
from flight_assets.stores.mongo import FLIGHTS
from flight_assets.stores.mongo_documents import UNCONFIRMED, Document
from flight_assets.stores.mongo_expiry import EARLY, EXPIRING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flight_assets.provenance import BatchRecord, OffsetRange
    from flight_assets.settings import Settings
    from flight_assets.stores.hdfs import Hdfs

MADE_COLUMNS = (*PREDICTED_COLUMNS, *SIDE_COLUMNS)
MADE = pa.struct([arrow_schema(PREDICTIONS).field(name) for name in MADE_COLUMNS])


def keep_first(db: Any, predictions: Sequence[Document]) -> dict[str, Document]:  # noqa: ANN401 - pymongo's generic type
    """Keep each prediction unless its flight has one already. Returns the prediction kept, by flight.

    ``predictions``: flight_id, event_id, kafka_partition, kafka_offset, PREDICTED_COLUMNS and SIDE_COLUMNS.
    """
    from pymongo import InsertOne

    kept_at = {EXPIRING[EARLY].field: datetime.now(UTC)}
    documents = [{"_id": each["flight_id"], **each, **kept_at} for each in predictions]
    refused = mongo_writes.write_unless_there(
        db[EARLY], [InsertOne(document) for document in documents], documents
    )
    earlier = db[EARLY].find({"_id": {"$in": [document["_id"] for document in refused]}}) if refused else []
    return {document["_id"]: document for document in [*documents, *earlier]}


def taken_over(settings: Settings, hdfs: Hdfs, record: BatchRecord) -> pa.Table | None:
    """Return ``of_batch`` for a batch in progress.

    Deletes the predictions that earlier batches have taken over.
    """
    with mongo.database(settings) as db:
        forget_before(db, {partition: taken.first for partition, taken in record.offsets.items()})
        return of_batch(db, hdfs, record)


def of_batch(db: Any, hdfs: Hdfs, record: BatchRecord) -> pa.Table | None:  # noqa: ANN401 - pymongo's generic type
    """Return the live predictions of a batch: event_id, and a struct ``early`` of MADE_COLUMNS; or None.

    The first call stores them beside the batch's record, so a repeat or a backfill of the batch gets the same
    ones.
    """
    kept = kept_of_batch(hdfs, record.batch_id)
    if kept is None:
        kept = _made(db, record.offsets)
        if kept is not None:
            content = io.BytesIO()
            pq.write_table(kept, content)
            hdfs.write(_path(record.batch_id), content.getvalue())
    return kept


def kept_of_batch(hdfs: Hdfs, batch_id: int) -> pa.Table | None:
    """Return the stored answer of ``of_batch``; None if none is stored."""
    try:
        kept = pq.read_table(io.BytesIO(hdfs.read(_path(batch_id))))
    except FileNotFoundError:
        return None
    # A file of an older version lacks the columns added since.
    made = [{name: each.get(name) for name in MADE_COLUMNS} for each in kept["early"].to_pylist()]
    return kept.set_column(1, "early", pa.array(made, MADE))


def _path(batch_id: int) -> str:
    return f"{METADATA_ROOT}/early_predictions/batch_{batch_id:08d}.parquet"


def _made(db: Any, offsets: Mapping[str, OffsetRange]) -> pa.Table | None:  # noqa: ANN401 - pymongo's generic type
    if not offsets:
        return None
    ranges = [
        {"kafka_partition": int(partition), "kafka_offset": {"$gte": taken.first, "$lte": taken.last}}
        for partition, taken in offsets.items()
    ]
    rows = [
        {"event_id": each["event_id"], "early": {name: each.get(name) for name in MADE_COLUMNS}}
        for each in db[EARLY].find({"$or": ranges})
    ]
    schema = pa.schema([("event_id", pa.string()), ("early", MADE)])
    return pa.Table.from_pylist(rows, schema) if rows else None


def forget_before(db: Any, next_offsets: Mapping[str, int]) -> None:  # noqa: ANN401 - pymongo's generic type
    """Delete the predictions of events before these offsets: batches have taken them over."""
    if next_offsets:
        db[EARLY].delete_many(_before("kafka_offset", next_offsets))


def unconfirmed_before(db: Any, next_offsets: Mapping[str, int]) -> list[Document]:  # noqa: ANN401 - pymongo's generic type
    """Return _id, flight_date and version of the unconfirmed documents of events before these offsets."""
    if not next_offsets:
        return []
    query = {"batch_id": UNCONFIRMED, **_before("version.kafka_offset", next_offsets)}
    return list(db[FLIGHTS].find(query, ["flight_date", "version"]))


def take_back(db: Any, unconfirmed: Sequence[Document], instead: Sequence[Document]) -> None:  # noqa: ANN401 - pymongo's generic type
    """Replace unconfirmed documents by the warehouse's state of their flights; delete them if it has none."""
    from pymongo import DeleteOne, ReplaceOne

    known = {document["_id"]: document for document in instead}
    writes: list[Any] = []
    for document in unconfirmed:
        still_there = {"_id": document["_id"], "version": document["version"], "batch_id": UNCONFIRMED}
        writes.append(
            ReplaceOne(still_there, known[document["_id"]])
            if document["_id"] in known
            else DeleteOne(still_there)
        )
    db[FLIGHTS].bulk_write(writes, ordered=False)


def _before(offset: str, next_offsets: Mapping[str, int]) -> Document:
    return {
        "$or": [
            {"kafka_partition": int(partition), offset: {"$lt": end}}
            for partition, end in next_offsets.items()
        ]
    }
