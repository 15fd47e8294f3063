"""Flights of today, made of real ones."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from flight_assets.producer.events import Message
from flight_assets.producer.nycflights import load_flights
from flight_assets.producer.synthetic import flights_of_day, synthetic_messages

NOON = datetime(2026, 11, 23, 17, tzinfo=UTC)
HOME_ZONE = ZoneInfo("America/New_York")


def clock(flights: pd.DataFrame) -> pd.Series:
    local = flights["scheduled_departure"].dt.tz_convert(HOME_ZONE)
    return local.dt.hour * 60 + local.dt.minute


def events_of(messages: list[Message]) -> list[dict[str, Any]]:
    return [json.loads(message.value) for message in messages]


@pytest.fixture(scope="module")
def real() -> pd.DataFrame:
    return load_flights().pipe(lambda flights: flights.assign(clock=clock(flights)))


@pytest.fixture(scope="module")
def messages() -> list[Message]:
    return list(synthetic_messages(seed=7, events=4_000, anchor=NOON))


@pytest.fixture(scope="module")
def events(messages: list[Message]) -> list[dict[str, Any]]:
    return events_of(messages)


def test_the_same_seed_gives_the_same_bytes(messages: list[Message]) -> None:
    assert list(synthetic_messages(7, 4_000, NOON)) == messages


def test_another_seed_gives_other_flights(messages: list[Message]) -> None:
    other = list(synthetic_messages(8, 4_000, NOON))
    assert {message.key for message in other}.isdisjoint(message.key for message in messages)


@pytest.mark.parametrize("number", [0, 1, 2, 3, 1_001, 4_000])
def test_the_number_of_messages_is_exact(number: int) -> None:
    assert len(list(synthetic_messages(7, number, NOON))) == number


@pytest.mark.parametrize("number", [3_996, 3_997, 3_998, 3_999])
def test_fewer_messages_are_the_newest(messages: list[Message], number: int) -> None:
    assert list(synthetic_messages(7, number, NOON))[-3_000:] == messages[-3_000:]


def test_event_ids_are_unique(events: list[dict[str, Any]]) -> None:
    assert len({event["event_id"] for event in events}) == len(events)


def test_the_stream_is_in_order_and_ends_now(events: list[dict[str, Any]]) -> None:
    times = [event["timestamp"] for event in events]
    assert times == sorted(times)
    assert NOON - timedelta(minutes=5) < datetime.fromisoformat(times[-1]) <= NOON


def test_every_flight_begins_with_its_scheduled_event(events: list[dict[str, Any]]) -> None:
    lives: dict[str, list[str]] = {}
    for event in events:
        lives.setdefault(event["flight_id"], []).append(event["event_type"])
    assert {kinds[0] for kinds in lives.values()} == {"scheduled"}
    assert sum(kinds == ["scheduled", "departed", "arrived"] for kinds in lives.values()) > 1_000


def test_only_flights_near_the_anchor_and_the_oldest_one_are_unfinished(
    real: pd.DataFrame, events: list[dict[str, Any]]
) -> None:
    last = {event["flight_id"]: event for event in events}
    departed = [event for event in last.values() if event["event_type"] == "departed"]
    long_ago = [
        event for event in departed if datetime.fromisoformat(event["timestamp"]) < NOON - timedelta(hours=14)
    ]
    diverted = real.eval("departure_delay_minutes.notna() and arrival_delay_minutes.isna()").mean()
    assert len(long_ago) <= 1 + 10 * diverted * len(last)


def test_a_later_run_of_the_seed_continues_the_same_flights(events: list[dict[str, Any]]) -> None:
    later = events_of(list(synthetic_messages(7, 4_000, NOON + timedelta(hours=2))))
    by_id = {event["event_id"]: event for event in later}
    again = [event for event in events if event["event_id"] in by_id]
    assert len(again) > 3_000
    assert all(by_id[event["event_id"]] == event for event in again)


def test_an_anchor_in_any_zone_is_the_same_instant() -> None:
    assert list(synthetic_messages(7, 100, NOON.astimezone(HOME_ZONE))) == list(
        synthetic_messages(7, 100, NOON)
    )


def test_senseless_arguments_are_refused() -> None:
    for arguments in ((-1, 1, NOON), (1, -1, NOON), (1, 1, NOON.replace(tzinfo=None))):
        with pytest.raises(ValueError, match="must not be negative"):
            list(synthetic_messages(*arguments))


@pytest.mark.parametrize("day", ["2026-11-23", "2026-03-08", "2026-11-01", "2028-02-29", "2028-12-31"])
def test_a_day_keeps_schedule_weather_and_delays_of_one_real_day_of_its_season(
    real: pd.DataFrame, day: str
) -> None:
    date = pd.Timestamp(day)
    made = flights_of_day(7, date)
    trip = ["airline", "origin", "destination", "tail_number", "departure_delay_minutes", "temperature_f"]
    alike = real.merge(made.assign(clock=clock(made)), on=[*trip, "clock"])["flight_date_x"].value_counts()
    drawn = alike.index[0]
    apart = abs(drawn.dayofyear - date.dayofyear)
    assert len(made) == (real["flight_date"] == drawn).sum() <= alike.iloc[0]
    assert drawn.dayofweek == date.dayofweek
    assert min(apart, 365 - apart) <= 30


def test_days_are_drawn_anew_for_each_date(real: pd.DataFrame) -> None:
    dates = pd.date_range("2026-09-07", periods=10, freq="7D")
    miles = real.groupby("flight_date")[["distance_miles", "temperature_f"]].sum().sum(axis=1).round(3)
    by_miles = {total: day for day, total in miles.items()}
    made = [
        flights_of_day(7, date)[["distance_miles", "temperature_f"]].sum().sum().round(3) for date in dates
    ]
    shifts = [by_miles[total].dayofyear - date.dayofyear for total, date in zip(made, dates, strict=True)]
    assert len(set(shifts)) >= 4


@pytest.mark.parametrize("day", ["2026-03-08", "2026-07-01", "2026-11-01"])
def test_flight_ids_name_the_local_date_and_are_unique(day: str) -> None:
    flights = flights_of_day(7, pd.Timestamp(day))
    local = flights["scheduled_departure"].dt.tz_convert(HOME_ZONE).dt.strftime("%Y%m%d")
    expected = (
        flights["airline"] + flights["flight_number"].astype(str) + "-" + flights["origin"] + "-" + local
    )
    assert flights["flight_id"].is_unique
    assert flights["flight_id"].eq(expected).all()


def test_fifteen_seeds_share_no_flight_number() -> None:
    day = pd.Timestamp("2026-12-30")
    ranges = [
        flights_of_day(seed, day)["flight_number"].agg(["min", "max"]).tolist() for seed in range(100, 115)
    ]
    ranges.sort()
    assert all(first[1] < second[0] for first, second in pairwise(ranges))
    assert ranges[0][0] >= 1
