"""What continuous processing keeps in memory: ids it has seen, events that predictions look back on."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from flight_assets.continuous import known_ids
from flight_assets.continuous.history import DAYS_AHEAD, DAYS_KEPT, EventHistory
from flight_assets.continuous.known_ids import KnownIds
from flight_assets.contracts.features import LOOKBACK
from flight_assets.pipeline.inference import DAYS_BACK

NOON = datetime(2026, 6, 10, 12, tzinfo=UTC)
DAY = timedelta(days=1)


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
    return pa.table(
        {"timestamp": pa.array(moments, pa.timestamp("us", "UTC")), "name": [name] * len(moments)}
    )


class House:
    """A warehouse with one event at noon of every day; ``asked`` has the days it was asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[date, date]] = []

    def load(self, first: date, last: date) -> pa.Table:
        self.asked.append((first, last))
        noon = datetime.combine(first, NOON.timetz())
        return table(*(noon + DAY * nth for nth in range((last - first).days + 1)), name="kept")


def events_before(history: EventHistory, *moments: datetime) -> list[tuple[datetime, str]]:
    rows = history.before(table(*moments)["timestamp"])
    return sorted(
        (moment.to_pydatetime(), name) for moment, name in zip(rows["timestamp"], rows["name"], strict=True)
    )


def test_a_prediction_sees_what_came_and_what_the_warehouse_has_up_to_its_moment():
    history = EventHistory(House().load)
    before, after = NOON - timedelta(hours=1), NOON + timedelta(hours=1)
    history.add(table(before, NOON, after))
    kept = [(NOON - DAY * back, "kept") for back in range(DAYS_BACK, 0, -1) if DAY * back <= LOOKBACK]
    assert events_before(history, NOON) == [*kept, (before, "came")]


def test_several_moments_see_what_each_of_them_may():
    history = EventHistory(House().load)
    found = events_before(history, NOON, NOON + 10 * DAY)
    assert (NOON - LOOKBACK, "kept") in found
    assert (NOON + 10 * DAY - LOOKBACK, "kept") in found


def test_what_lies_between_days_far_apart_is_not_read():
    house = House()
    EventHistory(house.load).add(table(NOON - 20_000 * DAY, NOON))
    assert all((last - first).days == DAYS_AHEAD for first, last in house.asked)
    assert len(house.asked) == 2


def test_a_day_is_read_once_and_its_events_go_to_their_own_days():
    house = House()
    history = EventHistory(house.load)
    midnight = NOON + timedelta(hours=12)
    history.add(table(midnight - timedelta(microseconds=1), midnight))
    assert house.asked == [(NOON.date(), NOON.date() + DAYS_AHEAD * DAY)]
    found = events_before(history, midnight + timedelta(hours=1))
    assert {(midnight - timedelta(microseconds=1), "came"), (midnight, "came")} <= set(found)
    assert len(house.asked) == 2
    events_before(history, midnight + timedelta(hours=1))
    assert len(house.asked) == 2


def test_the_days_that_come_next_are_read_along_and_keep_what_has_come():
    house = House()
    history = EventHistory(house.load)
    last = NOON + DAYS_AHEAD * DAY
    came = last + timedelta(hours=1)
    history.add(table(came))
    history.add(table(NOON))
    found = events_before(history, last + timedelta(hours=2))
    assert {(last, "kept"), (came, "came")} <= set(found)
    assert len(found) == len(set(found))
    asked = len(house.asked)
    assert (NOON + DAY, "kept") in events_before(history, NOON + DAY + timedelta(hours=1))
    events_before(history, came + DAYS_AHEAD * DAY)
    assert len(house.asked) == asked + 1


def test_days_that_nobody_asks_for_are_dropped_and_read_again():
    house = House()
    history = EventHistory(house.load)
    history.add(table(NOON))
    for nth in range(1, DAYS_KEPT + 1):
        history.add(table(NOON + 40 * DAY + nth * DAY))
    asked = len(house.asked)
    assert (NOON, "kept") in events_before(history, NOON + timedelta(hours=1))
    assert len(house.asked) == asked + 1


def test_many_small_additions_are_all_there():
    history = EventHistory(House().load)
    for second in range(200):
        history.add(table(NOON + timedelta(seconds=second)))
    assert (
        len([name for _, name in events_before(history, NOON + timedelta(hours=1)) if name == "came"]) == 200
    )
