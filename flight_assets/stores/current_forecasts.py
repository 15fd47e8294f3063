"""Writes of the collection ``current_forecasts``: a newer forecast replaces an older one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flight_assets.contracts.current_forecasts import COLLECTION, KEPT_AFTER_ARRIVAL, LONGEST_FLIGHT
from flight_assets.contracts.departed import ANNOUNCED, DEPARTED
from flight_assets.stores import mongo_writes

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from flight_assets.stores.mongo_documents import Document


def write(db: Any, documents: Sequence[Document]) -> None:  # noqa: ANN401 - pymongo's generic type
    """Write forecasts. One that was made later stays, and so does that of a flight known as departed."""
    from pymongo import ReplaceOne

    for start in range(0, len(documents), mongo_writes.WRITES_PER_BULK):
        some = documents[start : start + mongo_writes.WRITES_PER_BULK]
        writes = [ReplaceOne(_replaced_by(each), each, upsert=True) for each in some]
        mongo_writes.write_unless_there(db[COLLECTION], writes, some)


def _replaced_by(document: Document) -> Document:
    older = {"stage": document["stage"], "made_at": {"$lte": document["made_at"]}}
    if document["stage"] == DEPARTED:
        return {"_id": document["_id"], "$or": [{"stage": ANNOUNCED}, older]}
    return {"_id": document["_id"], **older}


def remove(db: Any, flights: Collection[str]) -> None:  # noqa: ANN401 - pymongo's generic type
    """Delete the forecasts of flights that have ended."""
    ids = list(flights)
    for start in range(0, len(ids), mongo_writes.WRITES_PER_BULK):
        db[COLLECTION].delete_many({"_id": {"$in": ids[start : start + mongo_writes.WRITES_PER_BULK]}})


def forget_before(db: Any, clock: datetime) -> None:  # noqa: ANN401 - pymongo's generic type
    """Delete the forecasts of flights that should have ended long before this time of the data."""
    long_ago = clock - LONGEST_FLIGHT - KEPT_AFTER_ARRIVAL
    db[COLLECTION].delete_many({"scheduled_departure": {"$lt": long_ago}})
