"""Events that come one by one give the same features, to the bit, as all at once, at a cost of their own."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest

from flight_assets.contracts.feature_windows import PAST_COLUMNS
from flight_assets.delay_model.features import growing
from flight_assets.delay_model.features.build import build_features, features_of
from flight_assets.delay_model.features.events import events_from_flights, scheduled_flights
from flight_assets.delay_model.features.growing import GrowingSpans, GrowingTimeline
from flight_assets.delay_model.features.running import RunningHistory
from flight_assets.delay_model.features.timeline import Moments, Spans, Timeline
from flight_assets_tests.unit.feature_network import bits, network

PAST = list(PAST_COLUMNS)
AT_ONCE = 150
DAY_S = 86_400


@pytest.fixture(params=[20, 2_048], ids=["merging often", "merging rarely"])
def tail(request, monkeypatch):
    """The number of points from which a tail is merged."""
    monkeypatch.setattr(growing, "TAIL_AT_LEAST", request.param)


def stream(flights: int, days: int, disorder: float) -> pd.DataFrame:
    """Events nearly in the order of their times; some repeated, some corrected to an earlier time."""
    events = events_from_flights(network(flights, days))
    rng = np.random.default_rng(3)
    corrected = events.sample(frac=0.03, random_state=1)
    earlier = pd.to_timedelta(rng.integers(0, 90, len(corrected)), unit="min")
    corrected = corrected.assign(
        timestamp=corrected["timestamp"] - earlier, tail_number="N9", departure_delay_minutes=7.0
    )
    blank = events.sample(frac=0.02, random_state=2).assign(departure_delay_minutes=np.nan)
    everything = pd.concat([events, events.sample(frac=0.05, random_state=4), corrected, blank])
    place = everything["timestamp"].astype("int64") + rng.normal(0, disorder * 60e9, len(everything))
    return everything.iloc[np.argsort(place.to_numpy())].reset_index(drop=True)


@pytest.mark.parametrize("disorder", [0.0, 45.0], ids=["in order", "out of order"])
def test_features_while_events_come_are_those_of_a_batch(tail, disorder: float):
    events, history = stream(1_200, 4, disorder), RunningHistory()
    for first in range(0, len(events), AT_ONCE):
        new = events[first : first + AT_ONCE]
        history.add(new[PAST])
        flights = scheduled_flights(new)
        expected = build_features(flights, events[: first + AT_ONCE][PAST])
        found = features_of(history.at(flights))
        assert list(found.columns) == list(expected.columns)
        assert np.array_equal(bits(found), bits(expected)), _differing(found, expected)


def test_dropped_days_are_gone_and_the_rest_stays(tail):
    events, history = events_from_flights(network(1_200, 6)).sample(frac=1, random_state=5), RunningHistory()
    history.add(events[PAST])
    days = events["timestamp"].astype("int64") // 10**9 // DAY_S
    is_kept = days >= days.min() + 2
    history.keep(lambda time_s: time_s // DAY_S >= days.min() + 2)
    history.add(events[is_kept].tail(AT_ONCE)[PAST])
    flights = scheduled_flights(events[is_kept])
    expected = build_features(flights, events[is_kept][PAST])
    found = features_of(history.at(flights))
    assert np.array_equal(bits(found), bits(expected)), _differing(found, expected)


def test_an_empty_history_gives_features_without_past():
    flights = scheduled_flights(events_from_flights(network(20)))
    nothing = events_from_flights(network(20))[PAST][:0]
    assert np.array_equal(
        bits(features_of(RunningHistory().at(flights))), bits(build_features(flights, nothing))
    )


def test_the_cost_of_new_events_does_not_depend_on_the_history():
    """A hundred times the history costs less than three times as much; a batch costs a hundred times.

    Processor time counts, since other processes may keep this one waiting.
    """
    seconds = {}
    for days, flights in ((1, 600), (100, 60_000)):
        events = events_from_flights(network(flights, days))
        history = RunningHistory()
        history.add(events[PAST])
        new = events.tail(200)
        rounds = []
        for number in range(6):
            again = new.assign(flight_id=new["flight_id"] + f" {number}")
            began = time.thread_time()
            history.add(again[PAST])
            features_of(history.at(scheduled_flights(again)))
            rounds.append(time.thread_time() - began)
        seconds[days] = min(rounds)
    assert seconds[100] < 3 * seconds[1], seconds


def _points(count: int, seed: int) -> tuple[np.ndarray, ...]:
    """Keys, times, ties and values; many points share a key and a time."""
    rng = np.random.default_rng(seed)
    return (
        rng.integers(0, 4, count),
        rng.integers(0, 50, count),
        rng.permutation(count).astype(np.uint64),
        rng.integers(-9, 9, count),
    )


@pytest.mark.parametrize("seed", range(5))
def test_a_growing_timeline_answers_as_a_timeline(tail, seed: int):
    keys, times, ties, values = _points(400, seed)
    timeline = GrowingTimeline(lambda _: values)
    for rows in np.array_split(np.arange(400), 23):
        timeline.extend(keys[rows], times[rows], ties[rows], rows)
    order = np.argsort(ties)
    expected = Timeline(keys[order], times[order], {"value": values[order]})
    assert len(timeline) == len(expected)
    every = np.arange(len(expected))
    assert np.array_equal(timeline.rows(every), order[expected.rows(every)])
    first, last = np.meshgrid(np.arange(len(expected) + 1), np.arange(len(expected) + 1))
    assert np.array_equal(timeline.total("value", first, last), expected.total("value", first, last))
    moments = Moments(np.repeat(np.arange(6), 60), np.tile(np.arange(60), 6))
    for back_s in (0, 7, 1_000):
        assert np.array_equal(timeline.before(moments, back_s), expected.before(moments, back_s))
    assert np.array_equal(timeline.starts(moments), expected.starts(moments))


@pytest.mark.parametrize("seed", range(5))
def test_growing_spans_answer_as_spans_after_some_were_taken_back(tail, seed: int):
    keys, starts, _, values = _points(300, seed)
    ends = starts + np.random.default_rng(seed).integers(-3, 20, 300)
    spans, rows = GrowingSpans(lambda _: values), np.arange(300)
    spans.extend(keys, starts, ends, rows, np.ones(300, np.int64))
    taken = rows[::3]
    spans.extend(keys[taken], starts[taken], ends[taken], taken, np.full(len(taken), -1))
    left = np.setdiff1d(rows, taken)
    expected = Spans(keys[left], starts[left], ends[left], {"value": values[left]})
    moments = Moments(np.repeat(np.arange(5), 80), np.tile(np.arange(80), 5))
    for found, wanted in zip(
        spans.open_at(moments, "value"), expected.open_at(moments, "value"), strict=True
    ):
        assert np.array_equal(found, wanted)


def _differing(found: pd.DataFrame, expected: pd.DataFrame) -> list[str]:
    return list(expected.columns[(bits(found) != bits(expected)).any(axis=0)])
