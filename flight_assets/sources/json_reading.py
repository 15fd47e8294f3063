"""JSON in files: objects line by line, or one document with lists of objects. Both are read as a whole."""

from __future__ import annotations

from typing import IO, Any

import msgspec
import numpy as np

from flight_assets.errors import FlightsError
from flight_assets.sources.layout import Chunk

# A larger file would not fit into the loader's memory.
MAX_WHOLE_BYTES = 128 << 20
# An object with one of these names is a flight or a message; any other is an answer with lists of flights.
ITSELF = frozenset({"fa_flight_id", "event_id", "type", "ident"})


def read_json(stream: IO[bytes], name: str, is_lines: bool, bad: dict[int, str]) -> Chunk:
    """Return the objects of a stream, with their lines; those of a document are counted from 1.

    Args:
        stream: the bytes.
        name: the file's name, for messages.
        is_lines: an object a line; else it is one document.
        bad: takes the lines that are no objects, with the reason.

    Raises:
        FlightsError: it is too large, or a document that is not JSON.
    """
    data = stream.read(MAX_WHOLE_BYTES + 1)
    if len(data) > MAX_WHOLE_BYTES:
        raise FlightsError(
            f"{name} is larger than {MAX_WHOLE_BYTES >> 20} MB, and is read as a whole: split it by day"
        )
    return _lines(data, bad) if is_lines else _document(data, name)


def _lines(data: bytes, bad: dict[int, str]) -> Chunk:
    numbers: list[int] = []
    records: list[dict[str, Any]] = []
    for number, line in enumerate(data.splitlines(), 1):
        try:
            record = msgspec.json.decode(line) if line.strip() else None
        except msgspec.DecodeError:
            record = line
        found = _flights_in(record) if isinstance(record, dict) else []
        numbers.extend([number] * len(found))
        records.extend(found)
        if record is not None and not isinstance(record, dict):
            bad[number] = "bad_row: not a JSON object"
    return Chunk(np.array(numbers, dtype=np.int64), records=tuple(records))


def _document(data: bytes, name: str) -> Chunk:
    try:
        document = msgspec.json.decode(data)
    except msgspec.DecodeError as error:
        raise FlightsError(f"{name} is not JSON ({error}): check that the download is complete") from error
    found = tuple(_flights_in(document))
    return Chunk(np.arange(1, len(found) + 1), records=found)


def _flights_in(document: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - JSON
    """Return a document's objects: those of a list, or of the lists of an object that is no flight itself."""
    if isinstance(document, list):
        return [record for record in document if isinstance(record, dict)]
    if not isinstance(document, dict):
        return []
    lists = [value for value in document.values() if isinstance(value, list)]
    if not lists or not document.keys().isdisjoint(ITSELF):
        return [document]
    return [record for records in lists for record in records if isinstance(record, dict)]
