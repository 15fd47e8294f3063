"""Webhooks without a network: signatures, waits, ids, matches within the scope, and forbidden addresses."""

from __future__ import annotations

import hmac
import socket
from base64 import b64decode, b64encode
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest

from flight_assets.api.subscription_models import Asked
from flight_assets.api.webhooks import matching, signing, targets
from flight_assets.api.webhooks.matching import Index
from flight_assets.api.webhooks.sender import LONGEST_WAIT_S, wait_s
from flight_assets.settings import Settings
from flight_assets.stores.subscriptions import Condition, Subject, Subscription
from flight_assets.tenancy import DEFAULT, EVERYTHING, Scope

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
SCOPES = {DEFAULT: EVERYTHING, "united": Scope("united", ("UA",)), "american": Scope("american", ("AA",))}
FLIGHT = "UA1-EWR-20260601"
ROW = {
    "flight_id": FLIGHT, "airline": "UA", "origin": "EWR", "destination": "IAH", "route": "EWR-IAH",
    "tail_number": "N1", "event_type": "scheduled", "ingestion_timestamp": NOON,
    "predicted_delay_minutes": 30.0, "diverted_to": None,
}  # fmt: skip
FINDING = {
    "_id": "0123456789abcdef", "pattern": "long_taxi", "severity": "warning", "key": "N1", "airport": "EWR",
    "airline": "", "started": NOON, "raised": NOON, "updated": NOON, "explanation": "late", "numbers": {},
    "flight_ids": [FLIGHT],
}  # fmt: skip


def subscription(
    subject: Subject = Subject.ROUTE,
    value: str = "EWR-IAH",
    condition: Condition = Condition.DEPARTED,
    minutes: float | None = None,
    tenant: str = DEFAULT,
    created: datetime = NOON,
) -> Subscription:
    return Subscription(
        "http://127.0.0.1/", subject, value, condition, minutes, id="a" * 24, tenant=tenant, created=created
    )


def matches(one: Subscription, **changes) -> bool:
    return bool(list(Index([one], SCOPES).of_flight(ROW | changes)))


def test_a_receiver_can_check_the_signature_as_standard_webhooks_says():
    secret, body = signing.secret_of(b"key", "a" * 24), b'{"id":"x"}'
    headers = signing.headers(secret, "x", 1_700_000_000, body)
    key = b64decode(secret.removeprefix("whsec_"))
    expected = hmac.new(key, b"x.1700000000." + body, sha256).digest()
    assert headers["Webhook-Signature"] == f"v1,{b64encode(expected).decode()}"
    assert (headers["Webhook-Id"], headers["Webhook-Timestamp"]) == ("x", "1700000000")
    assert signing.signature(secret, "x", 1_700_000_000, body + b" ") != headers["Webhook-Signature"]


def test_each_subscription_has_its_own_secret_which_needs_the_platforms_key():
    secrets = {signing.secret_of(key, name) for key in (b"one", b"two") for name in ("a", "b")}
    assert len(secrets) == 4
    assert all(len(b64decode(each.removeprefix("whsec_"))) == 32 for each in secrets)


def test_waits_double_up_to_an_hour_and_are_spread():
    assert [wait_s(failures, 5.0, 0.0) for failures in (1, 2, 3, 4)] == [5.0, 10.0, 20.0, 40.0]
    assert wait_s(3, 5.0, 1.0) == 10.0
    assert wait_s(10_000, 5.0, 0.0) == LONGEST_WAIT_S


def test_a_repeat_has_the_same_id_and_another_subject_another():
    ids = [
        matching.delivery_id(*each)
        for each in (
            ("s", "departed", "f"), ("t", "departed", "f"), ("s", "cancelled", "f"), ("s", "departed", "g"),
        )
    ]  # fmt: skip
    assert len(set(ids)) == 4
    assert ids[0] == matching.delivery_id("s", "departed", "f")
    index = Index([subscription(condition=Condition.DEPARTED)], SCOPES)
    first, again = (
        matching.of_flights(index, ROW | {"event_type": kind}, dict)[0].id for kind in ("departed", "arrived")
    )
    assert first == again


