"""Keys, roles and limits: who may ask what, and how often."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from flight_assets.api import callers
from flight_assets.api.callers import KeyRing, Limits
from flight_assets.api.problems import Problem
from flight_assets.errors import StoreUnavailable
from flight_assets.stores import access
from flight_assets.tenancy import EVERYTHING, Role, Scope
from flight_assets_tests.api.conftest import key_text

NO_KEYS = {
    "nothing": {},
    "another scheme": {"Authorization": "Basic abc"},
    "no text": {"Authorization": "Bearer "},
    "not a key": {"Authorization": "Bearer abc"},
    "unknown": {"Authorization": f"Bearer {key_text('abcdabcd')}"},
    "wrong secret": {"Authorization": "Bearer flights_aaaaaaaa_wrong"},
    "expired": {"Authorization": f"Bearer {key_text('eeeeeeee')}"},
    "revoked": {"Authorization": f"Bearer {key_text('ffffffff')}"},
    "of a deleted tenant": {"Authorization": f"Bearer {key_text('33333333')}"},
}
OF_THE_PLATFORM = (
    "/v1/batches",
    "/v1/checks",
    "/v1/quarantine",
    "/v1/archives",
    "/v1/freshness",
    "/v1/lag",
    "/v1/metrics",
)


@pytest.mark.parametrize("headers", NO_KEYS.values(), ids=NO_KEYS)
def test_without_a_valid_key_there_is_no_data(client, headers):
    found = client.get("/v1/flights", headers=headers)
    assert found.status_code == 401
    assert found.headers["www-authenticate"].startswith("Bearer")
    assert found.headers["content-type"] == "application/problem+json"
    assert "remedy" in found.json()


def test_a_valid_key_is_known_and_its_secret_is_kept_nowhere(client, as_key, context):
    assert as_key("aaaaaaaa").get("/v1/health").status_code == 200
    assert "secret-of" not in repr(vars(context.keys))


@pytest.mark.parametrize(
    ("prefix", "path", "status"),
    [
        ("cccccccc", "/v1/flights", 403),
        ("bbbbbbbb", "/v1/metrics", 403),
        ("dddddddd", "/v1/metrics", 200),
        ("aaaaaaaa", "/v1/metrics", 200),
        *(("22222222", path, 403) for path in OF_THE_PLATFORM),
    ],
)
def test_a_role_and_a_tenant_open_their_doors_only(as_key, prefix, path, status):
    assert as_key(prefix).get(path).status_code == status


@pytest.mark.parametrize(("prefix", "status"), [("bbbbbbbb", 403), ("dddddddd", 403), ("cccccccc", 422)])
def test_only_a_producer_sends(as_key, prefix, status):
    assert as_key(prefix).post("/v1/events", json={}).status_code == status


def test_one_request_too_many_is_told_when_to_come_back(as_key):
    asked = [as_key("99999999").get("/v1/health") for _ in range(3)]
    assert [found.status_code for found in asked] == [200, 200, 429]
    assert int(asked[2].headers["retry-after"]) in (29, 30)
    assert asked[2].json()["type"] == "/problems/too-many-requests"
    assert as_key("aaaaaaaa").get("/v1/health").status_code == 200


def test_a_bucket_fills_again(mongo):
    now = [0.0]
    limits, ring = Limits(lambda: now[0]), KeyRing(None, mongo.database, lambda: now[0])
    caller = _caller(ring, "99999999")
    for _ in range(2):
        limits.take(caller)
    with pytest.raises(Problem):
        limits.take(caller)
    now[0] = 30.0
    limits.take(caller)


def test_events_of_a_tenant_are_counted_by_the_day(mongo):
    limits, caller = Limits(), _caller(KeyRing(None, mongo.database), "22222222")
    evening = datetime(2026, 11, 30, 23, 59, tzinfo=UTC)
    limits.take_events(caller, 3, evening)
    with pytest.raises(Problem) as refused:
        limits.take_events(caller, 1, evening)
    assert (refused.value.status, refused.value.headers["Retry-After"]) == (429, "60")
    limits.take_events(caller, 3, datetime(2026, 12, 1, tzinfo=UTC))


def _caller(ring: KeyRing, prefix: str) -> callers.Caller:
    from flight_assets.settings import Settings

    ring._settings = Settings(_env_file=None)
    ring.refresh(key_text(prefix))
    return ring.caller(key_text(prefix))


def test_a_caller_has_the_scope_of_its_tenant(mongo):
    ring = KeyRing(None, mongo.database)
    assert _caller(ring, "aaaaaaaa").scope == EVERYTHING
    assert _caller(ring, "11111111").scope == Scope("united", ("UA",))


def test_a_revoked_key_is_refused_after_the_next_look(mongo):
    now = [0.0]
    ring = KeyRing(None, mongo.database, lambda: now[0])
    assert _caller(ring, "bbbbbbbb").role is Role.READER
    mongo.keys = [key for key in mongo.keys if key.prefix != "bbbbbbbb"]
    now[0] = callers.REFRESH_S
    with pytest.raises(Problem, match="not valid"):
        _caller(ring, "bbbbbbbb")


def test_a_new_key_does_not_wait_for_the_next_look(mongo):
    now = [0.0]
    ring = KeyRing(None, mongo.database, lambda: now[0])
    new = next(key for key in mongo.keys if key.prefix == "bbbbbbbb")
    mongo.keys = [key for key in mongo.keys if key is not new]
    assert _caller(ring, "aaaaaaaa").role is Role.ADMIN
    mongo.keys = [*mongo.keys, new]
    now[0] = callers.UNKNOWN_REFRESH_S
    assert _caller(ring, "bbbbbbbb").role is Role.READER


def test_known_keys_bear_an_outage_of_mongodb_for_a_while(mongo):
    now = [0.0]
    ring = KeyRing(None, mongo.database, lambda: now[0])
    _caller(ring, "bbbbbbbb")
    mongo.is_down = True
    now[0] = callers.STALE_S
    assert _caller(ring, "bbbbbbbb").role is Role.READER
    now[0] += 1
    with pytest.raises(StoreUnavailable, match="MongoDB"):
        _caller(ring, "bbbbbbbb")


def test_keys_are_read_once_for_many_requests(as_key, mongo):
    for _ in range(20):
        as_key("aaaaaaaa").get("/v1/health")
    assert mongo.looks <= 3


def test_the_validators_take_what_is_stored():
    """Names of the documents' fields and of the validators are written in two places."""
    fields = {*access.ApiKey.__dataclass_fields__, "_id"} - {"prefix"}
    assert set(access.VALIDATORS[access.KEYS]["$jsonSchema"]["properties"]) == fields
    fields = {*access.Tenant.__dataclass_fields__, "_id"} - {"name"}
    assert set(access.VALIDATORS[access.TENANTS]["$jsonSchema"]["properties"]) == fields
