"""An API without a platform: keys in memory, closed stores, a producer that keeps what it gets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from types import SimpleNamespace

import pytest
from fastapi.testclient import TestClient

from flight_assets.api.app import create_app
from flight_assets.api.callers import KeyRing
from flight_assets.api.context import open_context
from flight_assets.api.sender import EventSender
from flight_assets.settings import Settings
from flight_assets.stores import access
from flight_assets.stores.access import ApiKey, Tenant
from flight_assets.tenancy import DEFAULT, Role
from flight_assets.transforms.inputs import Checks
from flight_assets_tests.factories import reference

CREATED = datetime(2026, 11, 1, tzinfo=UTC)
CLOSED = "127.0.0.1:1"


def key_text(prefix: str) -> str:
    return f"flights_{prefix}_secret-of-{prefix}"


def key(prefix: str, role: Role = Role.ADMIN, tenant: str = DEFAULT, **more) -> ApiKey:
    hashed = sha256(key_text(prefix).encode()).hexdigest()
    return ApiKey(prefix, prefix, role, tenant, hashed, CREATED, **more)


class Producer:
    """A Kafka producer that acknowledges at once; ``fails`` makes it fail."""

    def __init__(self) -> None:
        self.sent: list[tuple[bytes, bytes]] = []
        self.fails = False

    def send(self, topic, key, value):
        if self.fails:
            raise TimeoutError("no acknowledgement")
        self.sent.append((key, value))
        offset = len(self.sent) - 1
        return SimpleNamespace(get=lambda timeout: SimpleNamespace(partition=0, offset=offset))

    def flush(self, timeout): ...

    def close(self, timeout): ...


class Mongo:
    """Keys and tenants that a test may change; ``is_down`` makes a look fail."""

    def __init__(self) -> None:
        gone = datetime.now(UTC) - timedelta(days=1)
        self.keys = [
            key("aaaaaaaa"),
            key("bbbbbbbb", Role.READER),
            key("cccccccc", Role.PRODUCER),
            key("dddddddd", Role.OPERATOR),
            key("11111111", Role.READER, "united"),
            key("22222222", Role.ADMIN, "united"),
            key("33333333", Role.READER, "deleted"),
            key("eeeeeeee", expires=gone),
            key("ffffffff", revoked=gone),
            key("99999999", Role.READER, requests_per_minute=2),
        ]
        self.tenants = [Tenant("united", ("UA",), CREATED, events_per_day=3)]
        self.is_down = False
        self.looks = 0

    def database(self) -> Mongo:
        self.looks += 1
        if self.is_down:
            raise ConnectionError("MongoDB is down")
        return self


@pytest.fixture
def own_settings(tmp_path) -> Settings:
    return Settings(
        _env_file=None, home=tmp_path, kafka_bootstrap_servers=CLOSED, hdfs_url=f"hdfs://{CLOSED}", spark_remote=f"sc://{CLOSED}",
        mongo_uri=f"mongodb://{CLOSED}", redis_url=f"redis://{CLOSED}/0", timeout_s=1.0,
        api_timeout_s=2.0, log_json=False,
    )  # fmt: skip


@pytest.fixture
def mongo(monkeypatch) -> Mongo:
    monkeypatch.setattr(access, "keys", lambda db: db.keys)
    monkeypatch.setattr(access, "tenants", lambda db: db.tenants)
    monkeypatch.setattr(access, "note_use", lambda db, used: None)
    return Mongo()


@pytest.fixture
def producer() -> Producer:
    return Producer()


@pytest.fixture
def context(own_settings, mongo, producer):
    made = open_context(own_settings)
    made.keys = KeyRing(own_settings, mongo.database)
    made.sender = EventSender(made.clients, lambda: producer)
    made.sender._checks = (float("inf"), Checks(reference()))
    yield made
    made.close()


@pytest.fixture
def client(context):
    with TestClient(create_app(context), raise_server_exceptions=False) as made:
        yield made


@pytest.fixture
def as_key(client):
    """Ask with a key: ``as_key("aaaaaaaa").get(path)``."""

    def with_key(prefix: str, **headers) -> TestClient:
        client.headers = {"Authorization": f"Bearer {key_text(prefix)}", **headers}
        return client

    return with_key
