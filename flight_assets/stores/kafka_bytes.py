"""Buffer over the output of a codec, and the numbers in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flight_assets.stores.kafka_codecs import Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator

VARINT_BYTES = 10


class HeldBytes:
    """Buffer over the output of a codec. It holds only the bytes in use."""

    def __init__(self, pieces: Iterator[bytes | memoryview]) -> None:
        self._pieces = pieces
        self.held = b""
        self.at = 0

    def hold(self, count: int, at_least: int | None = None) -> None:
        """Buffer ``count`` bytes, or at least ``at_least`` if the data ends before. Raises Unreadable."""
        parts, held = [self.held[self.at :]], len(self.held) - self.at
        while held < count and (piece := next(self._pieces, None)) is not None:
            parts.append(bytes(piece))
            held += len(piece)
        self.held, self.at = b"".join(parts), 0
        if held < (count if at_least is None else at_least):
            raise Unreadable("end within a record")

    def take(self, count: int, keep: int) -> bytes:
        """Consume ``count`` bytes and return the first ``keep`` of them."""
        kept = min(count, keep)
        self.hold(kept)
        taken = self.held[self.at : self.at + kept]
        self.at += kept
        self.skip(count - kept)
        return taken

    def skip(self, count: int) -> None:
        """Skip so many bytes without holding them."""
        while count > (held := len(self.held) - self.at):
            count -= held
            self.held, self.at = b"", 0
            self.hold(1)
        self.at += count


def number_at(data: bytes, at: int) -> tuple[int, int]:
    """Return the signed number at a position (zigzag, 7 bits a byte, low ones first) and where it ends."""
    byte = data[at]
    if byte < 0x80:
        return (byte >> 1) ^ -(byte & 1), at + 1
    value, shift = byte & 0x7F, 7
    for at in range(at + 1, at + VARINT_BYTES):  # noqa: B020 - continues where it began
        byte = data[at]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return (value >> 1) ^ -(value & 1), at + 1
        shift += 7
    raise Unreadable("hold a number that does not end")