@pytest.mark.parametrize(
    ("condition", "changes", "is_met"),
    [
        (Condition.DEPARTED, {}, False),
        (Condition.DEPARTED, {"event_type": "departed"}, True),
        (Condition.DEPARTED, {"event_type": "arrived"}, True),
        (Condition.DEPARTED, {"event_type": "cancelled"}, False),
        (Condition.CANCELLED, {"event_type": "cancelled"}, True),
        (Condition.CANCELLED, {"event_type": "arrived"}, False),
        (Condition.DIVERTED, {"event_type": "diverted", "diverted_to": "ORD"}, True),
        (Condition.DIVERTED, {"event_type": "arrived", "diverted_to": "ORD"}, True),
        (Condition.DIVERTED, {"event_type": "arrived"}, False),
        (Condition.COMPLEX_EVENT, {"event_type": "departed"}, False),
    ],
)
def test_a_condition_is_about_the_state_that_was_reached(condition, changes, is_met):
    assert matches(subscription(condition=condition), **changes) is is_met


@pytest.mark.parametrize(
    ("minutes", "forecast", "is_met"), [(30, 30.0, True), (31, 30.0, False), (0, None, False)]
)
def test_a_forecast_of_at_least_the_minutes_is_told(minutes, forecast, is_met):
    one = subscription(condition=Condition.FORECAST, minutes=minutes)
    assert matches(one, predicted_delay_minutes=forecast) is is_met


@pytest.mark.parametrize(
    ("subject", "value", "is_about"),
    [
        (Subject.FLIGHT, FLIGHT, True),
        (Subject.FLIGHT, "UA2-EWR-20260601", False),
        (Subject.AIRPORT, "EWR", True),
        (Subject.AIRPORT, "IAH", True),
        (Subject.AIRPORT, "ORD", True),
        (Subject.AIRPORT, "JFK", False),
        (Subject.AIRLINE, "UA", True),
        (Subject.AIRLINE, "AA", False),
        (Subject.TAIL, "N1", True),
        (Subject.TAIL, "N2", False),
        (Subject.ROUTE, "IAH-EWR", False),
    ],
)
def test_a_subscription_is_about_its_subject(subject, value, is_about):
    assert matches(subscription(subject, value), event_type="diverted", diverted_to="ORD") is is_about


@pytest.mark.parametrize(
    ("tenant", "is_told"), [(DEFAULT, True), ("united", True), ("american", False), ("deleted", False)]
)
def test_a_tenant_is_told_of_its_own_flights_only(tenant, is_told):
    assert matches(subscription(tenant=tenant), event_type="departed") is is_told


def test_events_from_before_the_subscription_are_not_told():
    assert not matches(subscription(created=NOON + timedelta(seconds=1)), event_type="departed")


@pytest.mark.parametrize(
    ("tenant", "changes", "airline", "is_told"),
    [
        (DEFAULT, {"flight_ids": []}, "UA", True),
        ("united", {}, "UA", True),
        ("united", {"airline": "UA", "flight_ids": []}, "UA", True),
        ("united", {"flight_ids": []}, "UA", False),
        ("united", {"airline": "AA"}, "UA", False),
        ("united", {"flight_ids": [FLIGHT, "AA1-EWR-20260601"]}, "UA", False),
        ("american", {}, "UA", False),
    ],
)
def test_a_tenant_is_told_of_findings_that_are_about_its_flights_alone(tenant, changes, airline, is_told):
    one = subscription(Subject.AIRPORT, "EWR", Condition.COMPLEX_EVENT, tenant=tenant)
    flights = [{"flight_id": FLIGHT, "airline": airline, "route": "EWR-IAH", "tail_number": "N1"}]
    assert bool(matching.of_findings(Index([one], SCOPES), FINDING | changes, flights)) is is_told


def test_a_finding_is_told_again_when_it_becomes_more_severe():
    index = Index([subscription(Subject.FLIGHT, FLIGHT, Condition.COMPLEX_EVENT)], SCOPES)
    warned, again, critical = (
        matching.of_findings(index, FINDING | changes, [])[0].id
        for changes in ({}, {"updated": NOON + timedelta(hours=1)}, {"severity": "critical"})
    )
    assert warned == again != critical


