"""Subscriptions in MongoDB: who is told of which flights, where, and how the deliveries go.

The scope of the caller is the first argument of each function. A subscription of another tenant is like one
that does not exist.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from flight_assets.contracts.units import AIRLINE, AIRPORT, FLIGHT_ID, REGISTRATION
from flight_assets.errors import FlightsError
from flight_assets.stores import mongo
from flight_assets.stores.mongo_expiry import DELIVERIES

if TYPE_CHECKING:
    from flight_assets.settings import Settings
    from flight_assets.tenancy import Scope

    Document = dict[str, Any]

SUBSCRIPTIONS = "subscriptions"
ID_CHARACTERS = 24
# Attempts of a delivery that its log keeps.
TRIES_KEPT = 10
LISTED_AT_MOST = 1_000


class Subject(StrEnum):
    """Kinds of things that a subscription is about."""

    FLIGHT = "flight"
    ROUTE = "route"
    AIRPORT = "airport"
    AIRLINE = "airline"
    TAIL = "tail"


class Condition(StrEnum):
    """Conditions of a delivery. Each is met once per flight, or once per finding and severity."""

    FORECAST = "forecast"
    DEPARTED = "departed"
    DIVERTED = "diverted"
    CANCELLED = "cancelled"
    COMPLEX_EVENT = "complex_event"


VALUES: dict[Subject, str] = {
    Subject.FLIGHT: FLIGHT_ID,
    Subject.ROUTE: f"{AIRPORT}-{AIRPORT}",
    Subject.AIRPORT: AIRPORT,
    Subject.AIRLINE: AIRLINE,
    Subject.TAIL: REGISTRATION,
}
_COUNT, _DATE = {"bsonType": ["int", "long"], "minimum": 0}, {"bsonType": ["date", "null"]}
_TEXT = {"bsonType": ["string", "null"]}
VALIDATOR: Document = {
    "$jsonSchema": {
        "bsonType": "object",
        "required": ["_id", "tenant", "url", "subject", "value", "condition", "state", "created"],
        "additionalProperties": False,
        "properties": {
            "_id": {"bsonType": "string", "pattern": f"^[0-9a-f]{{{ID_CHARACTERS}}}$"},
            "tenant": {"bsonType": "string"},
            "url": {"bsonType": "string", "maxLength": 500},
            "subject": {"enum": [kind.value for kind in Subject]},
            "value": {"bsonType": "string", "maxLength": 40},
            "condition": {"enum": [kind.value for kind in Condition]},
            "at_least_minutes": {"bsonType": ["double", "null"]},
            "state": {"enum": ["active", "paused"]},
            "created": {"bsonType": "date"},
            "failures": _COUNT,
            "next_attempt": _DATE,
            "paused": _DATE,
            "problem": _TEXT,
            "dropped": _COUNT,
        },
    }
}
DELIVERY_VALIDATOR: Document = {
    "$jsonSchema": {
        "bsonType": "object",
        "required": ["_id", "subscription", "tenant", "condition", "about", "state", "created", "position"],
        "additionalProperties": False,
        "properties": {
            "_id": {"bsonType": "string", "pattern": "^[0-9a-f]{32}$"},
            "subscription": {"bsonType": "string"},
            "tenant": {"bsonType": "string"},
            "condition": {"enum": [kind.value for kind in Condition]},
            "about": {"bsonType": "string"},
            "state": {"enum": ["waiting", "delivered"]},
            "created": {"bsonType": "date"},
            "position": {"bsonType": "long"},
            "body": {"bsonType": "string"},
            "attempts": _COUNT,
            "delivered": _DATE,
            "tries": {"bsonType": "array", "maxItems": TRIES_KEPT},
        },
    }
}


@dataclass(frozen=True)
class Wish:
    """Address to tell, and when: ``condition`` of a flight with ``subject`` = ``value``.

    ``at_least_minutes``: least forecast delay, for the condition ``forecast`` only.
    """

    url: str
    subject: Subject
    value: str
    condition: Condition
    at_least_minutes: float | None = None


@dataclass(frozen=True)
class Subscription(Wish):
    """Stored subscription. Times UTC; ``failures`` counts failed attempts since the last delivery."""

    id: str = ""
    tenant: str = ""
    state: str = "active"
    created: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    failures: int = 0
    next_attempt: datetime | None = None
    paused: datetime | None = None
    problem: str | None = None
    dropped: int = 0


class TooMany(FlightsError):
    """Subscription beyond the quota of a tenant."""


def ensure_collections(settings: Settings) -> None:
    """Create the collections of subscriptions and deliveries, or update their validators and indexes."""
    with mongo.database(settings) as db:
        mongo.ensure(db, SUBSCRIPTIONS, VALIDATOR, ("tenant",))
        mongo.ensure(db, DELIVERIES, DELIVERY_VALIDATOR, ("tenant",))
        db[DELIVERIES].create_index([("state", 1), ("subscription", 1), ("position", 1)])
        db[DELIVERIES].create_index([("subscription", 1), ("position", 1)])


def _mine(scope: Scope) -> Document:
    return {} if scope.is_everything else {"tenant": scope.tenant}


def create(scope: Scope, db: Any, wish: Wish, most: int) -> Subscription:  # noqa: ANN401 - pymongo's Database
    """Store a subscription of the scope's tenant.

    Raises:
        TooMany: the tenant has ``most`` subscriptions already.
    """
    now = datetime.now(UTC)
    made = Subscription(
        **asdict(wish), id=token_hex(ID_CHARACTERS // 2), tenant=scope.tenant, created=now, next_attempt=now
    )
    document = {name: value for name, value in asdict(made).items() if name != "id"}
    db[SUBSCRIPTIONS].insert_one({"_id": made.id, **document})
    # Counted after the insert, so that two requests at once cannot both take the last place.
    if db[SUBSCRIPTIONS].count_documents({"tenant": scope.tenant}) > most:
        db[SUBSCRIPTIONS].delete_one({"_id": made.id})
        raise TooMany(f"the tenant {scope.tenant} has {most} subscriptions, as many as it may: delete one")
    return made


def find(scope: Scope, db: Any) -> list[Subscription]:  # noqa: ANN401
    """Return the subscriptions in scope, newest first, at most 1,000."""
    found = db[SUBSCRIPTIONS].find(_mine(scope)).sort([("created", -1), ("_id", 1)])
    return [of_document(document) for document in found.limit(LISTED_AT_MOST)]


def one(scope: Scope, db: Any, name: str) -> Subscription | None:  # noqa: ANN401
    """Return the subscription of that id, or None without one in scope."""
    found = db[SUBSCRIPTIONS].find_one({"_id": name, **_mine(scope)})
    return of_document(found) if found else None


def delete(scope: Scope, db: Any, name: str) -> bool:  # noqa: ANN401
    """Delete a subscription with its deliveries. Return False without one in scope."""
    gone: int = db[SUBSCRIPTIONS].delete_one({"_id": name, **_mine(scope)}).deleted_count
    if gone:
        db[DELIVERIES].delete_many({"subscription": name})
    return bool(gone)


def resume(scope: Scope, db: Any, name: str) -> Subscription | None:  # noqa: ANN401
    """Let a paused subscription deliver again, at once. Return it, or None without one in scope."""
    from pymongo import ReturnDocument

    fresh = {"state": "active", "failures": 0, "paused": None, "next_attempt": datetime.now(UTC)}
    found = db[SUBSCRIPTIONS].find_one_and_update(
        {"_id": name, **_mine(scope)}, {"$set": fresh}, return_document=ReturnDocument.AFTER
    )
    return of_document(found) if found else None


def deliveries(scope: Scope, db: Any, name: str, limit: int) -> list[Document] | None:  # noqa: ANN401
    """Return the log of a subscription's deliveries, newest first, without their bodies.

    Return None without such a subscription in scope.
    """
    if one(scope, db, name) is None:
        return None
    found = db[DELIVERIES].find({"subscription": name}, {"body": 0, "position": 0}).sort("position", -1)
    return [{"id": each.pop("_id"), **each} for each in found.limit(limit)]


def waiting(scope: Scope, db: Any, names: list[str]) -> dict[str, int]:  # noqa: ANN401
    """Return how many deliveries wait, by subscription; those without any are left out."""
    match = {"subscription": {"$in": names}, "state": "waiting", **_mine(scope)}
    grouped = db[DELIVERIES].aggregate(
        [{"$match": match}, {"$group": {"_id": "$subscription", "waiting": {"$sum": 1}}}]
    )
    return {each["_id"]: each["waiting"] for each in grouped}


def of_document(document: Document) -> Subscription:
    """Return the subscription of a document of MongoDB."""
    return Subscription(
        **{name: document[name] for name in Subscription.__dataclass_fields__ if name in document},
        id=document["_id"],
    )
