"""Webhooks over a real MongoDB, with receivers that fail, hang, close and lie.

They show retries with the same id, pauses, the log, a killed worker without a loss, and tenants apart. The
worker and the routes have a database of their own, so flights can be written as batches write them.
"""

from __future__ import annotations

import threading
import time
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from hmac import digest

import pytest
from fastapi.testclient import TestClient

from flight_assets.api.app import create_app
from flight_assets.api.context import open_context
from flight_assets.api.webhooks.worker import Worker
from flight_assets.platform.bootstrap import make_webhook_key
from flight_assets.queries.clients import Clients
from flight_assets.stores import access, lease, mongo, mongo_writes, outbox, subscriptions
from flight_assets.stores.mongo_expiry import DELIVERIES
from flight_assets.tenancy import EVERYTHING, Role
from flight_assets_tests import forked
from flight_assets_tests.integration.takers import START_S, TIMEOUT_S, Taker, deliver, flight, until
from flight_assets_tests.webhook import serving

OWN = "subscriptions_test"
TENANTS = {"UA": "hookunited", "AA": "hookamerican"}


@pytest.fixture(scope="module")
def own(platform):
    """Settings of an own database, with short waits, in which tenants may tell this machine."""
    settings = platform.model_copy(
        update={
            "mongo_database": OWN, "delivery_networks": "127.0.0.0/8", "delivery_timeout_s": TIMEOUT_S,
            "delivery_first_retry_s": 0.1, "delivery_failures": 6, "lease_s": 3.0, "api_subscriptions": 4,
        }
    )  # fmt: skip
    make_webhook_key(settings)
    with mongo.connect(settings) as client:
        client.drop_database(OWN)
        mongo.ensure_collection(settings)
        access.ensure_collections(settings)
        subscriptions.ensure_collections(settings)
        yield settings
        client.drop_database(OWN)


@pytest.fixture
def db(own):
    """The own database, empty but for its tenants."""
    with mongo.database(own) as found:
        for name in found.list_collection_names():
            found[name].delete_many({})
        for airline, name in TENANTS.items():
            access.create_tenant(found, name, (airline,))
        yield found


@pytest.fixture
def api(own, db):
    """Ask the routes with a key of a tenant: ``api("hookunited").get(path)``."""
    context = open_context(own)
    with TestClient(create_app(context)) as client:

        def of_tenant(tenant: str = "default", role: Role = Role.ADMIN) -> TestClient:
            _, text = access.create_key(db, "test", role, tenant)
            client.headers = {"Authorization": f"Bearer {text}"}
            context.keys._looked_at = -1e9  # read the new key now
            return client

        yield of_tenant
    context.close()


@contextmanager
def working(own) -> Iterator[Worker]:
    """A worker in this process, for the length of the block."""
    clients = Clients(own)
    worker = Worker(own, clients.mongo, lambda outcome: None)
    worker.start()
    try:
        yield worker
    finally:
        worker.close()
        clients.close()


def subscribe(api: TestClient, url: str, **changes) -> dict:
    asked = {"url": url, "subject": "route", "value": "EWR-IAH", "condition": "departed"} | changes
    answer = api.post("/v1/subscriptions", json=asked)
    assert answer.status_code == 201, answer.text
    return answer.json()


def test_a_receiver_that_fails_hangs_closes_and_lies_gets_each_delivery_with_the_same_id(own, db, api):
    with serving(Taker("fail", "close", "hang", "drip", "elsewhere")) as taker, working(own):
        made = subscribe(api(), taker.url)
        name = flight(db, "UA", 1)
        until(lambda: taker.taken, "nothing was delivered")
        assert len(set(taker.ids)) == 1
        assert len(taker.ids) == 6
        assert len({body for _, body in taker.requests}) == 1
        assert taker.taken[0]["flight"]["flight_id"] == name

        headers, body = taker.requests[-1]
        signed = f"{headers['Webhook-Id']}.{headers['Webhook-Timestamp']}.".encode() + body
        key = b64decode(made["secret"].removeprefix("whsec_"))
        assert headers["Webhook-Signature"] == f"v1,{b64encode(digest(key, signed, 'sha256')).decode()}"

        # The same state again, as by a batch that confirms it, and a later one: neither is told again.
        db[mongo.FLIGHTS].update_one({"_id": name}, {"$set": {"batch_id": 2}})
        flight(db, "UA", 1, "arrived")
        flight(db, "UA", 2)
        until(lambda: len(taker.taken) == 2)
        assert [each["flight"]["flight_id"] for each in taker.taken] == [name, "UA2-EWR-20260612"]

        path = f"/v1/subscriptions/{made['id']}"
        until(
            lambda: {row["state"] for row in api().get(f"{path}/deliveries").json()["data"]} == {"delivered"}
        )
        second, first = api().get(f"{path}/deliveries").json()["data"]
        assert (first["about"], first["attempts"], second["attempts"]) == (name, 6, 1)
        assert [each["status"] for each in first["tries"]] == [500, None, None, None, 302, 200]
        assert all(each["seconds"] < 2 * TIMEOUT_S for each in first["tries"])
        shown = api().get(path).json()
        assert (shown["failures"], shown["problem"], shown["waiting"]) == (0, None, 0)
        assert "secret" not in shown
        assert made["secret"] not in str([*db[subscriptions.SUBSCRIPTIONS].find(), *db[DELIVERIES].find()])


