"""Callers: the key of a request, its role and scope, and its limits.

Each is derived once, before a route runs.
"""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool

from flight_assets import logs
from flight_assets.api.problems import Problem, of_error
from flight_assets.errors import StoreUnavailable
from flight_assets.stores import access, mongo
from flight_assets.tenancy import DEFAULT, Role, Scope

if TYPE_CHECKING:
    from flight_assets.settings import Settings
    from flight_assets.stores.access import ApiKey, Tenant

# A key that is revoked or expires takes effect within this time.
REFRESH_S = 2.0
# For a key that is not known, keys are read again sooner: a new one works at once.
UNKNOWN_REFRESH_S = 0.2
# While MongoDB is down, known keys stay valid for this long.
STALE_S = 900.0
USE_NOTED_S = 60.0
BUCKETS_KEPT = 10_000
CHALLENGE = {"WWW-Authenticate": 'Bearer realm="flights"'}
_log = logs.get_logger("api")


@dataclass(frozen=True)
class Caller:
    """Sender of a request: key, role, scope, and limits."""

    key: ApiKey
    scope: Scope
    requests_per_minute: int
    events_per_day: int | None = None

    @property
    def role(self) -> Role:
        """Return the role of the key."""
        return self.key.role


class KeyRing:
    """Keys and tenants of MongoDB in memory, read again every ``REFRESH_S`` seconds."""

    def __init__(
        self, settings: Settings, database: Callable[[], Any], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """``database`` returns pymongo's Database or raises StoreUnavailable."""
        self._settings, self._database, self._clock = settings, database, clock
        self._lock = threading.Lock()
        self._keys: Mapping[str, ApiKey] = {}
        self._tenants: Mapping[str, Tenant] = {}
        self._looked_at = self._read_at = -math.inf
        self._used: dict[str, datetime] = {}
        self._noted_at = clock()

    def is_due(self, text: str) -> bool:
        """Return True if the keys should be read again before a look for this one."""
        is_known = access.prefix_of(text) in self._keys
        return self._clock() - self._looked_at >= (REFRESH_S if is_known else UNKNOWN_REFRESH_S)

    def refresh(self, text: str) -> None:
        """Read the keys and tenants, and record which keys were used. An outage is borne for ``STALE_S``."""
        with self._lock:
            if not self.is_due(text):
                return
            self._looked_at = self._clock()
            try:
                self._read()
            except Exception as error:  # any error of the client means that MongoDB does not answer
                _log.warning("keys could not be read", problem=str(error).splitlines()[0])

    def _read(self) -> None:
        with mongo.answering(self._settings):
            db = self._database()
            keys = {key.prefix: key for key in access.keys(db)}
            tenants = {tenant.name: tenant for tenant in access.tenants(db)}
            self._keys, self._tenants = keys, {**tenants, DEFAULT: access.DEFAULT_TENANT}
            self._read_at = self._clock()
            if self._used and self._clock() - self._noted_at >= USE_NOTED_S:
                used, self._used = self._used, {}
                self._noted_at = self._clock()
                access.note_use(db, used)

    def caller(self, text: str) -> Caller:
        """Return the caller of a key's text.

        Raises:
            Problem: 401 for a text that is no valid key.
            StoreUnavailable: the keys are unknown, because MongoDB has not answered for too long.
        """
        if self._clock() - self._read_at > STALE_S:
            address = self._settings.mongo_uri.rsplit("@", 1)[-1]
            raise StoreUnavailable("MongoDB", address, "see `flights status`")
        key = self._keys.get(access.prefix_of(text) or "")
        tenant = self._tenants.get(key.tenant) if key else None
        now = datetime.now(UTC)
        if key is None or tenant is None or not key.matches(text) or not key.is_valid(now):
            raise Problem(
                401, "the key is not valid", "use a key of `flights api key create`", headers=CHALLENGE
            )
        self._used[key.prefix] = now
        allowed = key.requests_per_minute or tenant.requests_per_minute
        limit = allowed or self._settings.api_requests_per_minute
        return Caller(key, tenant.scope, limit, tenant.events_per_day)


class Limits:
    """Requests per key and minute (a token bucket), and events per tenant and UTC day."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._events: dict[str, tuple[date, int]] = {}

    def take(self, caller: Caller) -> None:
        """Count a request. Raises Problem 429 with ``Retry-After`` for one too many."""
        rate, now = caller.requests_per_minute / 60, self._clock()
        with self._lock:
            left, at = self._buckets.get(caller.key.prefix, (float(caller.requests_per_minute), now))
            left = min(caller.requests_per_minute, left + (now - at) * rate)
            allowed = left >= 1
            self._buckets[caller.key.prefix] = (left - 1 if allowed else left, now)
            self._buckets.move_to_end(caller.key.prefix)
            while len(self._buckets) > BUCKETS_KEPT:
                self._buckets.popitem(last=False)
        if not allowed:
            wait = {"Retry-After": str(math.ceil((1 - left) / rate))}
            detail = f"more than {caller.requests_per_minute} requests a minute with this key"
            raise Problem(429, detail, "wait as long as Retry-After says", "too-many-requests", wait)

    def take_events(self, caller: Caller, events: int, now: datetime) -> None:
        """Count events of a tenant with a quota. Raises Problem 429 for more than are left today."""
        if caller.events_per_day is None:
            return
        with self._lock:
            day, sent = self._events.get(caller.scope.tenant, (now.date(), 0))
            sent = sent if day == now.date() else 0
            fits = sent + events <= caller.events_per_day
            self._events[caller.scope.tenant] = (now.date(), sent + events if fits else sent)
        if not fits:
            left = 86_400 - (now.hour * 3_600 + now.minute * 60 + now.second)
            detail = f"{sent} of {caller.events_per_day} events of today are sent, {events} more are too many"
            remedy = "send fewer, or wait for the next UTC day"
            raise Problem(429, detail, remedy, "quota-exceeded", {"Retry-After": str(left)})


async def identify(ring: KeyRing, limits: Limits, authorization: str | None) -> Caller:
    """Return the caller of an ``Authorization`` header, and count the request.

    Raises Problem 401, 429 or 503.
    """
    scheme, _, text = (authorization or "").partition(" ")
    text = text.strip()
    if scheme.lower() != "bearer" or not text:
        raise Problem(
            401,
            "the request has no key",
            "send the header `Authorization: Bearer KEY`; `flights status` shows the local key",
            headers=CHALLENGE,
        )
    if ring.is_due(text):
        await run_in_threadpool(ring.refresh, text)
    try:
        caller = ring.caller(text)
    except StoreUnavailable as error:
        raise of_error(error) from error
    limits.take(caller)
    return caller


# Roles by right. An operator also sees what is about the whole platform, a producer only sends.
RIGHTS: dict[str, frozenset[Role]] = {
    "read": frozenset({Role.READER, Role.OPERATOR, Role.ADMIN}),
    "send": frozenset({Role.PRODUCER, Role.ADMIN}),
    "operate": frozenset({Role.OPERATOR, Role.ADMIN}),
}


def refuse_without(right: str, caller: Caller) -> None:
    """Return if the caller's role has a right. Raises Problem 403."""
    if caller.role not in RIGHTS[right]:
        others = ", ".join(sorted(RIGHTS[right]))
        raise Problem(403, f"the role {caller.role} may not {right}", f"use a key of the role {others}")
