"""Lists of flights in MongoDB for programs.

They are filtered, in a fixed order, continued after the last flight seen.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from flight_assets.queries.filters import Filters
from flight_assets.stores.mongo import FLIGHTS
from flight_assets.stores.mongo_documents import UNCONFIRMED

if TYPE_CHECKING:
    from pymongo.database import Database

    from flight_assets.tenancy import Scope

    Mongo = Database[dict[str, Any]]

Order = Literal["newest", "flight_id"]
Position = tuple[Any, str]
DEADLINE_MS = 10_000


@dataclass(frozen=True)
class Wanted:
    """Flights that a list or a stream asks for.

    Times are of the newest event, UTC; ``until`` is not included.
    """

    filters: Filters = field(default_factory=Filters)
    since: datetime | None = None
    until: datetime | None = None
    tails: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    flight_ids: tuple[str, ...] = ()

    def mongo(self) -> dict[str, Any]:
        """Return the match of MongoDB."""
        match = self.filters.mongo()
        if times := {name: at for name, at in (("$gte", self.since), ("$lt", self.until)) if at}:
            match["timestamp"] = times
        for name, values in (
            ("tail_number", self.tails),
            ("event_type", self.states),
            ("flight_id", self.flight_ids),
        ):
            if values:
                match[name] = {"$in": sorted(values)}
        return match


def page(
    db: Mongo, wanted: Wanted, order: Order, limit: int, after: Position | None = None
) -> list[dict[str, Any]]:
    """Return documents in order, ``limit`` at most.

    - ``newest``: latest event first. A flight with a new event moves to the front, so an open list may
      miss it.
    - ``flight_id``: each flight once, whatever is written meanwhile.

    ``after``: the timestamp and flight_id of the last flight seen.
    """
    match = wanted.mongo()
    if order == "newest":
        return _newest(db, match, limit, after)
    later = {"_id": {"$gt": after[1]}} if after else {}
    return _found(db, {"$and": [match, later]}, ("_id", 1), limit)


def _newest(db: Mongo, match: dict[str, Any], limit: int, after: Position | None) -> list[dict[str, Any]]:
    """Return documents by (timestamp, flight_id), both descending, by the index on timestamp alone.

    The index has no order among events of one moment. So the flights of the moment where the page begins,
    and of the one where it ends, are looked up by themselves.
    """
    ties, older = [], {}
    if after:
        same = {"timestamp": after[0], "_id": {"$lt": after[1]}}
        ties = _found(db, {"$and": [match, same]}, ("_id", -1), limit)
        older = {"timestamp": {"$lt": after[0]}}
    rest = (
        _found(db, {"$and": [match, older]}, ("timestamp", -1), limit - len(ties))
        if len(ties) < limit
        else []
    )
    if rest:
        last = rest[-1]["timestamp"]
        rest = sorted((each for each in rest if each["timestamp"] > last), key=position, reverse=True)
        rest += _found(db, {"$and": [match, {"timestamp": last}]}, ("_id", -1), limit)
    return [*ties, *rest][:limit]


def _found(db: Mongo, match: dict[str, Any], order: tuple[str, int], limit: int) -> list[dict[str, Any]]:
    return list(db[FLIGHTS].find(match, max_time_ms=DEADLINE_MS).sort([order]).limit(limit))


def position(document: dict[str, Any]) -> Position:
    """Return the place of a document in a list, for ``after``."""
    return document["timestamp"], document["_id"]


def hot_flight(db: Mongo, scope: Scope, flight_id: str) -> dict[str, Any] | None:
    """Return the document of a flight in scope, or None."""
    found = db[FLIGHTS].find_one({"_id": flight_id}, max_time_ms=DEADLINE_MS)
    return found if found and scope.allows(found["airline"]) else None


def row(document: dict[str, Any]) -> dict[str, Any]:
    """Return a document as a row of the fact table: flat, with the forecast's columns.

    ``batch_id`` is null until a batch confirms it.
    """
    prediction = document.get("prediction") or {}
    batch_id = document.get("batch_id")
    return {**document, **prediction, "batch_id": None if batch_id == UNCONFIRMED else batch_id}
