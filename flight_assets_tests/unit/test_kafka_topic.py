"""Safe settings of a topic, and the bounds of one look at it."""

from __future__ import annotations

from contextlib import contextmanager

import pytest
from kafka.errors import TopicAuthorizationFailedError

from flight_assets.errors import FlightsError, StoreUnavailable
from flight_assets.settings import Settings
from flight_assets.stores import kafka, kafka_arrow
from flight_assets.stores.kafka_topic import topic_settings, unsafe_settings
from flight_assets_tests.unit.test_kafka_reader import Broker, three

SAFE = topic_settings(7)


def test_a_topic_of_ours_is_safe_and_so_is_one_that_keeps_more():
    assert unsafe_settings("flights", SAFE, 7) == []
    assert (
        unsafe_settings(
            "flights",
            SAFE | {"retention.ms": "-1", "compression.type": "zstd", "max.message.bytes": "9000"},
            7,
        )
        == []
    )
    assert unsafe_settings("flights", {}, 7) == [], "an old broker may not name them all"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"message.timestamp.type": "CreateTime"}, "set message.timestamp.type=LogAppendTime"),
        ({"cleanup.policy": "compact"}, "set cleanup.policy=delete"),
        ({"cleanup.policy": "compact,delete"}, "set cleanup.policy=delete"),
        ({"retention.ms": "3600000"}, "set retention.ms=604800000"),
        ({"retention.bytes": "1000000"}, "set retention.bytes=-1"),
        ({"max.message.bytes": "104857600"}, "set max.message.bytes=1048588"),
    ],
)
def test_each_unsafe_setting_is_one_warning_that_names_the_safe_one(change, told):
    (warning,) = unsafe_settings("flights", SAFE | change, 7)
    assert warning.startswith("topic flights: ")
    assert warning.endswith(told)


class Topic:
    """A topic whose partitions are lists of batches."""

    def __init__(self, **partitions: Broker) -> None:
        self.brokers = {int(name.removeprefix("p")): broker for name, broker in partitions.items()}

    def partitions(self) -> list[int]:
        return sorted(self.brokers)

    def follow(self, number, *rest):
        return self.brokers[number].follow(number, *rest)


@pytest.fixture
def follow(monkeypatch, tmp_path):
    """Follow a topic in memory."""

    @contextmanager
    def following(topic: Topic, starts):
        @contextmanager
        def reader(_settings):
            yield topic

        monkeypatch.setattr(kafka, "reader", reader)
        with kafka.following(Settings(_env_file=None, home=tmp_path), starts) as look:
            yield lambda: [(row["kafka_partition"], row["kafka_offset"]) for row in look().to_pylist()]

    return following


def test_a_look_gives_what_is_new_and_takes_up_new_partitions(follow):
    topic = Topic(p0=Broker([three(0), three(3)]))
    with follow(topic, {0: 4}) as look:
        assert look() == [(0, 4), (0, 5)]
        assert look() == []
        topic.brokers[1] = Broker([three(0)])
        assert look() == [(1, 0), (1, 1), (1, 2)]
        topic.brokers[0].log.append(three(6))
        topic.brokers[0].stable_end = 9
        assert look() == [(0, 6), (0, 7), (0, 8)]


def test_looks_are_bounded_and_no_partition_waits_for_ever(follow, monkeypatch):
    monkeypatch.setattr(kafka, "MESSAGES_AT_ONCE", 4)
    monkeypatch.setattr(kafka_arrow, "BLOCK_ROWS", 2)
    topic = Topic(p0=Broker([three(n) for n in range(0, 30, 3)]), p1=Broker([three(0)]))
    with follow(topic, {}) as look:
        looks = [look() for _ in range(3)]
        # A look ends with the block that fills it.
        assert all(4 <= len(found) <= 5 for found in looks)
        assert {(1, 0), (1, 1), (1, 2)} <= set(looks[1])
        while found := look():
            looks.append(found)
    assert sorted(sum(looks, [])) == [*((0, n) for n in range(30)), (1, 0), (1, 1), (1, 2)]  # noqa: RUF017 - few


def test_looks_are_bounded_in_bytes(follow, monkeypatch):
    monkeypatch.setattr(kafka, "BYTES_AT_ONCE", 1)
    monkeypatch.setattr(kafka_arrow, "BLOCK_BYTES", 1)
    with follow(Topic(p0=Broker([three(0)])), {}) as look:
        assert [look() for _ in range(4)] == [[(0, 0)], [(0, 1)], [(0, 2)], []]


def test_after_an_error_nothing_is_passed_over_in_silence(follow):
    topic = Topic(p0=Broker([(0, 2, TopicAuthorizationFailedError())]))
    with follow(topic, {}) as look:
        with pytest.raises(StoreUnavailable, match="Kafka does not answer"):
            look()
        with pytest.raises(FlightsError, match="open it again"):
            look()
