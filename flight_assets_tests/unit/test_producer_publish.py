"""Sending, counted against a producer that answers as Kafka would.

A real broker is met in the integration tests.
"""

from __future__ import annotations

import socket
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest

with warnings.catch_warnings():
    # kafka-python reads its protocol tables at import by a function that Python 3.11 deprecates.
    warnings.simplefilter("ignore", DeprecationWarning)
    from kafka.errors import (
        KafkaError,
        KafkaTimeoutError,
        MessageSizeTooLargeError,
        UnknownTopicOrPartitionError,
    )
    from kafka.future import Future

    from flight_assets.errors import FlightsError, StoreUnavailable
    from flight_assets.producer import publish as module
    from flight_assets.producer.events import Message
    from flight_assets.producer.publish import PublishResult, publish

ADDRESS = "127.0.0.1:9"


class Producer:
    """Keeps what is sent; ``answer`` says what becomes of each value: None acknowledges it, an error fails
    it, "later" waits for flush.
    """

    def __init__(self, answer: Callable[[bytes], KafkaError | str | None]) -> None:
        self.answer = answer
        self.values: list[bytes] = []
        self.pending: list[Future] = []
        self.closed = False
        self.settings: dict[str, Any] = {}

    def partitions_for(self, topic: str) -> set[int]:
        if topic != "flight_events":
            raise UnknownTopicOrPartitionError
        return {0}

    def send(self, topic: str, key: bytes | None, value: bytes, headers: list[tuple[str, bytes]]) -> Future:
        self.values.append(value)
        future, answer = Future(), self.answer(value)
        if answer == "later":
            self.pending.append(future)
        elif answer is None:
            future.success("metadata")
        else:
            future.failure(answer)
        return future

    def flush(self, timeout: float) -> None:
        for future in self.pending:
            future.success("metadata")

    def close(self, timeout: float) -> None:
        self.closed = True


@pytest.fixture
def kafka(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Producer]:
    def install(answer: Callable[[bytes], Any] = lambda value: None) -> Producer:
        producer = Producer(answer)
        monkeypatch.setattr(
            module, "KafkaProducer", lambda **settings: producer.settings.update(settings) or producer
        )
        monkeypatch.setattr(module, "_require_reachable", lambda *arguments: None)
        return producer

    return install


def messages(number: int) -> list[Message]:
    return [
        Message(b"key", str(position).encode(), 0, "late" if position % 4 == 3 else None)
        for position in range(number)
    ]


def sent(number: int, **changes: Any) -> PublishResult:
    return publish(messages(number), ADDRESS, "flight_events", **changes)


def test_all_messages_are_sent_in_order_and_counted(kafka: Callable[..., Producer]) -> None:
    producer = kafka()
    result = sent(10)
    assert producer.values == [str(position).encode() for position in range(10)]
    assert (result.sent, result.acknowledged, result.failed, result.by_defect) == (10, 10, 0, {"late": 2})
    assert not result.interrupted
    assert producer.closed


def test_every_replica_acknowledges_and_retries_make_no_second_copy(kafka: Callable[..., Producer]) -> None:
    producer = kafka()
    sent(1, delivery_timeout_s=8.0)
    wanted = {
        "acks": "all",
        "enable_idempotence": True,
        "allow_auto_create_topics": False,
        "delivery_timeout_ms": 8_000,
    }
    assert wanted.items() <= producer.settings.items()
    assert producer.settings["request_timeout_ms"] + producer.settings["linger_ms"] <= 8_000


def test_acknowledgements_that_come_last_are_awaited(kafka: Callable[..., Producer]) -> None:
    kafka(lambda value: "later")
    assert sent(10).acknowledged == 10


def test_a_message_too_large_for_the_broker_is_counted_and_the_rest_still_sent(
    kafka: Callable[..., Producer],
) -> None:
    kafka(lambda value: MessageSizeTooLargeError() if value == b"3" else None)
    result = sent(10)
    assert (result.sent, result.acknowledged, result.failed) == (10, 9, 1)


def test_a_broker_that_stops_acknowledging_is_reported_with_the_counts(
    kafka: Callable[..., Producer],
) -> None:
    producer = kafka(lambda value: KafkaTimeoutError() if int(value) >= 5 else None)
    with pytest.raises(StoreUnavailable, match=r"127\.0\.0\.1:9: it acknowledged 5 of 6 messages"):
        sent(10)
    assert producer.closed


def test_the_last_message_failing_is_reported_too(kafka: Callable[..., Producer]) -> None:
    kafka(lambda value: KafkaTimeoutError() if value == b"9" else None)
    with pytest.raises(StoreUnavailable, match="9 of 10"):
        sent(10)


def test_unacknowledged_messages_are_bounded(
    kafka: Callable[..., Producer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_UNACKNOWLEDGED", 3)
    producer = kafka(lambda value: "later")
    with pytest.raises(StoreUnavailable):
        sent(10, delivery_timeout_s=0.05)
    assert len(producer.values) == 3


def test_ctrl_c_ends_the_sending_and_keeps_the_counts(kafka: Callable[..., Producer]) -> None:
    def until_interrupted() -> Iterator[Message]:
        yield from messages(4)
        raise KeyboardInterrupt

    kafka(lambda value: "later")
    result = publish(until_interrupted(), ADDRESS, "flight_events")
    assert (result.sent, result.acknowledged, result.interrupted) == (4, 4, True)


def test_progress_ends_with_the_final_counts(kafka: Callable[..., Producer]) -> None:
    seen: list[tuple[int, int]] = []
    kafka(lambda value: "later")
    sent(10, on_progress=lambda acknowledged, sent: seen.append((acknowledged, sent)))
    assert seen[0] == (0, 1)
    assert seen[-1] == (10, 10)


def test_a_topic_that_does_not_exist_is_refused_before_anything_is_sent(
    kafka: Callable[..., Producer],
) -> None:
    producer = kafka()
    with pytest.raises(FlightsError, match="has no topic flihgt_events"):
        publish(messages(1), ADDRESS, "flihgt_events")
    assert producer.values == []


def test_a_broker_that_does_not_answer_is_one_clear_error() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(StoreUnavailable, match=f"{address}: start the platform"):
            publish([], address, "flight_events")
