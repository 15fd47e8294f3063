"""Flights become events: which, when, in what order, and in which bytes."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from flight_assets.contracts.message import (
    FORBIDDEN_DELAYS,
    REQUIRED_DELAYS,
    SCHEMA_VERSION,
    WEATHER_FIELDS,
    EventType,
    fields_of,
)
from flight_assets.producer.events import Message, encode_events, event_count, order_events

WEATHER = {field.name: 1.5 for field in WEATHER_FIELDS}


def flight(
    number: int = 1545, departed: float | None = 2.0, arrived: float | None = 11.0, **changes: object
) -> dict[str, object]:
    planned = {
        "flight_id": f"UA{number}-EWR-20130101",
        "airline": "UA",
        "flight_number": number,
        "tail_number": "N14228",
        "origin": "EWR",
        "destination": "IAH",
        "scheduled_departure": pd.Timestamp("2013-01-01T10:15Z"),
        "scheduled_arrival": pd.Timestamp("2013-01-01T14:19Z"),
        "distance_miles": 1400.0,
        "departure_delay_minutes": departed,
        "arrival_delay_minutes": arrived,
        "cancelled": departed is None,
    }
    return planned | WEATHER | changes


def frame(*flights: dict[str, object]) -> pd.DataFrame:
    delays = ["departure_delay_minutes", "arrival_delay_minutes"]
    return pd.DataFrame(flights).astype(dict.fromkeys([*delays, *WEATHER], float))


def messages(*flights: dict[str, object], lead_minutes: int = 60) -> list[Message]:
    table = frame(*flights)
    return list(encode_events(table, order_events(table, lead_minutes)))


def events(*flights: dict[str, object], lead_minutes: int = 60) -> list[dict[str, object]]:
    return [json.loads(message.value) for message in messages(*flights, lead_minutes=lead_minutes)]


def life(*flights: dict[str, object]) -> list[tuple[object, object]]:
    return [(event["event_type"], event["timestamp"]) for event in events(*flights)]


def test_a_flight_is_scheduled_departs_and_arrives() -> None:
    expected = [
        ("scheduled", "2013-01-01T09:15:00Z"),
        ("departed", "2013-01-01T10:17:00Z"),
        ("arrived", "2013-01-01T14:30:00Z"),
    ]
    assert life(flight()) == expected


def test_a_cancelled_flight_is_cancelled_at_its_planned_departure() -> None:
    assert life(flight(departed=None, arrived=None)) == [
        ("scheduled", "2013-01-01T09:15:00Z"),
        ("cancelled", "2013-01-01T10:15:00Z"),
    ]


def test_a_diverted_flight_never_arrives() -> None:
    assert [kind for kind, _ in life(flight(arrived=None))] == ["scheduled", "departed"]


def test_the_lead_moves_the_scheduled_event_only() -> None:
    times = [event["timestamp"] for event in events(flight(), lead_minutes=180)]
    assert times == ["2013-01-01T07:15:00Z", "2013-01-01T10:17:00Z", "2013-01-01T14:30:00Z"]


def test_a_lead_after_which_flights_may_have_left_is_refused() -> None:
    assert order_events(frame(flight()), lead_minutes=45) is not None
    with pytest.raises(ValueError, match="at least 45"):
        order_events(frame(flight()), lead_minutes=44)


def test_events_are_ordered_by_time_then_flight_then_life() -> None:
    early = flight(1, scheduled_departure=pd.Timestamp("2013-01-01T09:14Z"), departed=1.0, arrived=None)
    cancelled = flight(2, departed=None, arrived=None)
    order = [
        (event["timestamp"][11:16], event["flight_id"][:4], event["event_type"])
        for event in events(cancelled, early, flight(10))
    ]
    assert order == [
        ("08:14", "UA1-", "scheduled"),
        ("09:15", "UA1-", "departed"),
        ("09:15", "UA10", "scheduled"),
        ("09:15", "UA2-", "scheduled"),
        ("10:15", "UA2-", "cancelled"),
        ("10:17", "UA10", "departed"),
        ("14:30", "UA10", "arrived"),
    ]


def test_each_event_knows_only_the_delays_of_its_time() -> None:
    for event in events(flight(1), flight(2, departed=None, arrived=None), flight(3, arrived=None)):
        kind = EventType(event["event_type"])
        assert all(event[name] is not None for name in REQUIRED_DELAYS[kind])
        assert all(event[name] is None for name in FORBIDDEN_DELAYS[kind])


def test_the_bytes_of_a_message() -> None:
    departed = messages(flight(temperature_f=None, tail_number=None))[1]
    assert departed.key == b"UA1545-EWR-20130101"
    assert departed.event_time_s == pd.Timestamp("2013-01-01T10:17Z").timestamp()
    assert departed.value == (
        b'{"schema_version":1,"event_id":"UA1545-EWR-20130101:departed","event_type":"departed","timestamp":"2013-01-01T10:17:00Z",'
        b'"flight_id":"UA1545-EWR-20130101","airline":"UA","flight_number":1545,"tail_number":null,"origin":"EWR","destination":"IAH",'
        b'"scheduled_departure":"2013-01-01T10:15:00Z","scheduled_arrival":"2013-01-01T14:19:00Z","distance_miles":1400.0,'
        b'"departure_delay_minutes":2.0,"arrival_delay_minutes":null,"weather":{"temperature_f":null,"dew_point_f":1.5,'
        b'"humidity_pct":1.5,"wind_direction_deg":1.5,"wind_speed_mph":1.5,"wind_gust_mph":1.5,"precipitation_in":1.5,'
        b'"pressure_mb":1.5,"visibility_miles":1.5}}'
    )


def test_the_fields_are_those_of_the_contract_in_its_order() -> None:
    event = events(flight())[0]
    assert list(event) == [field.name for field in fields_of(SCHEMA_VERSION)]
    assert list(event["weather"]) == [field.name for field in WEATHER_FIELDS]


def test_weather_that_nobody_measured_is_null() -> None:
    assert events(flight(**dict.fromkeys(WEATHER)))[0]["weather"] is None


def test_a_source_makes_other_event_ids_of_the_same_flights() -> None:
    table = frame(flight())
    named = [
        json.loads(message.value)["event_id"]
        for message in encode_events(table, order_events(table), source="s7")
    ]
    assert named[0] == "UA1545-EWR-20130101:scheduled:s7"


def test_event_count_is_the_number_of_events() -> None:
    table = frame(flight(1), flight(2, departed=None, arrived=None), flight(3, arrived=None))
    assert event_count(table).tolist() == order_events(table).groupby("row").size().tolist() == [3, 2, 2]


def test_chunks_do_not_show() -> None:
    flights = [flight(number) for number in range(1, 1_001)]
    found = messages(*flights)
    assert len({json.loads(message.value)["event_id"] for message in found}) == 3_000
    assert [message.event_time_s for message in found] == sorted(message.event_time_s for message in found)
