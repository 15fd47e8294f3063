"""Events that programs send: judged as the pipeline does, acknowledged by Kafka, sent once."""

from __future__ import annotations

import json

import pytest

from flight_assets.contracts.message import CHECKED_REASONS
from flight_assets_tests.factories import message

AMERICAN = message(event_id="a1", airline="AA", flight_id="AA1545-EWR-20130612")


def verdicts(answer) -> list[tuple]:
    return [(each["status"], each["reason"], each["offset"]) for each in answer.json()["verdicts"]]


def test_one_message_gets_its_place_in_the_topic(as_key, producer):
    answer = as_key("cccccccc").post("/v1/events", json=message())
    assert answer.status_code == 202
    assert answer.json()["accepted"] == 1
    assert verdicts(answer) == [("accepted", None, 0)]
    assert [key for key, _ in producer.sent] == [b"UA1545-EWR-20130612"]


def test_the_bytes_that_kafka_gets_are_those_that_were_sent(as_key, producer):
    odd = json.dumps(message(), indent=1).encode()
    as_key("cccccccc").post("/v1/events", content=b"[" + odd + b" ,\n" + odd.replace(b":sch", b":2") + b"]")
    assert [value for _, value in producer.sent] == [odd, odd.replace(b":sch", b":2")]


def test_a_list_has_a_verdict_for_each_in_order(as_key, producer):
    sent = [
        message(event_id="e1"),
        message(event_id="e2", origin="EWR", destination="EWR"),
        {"event_id": "e3"},
        7,
        message(event_id="e4"),
    ]
    answer = as_key("cccccccc").post("/v1/events", json=sent)
    assert answer.status_code == 202
    assert [each["status"] for each in answer.json()["verdicts"]] == [
        "accepted",
        "rejected",
        "rejected",
        "rejected",
        "accepted",
    ]
    reasons = [each["reason"] for each in answer.json()["verdicts"] if each["reason"]]
    assert reasons[1:] == ["missing_field", "not_an_object"]
    assert set(reasons) <= set(CHECKED_REASONS)
    assert [each["event_id"] for each in answer.json()["verdicts"]] == ["e1", "e2", "e3", None, "e4"]
    assert len(producer.sent) == 2


def test_nothing_but_rejections_is_a_problem_with_every_verdict(as_key, producer):
    answer = as_key("cccccccc").post("/v1/events", json=[{"event_id": "x"}])
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["verdicts"][0]["reason"] == "missing_field"
    assert producer.sent == []


def test_an_event_that_comes_again_is_sent_once_and_gets_its_first_place(as_key, producer):
    first = as_key("cccccccc").post("/v1/events", json=message(event_id="same"))
    again = as_key("cccccccc").post(
        "/v1/events", json=[message(event_id="same"), message(event_id="new"), message(event_id="new")]
    )
    assert verdicts(again) == [
        ("repeated", None, first.json()["verdicts"][0]["offset"]),
        ("accepted", None, 1),
        ("repeated", None, 1),
    ]
    assert len(producer.sent) == 2


def test_without_an_acknowledgement_nothing_is_accepted_and_a_retry_sends_again(as_key, producer):
    producer.fails = True
    answer = as_key("cccccccc").post("/v1/events", json=message())
    assert (answer.status_code, answer.json()["store"]) == (503, "Kafka")
    assert answer.headers["retry-after"]
    producer.fails = False
    assert verdicts(as_key("cccccccc").post("/v1/events", json=message())) == [("accepted", None, 0)]


def test_a_tenant_sends_flights_of_its_airlines_only(as_key, producer):
    answer = as_key("22222222").post("/v1/events", json=[message(event_id="u1"), AMERICAN])
    assert verdicts(answer) == [("accepted", None, 0), ("rejected", "other_tenant", None)]
    assert "AA" in answer.json()["verdicts"][1]["detail"]
    assert len(producer.sent) == 1


def test_an_event_id_of_another_tenant_says_nothing(as_key, producer):
    as_key("cccccccc").post("/v1/events", json=message(event_id="shared"))
    answer = as_key("22222222").post("/v1/events", json=message(event_id="shared"))
    assert verdicts(answer) == [("accepted", None, 1)]


def test_a_tenants_quota_of_events_holds(as_key):
    answers = [as_key("22222222").post("/v1/events", json=message(event_id=f"q{n}")) for n in range(4)]
    assert [answer.status_code for answer in answers] == [202, 202, 202, 429]


@pytest.mark.parametrize("body", [b"", b"7", b'"text"', b"[", b"[1,", b"\xff", b"[]", b"{", b"[" * 100_000])
def test_a_body_that_is_none_is_refused(as_key, producer, body):
    answer = as_key("cccccccc").post("/v1/events", content=body)
    assert answer.status_code in (400, 422)
    assert answer.json()["remedy"]
    assert producer.sent == []
