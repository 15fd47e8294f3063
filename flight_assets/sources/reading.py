"""Open files of flights and read them in pieces: CSV, Parquet and JSON, plain or as gzip, zip or zstd."""

from __future__ import annotations

import csv
import functools
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from flight_assets.errors import FlightsError
from flight_assets.sources.json_reading import read_json
from flight_assets.sources.layout import Chunk, Layout
from flight_assets.sources.opening import Source, is_zip, opened, readable, require_file, require_text
from flight_assets.sources.quotes import row_starts, without_open_quotes

SAMPLE_BYTES = 65_536
BLOCK_BYTES = 4 << 20
CHUNK_ROWS = 50_000
SUFFIXES = (".csv", ".txt", ".json", ".jsonl", ".tsv")
# Words in the names of members of an archive that are no tables.
NOTES = ("readme", "license", "terms")
WORKBOOK = "[Content_Types].xml"
_NAME = re.compile(r'"(\w+)"\s*:')


def sources_of(path: Path, delimiter: str = "", encoding: str = "") -> list[Source]:
    """Return what a file holds: one source, or one for each table of a zip archive.

    Raises:
        FlightsError: the file is not there, empty, or neither CSV, Parquet nor JSON.
    """
    require_file(path)
    with readable(path.name):
        if not is_zip(path):
            return [_inspected(Source(path, ""), delimiter, encoding)]
        with zipfile.ZipFile(path) as archive:
            every = [entry.filename for entry in archive.infolist() if entry.file_size]
        if WORKBOOK in every:
            raise FlightsError(f"{path} is a workbook: save its sheet as CSV, and load that")
        members = [member for member in every if _is_data(member)]
        if not members:
            raise FlightsError(f"{path} holds no table: it needs a .csv, .txt or .json inside")
        return [_inspected(Source(path, "", member=member), delimiter, encoding) for member in members]


def _is_data(member: str) -> bool:
    """Return whether a member of an archive is a table or JSON, and no note or shadow file of macOS."""
    path = Path(member)
    is_note = any(word in path.stem.lower() for word in NOTES)
    return path.suffix.lower() in SUFFIXES and not is_note and "__MACOSX" not in path.parts


def _inspected(source: Source, delimiter: str, encoding: str) -> Source:
    with opened(source) as stream:
        sample = stream.read(SAMPLE_BYTES)
    if not sample.strip():
        raise FlightsError(f"{source.path} is empty: nothing to load")
    if sample[:4] == b"PAR1":
        return replace(source, kind="parquet", header=tuple(pq.read_schema(source.path).names))
    require_text(source.name, sample)
    encoding = encoding or _encoding(sample)
    text = sample.decode(encoding, errors="replace").lstrip("\ufeff")
    if text.lstrip()[0] in "{[":
        return _json_source(source, text)
    if "\n" not in text and "\r" in text.strip():
        raise FlightsError(
            f"{source.name} ends its lines with CR alone: save it with the line ends of Unix or Windows"
        )
    return _csv_source(source, text, delimiter, encoding)


def _encoding(sample: bytes) -> str:
    """Return utf8 if the sample is valid, ignoring a character cut at its end; else latin1."""
    try:
        sample[:-4].decode("utf8") if len(sample) == SAMPLE_BYTES else sample.decode("utf8")
    except UnicodeDecodeError:
        return "latin1"
    return "utf8"


def _json_source(source: Source, text: str) -> Source:
    """Find out whether JSON is a document or an object a line.

    The names in its beginning stand for a header.
    """
    names = tuple(dict.fromkeys(_NAME.findall(text)))
    first, _, rest = text.lstrip().partition("\n")
    try:
        is_line = isinstance(msgspec.json.decode(first), dict) and bool(rest.strip())
    except msgspec.DecodeError:
        is_line = False
    return replace(source, kind="jsonl" if is_line else "json", header=names)


def _csv_source(source: Source, text: str, delimiter: str, encoding: str) -> Source:
    """Find delimiter and header.

    Lines above it that begin with # are comments, as IEM's files have them. A first line of one cell above
    lines of many is a title, as the Brazilian files have one.
    """
    every = text.splitlines()
    comments = next((place for place, line in enumerate(every) if not line.startswith("#")), 0)
    lines = every[comments:]
    split = delimiter or max(",;\t|", key=lambda char: lines[min(1, len(lines) - 1)].count(char))
    skip = 1 if len(lines) > 1 and split not in lines[0] and split in lines[1] else 0
    header = tuple(_fitting(next(csv.reader([lines[skip]], delimiter=split)), lines[skip + 1 :], split))
    found = replace(source, kind="csv", header=header, delimiter=split, encoding=encoding)
    return replace(found, skip=comments + skip)


def _fitting(header: list[str], lines: list[str], delimiter: str) -> list[str]:
    """Return the header as wide as the rows: either may end in a delimiter that the other one lacks."""
    row = next((cells for cells in csv.reader(lines[:1], delimiter=delimiter) if any(cells)), header)
    if len(row) == len(header) + 1 and not row[-1].strip():
        return [*header, ""]
    if len(row) == len(header) - 1 and not header[-1].strip():
        return header[:-1]
    return header


