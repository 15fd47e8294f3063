"""Every read of a Parquet file on HDFS ends in time, also the reads after it was opened."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flight_assets.errors import StoreUnavailable
from flight_assets.stores.hdfs import PATIENCE, Hdfs

TIMEOUT_S = 0.05
ROWS, GROUP = 20_000, 1_000


class Reader(io.BytesIO):
    """A file of the native client. While ``silent`` is set, a read gets no answer."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self.silent, self.answers, self.bytes_read = False, threading.Event(), 0

    def read(self, size: int | None = -1) -> bytes:
        if self.silent:
            self.answers.wait(30)
        found = super().read(size)
        self.bytes_read += len(found)
        return found


class Client:
    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def read(self, _path: str) -> Reader:
        return self._reader


@pytest.fixture
def reader() -> Iterator[Reader]:
    content = io.BytesIO()
    pq.write_table(pa.table({"n": range(ROWS)}), content, row_group_size=GROUP, compression="none")
    found = Reader(content.getvalue())
    yield found
    found.answers.set()


@pytest.fixture
def hdfs(reader) -> Hdfs:
    """A client without a NameNode."""
    found = object.__new__(Hdfs)
    found._client, found._timeout_s, found._address = Client(reader), TIMEOUT_S, "hdfs://nowhere"
    return found


def test_a_row_group_is_read_alone(hdfs, reader) -> None:
    file = hdfs.open_parquet("/file")
    assert file.read_row_group(3)["n"].to_pylist() == list(range(3 * GROUP, 4 * GROUP))
    assert reader.bytes_read < len(reader.getvalue()) / 2


def test_a_datanode_that_falls_silent_after_the_file_was_opened_is_given_up_in_time(hdfs, reader) -> None:
    file = hdfs.open_parquet("/file")
    reader.silent = True
    began = time.monotonic()
    with pytest.raises(StoreUnavailable, match="HDFS"):
        file.read_row_group(3)
    assert time.monotonic() - began < 10 * PATIENCE * TIMEOUT_S + 5
