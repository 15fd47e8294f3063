"""Measure the REST API: answers, events taken, forecasts on demand, and the delay of its stream."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import numpy as np
import requests

from flight_assets.bench.figures import Figure
from flight_assets.contracts.message import EventType
from flight_assets.errors import FlightsError
from flight_assets.producer.synthetic import synthetic_messages
from flight_assets.stores import access, mongo
from flight_assets.tenancy import Role

if TYPE_CHECKING:
    from flight_assets.settings import Settings

UNLIMITED = 10_000_000
MESSAGES_AT_ONCE = 500
FLIGHTS_AT_ONCE = 100
SEED = 4_242
TIMEOUT_S = 60
CHANGE_EVERY_S = 0.5


def measure(settings: Settings, quick: bool) -> dict[str, Figure]:
    """Return the figures of the API of a running platform that has flights.

    Raises:
        FlightsError: MongoDB has no flight.
    """
    with _session(settings) as session:
        flights = session.get(f"{settings.api_url}/v1/flights?limit=1000", timeout=TIMEOUT_S).json()["data"]
        if not flights:
            raise FlightsError(
                "the API can be measured with flights only: `flights produce`, then `flights process`"
            )
        return {
            **_answers(settings, session, [row["flight_id"] for row in flights], 100 if quick else 500),
            "api_events": _events(settings, session, 10 if quick else 40),
            "api_forecasts": _forecasts(settings, session, 3 if quick else 10),
            "api_stream": asyncio.run(
                _stream(settings, session, flights[0]["flight_id"], 100 if quick else 1_000)
            ),
        }


@contextmanager
def _session(settings: Settings) -> Iterator[requests.Session]:
    """Yield a session with a key of its own, without a limit that would be met."""
    with mongo.database(settings) as db:
        key, text = access.create_key(db, "benchmark", Role.ADMIN, days=1, requests_per_minute=UNLIMITED)
    try:
        with requests.Session() as session:
            session.headers["Authorization"] = f"Bearer {text}"
            yield session
    finally:
        with mongo.database(settings) as db:
            access.revoke_key(db, key.prefix)


def _answers(
    settings: Settings, session: requests.Session, flight_ids: list[str], count: int
) -> dict[str, Figure]:
    """Return the 95th percentile of three kinds of answers, in milliseconds."""
    paths: dict[str, Callable[[int], str]] = {
        "api_one_flight": lambda nth: f"/v1/flights/{flight_ids[nth % len(flight_ids)]}",
        "api_list_of_100": lambda nth: f"/v1/flights?limit={100 - nth % 2}",
        "api_aggregate": lambda nth: "/v1/aggregates/airline",
    }
    found = {}
    for name, path in paths.items():
        seconds = []
        # The first answers open connections and fill the cache.
        for nth in range(-10, count):
            began = time.perf_counter()
            answer = session.get(settings.api_url + path(nth), timeout=TIMEOUT_S)
            taken = time.perf_counter() - began
            answer.raise_for_status()
            if nth >= 0:
                seconds.append(taken * 1000)
        found[name] = Figure(float(np.percentile(seconds, 95)), "ms, p95", {"answer": seconds}, "ms")
    return found


def _events(settings: Settings, session: requests.Session, lists: int) -> Figure:
    """Return the events a second that one client sends in lists."""
    messages = list(synthetic_messages(SEED, lists * MESSAGES_AT_ONCE, datetime.now(UTC)))
    marked = [
        {**json.loads(each.value), "event_id": f"bench:{time.time_ns()}:{n}"}
        for n, each in enumerate(messages)
    ]
    bodies = [
        json.dumps(marked[first : first + MESSAGES_AT_ONCE])
        for first in range(0, len(marked), MESSAGES_AT_ONCE)
    ]
    began = time.perf_counter()
    for body in bodies:
        session.post(f"{settings.api_url}/v1/events", data=body, timeout=TIMEOUT_S).raise_for_status()
    seconds = time.perf_counter() - began
    note = f"{len(marked)} events in lists of {MESSAGES_AT_ONCE}"
    return Figure(len(marked) / seconds, "events/s", {"all": [seconds]}, note=note)


def _forecasts(settings: Settings, session: requests.Session, lists: int) -> Figure:
    """Return the forecasts a second that one client gets in lists."""
    messages = (json.loads(each.value) for each in synthetic_messages(SEED + 1, 5_000, datetime.now(UTC)))
    scheduled = [each for each in messages if each["event_type"] == EventType.SCHEDULED][:FLIGHTS_AT_ONCE]
    seconds = []
    # The first answer reads the look-back events from the warehouse.
    for nth in range(-1, lists):
        began = time.perf_counter()
        answer = session.post(
            f"{settings.api_url}/v1/predict", json={"flights": scheduled}, timeout=TIMEOUT_S
        )
        answer.raise_for_status()
        if nth >= 0:
            seconds.append(time.perf_counter() - began)
    rate = len(scheduled) * lists / sum(seconds)
    return Figure(rate, "forecasts/s", {f"{len(scheduled)} flights": seconds})


def _stream_request(session: requests.Session, flight_id: str) -> str:
    key = session.headers["Authorization"]
    lines = (f"GET /v1/stream/flights?flight={flight_id} HTTP/1.1", "Host: api", f"Authorization: {key!s}")
    return "\r\n".join(lines) + "\r\n\r\n"


async def _stream(settings: Settings, session: requests.Session, flight_id: str, listeners: int) -> Figure:
    """Return the 95th percentile from a write in MongoDB to each listener, in seconds."""
    arrived: list[float] = []
    written: dict[float, float] = {}
    opened = asyncio.Semaphore(50)
    head = _stream_request(session, flight_id)

    async def listen() -> None:
        address = urlsplit(settings.api_url)
        async with opened:
            reader, writer = await asyncio.open_connection(address.hostname, address.port)
            writer.write(head.encode())
            await reader.readuntil(b"retry:")
        ready.append(writer)
        try:
            while True:
                line = await reader.readline()
                if line.startswith(b"data: "):
                    mark = json.loads(line[6:])["quality_score"]
                    # The platform may change the flight as well.
                    if mark in written:
                        arrived.append(time.perf_counter() - written[mark])
        finally:
            writer.close()

    ready: list[asyncio.StreamWriter] = []
    tasks = [asyncio.create_task(listen()) for _ in range(listeners)]
    changes = 10
    async with asyncio.timeout(TIMEOUT_S * 3):
        while len(ready) < listeners:
            await asyncio.sleep(0.1)
        with mongo.database(settings) as db:
            one = {"_id": flight_id}
            kept = db[mongo.FLIGHTS].find_one(one, {"_id": 0, "quality_score": 1})
            for nth in range(changes):
                mark = 0.5 + nth / 1_000
                written[mark] = time.perf_counter()
                change = {"$set": {"quality_score": mark}}
                await asyncio.to_thread(db[mongo.FLIGHTS].update_one, one, change)
                await asyncio.sleep(CHANGE_EVERY_S)
            if kept:
                db[mongo.FLIGHTS].update_one(one, {"$set": kept})
        while len(arrived) < listeners * changes:
            await asyncio.sleep(0.1)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    note = f"{listeners} listeners, {changes} changes"
    return Figure(float(np.percentile(arrived, 95)), "s, p95", {"change to listener": arrived}, note=note)
