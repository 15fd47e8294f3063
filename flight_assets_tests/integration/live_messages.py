"""Messages for live processing, and what MongoDB has of them."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from flight_assets.pipeline.live.lane import Lane, open_lane
from flight_assets.producer.corrupt import mixed_messages
from flight_assets.producer.events import Message
from flight_assets.producer.synthetic import synthetic_messages
from flight_assets.stores import kafka, mongo, mongo_documents
from flight_assets_tests.integration.conftest import ANCHOR, run_command

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.integration
VISIBLE_WITHIN_S = 60.0
ENDS_WITHIN_S = 60.0

# Other tests begin with flights that nobody has seen; these are of days of their own.
OWN_ANCHOR = ANCHOR - timedelta(days=40)
DAYS = 4_000
MESSAGES = 60

# More than one answer of Kafka's.
MANY = 2_500


def own_day(settings) -> tuple[int, datetime]:
    """A seed and a moment that no messages were made of before, on a platform that is kept as well."""
    seed = sum(kafka.end_offsets(settings).values())
    return seed, OWN_ANCHOR - timedelta(days=seed % DAYS)


def good_messages(settings, count: int = MESSAGES) -> list[Message]:
    """Messages in the order of their times, of flights that nobody has seen."""
    seed, anchor = own_day(settings)
    return list(synthetic_messages(seed, count, anchor))


def own_messages(settings) -> list[Message]:
    """The same with bad and awkward ones among them."""
    seed, anchor = own_day(settings)
    return list(mixed_messages(lambda good: synthetic_messages(seed, good, anchor), MESSAGES, 0.2, seed))


def wait_until(holds: Callable[[], bool], limit_s: float = VISIBLE_WITHIN_S) -> None:
    deadline = time.monotonic() + limit_s
    while not holds():
        assert time.monotonic() < deadline, f"not within {limit_s:.0f} s"
        time.sleep(0.2)


def running_services() -> set[str]:
    rows = json.loads(run_command("flights", "status", "--json").stdout)["services"]
    return {row["name"] for row in rows if row["state"] == "running"}


def documents(settings, flights: set[str]) -> dict[str, mongo_documents.Document]:
    with mongo.database(settings) as db:
        return {each["_id"]: each for each in db[mongo.FLIGHTS].find({"_id": {"$in": sorted(flights)}})}


def announced(messages: list[Message]) -> set[str]:
    """The flights whose first message is the announcement."""
    first = {}
    for event in (json.loads(message.value) for message in messages):
        first.setdefault(event["flight_id"], event["event_type"])
    return {flight for flight, event_type in first.items() if event_type == "scheduled"}


@contextmanager
def lane_of(settings) -> Iterator[tuple[Lane, Callable[[], None]]]:
    """A lane, and a function that takes what the topic holds through it."""
    with open_lane(settings) as lane, kafka.following(settings, lane.begins_at) as messages:
        yield lane, lambda: lane.take(messages())
