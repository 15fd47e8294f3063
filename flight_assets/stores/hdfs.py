"""HDFS for small files: metadata documents, model artifacts, listings. Data goes through Spark."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote
from uuid import uuid4

from flight_assets.errors import StoreFull, StoreUnavailable
from flight_assets.settings import hand_over

if TYPE_CHECKING:
    import pyarrow.parquet as pq
    from hdfs_native import FileReader

    from flight_assets.settings import Settings

Result = TypeVar("Result")
# The client tries three times, each for timeout_s.
PATIENCE = 4


class Hdfs:
    """Client for whole files at absolute paths. Errors name the address.

    Every method raises StoreUnavailable if HDFS does not answer; a write without room raises StoreFull.
    """

    def __init__(self, settings: Settings) -> None:
        from hdfs_native import Client

        self._address = settings.hdfs_url
        self._http_url = settings.hdfs_http_url
        self._timeout_s = settings.timeout_s
        self._user = settings.hdfs_user
        if settings.secured:
            # The native client reads the user name only from here.
            hand_over("HADOOP_USER_NAME", self._user)
        timeout_ms = str(int(settings.timeout_s * 1000))
        options = {
            "dfs.replication": str(settings.hdfs_replication),
            "ipc.client.connect.timeout": timeout_ms,
            "dfs.client.socket-timeout": timeout_ms,
            # By default the client retries for three minutes before it reports an error.
            "dfs.client.failover.max.attempts": "3",
        }
        with self._answering():
            self._client = Client(settings.hdfs_url, options)

    @contextmanager
    def _answering(self) -> Iterator[None]:
        try:
            yield
        except (FileNotFoundError, FileExistsError):
            raise
        except (OSError, RuntimeError) as error:
            if _is_full(str(error)):
                raise StoreFull(
                    f"HDFS at {self._address} has no room for a file: free space on its DataNodes' disks,"
                    " then run again"
                ) from error
            raise StoreUnavailable(
                "HDFS", self._address, f"see `flights status` and `flights logs namenode` ({error})"
            ) from error

    def _within(self, work: Callable[[], Result]) -> Result:
        """Return the result of a call to the native client, within ``PATIENCE`` times ``timeout_s``.

        The client has no timeout for a NameNode that accepts a connection and then stays silent. The waiting
        thread is abandoned; it ends with the connection or the process.
        """
        done: Future[Result] = Future()

        def call() -> None:
            try:
                done.set_result(work())
            except BaseException as error:  # the caller's thread raises it
                done.set_exception(error)

        # Not an executor's thread: the interpreter would wait for it at exit.
        threading.Thread(target=call, daemon=True, name="hdfs").start()
        if not wait([done], PATIENCE * self._timeout_s).done:
            raise TimeoutError(f"no answer within {PATIENCE * self._timeout_s:g} s")
        return done.result()

    def exists(self, path: str) -> bool:
        """Return whether a file or directory has that name."""
        try:
            with self._answering():
                self._within(lambda: self._client.get_file_info(path))
        except FileNotFoundError:
            return False
        return True

    def read(self, path: str) -> bytes:
        """Return the content of a file. Raises FileNotFoundError."""
        with self._answering():
            return self._within(lambda: self._content(path))

    def _content(self, path: str) -> bytes:
        with self._client.read(path) as reader:
            return bytes(reader.read())

    def open_parquet(self, path: str) -> pq.ParquetFile:
        """Open a Parquet file; only the parts in use are read. Raises FileNotFoundError.

        Each later read of a part has the same time limit and raises StoreUnavailable too.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        with self._answering():
            reader = self._within(lambda: self._client.read(path))
        patient = pa.PythonFile(_PatientFile(reader, self._part), mode="r")
        # Spark writes times as INT96. As nanoseconds, they would only reach to the year 2262.
        return pq.ParquetFile(patient, coerce_int96_timestamp_unit="us")

    def _part(self, work: Callable[[], Result]) -> Result:
        with self._answering():
            return self._within(work)

    def write(self, path: str, content: bytes) -> None:
        """Replace a file atomically: readers see the old or the new content, never a part."""
        self._put(path, content, overwrite=True)

    def create(self, path: str, content: bytes) -> None:
        """Write a file that must not exist yet; one of several writers wins. Raises FileExistsError."""
        self._put(path, content, overwrite=False)

    def _put(self, path: str, content: bytes, overwrite: bool) -> None:
        partial = f"{path}.{uuid4().hex}.tmp"
        with self._answering():
            self._upload(partial, content)
            try:
                self._within(lambda: self._client.rename(partial, path, overwrite=overwrite))
            except FileExistsError:
                self._within(lambda: self._client.delete(partial))
                raise

    def _upload(self, path: str, content: bytes) -> None:
        """Write a new file over WebHDFS, in a twentieth of the native client's time.

        The native client closes a file before the DataNode has reported it, so each close waits half a
        second.
        """
        import requests

        asked = requests.put(
            f"{self._http_url}/webhdfs/v1{quote(path)}",
            params={"op": "CREATE", "overwrite": "true", "user.name": self._user},
            allow_redirects=False,
            timeout=self._timeout_s,
        )
        if asked.status_code != requests.codes.temporary_redirect:
            # No DataNode accepted it. The native client's error tells whether none runs or none has room.
            self._within(lambda: self._create(path, content))
            return
        answer = requests.put(asked.headers["Location"], data=content, timeout=self._timeout_s)
        if answer.status_code != requests.codes.created:
            raise OSError(f"a DataNode answers {answer.status_code}: {answer.text}")

    def _create(self, path: str, content: bytes) -> None:
        from hdfs_native import WriteOptions

        with self._client.create(path, WriteOptions(overwrite=True, create_parent=True)) as writer:
            writer.write(content)

    def rename(self, source: str, target: str) -> None:
        """Rename a file or directory atomically; never overwrites.

        Raises FileNotFoundError if it does not exist.
        """
        with self._answering():
            self._within(lambda: self._client.rename(source, target, overwrite=False))

    def list(self, path: str) -> list[str]:
        """Return the sorted names in a directory, without unfinished writes; empty if it does not exist."""
        try:
            with self._answering():
                names = [
                    status.path.rsplit("/", 1)[-1]
                    for status in self._within(lambda: list(self._client.list_status(path)))
                ]
        except FileNotFoundError:
            return []
        return sorted(name for name in names if not name.endswith(".tmp"))

    def modified_in(self, path: str) -> dict[str, datetime]:
        """Return the UTC time of the last write by file name; empty if the directory does not exist."""
        try:
            with self._answering():
                found = self._within(lambda: list(self._client.list_status(path)))
        except FileNotFoundError:
            return {}
        return {
            entry.path.rsplit("/", 1)[-1]: datetime.fromtimestamp(entry.modification_time / 1000, UTC)
            for entry in found
            if not entry.isdir
        }

    def size_bytes(self, path: str) -> int:
        """Return the bytes of all files below a path, counting one replica; 0 without files."""
        try:
            with self._answering():
                return int(self._within(lambda: self._client.get_content_summary(path)).length)
        except FileNotFoundError:
            return 0

    def file_count(self, path: str) -> int:
        """Return the number of files below a path."""
        try:
            with self._answering():
                return int(self._within(lambda: self._client.get_content_summary(path)).file_count)
        except FileNotFoundError:
            return 0

    def modified(self, path: str) -> datetime:
        """Return when a file was last written (UTC, the writer's clock). Raises FileNotFoundError."""
        with self._answering():
            info = self._within(lambda: self._client.get_file_info(path))
            return datetime.fromtimestamp(info.modification_time / 1000, UTC)

    def delete(self, path: str) -> None:
        """Delete a file or directory; do nothing if it does not exist."""
        with self._answering():
            if self.exists(path):
                self._within(lambda: self._client.delete(path, recursive=True))


class _PatientFile:
    """Read-only file for Arrow whose every read goes through ``limited``, which ends it in time."""

    closed = False

    def __init__(self, reader: FileReader, limited: Callable[[Callable[[], bytes]], bytes]) -> None:
        self._reader, self._limited = reader, limited

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes, to the end by default."""
        return self._limited(lambda: bytes(self._reader.read(size)))

    def seek(self, offset: int, whence: int = 0) -> int:
        """Move without reading; returns the new position."""
        self._reader.seek(offset, whence)
        return self.tell()

    def tell(self) -> int:
        """Return the position."""
        return int(self._reader.tell())

    def close(self) -> None:
        """Close the file."""
        self._reader.close()
        self.closed = True


def _is_full(refusal: str) -> bool:
    """Return whether DataNodes run but none has room: the NameNode excludes those without a free block."""
    return "could only be written to 0 of" in refusal and "There are 0 datanode(s) running" not in refusal
