"""The cache of answers: hits, versions, one computation for many, refreshing ahead, and Redis being down.

Needs no platform.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from types import SimpleNamespace

import pandas as pd
import pytest

from dashboard import data
from flight_assets.queries import operations
from flight_assets.queries.cache import OF_NOW, Query, ResultCache, decode, encode, open_cache, wanted
from flight_assets.queries.clients import Clients
from flight_assets.settings import Settings

pytestmark = pytest.mark.core
FRAME = pd.DataFrame({
    "airline": ["UA", None], "flights": [3, 4], "mean": [1.5, float("nan")],
    "moment": pd.to_datetime(["2026-06-01T12:00:00Z", None], utc=True),
    "day": [datetime(2026, 6, 1, tzinfo=UTC).date(), None],
})  # fmt: skip


class Store:
    """Counts how often it is asked."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.asked = 0
        self.version = "1"
        self.seconds = seconds

    def query(self, name: str = "test", **parameters: object) -> Query:
        return Query(name, parameters, lambda: self.version, self.compute)

    def compute(self) -> pd.DataFrame:
        self.asked += 1
        time.sleep(self.seconds)
        return FRAME


@pytest.fixture
def cache(redis_port) -> ResultCache:
    found = open_cache(Settings(redis_url=f"redis://127.0.0.1:{redis_port}/0"))
    found.answers.client.flushdb()
    return found


def test_a_frame_comes_back_as_it_was_with_its_moment():
    moment = datetime(2026, 6, 1, 12, tzinfo=UTC)
    frame, as_of = decode(encode(FRAME, moment))
    pd.testing.assert_frame_equal(frame, FRAME)
    assert as_of == moment


def test_plain_attributes_of_a_frame_stay_and_objects_are_left_out():
    frame = FRAME.copy()
    frame.attrs = {"expected_minutes": 7.5, "metrics": [object()]}
    assert decode(encode(frame, datetime.now(UTC)))[0].attrs == {"expected_minutes": 7.5}


def test_the_second_question_is_answered_by_redis_with_the_first_moment(cache):
    store = Store()
    first, second = cache.ask(store.query(a=1)), cache.ask(store.query(a=1))
    assert store.asked == 1
    assert (first.source, second.source) == ("store", "redis")
    assert first.as_of == second.as_of
    pd.testing.assert_frame_equal(second.frame, FRAME)
    assert cache.counters() == {"hits": 1, "misses": 1, "errors": 0}


def test_other_parameters_and_other_data_are_other_answers(cache):
    store = Store()
    cache.ask(store.query(a=1))
    cache.ask(store.query(a=2))
    store.version = "2"
    cache.ask(store.query(a=1))
    assert store.asked == 3


def test_an_answer_is_decoded_once_and_again_when_redis_has_another(cache, redis_port):
    store = Store()
    cache.ask(store.query())
    first, second = cache.ask(store.query()), cache.ask(store.query())
    assert first.frame is second.frame
    other = open_cache(Settings(redis_url=f"redis://127.0.0.1:{redis_port}/0"))
    other.ask(store.query())
    cache.answers.client.expire(store.query().key(), 30)
    assert other.refresh() == 1
    third = cache.ask(store.query())
    assert (third.source, third.token != second.token) == ("redis", True)
    assert third.as_of > second.as_of


def test_what_redis_has_forgotten_is_asked_of_the_store_again(cache):
    store = Store()
    for _ in range(2):
        cache.ask(store.query())
    cache.answers.client.delete(store.query().key())
    assert cache.ask(store.query()).source == "store"
    assert store.asked == 2


def test_several_questions_take_one_trip(cache, monkeypatch):
    store = Store()
    queries = [store.query(number=number) for number in range(3)]
    cache.ask(queries[1])
    sent = []
    script = cache.answers._script
    monkeypatch.setattr(
        cache.answers,
        "_script",
        lambda keys, tokens, client: sent.append(keys) or script(keys, tokens, client=client),
    )
    found = cache.look(queries)
    assert [answer and answer.source for answer in found] == [None, "redis", None]
    assert len(sent) == 1
    assert cache.counters() == {"hits": 1, "misses": 3, "errors": 0}


def test_answers_of_now_live_a_minute_and_are_refreshed_before(cache):
    store = Store()
    query = replace(store.query(), life=OF_NOW)
    cache.ask(query)
    assert 20 < cache.answers.client.ttl(query.key()) <= 60
    assert cache.refresh() == 0
    cache.answers.client.expire(query.key(), 19)
    assert cache.refresh() == 1
    assert cache.answers.client.ttl(query.key()) > 50


