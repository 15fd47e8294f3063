"""Outbox of webhooks in MongoDB: deliveries that wait, how attempts went, and how far changes were read.

Only the process that holds the lease ``DELIVERING`` writes here. An id is unique, so a change that is read
twice adds nothing.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from flight_assets.stores import access, mongo_writes
from flight_assets.stores.mongo_expiry import DELIVERIES
from flight_assets.stores.subscriptions import SUBSCRIPTIONS, TRIES_KEPT, of_document
from flight_assets.tenancy import DEFAULT, EVERYTHING, Scope

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flight_assets.stores.subscriptions import Condition, Subscription

    Document = dict[str, Any]

POSITIONS = "webhook_position"
POSITION = "webhooks"
# A receiver that is down for long must not fill the hot store: further deliveries are dropped and counted.
WAITING_AT_MOST = 10_000


@dataclass(frozen=True)
class Delivery:
    """Message for one subscription. ``about``: id of the flight or finding; ``body``: JSON text."""

    id: str
    subscription: str
    tenant: str
    condition: Condition
    about: str
    body: str


@dataclass(frozen=True)
class Position:
    """Place in MongoDB's changes up to which deliveries are in the outbox; ``at`` is UTC."""

    token: str | None
    at: datetime


def subscribed(db: Any) -> tuple[list[Subscription], dict[str, Scope]]:  # noqa: ANN401 - pymongo's Database
    """Return every subscription, and the scope of each tenant by name."""
    scopes = {DEFAULT: EVERYTHING} | {each.name: each.scope for each in access.tenants(db)}
    return [of_document(each) for each in db[SUBSCRIPTIONS].find()], scopes


def add(db: Any, deliveries: Sequence[Delivery]) -> int:  # noqa: ANN401
    """Put deliveries into the outbox, except those that it has or had. Return how many are new.

    Deliveries beyond ``WAITING_AT_MOST`` of a subscription are dropped, and counted with it.
    """
    from pymongo import InsertOne

    if not deliveries:
        return 0
    now, first = datetime.now(UTC), time.time_ns()
    documents = [
        {
            "_id": each.id,
            **{name: value for name, value in vars(each).items() if name != "id"},
            "state": "waiting",
            "created": now,
            "position": first + nth,
            "attempts": 0,
            "delivered": None,
            "tries": [],
        }
        for nth, each in enumerate(deliveries)
    ]
    kept = _fitting(db, documents)
    there = mongo_writes.write_unless_there(db[DELIVERIES], [InsertOne(each) for each in kept], kept)
    return len(kept) - len(there)


def _fitting(db: Any, documents: list[Document]) -> list[Document]:  # noqa: ANN401
    """Return the documents that fit into the outbox; count the others with their subscriptions."""
    kept: list[Document] = []
    for name in {each["subscription"] for each in documents}:
        waits = {"subscription": name, "state": "waiting"}
        room = WAITING_AT_MOST - db[DELIVERIES].count_documents(waits, limit=WAITING_AT_MOST)
        its = [each for each in documents if each["subscription"] == name]
        if len(its) > room:
            known = {each["_id"] for each in db[DELIVERIES].find({"subscription": name}, {"_id": 1})}
            its = [each for each in its if each["_id"] not in known]
            dropped = max(0, len(its) - room)
            db[SUBSCRIPTIONS].update_one({"_id": name}, {"$inc": {"dropped": dropped}})
        kept += its[: max(0, room)]
    return kept


def due(db: Any) -> list[Subscription]:  # noqa: ANN401
    """Return the active subscriptions that have waiting deliveries and whose next attempt is due.

    Waiting deliveries of deleted subscriptions and tenants are removed.
    """
    names = db[DELIVERIES].distinct("subscription", {"state": "waiting"})
    if not names:
        return []
    tenants = [DEFAULT, *(each.name for each in access.tenants(db))]
    its = {"_id": {"$in": names}, "tenant": {"$in": tenants}}
    found = [of_document(each) for each in db[SUBSCRIPTIONS].find(its)]
    if orphans := set(names) - {each.id for each in found}:
        db[DELIVERIES].delete_many({"subscription": {"$in": sorted(orphans)}})
    now = datetime.now(UTC)
    return [
        each
        for each in found
        if each.state == "active" and (each.next_attempt is None or each.next_attempt <= now)
    ]


