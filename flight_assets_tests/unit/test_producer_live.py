"""Flights without end."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import dropwhile, islice, takewhile
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from flight_assets.producer.events import Message
from flight_assets.producer.live import busy_day, live_messages

NIGHT = datetime(2026, 11, 23, 8, 30, tzinfo=UTC)  # 3:30 in New York, when no real flight moves


def until(hours: float, seed: int = 7, rate_per_s: float = 0.2, start: datetime = NIGHT) -> list[Message]:
    end_s = start.timestamp() + hours * 3_600
    return list(
        takewhile(lambda message: message.event_time_s < end_s, live_messages(seed, rate_per_s, start))
    )


@pytest.fixture(scope="module")
def two_days() -> list[Message]:
    return until(48)


def test_the_stream_is_in_order_across_midnight(two_days: list[Message]) -> None:
    times = [message.event_time_s for message in two_days]
    assert times == sorted(times)


def test_each_hour_has_about_the_rate_asked_for(two_days: list[Message]) -> None:
    start_s = int(NIGHT.timestamp())
    hours = pd.Series([(message.event_time_s - start_s) // 3_600 for message in two_days]).loc[
        lambda hour: hour >= 0
    ]
    assert hours.value_counts().between(0.2 * 3_600 * 0.7, 0.2 * 3_600 * 1.3).all()
    assert hours.nunique() == 48


def test_events_do_not_come_in_bursts_at_the_full_minute(two_days: list[Message]) -> None:
    seconds = pd.Series([message.event_time_s % 60 for message in two_days]).value_counts(normalize=True)
    assert seconds.max() < 0.05


def test_flights_under_way_at_the_start_come_with_their_earlier_events(two_days: list[Message]) -> None:
    lives: dict[str, list[str]] = {}
    for event in map(json.loads, (message.value for message in two_days)):
        lives.setdefault(event["flight_id"], []).append(event["event_type"])
    assert {kinds[0] for kinds in lives.values()} == {"scheduled"}
    before = [message for message in two_days if message.event_time_s < NIGHT.timestamp()]
    assert 500 < len(before) < 3_000


def test_event_ids_are_unique(two_days: list[Message]) -> None:
    assert len({json.loads(message.value)["event_id"] for message in two_days}) == len(two_days)


def test_a_stream_started_again_goes_on_with_the_same_flights(two_days: list[Message]) -> None:
    later = NIGHT + timedelta(
        hours=21
    )  # half past midnight: most flights under way are those of the day before
    restarted = dropwhile(
        lambda message: message.event_time_s < later.timestamp(), live_messages(7, 0.2, later)
    )
    expected = [message for message in two_days if message.event_time_s >= later.timestamp()]
    assert list(islice(restarted, 2_000)) == expected[:2_000]


def test_another_seed_gives_another_stream(two_days: list[Message]) -> None:
    assert until(1) == until(1)
    assert {message.value for message in until(1, seed=8)}.isdisjoint(message.value for message in two_days)


@pytest.mark.parametrize("day", ["2026-03-08", "2026-11-01", "2026-11-23"])
def test_the_flights_of_a_busy_day_depart_on_that_local_date_and_are_spread_over_it(day: str) -> None:
    flights = busy_day(7, pd.Timestamp(day), 0.1)
    local = flights["scheduled_departure"].dt.tz_convert(ZoneInfo("America/New_York"))
    assert local.dt.strftime("%Y-%m-%d").eq(day).all()
    per_hour = flights["scheduled_departure"].dt.floor("h").value_counts()
    assert per_hour.min() > 0.6 * per_hour.mean()


def test_when_numbers_run_out_the_flights_go_under_other_carriers() -> None:
    flights = busy_day(7, pd.Timestamp("2026-11-23"), 4.0)
    named = flights["airline"] + flights["flight_number"].astype(str) + "-" + flights["origin"] + "-20261123"
    assert flights["flight_id"].is_unique
    assert flights["flight_id"].eq(named).all()
    assert flights["flight_number"].between(2_401, 9_999).all()
    assert (
        flights["origin"].eq("EWR") & flights["airline"].eq("HA")
    ).any()  # no real Hawaiian flight leaves Newark


@pytest.mark.parametrize(
    "arguments",
    [(-1, 1.0, NIGHT), (1, 0.0, NIGHT), (1, 10.1, NIGHT), (1, 1.0, NIGHT.replace(tzinfo=None))],
)
def test_senseless_arguments_are_refused(arguments: tuple[Any, ...]) -> None:
    with pytest.raises(ValueError, match="up to 10/s"):
        next(live_messages(*arguments))