def test_an_answer_lives_five_minutes_at_most(cache):
    store = Store()
    cache.ask(store.query())
    assert 0 < cache.answers.client.ttl(store.query().key()) <= 300


def test_many_who_ask_at_once_cause_one_computation(cache):
    store = Store(seconds=0.3)
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: cache.ask(store.query()), range(20)))
    assert store.asked == 1
    assert len({answer.as_of for answer in answers}) == 1


def test_two_processes_that_ask_at_once_cause_one_computation(cache, redis_port):
    """Two caches share nothing but Redis, as two processes do."""
    other = open_cache(Settings(redis_url=f"redis://127.0.0.1:{redis_port}/0"))
    store = Store(seconds=0.4)
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda one: one.ask(store.query()), (cache, other)))
    assert store.asked == 1
    assert sorted(answer.source for answer in answers) == ["redis", "store"]


def test_an_error_reaches_everyone_who_waits_and_is_not_kept(cache):
    calls = []

    def fail() -> pd.DataFrame:
        calls.append(1)
        raise ValueError("no such table")

    for _ in range(2):
        with pytest.raises(ValueError, match="no such table"):
            cache.ask(Query("failing", {}, lambda: "1", fail))
    assert len(calls) == 2


def test_what_is_asked_for_is_computed_again_before_it_expires(cache):
    store = Store()
    first = cache.ask(store.query())
    assert cache.refresh() == 0
    cache.answers.client.expire(store.query().key(), 30)
    assert cache.refresh() == 1
    again = cache.ask(store.query())
    assert (again.source, store.asked) == ("redis", 2)
    assert again.as_of > first.as_of


def test_refreshing_leaves_the_stores_to_who_waits(cache):
    fast, slow = Store(), Store(seconds=0.5)
    cache.ask(fast.query("fast"))
    fast.version = "2"
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(cache.ask, slow.query("slow"))
        while not slow.asked:
            time.sleep(0.01)
        assert (cache.refresh(), fast.asked) == (0, 1)
        waiting.result()
    assert (cache.refresh(), fast.asked) == (1, 2)


def test_new_data_is_computed_before_anybody_asks(cache):
    store = Store()
    cache.ask(store.query())
    store.version = "2"
    assert cache.refresh() == 1
    assert cache.ask(store.query()).source == "redis"
    assert store.asked == 2


def test_what_nobody_asks_for_any_more_is_not_refreshed(cache, monkeypatch):
    store = Store()
    cache.ask(store.query())
    monkeypatch.setattr(wanted, "WANTED_S", 0.0)
    store.version = "2"
    assert cache.refresh() == 0


def test_garbage_in_redis_is_a_miss(cache):
    store = Store()
    cache.answers.client.set(store.query().key(), b"garbage")
    assert cache.ask(store.query()).source == "store"
    assert cache.counters()["errors"] >= 1


def test_without_redis_answers_come_from_the_store_and_errors_are_counted_later(
    cache, closed_settings, monkeypatch
):
    store = Store()
    down = open_cache(closed_settings)
    began = time.monotonic()
    for number in range(20):
        assert down.ask(store.query(number=number)).source == "store"
    assert time.monotonic() - began < 3
    assert store.asked == 20
    down.answers.client, down.answers.open_again_at = cache.answers.client, 0.0
    down.ask(store.query())
    assert cache.counters()["errors"] >= 1


def test_without_redis_many_who_ask_at_once_still_cause_one_computation(closed_settings):
    store, down = Store(seconds=0.5), open_cache(closed_settings)
    barrier = threading.Barrier(10)

    def ask(_number: int) -> None:
        barrier.wait()
        down.ask(store.query())

    with ThreadPoolExecutor(10) as pool:
        list(pool.map(ask, range(10)))
    assert store.asked == 1


def test_operations_read_the_counters_that_the_cache_writes(cache, redis_port):
    store = Store()
    for _ in range(4):
        cache.ask(store.query())
    info = operations.redis_info(Settings(redis_url=f"redis://127.0.0.1:{redis_port}/0"))
    assert (info["hits"], info["misses"], info["errors"]) == (3, 1, 0)
    assert info["hit_ratio"] == 0.75


def test_dashboards_over_other_databases_share_no_answers(cache, redis_port, monkeypatch):
    asked = []
    for database in ("one", "two"):
        settings = Settings(redis_url=f"redis://127.0.0.1:{redis_port}/0", warehouse_database=database)
        known = SimpleNamespace(settings=settings, cache=cache)
        known.of_stores = partial(Clients.of_stores, known)
        monkeypatch.setattr(data, "clients", lambda known=known: known)
        data.ask(data.about_now("test", lambda its: asked.append(its.warehouse_database) or FRAME))
    assert asked == ["one", "two"]