def test_a_subscription_that_fails_again_and_again_is_paused_and_goes_on_when_resumed(own, db, api):
    with serving(Taker(always="fail")) as bad, serving(Taker()) as good, working(own):
        made, other = subscribe(api(), bad.url), subscribe(api(), good.url)
        flight(db, "UA", 1)
        path = f"/v1/subscriptions/{made['id']}"
        until(lambda: api().get(path).json()["state"] == "paused", "it was not paused")
        # A receiver that fails holds up nobody else.
        assert len(good.taken) == 1
        flight(db, "UA", 2)
        until(lambda: len(good.taken) == 2)
        paused = api().get(path).json()
        assert (paused["failures"], paused["waiting"], len(bad.requests)) == (6, 2, 6)
        assert paused["problem"] == "the receiver answered 500"
        assert api().get(f"/v1/subscriptions/{other['id']}").json()["state"] == "active"

        bad.always = "take"
        assert api().post(f"{path}/resume").json()["state"] == "active"
        until(lambda: len(bad.taken) == 2)
        assert [each["flight"]["flight_number"] for each in bad.taken] == [None, None]
        assert [each["flight"]["flight_id"][:3] for each in bad.taken] == ["UA1", "UA2"]


def test_a_killed_worker_loses_nothing_and_another_goes_on(own, db, api, monkeypatch):
    for name, value in (
        ("MONGO_DATABASE", OWN), ("DELIVERY_NETWORKS", "127.0.0.0/8"), ("DELIVERY_TIMEOUT_S", "30")
    ):  # fmt: skip
        monkeypatch.setenv(f"FLIGHTS_{name}", value)
    with serving(Taker(always="stall")) as taker:
        made = subscribe(api(), taker.url)
        process = forked.process(deliver)
        process.start()
        try:
            until(lambda: outbox.position(db) is not None, "the worker did not begin", START_S)
            for number in range(5):
                flight(db, "UA", number + 1)
            until(lambda: taker.requests, "nothing was tried")
        finally:
            process.kill()
            process.join()
            taker.released.set()
        # While no worker runs: a change, and one of which a worker stored the delivery but not its position.
        flight(db, "UA", 6)
        taker.always, taker.behaviour = "take", []
        with working(own):
            until(lambda: len({each["id"] for each in taker.taken}) == 6, "some were lost")
        assert taker.taken[0]["id"] == taker.ids[0], "the one under way comes again, with its id"
        assert lease.holder(own, lease.DELIVERING) is None

        # MongoDB no longer has the changes since the saved token.
        # Bytes 2 to 5 of a token are its time.
        old, garbage = f"82{1:08x}{outbox.position(db).token[10:]}", "82" + "00" * 30
        for number, token in ((7, old), (8, garbage)):
            db[outbox.POSITIONS].update_one({}, {"$set": {"token": token}})
            flight(db, "UA", number)
            with working(own):
                until(lambda n=number: len({each["id"] for each in taker.taken}) == n, f"lost with {token}")
        log = api().get(f"/v1/subscriptions/{made['id']}/deliveries").json()["data"]
        assert len(log) == 8


def test_only_one_process_delivers(own, db, api):
    with serving(Taker()) as taker, working(own), working(own):
        subscribe(api(), taker.url)
        for number in range(20):
            flight(db, "UA", number + 1)
        until(lambda: len(taker.taken) == 20)
        time.sleep(3 * TIMEOUT_S)  # time in which a second one would have told it again
        assert len(set(taker.ids)) == len(taker.ids) == 20


