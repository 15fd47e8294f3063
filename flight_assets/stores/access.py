"""API keys and tenants in MongoDB. A key's secret is stored as its SHA-256 only."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from secrets import token_hex, token_urlsafe
from typing import TYPE_CHECKING, Any

from flight_assets.contracts.units import AIRLINE
from flight_assets.errors import FlightsError
from flight_assets.stores import mongo
from flight_assets.stores.mongo_expiry import DELIVERIES
from flight_assets.stores.subscriptions import SUBSCRIPTIONS
from flight_assets.tenancy import DEFAULT, EVERYTHING, Role, Scope

if TYPE_CHECKING:
    from flight_assets.settings import Settings

KEYS, TENANTS = "api_keys", "tenants"
# Collections whose documents belong to one tenant, by their field `tenant`.
OWNED = (KEYS, SUBSCRIPTIONS, DELIVERIES)
MARK = "flights"
PREFIX_CHARACTERS = 8
# 256 random bits: a fast hash is enough, since nobody can try them all.
SECRET_BYTES = 32
NAME = "^[a-z0-9][a-z0-9_-]{0,39}$"

Document = dict[str, Any]
_DATE, _COUNT = {"bsonType": ["date", "null"]}, {"bsonType": ["int", "long", "null"], "minimum": 1}
VALIDATORS: dict[str, Document] = {
    KEYS: {
        "$jsonSchema": {
            "bsonType": "object",
            "required": ["_id", "name", "hash", "role", "tenant", "created"],
            "additionalProperties": False,
            "properties": {
                "_id": {"bsonType": "string", "pattern": f"^[0-9a-f]{{{PREFIX_CHARACTERS}}}$"},
                "name": {"bsonType": "string", "minLength": 1, "maxLength": 100},
                "hash": {"bsonType": "string", "pattern": "^[0-9a-f]{64}$"},
                "role": {"enum": [role.value for role in Role]},
                "tenant": {"bsonType": "string", "pattern": NAME},
                "created": {"bsonType": "date"},
                "expires": _DATE,
                "revoked": _DATE,
                "last_used": _DATE,
                "requests_per_minute": _COUNT,
            },
        }
    },
    TENANTS: {
        "$jsonSchema": {
            "bsonType": "object",
            "required": ["_id", "airlines", "created"],
            "additionalProperties": False,
            "properties": {
                "_id": {"bsonType": "string", "pattern": NAME},
                "airlines": {
                    "bsonType": "array",
                    "minItems": 1,
                    "items": {"bsonType": "string", "pattern": f"^{AIRLINE}$"},
                },
                "created": {"bsonType": "date"},
                "events_per_day": _COUNT,
                "requests_per_minute": _COUNT,
            },
        }
    },
}


@dataclass(frozen=True)
class ApiKey:
    """Key of the API without its secret. Times UTC; null limits are the platform's defaults."""

    prefix: str
    name: str
    role: Role
    tenant: str
    hash: str
    created: datetime
    expires: datetime | None = None
    revoked: datetime | None = None
    last_used: datetime | None = None
    requests_per_minute: int | None = None

    def is_valid(self, now: datetime) -> bool:
        """Return True if the key is neither revoked nor expired."""
        return self.revoked is None and (self.expires is None or now < self.expires)

    def matches(self, text: str) -> bool:
        """Return True if the text is this key; takes the same time for every wrong one."""
        return hmac.compare_digest(self.hash, sha256(text.encode()).hexdigest())


@dataclass(frozen=True)
class Tenant:
    """Organisation that sees and sends the flights of its airlines.

    Null limits are the platform's defaults.
    """

    name: str
    airlines: tuple[str, ...]
    created: datetime
    events_per_day: int | None = None
    requests_per_minute: int | None = None

    @property
    def scope(self) -> Scope:
        """Return the flights that callers may see and send; the default tenant has every one."""
        return EVERYTHING if self is DEFAULT_TENANT else Scope(self.name, self.airlines)


DEFAULT_TENANT = Tenant(DEFAULT, (), datetime(2026, 1, 1, tzinfo=UTC))


def ensure_collections(settings: Settings) -> None:
    """Create the collections of keys and tenants, or update their validators."""
    with mongo.database(settings) as db:
        for name, validator in VALIDATORS.items():
            mongo.ensure(db, name, validator)


def prefix_of(text: str) -> str | None:
    """Return the prefix of a key's text; None if it does not look like a key."""
    mark, _, rest = text.partition("_")
    prefix, _, secret = rest.partition("_")
    return prefix if mark == MARK and len(prefix) == PREFIX_CHARACTERS and secret else None


def new_text() -> str:
    """Return the text of a key that does not exist yet."""
    return f"{MARK}_{token_hex(PREFIX_CHARACTERS // 2)}_{token_urlsafe(SECRET_BYTES)}"


