"""Frames as bytes for Redis: an Arrow stream, compressed with zstd."""

from __future__ import annotations

from datetime import datetime

import pandas as pd

# Length of the token before each frame in Redis.
TOKEN_BYTES = 32
_COMPUTED_AT = b"computed_at"


def encode(frame: pd.DataFrame, computed_at: datetime) -> bytes:
    """Return a frame and the moment of its computation as an Arrow stream.

    Only plain values of ``attrs`` are kept.
    """
    import pyarrow as pa

    plain = frame.copy(deep=False)
    plain.attrs = {name: value for name, value in frame.attrs.items() if isinstance(value, (str, int, float))}
    table = pa.Table.from_pandas(plain, preserve_index=False)
    table = table.replace_schema_metadata(
        {**(table.schema.metadata or {}), _COMPUTED_AT: computed_at.isoformat().encode()}
    )
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def decode(content: bytes | memoryview) -> tuple[pd.DataFrame, datetime]:
    """Return the frame and the moment given to ``encode``.

    Raises ValueError or KeyError for any other bytes.
    """
    import pyarrow as pa

    with pa.ipc.open_stream(content) as reader:
        table = reader.read_all()
    return table.to_pandas(), datetime.fromisoformat(table.schema.metadata[_COMPUTED_AT].decode())
