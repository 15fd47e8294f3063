"""Memory of live processing: ids, events to look back on, its latency; and its share."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from flight_assets.contracts.feature_windows import PAST_COLUMNS
from flight_assets.contracts.message import EventType
from flight_assets.contracts.tables import STAGING, arrow_schema
from flight_assets.delay_model.features.build import build_features
from flight_assets.delay_model.features.events import WEATHER_COLUMNS
from flight_assets.pipeline.live import known_ids, latency
from flight_assets.pipeline.live.history import DAYS_AHEAD, DAYS_KEPT, EventHistory
from flight_assets.pipeline.live.known_ids import KnownIds
from flight_assets.pipeline.live.lane import Lane
from flight_assets.pipeline.live.latency import Latencies
from flight_assets.pipeline.live.shares import share_of
from flight_assets.queries import flight_latency

NOON = datetime(2026, 6, 10, 12, tzinfo=UTC)
DAY = timedelta(days=1)
FLAT = tuple(dict.fromkeys((*PAST_COLUMNS, "flight_number")))


def hashes(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.int64)


@pytest.mark.parametrize("loose_at_most", [0, 100_000], ids=["sorted at once", "loose"])
def test_an_id_is_new_once(monkeypatch, loose_at_most):
    monkeypatch.setattr(known_ids, "LOOSE_AT_MOST", loose_at_most)
    known = KnownIds(hashes(30, 10))
    assert known.take_new(hashes(10, 20, 30, 20, 40)).tolist() == [False, True, False, False, True]
    assert known.take_new(hashes(40, 20, 50, -1)).tolist() == [False, False, True, True]


def test_nothing_known_and_nothing_asked():
    assert KnownIds(hashes()).take_new(hashes()).tolist() == []
    assert KnownIds(hashes()).take_new(hashes(1)).tolist() == [True]


def table(*moments: datetime, name: str = "came") -> pa.Table:
    """Announcements at these moments, each of a flight of its own."""
    values = {
        "flight_id": [f"{name} {moment}" for moment in moments],
        "event_type": ["scheduled"] * len(moments),
        "timestamp": moments,
        "scheduled_departure": [moment + timedelta(hours=1) for moment in moments],
    }
    rows = [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]
    return pa.Table.from_pylist(rows, pa.schema([arrow_schema(STAGING).field(name) for name in FLAT]))


class House:
    """A warehouse with one event at noon of every day; ``asked`` has the days it was asked for."""

    def __init__(self) -> None:
        self.asked: list[set[date]] = []

    def load(self, days: set[date]) -> pa.Table:
        self.asked.append(days)
        return table(*(datetime.combine(day, NOON.timetz()) for day in sorted(days)), name="kept")


def known(history: EventHistory) -> list[datetime]:
    """The times of the events in memory, in order."""
    times = history.events.tables[EventType.SCHEDULED]["time_s"]
    return sorted(datetime.fromtimestamp(time_s, UTC) for time_s in times)


def ask(history: EventHistory, *moments: datetime) -> pd.DataFrame:
    weather = {name: pa.nulls(len(moments), pa.float64()) for name in WEATHER_COLUMNS}
    flights = table(*moments, name="own")
    for name, values in weather.items():
        flights = flights.append_column(name, values)
    return history.features(flights)


def test_features_are_those_of_all_events_before_a_flight_from_the_warehouse_and_live():
    house = House()
    history = EventHistory(house.load)
    came = table(NOON - timedelta(hours=1), NOON, NOON + timedelta(hours=1))
    history.add(came)
    found = ask(history, NOON, NOON + 2 * DAY)
    past = pa.concat_tables([house.load(set().union(*house.asked)), came]).to_pandas()
    flights = table(NOON, NOON + 2 * DAY, name="own").to_pandas()
    expected = build_features(flights.assign(**dict.fromkeys(WEATHER_COLUMNS, np.nan)), past)
    pd.testing.assert_frame_equal(found, expected, check_exact=True)


def test_days_far_apart_are_read_at_once_without_what_lies_between():
    house = House()
    EventHistory(house.load).add(table(*(NOON - 9 * nth * DAY for nth in range(1_500)), NOON - 14_000 * DAY))
    (asked,) = house.asked
    assert len(asked) == 1_501 * (DAYS_AHEAD + 1)
    assert NOON.date() - 13_800 * DAY not in asked


def test_a_day_is_read_once_and_its_events_go_to_their_own_days():
    house = House()
    history = EventHistory(house.load)
    midnight = NOON + timedelta(hours=12)
    history.add(table(midnight - timedelta(seconds=1), midnight))
    assert house.asked == [{NOON.date() + nth * DAY for nth in range(DAYS_AHEAD + 2)}]
    ask(history, midnight + timedelta(hours=1))
    assert len(house.asked) == 2
    assert not house.asked[0] & house.asked[1]
    assert {midnight - timedelta(seconds=1), midnight, NOON - DAY} <= set(known(history))
    ask(history, midnight + timedelta(hours=1))
    assert len(house.asked) == 2


def test_the_days_that_come_next_are_read_along_and_no_event_counts_twice():
    house = House()
    history = EventHistory(house.load)
    last = NOON + DAYS_AHEAD * DAY
    history.add(table(last + timedelta(hours=1)))
    history.add(table(NOON))
    assert {last, last + timedelta(hours=1)} <= set(known(history))
    kept = [moment for moment in known(history) if moment.hour == NOON.hour]
    assert len(kept) == len(set(kept)) + 1  # NOON came live too, for a flight of its own


def test_days_that_nobody_asks_for_are_dropped_and_read_again():
    house = House()
    history = EventHistory(house.load)
    history.add(table(NOON))
    for nth in range(1, DAYS_KEPT + 1):
        history.add(table(NOON + 40 * DAY + nth * DAY))
    assert NOON not in known(history)
    asked = len(house.asked)
    ask(history, NOON + timedelta(hours=1))
    assert len(house.asked) > asked
    assert NOON in known(history)


def test_partitions_are_shared_without_overlap_or_gap():
    members = ["c", "a", "b"]
    shares = [share_of(name, members, range(7)) for name in members]
    assert sorted(number for share in shares for number in share) == list(range(7))
    assert share_of("a", [], range(7)) == frozenset(range(7))
    # A process that does not see itself among the members yet counts itself in.
    assert share_of("z", members, range(8)) == {3, 7}


def test_latency_is_of_the_last_minute_and_has_its_quantiles(monkeypatch):
    latencies, clock = Latencies(), [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    taken = [NOON - timedelta(seconds=nth) for nth in range(1, 101)]
    latencies.add(pa.chunked_array([pa.array(taken, pa.timestamp("us", "UTC"))]), NOON)
    found = latencies.figures()
    assert found["messages"] == 100
    assert found["quantiles"] == pytest.approx({"0.5": 50.5, "0.95": 95.05, "0.99": 99.01})
    clock[0] = latency.WINDOW_S + 1
    assert latencies.figures() == {"messages": 0, "quantiles": {}}


def test_a_failure_of_current_forecasts_is_told_until_the_same_work_succeeds(monkeypatch):
    lane = Lane.__new__(Lane)
    lane._problems = {}
    with lane._beside_the_flights("refresh"):
        raise KeyError("a column")
    with lane._beside_the_flights("follow"):
        pass
    status = {"_id": "one", "messages": 0, "quantiles": {}, "search": {}}
    monkeypatch.setattr(
        latency, "current", lambda _: [status | {"forecasts_problem": lane.forecasts_problem}]
    )
    assert flight_latency.live_latency(None)["forecasts_problem"].tolist() == ["KeyError: 'a column'"]
    with lane._beside_the_flights("refresh"):
        pass
    assert flight_latency.live_latency(None)["forecasts_problem"].isna().all()
