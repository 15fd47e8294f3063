"""The stream of changes.

One reader for many listeners, nothing of another tenant, nothing lost over a break.
"""

from __future__ import annotations

import asyncio
import json
import queue
import threading
import time

import pytest

from flight_assets.api import stream
from flight_assets.api.problems import Problem
from flight_assets.api.stream import Hub
from flight_assets.queries import changes
from flight_assets.queries.changes import Change, TokenLost
from flight_assets.queries.scoped import Filters, Wanted
from flight_assets.tenancy import EVERYTHING, Scope

UNITED = Scope("united", ("UA",))


def change(number: int, airline: str = "UA") -> Change:
    return Change(
        f"{number:08X}", {"flight_id": f"{airline}{number}-EWR-20260601", "airline": airline, "origin": "EWR"}
    )


class Source:
    """Changes that a test tells, in place of MongoDB."""

    def __init__(self) -> None:
        self.told: queue.Queue[Change | Exception] = queue.Queue()
        self.log: list[Change] = []
        self.resumed_after: list[str | None] = []
        self.followed = threading.Event()

    def mongo(self) -> Source:
        return self

    def tell(self, *some: Change) -> None:
        for each in some:
            self.log.append(each)
            self.told.put(each)

    def follow(self, db, after=None):
        self.resumed_after.append(after)
        self.followed.set()
        yield None
        while True:
            try:
                found = self.told.get(timeout=0.02)
            except queue.Empty:
                yield None
                continue
            if isinstance(found, Exception):
                raise found
            yield found

    def since(self, db, after, most):
        tokens = [each.token for each in self.log]
        if after not in tokens:
            raise TokenLost("gone")
        return self.log[tokens.index(after) + 1 :]


@pytest.fixture
def source(monkeypatch) -> Source:
    made = Source()
    monkeypatch.setattr(changes, "follow", made.follow)
    monkeypatch.setattr(changes, "since", made.since)
    monkeypatch.setattr(stream, "FIRST_PAUSE_S", 0.01)
    return made


@pytest.fixture
def hub(source):
    made = Hub(source, lambda row: row, listeners_at_most=3)
    yield made
    made.close()


def numbers(texts: list[bytes]) -> list[str]:
    found = [line[6:] for text in texts for line in text.decode().splitlines() if line.startswith("data: ")]
    return [json.loads(data)["flight_id"].split("-")[0] for data in found]


async def take(body, count: int) -> list[bytes]:
    """The next events of a stream, without the comments between them."""
    found: list[bytes] = []
    async with asyncio.timeout(5):
        while len(found) < count:
            text = await anext(body)
            if text.startswith(b"id: "):
                found.append(text)
    return found


def test_a_listener_gets_each_new_state_in_its_scope_once(hub, source):
    async def listen():
        everything = await hub.open(EVERYTHING, Wanted(), None)
        united = await hub.open(UNITED, Wanted(), None)
        departures = await hub.open(EVERYTHING, Wanted(Filters(origins=("JFK",))), None)
        waits = asyncio.ensure_future(take(departures, 1))
        source.tell(change(1), change(2, "AA"), change(3))
        seen = [numbers(await take(body, count)) for body, count in ((everything, 3), (united, 2))]
        assert not waits.done()
        waits.cancel()
        return seen

    assert asyncio.run(listen()) == [["UA1", "AA2", "UA3"], ["UA1", "UA3"]]


def test_a_listener_that_comes_back_gets_what_it_missed_and_then_what_is_new(hub, source):
    async def listen():
        first = await hub.open(UNITED, Wanted(), None)
        source.tell(change(1), change(2, "AA"), change(3))
        last_id = (await take(first, 1))[0].decode().split()[1]
        await take(first, 1)
        await first.aclose()
        source.tell(change(4))
        back = await hub.open(UNITED, Wanted(), last_id)
        source.tell(change(5))
        return numbers(await take(back, 3))

    assert asyncio.run(listen()) == ["UA3", "UA4", "UA5"]


def test_changes_that_are_no_longer_in_memory_are_read_again(hub, source):
    """As after a restart of the API, whose memory is empty."""

    async def listen():
        source.log += [change(1), change(2), change(3, "AA"), change(4)]
        back = await hub.open(UNITED, Wanted(), change(1).token)
        source.tell(change(5))
        return numbers(await take(back, 3))

    assert asyncio.run(listen()) == ["UA2", "UA4", "UA5"]


def test_a_change_that_is_read_again_and_told_meanwhile_comes_once(hub, source, monkeypatch):
    def slow(db, after, most):
        found = [change(2), change(3)]
        source.told.put(change(3))
        listener = next(iter(hub._listeners))
        deadline = time.monotonic() + 5
        while not listener.queue and time.monotonic() < deadline:
            time.sleep(0.01)
        return found

    monkeypatch.setattr(changes, "since", slow)

    async def listen():
        back = await hub.open(EVERYTHING, Wanted(), change(1).token)
        source.tell(change(4))
        return numbers(await take(back, 3))

    assert asyncio.run(listen()) == ["UA2", "UA3", "UA4"]


def test_a_token_whose_changes_are_gone_is_told(hub):
    async def listen():
        await hub.open(UNITED, Wanted(), "ABCD")

    with pytest.raises(Problem) as refused:
        asyncio.run(listen())
    assert refused.value.status == 410
    assert not hub._listeners


def test_the_reader_goes_on_after_the_last_change_when_mongodb_comes_back(hub, source):
    async def listen():
        body = await hub.open(EVERYTHING, Wanted(), None)
        source.tell(change(1))
        source.told.put(ConnectionError("MongoDB is down"))
        source.tell(change(2))
        return numbers(await take(body, 2))

    assert asyncio.run(listen()) == ["UA1", "UA2"]
    assert source.resumed_after == [None, change(1).token]


def test_a_listener_that_falls_behind_is_disconnected_instead_of_losing_changes(hub, source, monkeypatch):
    monkeypatch.setattr(stream, "WAITING_AT_MOST", 3)

    async def listen():
        body = await hub.open(EVERYTHING, Wanted(), None)
        assert (await anext(body)).startswith(b"retry:")
        source.tell(*(change(number) for number in range(1, 8)))
        async with asyncio.timeout(5):
            while len(hub._recent) < 7:
                await asyncio.sleep(0.01)
            return numbers([text async for text in body])

    assert asyncio.run(listen()) == ["UA1", "UA2", "UA3"]


def test_there_are_only_so_many_streams_and_a_closed_one_makes_room(hub):
    async def listen():
        bodies = [await hub.open(EVERYTHING, Wanted(), None) for _ in range(3)]
        with pytest.raises(Problem) as refused:
            await hub.open(EVERYTHING, Wanted(), None)
        assert refused.value.status == 429
        await anext(bodies[0])
        await bodies[0].aclose()
        await hub.open(EVERYTHING, Wanted(), None)

    asyncio.run(listen())
