"""Kafka record batches made by hand, good and bad, as brokers would send them."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable

from crc32c import crc32c
from kafka import codec

CODECS: dict[str, tuple[int, Callable[[bytes], bytes]]] = {
    "none": (0, bytes),
    "gzip": (1, codec.gzip_encode),
    "snappy in Java's blocks": (2, codec.snappy_encode),
    "snappy in one block": (2, lambda data: codec.snappy_encode(data, xerial_compatible=False)),
    "lz4": (3, lambda data: codec.lz4_encode(data)),
    "zstd": (4, codec.zstd_encode),
}
BROKER_TIME, TRANSACTIONAL, CONTROL = 0x08, 0x10, 0x20
TOOK_AT_MS = 1_790_000_000_000
ABORT, COMMIT = b"\0\0\0\0", b"\0\0\0\1"


def number(value: int) -> bytes:
    """A signed number of variable length."""
    value = (value << 1) ^ (value >> 63)
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def part(data: bytes | None) -> bytes:
    """Bytes with their length before them; null is the length -1."""
    return number(-1) if data is None else number(len(data)) + data


def record(
    delta: int = 0,
    value: bytes | None = b"{}",
    key: bytes | None = b"key",
    headers: Iterable[tuple[bytes, bytes | None]] = (),
    delta_ms: int = 0,
) -> bytes:
    """One record; ``delta`` and ``delta_ms`` are added to the offset and the time of its batch."""
    pairs = list(headers)
    named = b"".join(part(name) + part(content) for name, content in pairs)
    body = b"\0" + number(delta_ms) + number(delta) + part(key) + part(value) + number(len(pairs)) + named
    return part(body)


def batch(
    records: bytes,
    count: int,
    first: int = 0,
    name: str = "none",
    attributes: int = BROKER_TIME,
    last_delta: int | None = None,
    producer_id: int = -1,
    first_ms: int = TOOK_AT_MS,
    max_ms: int = TOOK_AT_MS,
    is_corrupt: bool = False,
) -> bytes:
    """A record batch with a right checksum, or a wrong one.

    ``records`` are packed by the codec of that name.
    """
    number_of_codec, pack = CODECS[name]
    delta = count - 1 if last_delta is None else last_delta
    epoch = sequence = -1 if producer_id < 0 else 0
    fields = (attributes | number_of_codec, delta, first_ms, max_ms, producer_id, epoch, sequence, count)
    body = struct.pack(">hiqqqhii", *fields) + pack(records)
    checksum = crc32c(body) ^ is_corrupt
    return struct.pack(">qiibI", first, len(body) + 9, 0, 2, checksum) + body


def marker(first: int, producer_id: int, kind: bytes = COMMIT) -> bytes:
    """Marker that ends a transaction."""
    return batch(
        record(value=b"\0" * 6, key=kind),
        1,
        first,
        attributes=CONTROL | TRANSACTIONAL,
        producer_id=producer_id,
    )