@dataclass
class BadLines:
    """Lines of a file that are not rows: line number and reason."""

    lines: dict[int, str]


def chunks(source: Source, layout: Layout, bad: BadLines) -> Iterator[Chunk]:
    """Yield a source in pieces of some 50,000 rows, with the line number of each row.

    Bad lines go into ``bad``.
    """
    with readable(source.name):
        if source.kind == "parquet":
            yield from _parquet_chunks(source, layout)
        elif source.kind == "csv":
            yield from _csv_chunks(source, layout, bad)
        else:
            with opened(source) as stream:
                yield read_json(stream, source.name, source.kind == "jsonl", bad.lines)


def _parquet_chunks(source: Source, layout: Layout) -> Iterator[Chunk]:
    file = pq.ParquetFile(source.path)
    names = [
        name for name in file.schema_arrow.names if not layout.reads or name.strip().lower() in layout.reads
    ]
    first = 1
    for batch in file.iter_batches(CHUNK_ROWS, columns=names):
        yield Chunk(np.arange(first, first + batch.num_rows), pa.Table.from_batches([batch]))
        first += batch.num_rows


def _csv_chunks(source: Source, layout: Layout, bad: BadLines) -> Iterator[Chunk]:
    names = _distinct(source.header if source.has_header else layout.headings)
    wanted = [name for name in names if name and (not layout.reads or name.strip().lower() in layout.reads)]
    line = source.skip + source.has_header + 1
    with opened(source) as stream:
        for _ in range(line - 1):
            stream.readline()
        for piece in _pieces(stream, source.name):
            yield _parsed(piece, line, source, names, wanted, bad)
            line += piece.count(b"\n")


def _pieces(stream: IO[bytes], name: str) -> Iterator[bytes]:
    """Yield the stream in pieces of whole lines."""
    rest = b""
    while block := stream.read(BLOCK_BYTES):
        data = rest + block
        end = data.rfind(b"\n") + 1
        rest = data[end:]
        if len(rest) > BLOCK_BYTES:
            raise FlightsError(f"{name}: a line is longer than {BLOCK_BYTES >> 20} MB: this is no table")
        if end:
            yield data[:end]
    if rest:
        yield rest


def _parsed(
    piece: bytes, first: int, source: Source, names: list[str], wanted: list[str], bad: BadLines
) -> Chunk:
    """Return the rows of some whole lines as texts.

    ``first`` is the number of the first line; blank lines are left out.
    """
    table, skipped = _table(piece, source, names, wanted)
    starts = np.arange(table.num_rows + len(skipped))
    if b'"' in piece and len(starts) < piece.count(b"\n"):
        # Some cells hold line ends, or a quote is not closed and has swallowed rows.
        places = row_starts(piece)
        if skipped or len(places) != len(starts):
            piece, unclosed = without_open_quotes(piece)
            bad.lines |= {first + place: "bad_row: a quote is not closed" for place in unclosed}
            table, skipped = _table(piece, source, names, wanted)
            places = np.arange(table.num_rows + len(skipped))
        starts = places
    bad.lines |= {first + int(starts[place]): reason for place, reason in skipped.items()}
    numbers = np.delete(starts, list(skipped)) + first
    is_blank = functools.reduce(pc.and_, (pc.equal(column, "") for column in table.columns))
    kept = pc.invert(is_blank)
    return Chunk(numbers[np.asarray(kept, dtype=bool)], table.filter(kept))


def _table(
    piece: bytes, source: Source, names: list[str], wanted: list[str]
) -> tuple[pa.Table, dict[int, str]]:
    """Return the rows of some whole lines as texts, and the rows left out: place from 0, and reason."""
    skipped: dict[int, str] = {}

    def note(row: pa_csv.InvalidRow) -> str:
        # Arrow counts from 1 in each piece, if it parses in one thread.
        skipped[row.number - 1] = f"bad_row: {row.actual_columns} cells instead of {row.expected_columns}"
        return "skip"

    def read(encoding: str) -> pa.Table:
        return pa_csv.read_csv(
            pa.py_buffer(piece),
            read_options=pa_csv.ReadOptions(encoding=encoding, column_names=names, use_threads=False),
            parse_options=pa_csv.ParseOptions(
                delimiter=source.delimiter, invalid_row_handler=note, ignore_empty_lines=False
            ),
            convert_options=pa_csv.ConvertOptions(
                column_types=dict.fromkeys(wanted, pa.string()), include_columns=wanted
            ),
        )

    try:
        return read(source.encoding), skipped
    except pa.ArrowInvalid as error:
        if "UTF8" not in str(error):
            raise
        # A file that begins as UTF-8 and is not.
        skipped.clear()
        return read("latin1"), skipped


def _distinct(names: tuple[str, ...]) -> list[str]:
    """Return the names; a repeated or empty one gets its position, because Arrow refuses duplicates."""
    seen: set[str] = set()
    result = []
    for place, name in enumerate(names):
        kept = name.lstrip("\ufeff") if name and name not in seen else f"{name}#{place}"
        seen.add(kept)
        result.append(kept)
    return result