def create_key(
    db: Any,  # noqa: ANN401 - pymongo's generic type
    name: str,
    role: Role,
    tenant: str = DEFAULT,
    days: int | None = None,
    requests_per_minute: int | None = None,
    text: str = "",
) -> tuple[ApiKey, str]:
    """Store a new key. Return it, and its text, which cannot be read again.

    ``text``: what ``new_text`` has returned, if the caller has kept it already.

    Raises:
        FlightsError: there is no such tenant.
    """
    tenant_named(db, tenant)
    now = datetime.now(UTC)
    text = text or new_text()
    prefix = prefix_of(text)
    document = {
        "_id": prefix,
        "name": name,
        "hash": sha256(text.encode()).hexdigest(),
        "role": role.value,
        "tenant": tenant,
        "created": now,
        "expires": now + timedelta(days=days) if days else None,
        "revoked": None,
        "last_used": None,
        "requests_per_minute": requests_per_minute,
    }
    db[KEYS].insert_one(document)
    return _key(document), text


def keys(db: Any) -> list[ApiKey]:  # noqa: ANN401
    """Return every key, oldest first."""
    return [_key(document) for document in db[KEYS].find().sort("created", 1)]


def revoke_key(db: Any, prefix: str) -> ApiKey:  # noqa: ANN401
    """Revoke a key; a revoked one stays so. Raises FlightsError if there is no such key."""
    db[KEYS].update_one({"_id": prefix, "revoked": None}, {"$set": {"revoked": datetime.now(UTC)}})
    found = db[KEYS].find_one({"_id": prefix})
    if found is None:
        raise FlightsError(f"there is no key {prefix}: `flights api key list` shows them")
    return _key(found)


def note_use(db: Any, used: dict[str, datetime]) -> None:  # noqa: ANN401
    """Record when keys were last used, by prefix."""
    from pymongo import UpdateOne

    writes = [UpdateOne({"_id": prefix}, {"$max": {"last_used": at}}) for prefix, at in used.items()]
    if writes:
        db[KEYS].bulk_write(writes, ordered=False)


def create_tenant(
    db: Any,  # noqa: ANN401
    name: str,
    airlines: tuple[str, ...],
    events_per_day: int | None = None,
    requests_per_minute: int | None = None,
) -> Tenant:
    """Store a new tenant.

    Raises:
        FlightsError: the name is taken, a code is none, or MongoDB refuses the document.
    """
    from pymongo.errors import DuplicateKeyError, WriteError

    tenant = Tenant(
        name, tuple(sorted(set(airlines))), datetime.now(UTC), events_per_day, requests_per_minute
    )
    if name == DEFAULT:
        raise FlightsError("the default tenant is always there and has every airline: choose another name")
    document = {"_id": name, **{key: value for key, value in vars(tenant).items() if key != "name"}}
    try:
        db[TENANTS].insert_one({**document, "airlines": list(tenant.airlines)})
    except DuplicateKeyError:
        raise FlightsError(f"there is a tenant {name} already: `flights tenant list` shows it") from None
    except WriteError as error:
        raise FlightsError(
            f"{name} with {', '.join(airlines) or 'no airline'} is no tenant: "
            "give small letters, and airlines such as UA"
        ) from error
    return tenant


def tenants(db: Any) -> list[Tenant]:  # noqa: ANN401
    """Return every tenant but the default one, by name."""
    return [_tenant(document) for document in db[TENANTS].find().sort("_id", 1)]


def tenant_named(db: Any, name: str) -> Tenant:  # noqa: ANN401
    """Return a tenant. Raises FlightsError if there is none of that name."""
    if name == DEFAULT:
        return DEFAULT_TENANT
    found = db[TENANTS].find_one({"_id": name})
    if found is None:
        raise FlightsError(f"there is no tenant {name}: `flights tenant create` makes one")
    return _tenant(found)


def delete_tenant(db: Any, name: str) -> dict[str, int]:  # noqa: ANN401
    """Delete a tenant and all that is its own. Return how many documents are gone, by collection.

    The tenant goes last, so that a deletion that was interrupted can be repeated.

    Raises:
        FlightsError: there is no such tenant, or documents came back meanwhile.
    """
    if name == DEFAULT:
        raise FlightsError("the default tenant cannot be deleted")
    tenant_named(db, name)
    gone = {each: db[each].delete_many({"tenant": name}).deleted_count for each in OWNED}
    db[TENANTS].delete_one({"_id": name})
    # Requests that began before could still write, until the API has read the keys again.
    if left := [each for each in OWNED if db[each].count_documents({"tenant": name})]:
        raise FlightsError(
            f"documents of {name} came back in {', '.join(left)}: create the tenant again, and delete it in"
            " a few seconds"
        )
    return gone


def _key(document: Document) -> ApiKey:
    names = ("name", "tenant", "hash", "created", "expires", "revoked", "last_used", "requests_per_minute")
    return ApiKey(
        prefix=document["_id"],
        role=Role(document["role"]),
        **{name: document.get(name) for name in names},  # type: ignore[arg-type]
    )


def _tenant(document: Document) -> Tenant:
    return Tenant(
        document["_id"],
        tuple(document["airlines"]),
        document["created"],
        document.get("events_per_day"),
        document.get("requests_per_minute"),
    )
