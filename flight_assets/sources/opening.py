"""Open files of flights, plain or packed: by what they begin with, whatever their names say."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from flight_assets.errors import FlightsError

_PACKINGS = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bz2"}
_ZIP = b"PK\x03\x04"
_MAGIC_BYTES = 4
UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
# Text has next to no control characters below the blank.
BLANK, MOST_CONTROLS = 32, 0.01


@dataclass(frozen=True)
class Source:
    """One table or stream of JSON in a file.

    ``header`` has its column names, or the cells of its first row where it has none.
    """

    path: Path
    kind: str
    header: tuple[str, ...] = ()
    member: str = ""
    delimiter: str = ","
    encoding: str = "utf8"
    # Lines before the header.
    skip: int = 0
    has_header: bool = True

    @property
    def name(self) -> str:
        """The file's name, with the member's in an archive."""
        return f"{self.path.name}/{self.member}" if self.member else self.path.name


def first_bytes(path: Path) -> bytes:
    """Return the first bytes of a file, which tell how it is packed."""
    with path.open("rb") as file:
        return file.read(_MAGIC_BYTES)


def is_zip(path: Path) -> bool:
    """Return whether a file is a zip archive, or claims to be one."""
    return first_bytes(path) == _ZIP or path.suffix.lower() == ".zip"


def require_file(path: Path) -> None:
    """Raise FlightsError for a path that is no file which can be read more than once."""
    if path.is_dir():
        raise FlightsError(f"{path} is a folder: name its files, such as {path / '*.csv'}")
    if str(path) == "-" or (path.exists() and not path.is_file()):
        raise FlightsError(f"{path} can be read only once, and loading reads twice: save it as a file first")
    if not path.is_file():
        raise FlightsError(f"there is no file {path}: check the path")


def require_text(name: str, sample: bytes) -> None:
    """Raise FlightsError for the beginning of a file that is no table and no JSON."""
    if sample[:2] in UTF16_MARKS:
        raise FlightsError(f"{name} is in UTF-16: save it as UTF-8 and load it again")
    controls = sum(byte < BLANK and byte not in b"\t\n\r\f" for byte in sample)
    if controls > len(sample) * MOST_CONTROLS:
        raise FlightsError(f"{name} is neither text nor Parquet: it needs to be CSV, JSON or Parquet")
    if sample.lstrip()[:1] == b"<":
        raise FlightsError(f"{name} is a web page or XML, no table: check what was downloaded")


def opened(source: Source) -> IO[bytes]:
    """Return the bytes of a source, unpacked as they are read."""
    if source.member:
        archive = zipfile.ZipFile(source.path)
        return archive.open(source.member)
    begin = first_bytes(source.path)
    packing = next((name for magic, name in _PACKINGS.items() if begin.startswith(magic)), None)
    if packing:
        return io.BufferedReader(_Raw(pa.CompressedInputStream(pa.OSFile(str(source.path)), packing)))
    return source.path.open("rb")


@contextmanager
def readable(name: str) -> Iterator[None]:
    """Raise FlightsError for a file that is cut off, damaged, locked or not allowed to be read."""
    try:
        yield
    except PermissionError as error:
        raise FlightsError(f"{name} may not be read by this user: give it read permission") from error
    except (OSError, EOFError, RuntimeError, zlib.error, zipfile.BadZipFile, pa.ArrowInvalid) as error:
        raise FlightsError(
            f"{name} cannot be read to its end ({str(error).strip() or type(error).__name__}): "
            "check that the download is complete"
        ) from error


class _Raw(io.RawIOBase):
    """Arrow stream with the interface of Python's streams."""

    def __init__(self, stream: pa.NativeFile) -> None:
        self._stream = stream

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - io's own signature
        """Fill the buffer as far as there are bytes."""
        data = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        """Close the Arrow stream as well."""
        self._stream.close()
        super().close()
