"""Parts of a broker's answers that count as messages, and how reading goes on when it cannot."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from types import SimpleNamespace
from typing import Any

import pytest
from kafka import errors

from flight_assets.errors import FlightsError
from flight_assets.stores import kafka_arrow
from flight_assets.stores.kafka_arrow import blocks
from flight_assets.stores.kafka_reader import UNREADABLE, TopicReader
from flight_assets.stores.kafka_records import Clock, Record
from flight_assets_tests.record_batches import (
    ABORT,
    BROKER_TIME,
    TOOK_AT_MS,
    TRANSACTIONAL,
    batch,
    marker,
    record,
)

CLOCK = Clock(TOOK_AT_MS - 1_000, TOOK_AT_MS + 1_000)


class Broker(TopicReader):
    """A reader whose broker is a list: (first offset, last offset, bytes or the error that it
    answers with).
    """

    def __init__(
        self,
        log: Iterable[tuple[int, int, bytes | Exception]],
        aborted: Iterable[tuple[int, int]] = (),
        **more: int,
    ) -> None:
        self.log = list(log)
        self.aborted = [
            SimpleNamespace(first_offset=first, producer_id=producer) for first, producer in aborted
        ]
        self.stable_end = more.get("stable_end", self.log[-1][1] + 1 if self.log else 0)
        self.high_watermark = more.get("high_watermark", self.stable_end)
        self.begin = more.get("begin", 0)
        self.answer_batches = more.get("answer_batches", 100)
        self.asked = 0
        self._topic, self._timeout_s = "flights", 0.3
        self._manager = SimpleNamespace(cluster=SimpleNamespace(request_update=lambda: None))

    def oldest(self, partitions: Iterable[int]) -> dict[int, int]:
        return dict.fromkeys(partitions, self.begin)

    def _ask(self, partition: int, position: int) -> Any:
        self.asked += 1
        if not self.begin <= position <= self.stable_end:
            return SimpleNamespace(error_code=errors.OffsetOutOfRangeError.errno)
        found = [entry for entry in self.log if position <= entry[1] < self.stable_end][: self.answer_batches]
        if found and isinstance(found[0][2], errors.InvalidReceiveError):
            raise found[0][2]
        if found and isinstance(found[0][2], errors.BrokerResponseError):
            return SimpleNamespace(error_code=found[0][2].errno)
        data = b"".join(content for _, _, content in found if isinstance(content, bytes))
        return SimpleNamespace(
            error_code=0,
            records=data,
            aborted_transactions=self.aborted,
            last_stable_offset=self.stable_end,
            high_watermark=self.high_watermark,
        )


def three(first: int, **more: Any) -> tuple[int, int, bytes]:
    """A batch of three records that carry their offsets."""
    records = b"".join(record(n, b"%d" % (first + n)) for n in range(3))
    return first, first + 2, batch(records, 3, first, **more)


def offsets(found: Iterable[Record | None]) -> list[int]:
    """Their offsets; values must be of the offsets."""
    records = [entry for entry in found if entry is not None]
    assert [entry.value for entry in records if entry.value_bytes != UNREADABLE] == [
        b"%d" % entry.offset for entry in records if entry.value_bytes != UNREADABLE
    ]
    return [entry.offset for entry in records]


@pytest.mark.parametrize("answer_batches", [1, 2, 100])
@pytest.mark.parametrize(("first", "end"), [(0, 9), (1, 8), (4, 5), (3, 6), (8, 9)])
def test_a_range_begins_and_ends_within_a_batch(first, end, answer_batches):
    broker = Broker([three(0), three(3), three(6), three(9)], answer_batches=answer_batches)
    assert offsets(broker.read(0, first, end, CLOCK)) == list(range(first, end))


def test_offsets_that_compaction_has_left_out_are_passed_over():
    gappy = (3, 9, batch(record(2, b"5") + record(4, b"7"), 2, 3, last_delta=6))
    broker = Broker([three(0), gappy, three(20)])
    assert offsets(broker.read(0, 0, 23, CLOCK)) == [0, 1, 2, 5, 7, 20, 21, 22]
    assert offsets(broker.read(0, 8, 20, CLOCK)) == []


def test_only_committed_messages_count():
    of_seven = {"attributes": BROKER_TIME | TRANSACTIONAL, "producer_id": 7}
    of_eight = {"attributes": BROKER_TIME | TRANSACTIONAL, "producer_id": 8}
    log = [
        three(0),
        three(3, **of_seven),  # aborted
        three(6, **of_eight),  # committed
        (9, 9, marker(9, 7, ABORT)),
        three(10, **of_seven),  # committed: another transaction of the same producer
        (13, 13, marker(13, 8)),
        (14, 14, marker(14, 7)),
        three(15, **of_eight),  # aborted
        (18, 18, marker(18, 8, ABORT)),
        three(19, **of_seven),  # open
    ]
    broker = Broker(log, aborted=[(15, 8), (3, 7)], stable_end=19)
    wanted = [0, 1, 2, 6, 7, 8, 10, 11, 12]
    assert offsets(broker.read(0, 0, 19, CLOCK)) == wanted
    assert offsets(islice(broker.follow(0, 0, lambda: CLOCK), 10)) == wanted


def test_from_within_a_transaction_its_rest_counts_as_the_whole_does():
    of_seven = {"attributes": BROKER_TIME | TRANSACTIONAL, "producer_id": 7}
    log = [
        three(0, **of_seven),
        three(3, **of_seven),
        (6, 6, marker(6, 7, ABORT)),
        three(7, **of_seven),
        (10, 10, marker(10, 7)),
    ]
    assert offsets(Broker(log, aborted=[(0, 7)]).read(0, 4, 11, CLOCK)) == [7, 8, 9]


@pytest.mark.parametrize(
    "damaged",
    [
        batch(b"", 3, 3, is_corrupt=True),
        batch(b"", 3, 3),
        batch(b"rubbish", 3, 3, attributes=BROKER_TIME | 1),
    ],
)
def test_a_damaged_batch_is_one_row_that_says_so_and_reading_goes_on(damaged):
    broker = Broker([three(0), (3, 5, damaged), three(6)])
    found = list(broker.read(0, 0, 9, CLOCK))
    assert offsets(found) == [0, 1, 2, 3, 6, 7, 8]
    assert (found[3].key, found[3].value_bytes, found[3].time_ms) == (None, UNREADABLE, TOOK_AT_MS)
    assert found[3].value.startswith(b"unreadable in Kafka, offsets 3 to 5: the records ")


def test_of_a_batch_that_is_damaged_in_its_middle_the_first_records_count():
    broker = Broker([(0, 9, batch(record(0, b"0") + record(1, b"1") + b"\xff" * 30, 10))])
    assert offsets(broker.read(0, 0, 10, CLOCK)) == [0, 1, 2]
    assert b"offsets 2 to 6" in list(broker.read(0, 0, 7, CLOCK))[-1].value, "not beyond the range"
    assert offsets(broker.read(0, 5, 7, CLOCK)) == [5], "nor before it"


@pytest.mark.parametrize(
    "answer",
    [errors.CorruptRecordError(), errors.InvalidReceiveError(), batch(b"", 1, 3)[:-1], batch(b"", 1, 0)],
    ids=["error", "size", "length", "other offsets"],
)
def test_an_answer_that_cannot_be_taken_is_one_row_and_the_next_offset_that_can_is_found(answer):
    broker = Broker([three(0), (3, 7, answer), three(8), three(11)], answer_batches=1)
    found = list(broker.read(0, 0, 14, CLOCK))
    # Looked for at 4, 5, 7 and 11.
    assert offsets(found) == [0, 1, 2, 3, 11, 12, 13]
    assert found[3].value_bytes == UNREADABLE
    assert b"offsets 3 to 10" in found[3].value


def test_what_can_never_be_read_ends_with_the_range():
    broker = Broker([(0, 100_000, errors.CorruptRecordError())])
    (found,) = broker.read(0, 0, 100_001, CLOCK)
    assert b"offsets 0 to 100000" in found.value
    assert broker.asked < 25


def test_reading_begins_where_retention_has_left_off():
    broker = Broker([three(6), three(9)], begin=6)
    assert offsets(broker.read(0, 0, 12, CLOCK)) == list(range(6, 12))
    assert offsets(broker.read(0, 0, 6, CLOCK)) == []


def test_a_topic_that_is_shorter_than_it_was_is_an_error():
    broker = Broker([three(0)])
    with pytest.raises(FlightsError, match="deleted or truncated"):
        list(broker.read(0, 0, 5, CLOCK))
    with pytest.raises(FlightsError, match="deleted or truncated"):
        list(broker.follow(0, 7, lambda: CLOCK))


def test_following_tells_when_there_is_no_more_and_goes_on_with_what_comes():
    broker = Broker([three(0)])
    stream = broker.follow(0, 1, lambda: CLOCK)
    assert [entry and entry.offset for entry in islice(stream, 4)] == [1, 2, None, None]
    broker.log.append(three(3))
    broker.stable_end = 6
    assert [entry and entry.offset for entry in islice(stream, 4)] == [3, 4, 5, None]


def test_a_missing_leader_is_waited_for_but_not_for_ever(monkeypatch):
    broker, answers = Broker([three(0)]), [errors.NotLeaderForPartitionError(), errors.KafkaConnectionError()]
    ask = broker._ask

    def stumble(partition: int, position: int) -> Any:
        if answers:
            raise answers.pop()
        return ask(partition, position)

    monkeypatch.setattr(broker, "_ask", stumble)
    assert offsets(broker.read(0, 0, 3, CLOCK)) == [0, 1, 2]
    answers = [errors.NotLeaderForPartitionError()] * 1_000
    with pytest.raises(errors.NotLeaderForPartitionError):
        list(broker.read(0, 0, 3, CLOCK))


def test_an_error_that_waiting_does_not_mend_is_raised_at_once():
    broker = Broker([(0, 2, errors.TopicAuthorizationFailedError())])
    with pytest.raises(errors.TopicAuthorizationFailedError):
        list(broker.read(0, 0, 3, CLOCK))
    assert broker.asked == 1


def test_blocks_are_bounded_in_rows_and_bytes(monkeypatch):
    monkeypatch.setattr(kafka_arrow, "BLOCK_ROWS", 3)
    monkeypatch.setattr(kafka_arrow, "BLOCK_BYTES", 10)
    sizes = [1, 1, 1, 1, 9, 1, 30, 1]
    records = [Record(n, TOOK_AT_MS, b"k", b"v" * size, size, b"") for n, size in enumerate(sizes)]
    made = list(blocks([*records, None, records[0]], "flights", 4))
    assert [block["kafka_offset"].to_pylist() for block in made] == [[0, 1, 2], [3, 4], [5, 6], [7]]
    assert made[0].schema.names == [
        "key",
        "value",
        "topic",
        "kafka_partition",
        "kafka_offset",
        "ingestion_timestamp",
        "value_bytes",
    ]
    assert made[0]["ingestion_timestamp"][0].as_py().timestamp() * 1000 == TOOK_AT_MS
    assert made[2].slice(1).to_pylist()[0]["value_bytes"] == 30


def test_what_waits_behind_an_open_transaction_is_counted():
    assert Broker([three(0)]).held(0, 3) == 0
    assert Broker([three(0), three(3)], stable_end=3, high_watermark=6).held(0, 3) == 3
