"""Decode record batches of Kafka, in memory that does not depend on producers.

Belongs here: the format of batches and records, version 2 (Kafka 0.11 and later). Does not: codecs
(`kafka_codecs`), requests (`kafka_reader`).
Format: kafka.apache.org/documentation, "Message format".
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from flight_assets.contracts.message import MAX_MESSAGE_BYTES
from flight_assets.stores import kafka_codecs
from flight_assets.stores.kafka_bytes import VARINT_BYTES, HeldBytes, number_at
from flight_assets.stores.kafka_codecs import Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator


# A key or value that is too large keeps this much: one byte more than is allowed, so that checks see it.
KEPT_BYTES = MAX_MESSAGE_BYTES + 1

# A longer record has a key, a value or headers that are too large. It is read part by part and not held.
HELD_BYTES = 3 * MAX_MESSAGE_BYTES + 64
MOST_HEADERS = 100
LATEST_MS = 253_402_300_799_000  # the end of the year 9999
_HEADER = struct.Struct(">qiibIhiqqqhii")
_FIXED = struct.Struct(">qii")  # base offset, length, leader epoch: the same in every version of the format
_AFTER_LENGTH = 12
_CRC_COVERS_FROM = 21
_CODEC, _BROKER_TIME, _TRANSACTIONAL, _CONTROL = 0x07, 0x08, 0x10, 0x20


class Record(NamedTuple):
    """One record. Times in ms since 1970, UTC, as the broker or the producer stamped it.

    ``value_bytes`` is the true size of the value; of the whole record if its key or headers are too large;
    None without a value.
    """

    offset: int
    time_ms: int
    key: bytes | None
    value: bytes | None
    value_bytes: int | None
    headers: bytes


class Clock(NamedTuple):
    """Range of believable record times, in ms since 1970, UTC. A time outside it becomes ``now_ms``.

    A broker's time (LogAppendTime) is believed unless it is no date; a producer's (CreateTime) from
    ``oldest_ms`` to ``now_ms``. With the same clock, a record has the same time however often it is read.
    """

    oldest_ms: int
    now_ms: int


class Batch(NamedTuple):
    """Record batch as it came over the wire, of ``size`` records.

    ``problem`` completes "the records …" if nothing in it can be read.
    """

    first: int
    last: int
    attributes: int
    first_ms: int
    max_ms: int
    producer_id: int
    size: int
    packed: memoryview
    problem: str = ""

    @property
    def has_broker_time(self) -> bool:
        """Return whether the broker stamped the records (LogAppendTime), not the producer (CreateTime)."""
        return bool(self.attributes & _BROKER_TIME)

    def broker_ms(self, clock: Clock) -> int | None:
        """Return when the broker took the records; None if it did not stamp them."""
        if not self.has_broker_time:
            return None
        return self.max_ms if 0 <= self.max_ms <= LATEST_MS else clock.now_ms

    @property
    def is_transactional(self) -> bool:
        """Return whether the records belong to a transaction."""
        return bool(self.attributes & _TRANSACTIONAL)

    @property
    def is_control(self) -> bool:
        """Return whether this is the marker that ends a transaction."""
        return bool(self.attributes & _CONTROL)


def batches_of(data: memoryview) -> Iterator[Batch]:
    """Yield the complete record batches of an answer, in order, up to one of an impossible length."""
    position = 0
    while len(data) - position > _FIXED.size:
        base, length, _ = _FIXED.unpack_from(data, position)
        end = position + _AFTER_LENGTH + length
        if end > len(data) or end - position < (
            _HEADER.size if data[position + _FIXED.size] == 2 else _FIXED.size + 1
        ):
            return
        yield _batch(base, data[position:end])
        position = end


def _batch(base: int, whole: memoryview) -> Batch:
    from crc32c import crc32c

    magic = whole[_FIXED.size]
    if magic != 2:
        old = f"have format {magic}; Kafka 0.11 and later write 2"
        return Batch(base, base, 0, -1, -1, -1, 0, whole[:0], old)
    _, _, _, _, crc, attributes, delta, first_ms, max_ms, producer, _, _, size = _HEADER.unpack_from(whole)
    problem = "" if crc32c(whole[_CRC_COVERS_FROM:]) == crc else "do not match their checksum"
    if delta < 0 and not problem:
        problem = "end before they begin"
    return Batch(
        base,
        base + max(0, delta),
        attributes,
        first_ms,
        max_ms,
        producer,
        size,
        whole[_HEADER.size :],
        problem,
    )


def records_of(batch: Batch, clock: Clock) -> Iterator[Record]:
    """Yield the records of a batch. Each holds at most ``KEPT_BYTES`` of its key and of its value.

    Raises:
        Unreadable: the batch is damaged; the records before the damage have been given.
    """
    if batch.problem:
        raise Unreadable(batch.problem)
    stream = HeldBytes(kafka_codecs.unpacked(batch.attributes & _CODEC, batch.packed))
    stamp = _Stamp(batch.first, batch.first_ms, batch.broker_ms(clock), clock)
    before = batch.first - 1
    try:
        for _ in range(batch.size):
            record = _record(stream, stamp)
            if not before < record.offset <= batch.last:
                raise Unreadable(f"hold offset {record.offset} after {before}")
            before = record.offset
            yield record
    except IndexError:
        raise Unreadable("end within a record") from None


class _Stamp(NamedTuple):
    """Computes offset and time of a record from its differences to the batch."""

    first: int
    first_ms: int
    broker_ms: int | None
    clock: Clock

    def time_ms(self, delta_ms: int) -> int:
        if self.broker_ms is not None:
            return self.broker_ms
        time_ms = self.first_ms + delta_ms
        return time_ms if self.clock.oldest_ms <= time_ms <= self.clock.now_ms else self.clock.now_ms


def _record(stream: HeldBytes, stamp: _Stamp) -> Record:
    if len(stream.held) - stream.at < VARINT_BYTES:
        stream.hold(VARINT_BYTES, at_least=1)
    length, stream.at = number_at(stream.held, stream.at)
    if length > HELD_BYTES:
        return _large_record(stream, length, stamp)
    if len(stream.held) - stream.at < length:
        stream.hold(length)
    data, at = stream.held, stream.at
    end = stream.at = at + length
    delta_ms, at = number_at(data, at + 1)
    delta, at = number_at(data, at)
    size, at = number_at(data, at)
    key, at = (data[at : at + size], at + size) if size >= 0 else (None, at)
    value_bytes, at = number_at(data, at)
    value, at = (data[at : at + value_bytes], at + value_bytes) if value_bytes >= 0 else (None, at)
    if at >= end:
        raise Unreadable("are longer than they say")
    time_ms = stamp.time_ms(delta_ms)
    if length > MAX_MESSAGE_BYTES:
        return _trimmed(
            Record(stamp.first + delta, time_ms, key, value, value_bytes, data[at:end]),
            size,
            end - at,
            length,
        )
    return Record(
        stamp.first + delta, time_ms, key, value, None if value is None else value_bytes, data[at:end]
    )


def _large_record(stream: HeldBytes, length: int, stamp: _Stamp) -> Record:
    """Return the record whose length was just read, part by part. Large parts are skipped in pieces."""
    left = length - 1
    stream.take(1, 0)

    def number() -> int:
        nonlocal left
        stream.hold(VARINT_BYTES, at_least=1)
        value, at = number_at(stream.held, stream.at)
        left -= at - stream.at
        stream.at = at
        return value

    def part() -> tuple[int, bytes | None]:
        nonlocal left
        size = number()
        if size > left:
            raise Unreadable("are longer than they say")
        left -= max(0, size)
        return size, stream.take(size, KEPT_BYTES) if size >= 0 else None

    delta_ms, delta = number(), number()
    key_bytes, key = part()
    value_bytes, value = part()
    stream.skip(left)
    time_ms = stamp.time_ms(delta_ms)
    return _trimmed(
        Record(stamp.first + delta, time_ms, key, value, value_bytes, b""), key_bytes, left, length
    )


def _trimmed(record: Record, key_bytes: int, headers_bytes: int, length: int) -> Record:
    """Return the record with its parts cut to the kept size. ``length``: of the whole record."""
    is_odd = key_bytes > MAX_MESSAGE_BYTES or headers_bytes > MAX_MESSAGE_BYTES
    size = length if is_odd else (None if record.value is None else record.value_bytes)
    key, value = (None if part is None else part[:KEPT_BYTES] for part in (record.key, record.value))
    return record._replace(key=key, value=value, value_bytes=size, headers=b"" if is_odd else record.headers)


def headers_of(record: Record) -> Iterator[tuple[bytes, bytes | None]]:
    """Yield name and value of the first ``MOST_HEADERS`` headers, up to what is damaged.

    Names may be no text.
    """
    data = record.headers
    try:
        count, at = number_at(data, 0)
        for _ in range(min(count, MOST_HEADERS)):
            size, at = number_at(data, at)
            name, at = data[at : at + size], at + size
            size, at = number_at(data, at)
            value, at = (data[at : at + size], at + size) if size >= 0 else (None, at)
            yield name, value
    except (IndexError, Unreadable):
        return