def closed(**more) -> Settings:
    return Settings(_env_file=None, **more)


@pytest.mark.parametrize(
    ("address", "more", "tenant", "is_permitted"),
    [
        ("8.8.8.8", {}, "united", True),
        ("127.0.0.1", {}, DEFAULT, True),
        ("::1", {}, DEFAULT, True),
        ("::ffff:127.0.0.1", {}, DEFAULT, True),
        ("127.0.0.1", {}, "united", False),
        ("127.0.0.1", {"secured": True}, DEFAULT, False),
        ("127.0.0.1", {"embedded": False}, DEFAULT, False),
        ("::ffff:127.0.0.1", {}, "united", False),
        ("10.1.2.3", {}, DEFAULT, False),
        ("10.1.2.3", {"delivery_networks": "10.1.0.0/16"}, "united", True),
        ("10.2.2.3", {"delivery_networks": "10.1.0.0/16"}, "united", False),
        ("169.254.169.254", {}, DEFAULT, False),
        ("fe80::1", {}, DEFAULT, False),
        ("224.0.0.1", {}, DEFAULT, False),
        ("0.0.0.0", {}, DEFAULT, False),  # noqa: S104 - it must not be reached
        ("64:ff9b::7f00:1", {}, DEFAULT, False),
        ("2002:7f00:1::", {}, DEFAULT, False),
    ],
)
def test_a_webhook_reaches_public_addresses_and_permitted_networks_only(
    address, more, tenant, is_permitted, monkeypatch
):
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 9))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_more: found)
    target = targets.target_of("http://receiver.example:4321/hook")
    if is_permitted:
        assert targets.addresses_of(closed(**more), tenant, target) == [address]
    else:
        with pytest.raises(targets.Refused, match="not be sent"):
            targets.addresses_of(closed(**more), tenant, target)


def test_one_private_address_among_public_ones_is_enough_to_refuse(monkeypatch):
    found = [(2, 1, 6, "", (address, 9)) for address in ("8.8.8.8", "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_more: found)
    with pytest.raises(targets.Refused):
        targets.addresses_of(closed(), DEFAULT, targets.target_of("https://receiver.example/"))


@pytest.mark.parametrize("endpoint", ["namenode_http", "dagster_webserver", "mongod", "api"])
def test_the_platforms_own_ports_are_never_reached(endpoint):
    settings = closed(port_offset=9000, delivery_networks="127.0.0.0/8")
    with pytest.raises(targets.Refused):
        targets.addresses_of(
            settings, DEFAULT, targets.target_of(f"http://127.0.0.1:{settings.port(endpoint)}/")
        )


@pytest.mark.parametrize(
    "url",
    [
        "ftp://receiver.example/", "file:///etc/passwd", "//receiver.example/", "http://", "http:///path",
        "http://ada:pass@receiver.example/", "http://receiver.example:0/", "http://receiver.example:99999/",
        "http://receiver.example/a b", "http://receiver.example/\r\nX-Evil: 1", "http://[::1/",
        "http://receiver.example/" + "a" * 500,
    ],
)  # fmt: skip
def test_what_is_no_address_of_the_web_is_refused(url):
    with pytest.raises(targets.Refused):
        targets.target_of(url)


def test_networks_that_are_none_are_refused_with_the_settings():
    with pytest.raises(ValueError, match="delivery_networks"):
        closed(delivery_networks="10.0.0.0/8,nonsense")


@pytest.mark.parametrize(
    "changes",
    [
        {"condition": "forecast"}, {"at_least_minutes": 3}, {"subject": "airline", "value": "EWR-IAH"},
        {"url": "gopher://x"}, {"condition": "forecast", "at_least_minutes": float("nan")}, {"more": 1},
    ],
)  # fmt: skip
def test_a_wish_whose_parts_do_not_belong_together_is_refused(changes):
    good = {"url": "https://x.example/", "subject": "route", "value": "EWR-IAH", "condition": "departed"}
    assert Asked.model_validate(good).wish().subject is Subject.ROUTE
    with pytest.raises(ValueError, match="validation error"):
        Asked.model_validate(good | changes)
