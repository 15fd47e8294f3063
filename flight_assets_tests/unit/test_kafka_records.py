"""Record batches of every codec become records, and nothing that a producer sends costs much memory."""

from __future__ import annotations

import gzip
import io
import multiprocessing
import random
import re
import struct
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import lz4.frame
import pytest
import zstandard

from flight_assets.contracts.message import MAX_MESSAGE_BYTES
from flight_assets.stores.kafka_codecs import GZIP, LZ4, SNAPPY, ZSTD, Unreadable, unpacked
from flight_assets.stores.kafka_records import KEPT_BYTES, Clock, Record, batches_of, headers_of, records_of
from flight_assets_tests.record_batches import BROKER_TIME, CODECS, TOOK_AT_MS, batch, number, part, record

CLOCK = Clock(TOOK_AT_MS - 1_000, TOOK_AT_MS + 1_000)
CEILING_BYTES = 8_000_000


def read(data: bytes, clock: Clock = CLOCK) -> list[Record]:
    """All records of the batches in the data."""
    return [found for part_of in batches_of(memoryview(data)) for found in records_of(part_of, clock)]


def odd_bytes(size: int) -> bytes:
    """Bytes that compress in places."""
    dice = random.Random(7)  # noqa: S311 - no secret
    pieces = [
        dice.choice([dice.randbytes(900), b"UA1545-EWR" * 200, bytes(3_000)]) for _ in range(size // 900 + 1)
    ]
    return b"".join(pieces)[:size]


@pytest.mark.parametrize("name", CODECS)
def test_every_codec_gives_what_was_sent(name):
    values = [b'{"n": %d}' % n + odd_bytes(n % 700) for n in range(3_000)]
    packed = batch(b"".join(record(n, value) for n, value in enumerate(values)), len(values), 40, name)
    found = read(packed)
    assert [entry.value for entry in found] == values
    assert [entry.offset for entry in found] == list(range(40, 3_040))
    assert {(entry.key, entry.time_ms) for entry in found} == {(b"key", TOOK_AT_MS)}


@pytest.mark.parametrize("name", CODECS)
@pytest.mark.parametrize("size", [0, 1, 65_536, 5_000_000, 12_345_678])
def test_every_codec_unpacks_any_size(name, size):
    kind, pack = CODECS[name]
    data = odd_bytes(size)
    assert b"".join(unpacked(kind, memoryview(pack(data)))) == data


@pytest.mark.parametrize(
    ("kind", "packed"),
    [
        (GZIP, gzip.compress(b"one ", mtime=0) + gzip.compress(b"two", mtime=0)),
        (LZ4, lz4.frame.compress(b"one ") + lz4.frame.compress(b"two")),
        (ZSTD, zstandard.compress(b"one ") + zstandard.compress(b"two")),
    ],
    ids=["gzip", "lz4", "zstd"],
)
def test_parts_that_were_packed_one_after_the_other_are_one(kind, packed):
    assert b"".join(unpacked(kind, memoryview(packed))) == b"one two"


def bomb(kind: int, head: bytes, millions: int, tail: bytes) -> bytes:
    """The head, so many million spaces and the tail, packed without holding them."""
    out = io.BytesIO()
    openers = {
        GZIP: lambda: gzip.GzipFile(fileobj=out, mode="wb", compresslevel=9),
        LZ4: lambda: lz4.frame.LZ4FrameFile(out, mode="wb"),
        ZSTD: lambda: zstandard.ZstdCompressor().stream_writer(out, closefd=False),
    }
    with openers[kind]() as packer:
        packer.write(head)
        for _ in range(millions):
            packer.write(b" " * 1_000_000)
        packer.write(tail)
    return out.getvalue()


def packed_batch(kind: int, packed: bytes, count: int) -> bytes:
    """A batch of records that are packed already."""
    return batch(packed, count, attributes=BROKER_TIME | kind)


def peak_bytes(data: bytes) -> tuple[int, list[Record]]:
    """The records of a batch, and how much more memory a process of its own had while it read them."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        pool.submit(read, batch(record(), 1, name="zstd")).result()
        return pool.submit(_measured, data).result()


def _measured(data: bytes) -> tuple[int, list[Record]]:
    # From here on the kernel counts anew. ru_maxrss would begin with what the parent process had.
    Path("/proc/self/clear_refs").write_text("5")
    before = _peak_resident_bytes()
    found = read(data)
    return _peak_resident_bytes() - before, found


def _peak_resident_bytes() -> int:
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found
    return int(found[1]) * 1024


@pytest.mark.parametrize(("kind", "millions"), [(GZIP, 200), (LZ4, 200), (ZSTD, 200), (ZSTD, 2_000)])
def test_a_bomb_among_good_records_is_one_record_of_bounded_memory(kind, millions):
    size = millions * 1_000_000
    before = record(0, b'{"good": 1}')
    fields = b"\0" + number(0) + number(1) + part(b"bomb") + number(size)
    head = before + number(len(fields) + size + 1) + fields
    packed = packed_batch(kind, bomb(kind, head, millions, number(0) + record(2, b'{"good": 2}')), 3)
    peak, found = peak_bytes(packed)
    assert [entry.value for entry in found] == [b'{"good": 1}', b" " * KEPT_BYTES, b'{"good": 2}']
    assert [entry.value_bytes for entry in found] == [11, size, 11]
    assert peak < CEILING_BYTES
    assert len(packed) < size / 100


@pytest.mark.parametrize("name", ["snappy in Java's blocks", "snappy in one block"])
def test_a_bomb_of_snappy_takes_what_its_block_allows(name):
    packed = batch(record(0, bytes(30_000_000)) + record(1), 2, 0, name)
    peak, found = peak_bytes(packed)
    assert [entry.value_bytes for entry in found] == [30_000_000, 2]
    assert peak < len(packed) + CEILING_BYTES


def test_a_value_of_the_greatest_size_is_kept_whole_and_one_more_byte_is_told():
    fits, over = b"x" * MAX_MESSAGE_BYTES, b"x" * (MAX_MESSAGE_BYTES + 1)
    found = read(batch(record(0, fits) + record(1, over) + record(2, over + over), 3))
    assert [entry.value for entry in found] == [fits, over, over]
    assert [entry.value_bytes for entry in found] == [
        MAX_MESSAGE_BYTES,
        MAX_MESSAGE_BYTES + 1,
        2 * MAX_MESSAGE_BYTES + 2,
    ]


@pytest.mark.parametrize("size", [MAX_MESSAGE_BYTES + 1, 1_000_000])
def test_a_key_or_headers_that_are_too_large_make_the_record_too_large(size):
    for odd in (
        record(0, b"{}", key=b"k" * size),
        record(0, b"{}", headers=[(b"h", b"v" * size)]),
        record(0, None, key=b"k" * size),
    ):
        (found,) = read(batch(odd, 1))
        assert found.value_bytes > size
        assert len(found.key) <= KEPT_BYTES
        assert not list(headers_of(found))


def test_null_keys_tombstones_and_headers_that_are_no_text_are_records():
    headers = [(b"\xff\xfe", b"\x80"), (b"null", None), ("ü".encode(), b"")]
    found = read(batch(record(0, b"{}", None) + record(1, None) + record(2, b"", b"", headers), 3))
    assert [(entry.key, entry.value, entry.value_bytes) for entry in found] == [
        (None, b"{}", 2),
        (b"key", None, None),
        (b"", b"", 0),
    ]
    assert list(headers_of(found[2])) == headers


def test_a_million_headers_cost_nothing():
    many = record(0, b"{}", headers=[(b"", b"")] * 1_000_000)
    peak, found = peak_bytes(batch(many, 1))
    assert (found[0].value, found[0].headers) == (b"{}", b"")
    assert found[0].value_bytes > MAX_MESSAGE_BYTES
    assert peak < 2 * len(many) + CEILING_BYTES


@pytest.mark.parametrize(
    ("stamp_ms", "wanted"),
    [
        (CLOCK.now_ms, CLOCK.now_ms),
        (CLOCK.oldest_ms, CLOCK.oldest_ms),
        (CLOCK.now_ms + 1, CLOCK.now_ms),
        (CLOCK.oldest_ms - 1, CLOCK.now_ms),
        (-1, CLOCK.now_ms),
        (2**62, CLOCK.now_ms),
    ],
)
def test_a_producers_time_counts_within_the_clock_only(stamp_ms, wanted):
    (found,) = read(batch(record(delta_ms=5), 1, attributes=0, first_ms=stamp_ms - 5))
    assert found.time_ms == wanted


def test_a_brokers_time_counts_whatever_the_clock_says_unless_it_is_no_date():
    ahead = CLOCK.now_ms + 3_600_000
    assert read(batch(record(delta_ms=5), 1, max_ms=ahead))[0].time_ms == ahead
    assert [read(batch(record(), 1, max_ms=odd))[0].time_ms for odd in (-1, 2**62)] == [CLOCK.now_ms] * 2


GOOD = record(0) + record(1)
LIES = {
    "a checksum that is wrong": (batch(GOOD, 2, is_corrupt=True), 0, "do not match their checksum"),
    "more records than there are": (batch(GOOD, 3), 2, "end within a record"),
    "a length beyond the end": (batch(GOOD + number(900) + b"x", 3), 2, "end within a record"),
    "a negative length": (batch(GOOD + number(-5) + b"x" * 20, 3), 2, "end within a record"),
    "a key longer than its record": (
        batch(GOOD + part(b"\0\0" + number(2) + number(99) + b"x" * 9), 3),
        2,
        "end within a record",
    ),
    "a huge record with a longer key": (
        batch(GOOD + number(300_000) + b"\0\0" + number(2) + number(400_000) + b"x" * 400_000, 3),
        2,
        "are longer than they say",
    ),
    "a number without an end": (batch(GOOD + b"\xff" * 30, 3), 2, "hold a number that does not end"),
    "an offset twice": (batch(record(0) + record(0), 2), 1, "hold offset 0 after 0"),
    "an offset beyond the batch": (batch(record(0) + record(7), 2), 1, "hold offset 7 after 0"),
    "an end before the beginning": (batch(record(0), 1, last_delta=-3), 0, "end before they begin"),
    "a codec that there is not": (batch(GOOD, 2, attributes=7), 0, "use codec 7"),
    "gzip that is none": (packed_batch(GZIP, b"no gzip at all", 2), 0, "do not unpack"),
    "gzip that ends early": (packed_batch(GZIP, gzip.compress(GOOD)[:-20], 2), 0, "end within a record"),
    "lz4 that is none": (packed_batch(LZ4, b"no lz4 at all", 2), 0, "do not unpack"),
    "zstd that is none": (packed_batch(ZSTD, b"no zstd at all", 2), 0, "do not unpack"),
    "snappy that claims 4 GB": (
        packed_batch(SNAPPY, b"\xff\xff\xff\xff\x0f\x00x", 2),
        0,
        "claim 4294967295 bytes of 7",
    ),
    "snappy that is none": (packed_batch(SNAPPY, b"\x05no snappy", 2), 0, "do not unpack"),
    "snappy without a size": (
        packed_batch(SNAPPY, b"\xff\xff\xff\xff\xff\xff", 2),
        0,
        "begin without a size",
    ),
    "a block of snappy that ends early": (
        packed_batch(SNAPPY, b"\x82SNAPPY\x00" + bytes(8) + b"\0\0\1\0x", 2),
        0,
        "end within a block",
    ),
}


@pytest.mark.parametrize("name", LIES)
def test_what_a_batch_says_wrongly_is_told_after_its_good_records(name):
    data, good, problem = LIES[name]
    found: list[Record] = []

    def read_on() -> None:
        for entry in records_of(next(batches_of(memoryview(data))), CLOCK):
            found.append(entry)

    with pytest.raises(Unreadable, match=problem):
        read_on()
    assert len(found) == good


def test_what_follows_the_last_record_is_left_alone():
    assert len(read(batch(GOOD + b"left over", 2))) == 2


def test_an_answer_that_is_cut_off_ends_with_its_last_whole_batch():
    whole = batch(GOOD, 2)
    for size in range(len(whole)):
        assert len(read(whole + batch(GOOD, 2, first=2)[:size])) == 2


@pytest.mark.parametrize("length", [-1, 0, 5, 2**31 - 1])
def test_an_impossible_length_ends_the_answer(length):
    assert list(batches_of(memoryview(struct.pack(">qiib", 0, length, 0, 2) + bytes(100)))) == []


def test_old_formats_are_told():
    old = struct.pack(">qiIbb", 5, 20, 0, 1, 0) + bytes(14)
    (found,) = batches_of(memoryview(old))
    assert (found.first, found.last) == (5, 5)
    with pytest.raises(Unreadable, match="have format 1"):
        list(records_of(found, CLOCK))


def test_random_damage_never_hangs_and_never_raises_anything_else():
    dice = random.Random(11)  # noqa: S311 - no secret
    for name in CODECS:
        good = batch(b"".join(record(n, odd_bytes(200)) for n in range(40)), 40, 0, name)
        for _ in range(150):
            body = bytearray(good[61:])
            for _ in range(dice.randint(1, 4)):
                body[dice.randrange(len(body))] = dice.randrange(256)
            made = next(batches_of(memoryview(good)))._replace(packed=memoryview(bytes(body)))
            try:
                found = list(records_of(made, CLOCK))
            except Unreadable:
                continue
            assert [entry.offset for entry in found] == sorted({entry.offset for entry in found})
