"""Messages as any client may send them: packed by any codec, in transactions, bombs."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import zstandard

from flight_assets.stores import kafka
from flight_assets_tests.integration.conftest import flights_with_defects
from flight_assets_tests.record_batches import CODECS, batch, number, part, record

pytestmark = pytest.mark.integration
MEGABYTE = 1_000_000
Message = tuple[bytes | None, bytes | None]


def good(seed: int, count: int) -> list[Message]:
    """Messages without a defect."""
    return [(message.key, message.value) for message in flights_with_defects(seed, count, share=0.0)]


def produce(settings, partition: int, data: bytes) -> None:
    """Send a record batch as it is, made with ``attributes=0``; the broker must take it and stamps it."""
    from kafka.protocol.producer import ProduceRequest

    topic = ProduceRequest.TopicProduceData
    wanted = topic(
        name=settings.kafka_topic, partition_data=[topic.PartitionProduceData(index=partition, records=data)]
    )
    request = ProduceRequest(
        transactional_id=None, acks=-1, timeout_ms=30_000, topic_data=[wanted], min_version=3, max_version=9
    )
    with kafka.reader(settings) as reader:

        async def answered():
            return await reader._manager.send(
                request, node_id=next(iter(reader._manager.cluster.brokers())).node_id
            )

        (answer,) = reader._manager.run(answered).responses
    assert [found.error_code for found in answer.partition_responses] == [0]


def bomb(size: int, sent: list[Message], kind: str) -> bytes:
    """A batch of good messages with one of ``size`` bytes in their middle."""
    out = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=out, mode="wb")
        if kind == "gzip"
        else zstandard.ZstdCompressor().stream_writer(out, closefd=False) as pack
    ):
        middle = len(sent) // 2
        pack.write(b"".join(record(at, value, key) for at, (key, value) in enumerate(sent[:middle])))
        head = b"\0" + number(0) + number(middle) + part(b"bomb") + number(size)
        pack.write(number(len(head) + size + 1) + head)
        for _ in range(size // MEGABYTE):
            pack.write(b" " * MEGABYTE)
        pack.write(
            number(0)
            + b"".join(record(at, value, key) for at, (key, value) in enumerate(sent[middle:], middle + 1))
        )
    return packed_as(kind, out.getvalue(), len(sent) + 1)


def packed_as(kind: str, packed: bytes, count: int) -> bytes:
    return batch(packed, count, attributes=CODECS[kind][0])


@contextmanager
def transactions(settings, name: str) -> Iterator:
    """A producer of another kind, with transactions."""
    from confluent_kafka import Producer

    producer = Producer(
        {"bootstrap.servers": settings.kafka_bootstrap_servers, "transactional.id": name, "linger.ms": 5}
    )
    producer.init_transactions(30)
    yield producer


def send_all(producer, settings, sent: list[Message]) -> None:
    """Send to every partition in turn; other tests may have added partitions."""
    partitions = len(kafka.end_offsets(settings))
    for at, (key, value) in enumerate(sent):
        producer.produce(settings.kafka_topic, value=value, key=key, partition=at % partitions)
    producer.flush(30)