def test_a_tenant_is_told_and_sees_its_own_only(own, db, api):
    with serving(Taker()) as united, serving(Taker()) as american, serving(Taker()) as everyone, working(own):
        takers = {TENANTS["UA"]: united, TENANTS["AA"]: american, "default": everyone}
        made = {name: subscribe(api(name), taker.url)["id"] for name, taker in takers.items()}
        assert api(TENANTS["UA"]).post(
            "/v1/subscriptions",
            json={"url": united.url, "subject": "airline", "value": "AA", "condition": "departed"},
        ).status_code == 404  # fmt: skip
        names = {airline: flight(db, airline, 1) for airline in TENANTS}
        until(lambda: len(everyone.taken) == 2 and american.taken and united.taken)
        assert [each["flight"]["flight_id"] for each in united.taken] == [names["UA"]]
        assert [each["flight"]["flight_id"] for each in american.taken] == [names["AA"]]

        mine, other = made[TENANTS["UA"]], made[TENANTS["AA"]]
        client = api(TENANTS["UA"])
        assert [each["id"] for each in client.get("/v1/subscriptions").json()["data"]] == [mine]
        for method, path in (("GET", ""), ("GET", "/deliveries"), ("POST", "/resume"), ("DELETE", "")):
            assert client.request(method, f"/v1/subscriptions/{other}{path}").status_code == 404
        assert client.get(f"/v1/subscriptions/{mine}").status_code == 200
        assert len(api().get("/v1/subscriptions").json()["data"]) == 3

        assert api(TENANTS["AA"]).delete(f"/v1/subscriptions/{other}").status_code == 204
        assert db[DELIVERIES].count_documents({"subscription": other}) == 0
        access.delete_tenant(db, TENANTS["UA"])
        flight(db, "UA", 2), flight(db, "AA", 2)
        until(lambda: len(everyone.taken) == 4)
        assert (len(united.taken), len(american.taken)) == (1, 1)


def test_an_open_finding_is_told_once(own, db, api):
    with serving(Taker()) as taker, working(own):
        subscribe(api(), taker.url, subject="airport", value="EWR", condition="complex_event")
        subscribe(api(TENANTS["AA"]), taker.url, subject="airport", value="EWR", condition="complex_event")
        now = datetime.now(UTC)
        finding = {
            "_id": "0123456789abcdef", "pattern": "long_wait", "severity": "warning", "key": "EWR",
            "group": "EWR", "raised": now, "started": now, "updated": now, "explanation": "waits",
            "airport": "EWR", "airline": "", "numbers": {}, "flight_ids": [flight(db, "UA", 1)],
        }  # fmt: skip
        for nth in range(3):
            mongo_writes.replace_all(db[mongo.FINDINGS], [finding | {"changes": nth}])
        until(lambda: taker.taken)
        mongo_writes.replace_all(db[mongo.FINDINGS], [finding | {"severity": "critical"}])
        until(lambda: len(taker.taken) == 2)
        assert [each["finding"]["severity"] for each in taker.taken] == ["warning", "critical"]


def test_a_tenant_has_so_many_subscriptions_and_no_more_and_readers_make_none(own, db, api):
    url = "http://127.0.0.1:9/"
    for _ in range(own.api_subscriptions):
        subscribe(api(TENANTS["UA"]), url)
    asked = {"url": url, "subject": "route", "value": "EWR-IAH", "condition": "departed"}
    full = api(TENANTS["UA"]).post("/v1/subscriptions", json=asked)
    assert (full.status_code, full.json()["type"]) == (409, "/problems/too-many-subscriptions")
    assert len(subscriptions.find(EVERYTHING, db)) == own.api_subscriptions
    subscribe(api(TENANTS["AA"]), url)
    for role, status in ((Role.READER, 403), (Role.PRODUCER, 403)):
        assert api("default", role).post("/v1/subscriptions", json=asked).status_code == status
    inside = asked | {"url": f"http://127.0.0.1:{own.port('mongod')}/"}
    refused = api().post("/v1/subscriptions", json=inside)
    assert (refused.status_code, refused.json()["type"]) == (422, "/problems/url-refused")


def test_waiting_deliveries_beyond_the_most_are_dropped_and_counted(own, db, api, monkeypatch):
    monkeypatch.setattr(outbox, "WAITING_AT_MOST", 3)
    made = subscribe(api(), "http://127.0.0.1:9/")
    waits = [
        outbox.Delivery(f"{number:032x}", made["id"], "default", subscriptions.Condition.DEPARTED, "f", "{}")
        for number in range(5)
    ]
    assert (outbox.add(db, waits[:2]), outbox.add(db, waits), outbox.add(db, waits[:3])) == (2, 1, 0)
    shown = api().get(f"/v1/subscriptions/{made['id']}").json()
    assert (shown["waiting"], shown["dropped"]) == (3, 2)


def test_threads_end_with_the_worker(own, db):
    with working(own):
        until(lambda: lease.holder(own, lease.DELIVERING))
    assert not any(thread.name.startswith("webhook") for thread in threading.enumerate())
