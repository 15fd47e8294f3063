"""Unpack Kafka record batches piece by piece, so that memory does not depend on their unpacked size.

Belongs here: the five codecs of Kafka. Does not: records (`kafka_records`) or connections (`kafka_reader`).

Memory per batch: its bytes on the wire, one piece, and what the codec looks back on. That is 32 kB for gzip,
4 MB at most for lz4 and snappy, 8 MB for zstd up to level 19. The levels 20 to 22 of zstd ask for up to 128
MiB, the limit of the broker's own decoder.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

NONE, GZIP, SNAPPY, LZ4, ZSTD = range(5)
PIECE_BYTES = 64 << 10
GZIP_OR_ZLIB_HEADER = 47  # zlib's code for 32 kB windows and either header
ZSTD_WINDOW_BYTES = 128 << 20
XERIAL_MAGIC = b"\x82SNAPPY\x00"
XERIAL_HEADER_BYTES = 16
# Larger blocks of snappy are unpacked in Python, which looks back 64 KiB: encoders cut their input so.
SNAPPY_BLOCK_BYTES = 4 << 20
SNAPPY_WINDOW_BYTES = 64 << 10
# The densest element of snappy makes 64 bytes of 3.
SNAPPY_MOST_DENSE = 22


class Unreadable(ValueError):
    """Bytes that are not what their header says. The text completes "the records …"."""


def unpacked(codec: int, packed: memoryview) -> Iterator[bytes | memoryview]:
    """Yield the unpacked bytes in pieces of at most ``PIECE_BYTES``, or ``SNAPPY_BLOCK_BYTES`` for snappy.

    Bytes that are not packed come back unchanged.

    Raises:
        Unreadable: the codec is unknown or its bytes are damaged; the pieces before the damage have been
            given.
    """
    import snappy
    import zstandard

    if codec == NONE:
        yield packed
        return
    if codec not in _DECODERS:
        raise Unreadable(f"use codec {codec}, which Kafka does not have")
    try:
        yield from _DECODERS[codec](packed)
    except (zlib.error, RuntimeError, EOFError, zstandard.ZstdError, snappy.UncompressError) as error:
        raise Unreadable(f"do not unpack ({error})") from error


def _gzip(packed: memoryview) -> Iterator[bytes]:
    rest = bytes(packed)
    while rest:
        member = zlib.decompressobj(GZIP_OR_ZLIB_HEADER)
        while not member.eof:
            piece = member.decompress(rest, PIECE_BYTES)
            rest = member.unconsumed_tail
            if piece:
                yield piece
            elif not member.eof and not rest:
                return
        rest = member.unused_data


def _lz4(packed: memoryview) -> Iterator[bytes]:
    import lz4.frame

    rest = bytes(packed)
    while rest:
        frame = lz4.frame.LZ4FrameDecompressor()
        fed = rest
        while not frame.eof:
            piece, fed = frame.decompress(fed, PIECE_BYTES), b""
            if piece:
                yield piece
            elif frame.needs_input:
                return
        rest = frame.unused_data or b""


def _zstd(packed: memoryview) -> Iterator[bytes]:
    import zstandard

    unpacker = zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW_BYTES)
    with unpacker.stream_reader(packed, read_across_frames=True) as stream:
        while piece := stream.read(PIECE_BYTES):
            yield piece


def _snappy(packed: memoryview) -> Iterator[bytes]:
    """Unpack one raw block, as librdkafka writes it, or the stream of blocks of Java and kafka-python."""
    if packed[: len(XERIAL_MAGIC)] != XERIAL_MAGIC:
        yield from _snappy_block(packed)
        return
    position = XERIAL_HEADER_BYTES
    while position < len(packed):
        begin = position + 4
        position = begin + int.from_bytes(packed[position:begin], "big")
        if position > len(packed) or position == begin:
            raise Unreadable("end within a block of snappy")
        yield from _snappy_block(packed[begin:position])


def _snappy_block(block: memoryview) -> Iterator[bytes]:
    import snappy

    size, position = _snappy_size(block)
    if size > SNAPPY_MOST_DENSE * len(block):
        raise Unreadable(f"claim {size} bytes of {len(block)} bytes of snappy")
    if size <= SNAPPY_BLOCK_BYTES:
        yield snappy.uncompress(bytes(block))
    else:
        yield from _snappy_elements(bytes(block), position)


def _snappy_size(block: memoryview) -> tuple[int, int]:
    """Return the unpacked size that a block claims, and where its elements begin."""
    size = 0
    for position, byte in enumerate(block[:5]):
        size |= (byte & 0x7F) << (7 * position)
        if byte < 0x80:
            return size, position + 1
    raise Unreadable("begin without a size of snappy")


def _snappy_elements(block: bytes, position: int) -> Iterator[bytes]:
    """Unpack a block of any size, element by element. Format: google/snappy, format_description.txt."""
    out = bytearray()
    while position < len(block):
        tag, kind = block[position] >> 2, block[position] & 3
        position += 1
        if kind == 0:
            extra, length = max(0, tag - 59), tag + 1
            if extra:
                length = int.from_bytes(block[position : position + extra], "little") + 1
            position += extra + length
            out += block[position - length : position]
        else:
            extra, length, high = (
                (1, (tag & 7) + 4, tag >> 3 << 8) if kind == 1 else (2 * kind - 2, tag + 1, 0)
            )
            back = high | int.from_bytes(block[position : position + extra], "little")
            position += extra
            if not 0 < back <= len(out):
                raise Unreadable("look back too far in snappy")
            seen = out[-back : len(out) - back + length]
            out += (seen * (length // back + 1))[:length]
        if position > len(block):
            raise Unreadable("end within an element of snappy")
        if len(out) >= PIECE_BYTES + SNAPPY_WINDOW_BYTES:
            yield bytes(out[:-SNAPPY_WINDOW_BYTES])
            del out[:-SNAPPY_WINDOW_BYTES]
    yield bytes(out)


_DECODERS = {GZIP: _gzip, SNAPPY: _snappy, LZ4: _lz4, ZSTD: _zstd}
