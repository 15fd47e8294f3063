"""Repair files and selections of rejected messages: what is allowed, and what reaches a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from types import SimpleNamespace

import pytest

from flight_assets.commands.console import printable
from flight_assets.contracts.message import MAX_MESSAGE_BYTES
from flight_assets.errors import FlightsError
from flight_assets.pipeline import replay
from flight_assets.pipeline.replay import Rejected, Replay, read_repairs
from flight_assets.producer.events import Message
from flight_assets.queries import quarantine
from flight_assets.queries.quarantine import PAGE_BYTES, PAGE_ROWS
from flight_assets.settings import Settings
from flight_assets.stores import kafka, lease, mongo, mongo_expiry


def test_repairs_are_read_by_id() -> None:
    lines = [
        '{"id": "flight_events-0-7", "message": {"a": 1}}\n',
        "\n",
        '{"id": "flight_events-1-9", "message": [1]}',
    ]
    assert read_repairs(lines) == {"flight_events-0-7": {"a": 1}, "flight_events-1-9": [1]}


@pytest.mark.parametrize("line", ["{", "[]", "7", '{"id": "x"}', '{"message": {}}'])
def test_a_line_that_is_no_repair_is_named(line: str) -> None:
    with pytest.raises(FlightsError, match="line 2 is not"):
        read_repairs(['{"id": "a-0-1", "message": {}}', line])


def test_two_repairs_of_one_message_are_refused() -> None:
    with pytest.raises(FlightsError, match="line 2 repairs a-0-1 a second time"):
        read_repairs(['{"id": "a-0-1", "message": {}}'] * 2)


def test_the_id_of_a_message_is_its_position() -> None:
    message = Rejected(
        "flight-events", 1, 5_000_000_000, "2013-06-12T09:00:00.000000Z", 3, "not_json", "", b"", b""
    )
    assert message.id == "flight-events-1-5000000000"


AT = "2026-06-12T09:00:00.000000Z"


def at(ingested: str, value: bytes = b"{}") -> Rejected:
    """A message of one position; a topic that was created again has it too."""
    return Rejected("t", 0, 7, ingested, 3, "not_json", "", None, value)


class Replays:
    """The collection of replays, as a dictionary."""

    def __init__(self, *documents: dict[str, object]) -> None:
        self.kept = {document["_id"]: document for document in documents}

    def find(self, query: dict[str, dict[str, list[str]]]) -> list[dict[str, object]]:
        return [self.kept[name] for name in query["_id"]["$in"] if name in self.kept]

    def insert_many(self, documents: list[dict[str, object]]) -> None:
        assert not self.kept.keys() & {document["_id"] for document in documents}
        assert len({document["_id"] for document in documents}) == len(documents)
        self.kept |= {document["_id"]: document for document in documents}


@pytest.fixture
def kept(monkeypatch) -> Replays:
    found = Replays()

    @contextmanager
    def database(_settings: object) -> Iterator[dict[str, Replays]]:
        yield {mongo_expiry.REPLAYS: found}

    monkeypatch.setattr(mongo, "database", database)
    monkeypatch.setattr(kafka, "end_offsets", lambda _: {0: 9})
    return found


def sent(name: str, moment: str) -> dict[str, object]:
    return {"_id": name, "state": "sent", "at": datetime.fromisoformat(moment), "repaired": False}


def test_messages_of_one_position_in_two_topics_are_sent_each_once(kept, monkeypatch) -> None:
    old, new = at(AT), at("2026-06-13T09:00:00.000000Z")
    published: list[bytes] = []

    def publish(messages: Iterator[Message], *_: object, **__: object) -> SimpleNamespace:
        published.extend(header for message in messages for _, header in message.headers)
        return SimpleNamespace(failed=0)

    monkeypatch.setattr(replay, "publish", publish)
    monkeypatch.setattr(replay, "settle", lambda _: None)
    monkeypatch.setattr(replay, "_still_rejected", lambda *_: {})
    first = replay._replay_page(Settings(), None, [old, new], {}, False)
    assert (first.sent, first.already) == ([old.id, new.id], [])
    assert published == [old.intent.encode(), new.intent.encode()]
    again = replay._replay_page(Settings(), None, [old, new], {}, False)
    assert (again.sent, again.already) == ([], [old.id, new.id])


def test_a_replay_that_an_older_version_noted_is_of_the_message_before_it(kept) -> None:
    old, new = at(AT), at("2026-06-13T09:00:00.000000Z")
    kept.kept = {old.id: sent(old.id, "2026-06-12T10:00:00+00:00")}
    assert set(replay.replays(Settings(), [old, new])) == {old.intent}


def test_a_hostile_text_cannot_steer_the_terminal() -> None:
    assert printable("\x1b[2Jé\n[/]") == "\\x1b[2Jé\\n[/]"


def test_a_page_is_of_one_partition_and_bounded_in_rows_and_bytes() -> None:
    small = [("t", 0, offset, 10) for offset in range(2 * PAGE_ROWS + 1)]
    large = [("t", 1, offset, MAX_MESSAGE_BYTES + 1) for offset in range(1_000)]
    other = [("u", 1, 5, 0)]
    found = list(quarantine._paged([*small, *large, *other], PAGE_ROWS))
    assert [tuple(place) for page in found for place in page] == [*small, *large, *other]
    assert all(len({place[:2] for place in page}) == 1 for page in found)
    assert [len(page) for page in found[:3]] == [PAGE_ROWS, PAGE_ROWS, 1]
    assert max(sum(place.size for place in page) for page in found) <= PAGE_BYTES


def test_a_page_with_one_message_larger_than_a_page_has_it_alone() -> None:
    places = [("t", 0, 1, 5), ("t", 0, 2, PAGE_BYTES + 1), ("t", 0, 3, 5)]
    assert [len(page) for page in quarantine._paged(places, PAGE_ROWS)] == [1, 1, 1]


@pytest.mark.parametrize("message_id", ["flight-events-1-5000000000", "a-0-1"])
def test_an_id_names_topic_partition_and_offset(message_id: str) -> None:
    topic, partition, offset = quarantine._place(message_id)
    assert f"{topic}-{partition}-{offset}" == message_id


def test_pages_are_read_one_by_one_under_one_lease(monkeypatch) -> None:
    events: list[str] = []

    @contextmanager
    def hold(*_: object) -> Iterator:
        events.append("lease")
        yield lambda: events.append("held")
        events.append("released")

    def pages() -> Iterator[list[Rejected]]:
        for number in range(3):
            events.append(f"read {number}")
            yield [Rejected("t", 0, number, "", 0, "not_json", "", None, b"")]

    def replay_page(_settings: object, _checks: object, page: list[Rejected], *_: object) -> Replay:
        events.append(f"sent {page[0].kafka_offset}")
        return Replay([page[0].id])

    class Warehouse:
        settings = Settings()

    monkeypatch.setattr(lease, "hold", hold)
    monkeypatch.setattr(replay, "read_reference", lambda _: None)
    monkeypatch.setattr(replay, "settle", lambda _: events.append("settled"))
    monkeypatch.setattr(replay, "_replay_page", replay_page)
    done = list(replay.replay_pages(Settings(), Warehouse(), pages(), {}))
    assert [each.sent for each in done] == [["t-0-0"], ["t-0-1"], ["t-0-2"]]
    each_page = [step for number in range(3) for step in (f"read {number}", "held", f"sent {number}")]
    assert events == ["lease", "settled", *each_page, "released"]
