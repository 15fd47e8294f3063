"""Real flights as a stream."""

from __future__ import annotations

import json
from collections import Counter
from datetime import date

from flight_assets.producer.replay import replay_messages


def test_a_day_is_replayed_whole_and_in_order() -> None:
    events = [
        json.loads(message.value)
        for message in replay_messages(start=date(2013, 3, 10), end=date(2013, 3, 10))
    ]
    assert Counter(event["event_type"] for event in events) == {
        "scheduled": 908,
        "departed": 903,
        "arrived": 902,
        "cancelled": 5,
    }
    assert {event["flight_id"][-8:] for event in events} == {"20130310"}
    assert [event["timestamp"] for event in events] == sorted(event["timestamp"] for event in events)


def test_the_first_events_are_the_same_bytes_again() -> None:
    first = list(replay_messages(events=500))
    assert first == list(replay_messages(events=500))
    assert len(first) == 500
    assert json.loads(first[0].value)["event_id"] == "UA1545-EWR-20130101:scheduled"


def test_dates_without_flights_give_no_messages() -> None:
    assert list(replay_messages(start=date(2014, 1, 1))) == []