def oldest(db: Any, subscription: str) -> tuple[str, bytes] | None:  # noqa: ANN401
    """Return id and body of the oldest waiting delivery of an active subscription, or None."""
    if db[SUBSCRIPTIONS].find_one({"_id": subscription, "state": "active"}, {"_id": 1}) is None:
        return None
    waits = {"subscription": subscription, "state": "waiting"}
    found = db[DELIVERIES].find_one(waits, {"body": 1}, sort=[("position", 1)])
    return (found["_id"], found["body"].encode()) if found else None


def note_delivered(db: Any, subscription: str, delivery: str, status: int, seconds: float) -> None:  # noqa: ANN401
    """Record that the receiver took a delivery. Its body is no longer kept."""
    now = datetime.now(UTC)
    db[DELIVERIES].update_one(
        {"_id": delivery},
        {
            "$set": {"state": "delivered", "delivered": now},
            "$unset": {"body": ""},
            **_tried(now, status, None, seconds),
        },
    )
    good = {"failures": 0, "problem": None, "next_attempt": None}
    db[SUBSCRIPTIONS].update_one({"_id": subscription, "failures": {"$gt": 0}}, {"$set": good})


def note_failed(
    db: Any,  # noqa: ANN401
    subscription: Subscription,
    delivery: str,
    status: int | None,
    problem: str,
    seconds: float,
    wait_s: float,
    most: int,
) -> bool:
    """Record a failed attempt, and when the next one is due. Return True if the subscription is now paused.

    It is paused after ``most`` failures in a row.
    """
    from pymongo import ReturnDocument

    now = datetime.now(UTC)
    db[DELIVERIES].update_one({"_id": delivery}, _tried(now, status, problem, seconds))
    later = {"problem": problem, "next_attempt": now + timedelta(seconds=wait_s)}
    found = db[SUBSCRIPTIONS].find_one_and_update(
        {"_id": subscription.id},
        {"$set": later, "$inc": {"failures": 1}},
        return_document=ReturnDocument.AFTER,
    )
    if found is None or found["failures"] < most:
        return False
    db[SUBSCRIPTIONS].update_one(
        {"_id": subscription.id, "failures": {"$gte": most}}, {"$set": {"state": "paused", "paused": now}}
    )
    return True


def _tried(now: datetime, status: int | None, problem: str | None, seconds: float) -> Document:
    entry = {"at": now, "status": status, "problem": problem, "seconds": round(seconds, 3)}
    return {"$inc": {"attempts": 1}, "$push": {"tries": {"$each": [entry], "$slice": -TRIES_KEPT}}}


def failures(db: Any, subscription: str) -> int:  # noqa: ANN401
    """Return the failed attempts of a subscription since its last delivery."""
    found = db[SUBSCRIPTIONS].find_one({"_id": subscription}, {"failures": 1}) or {}
    return int(found.get("failures", 0))


def position(db: Any) -> Position | None:  # noqa: ANN401
    """Return the saved position; None before the first. Its token is None after MongoDB has lost it."""
    found = db[POSITIONS].find_one({"_id": POSITION})
    return Position(found.get("token"), found["at"]) if found else None


def save_position(db: Any, token: str | None) -> None:  # noqa: ANN401
    """Save that every delivery of the changes up to this token is in the outbox."""
    db[POSITIONS].replace_one({"_id": POSITION}, {"token": token, "at": datetime.now(UTC)}, upsert=True)


def lose_token(db: Any) -> None:  # noqa: ANN401
    """Keep the time of the position only: its changes are gone from MongoDB's log."""
    db[POSITIONS].update_one({"_id": POSITION}, {"$set": {"token": None}})


def forget_position(db: Any) -> None:  # noqa: ANN401
    """Delete the position: without a subscription nobody follows the changes."""
    db[POSITIONS].delete_one({"_id": POSITION})
