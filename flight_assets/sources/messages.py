"""Our own messages as JSON lines. They are events already and are sent unchanged."""

from __future__ import annotations

import io
from collections.abc import Iterator

import msgspec
import pandas as pd

from flight_assets.sources.bts import has_all
from flight_assets.sources.layout import Chunk, Layout, raw_rows
from flight_assets.sources.opening import Source, opened

NAME = "messages"


class _Named(msgspec.Struct):
    """Parts of a message that sending needs."""

    flight_id: str | None = None
    timestamp: str | None = None


def _rows(chunk: Chunk) -> pd.DataFrame:
    """Return nothing: messages are not flights."""
    return raw_rows(0, {})


MESSAGES = Layout(
    NAME, "messages of the platform's own contract, one JSON object a line", rows=_rows, kind="jsonl",
    recognises=lambda header: has_all(header, "schema_version", "event_id", "flight_id"),
)  # fmt: skip


def message_lines(source: Source) -> Iterator[tuple[int, bytes | None, bytes]]:
    """Yield line number, key and value of each line that is not blank, byte for byte.

    The key is the flight_id, None without one.
    """
    decoder = msgspec.json.Decoder(_Named)
    with opened(source) as stream:
        for number, line in enumerate(
            io.BufferedReader(stream) if isinstance(stream, io.RawIOBase) else stream, 1
        ):
            value = line.strip()
            if not value:
                continue
            try:
                flight_id = decoder.decode(value).flight_id
            except msgspec.MsgspecError:
                flight_id = None
            yield number, flight_id.encode() if flight_id else None, value
