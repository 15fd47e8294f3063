"""Flights on disk by local date.

A file in any order becomes a stream in order, in the memory of a few days.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pandas as pd
import pyarrow as pa

from flight_assets.sources.flight_ids import with_id_ends

_TEXT, _TIME, _FLOAT = pa.string(), pa.timestamp("s"), pa.float64()
SCHEMA = pa.schema(
    {
        "row": pa.int64(),
        "airline": _TEXT,
        "flight_number": pa.int64(),
        "flight_suffix": _TEXT,
        "tail_number": _TEXT,
        "origin": _TEXT,
        "destination": _TEXT,
        "local_departure": _TIME,
        "scheduled_departure": _TIME,
        "scheduled_arrival": _TIME,
        "distance_miles": _FLOAT,
        "departure_delay_minutes": _FLOAT,
        "arrival_delay_minutes": _FLOAT,
        "cancelled": pa.bool_(),
        "diverted": pa.bool_(),
        "diverted_to": _TEXT,
        "diverted_at": _TIME,
        "arrived_at": _TIME,
        "source": _TEXT,
        "computed_distance": pa.bool_(),
        "file": _TEXT,
        "id_end": _TEXT,
    }
)
_OPTIONS = pa.ipc.IpcWriteOptions(compression="lz4")


class Spool:
    """Folder with one file of flights per local date."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def add(self, flights: pd.DataFrame, file: str) -> None:
        """Append a file's flights (``convert.FLIGHT_COLUMNS``), each to the file of its date."""
        for day, rows in flights.groupby("flight_date", sort=False):
            self._write(self._file(day.date()), rows.assign(id_end="", file=file), "ab")

    def days(self) -> list[date]:
        """Return the dates that have flights, in order."""
        return sorted(date.fromisoformat(path.stem) for path in self.folder.glob("*.arrow"))

    def read(self, day: date) -> pd.DataFrame:
        """Return the flights of a date, with the columns of SCHEMA."""
        return pa.concat_tables(self._tables(day)).to_pandas()

    def give_ids(self) -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
        """Tell the flights of each date apart, in planned order.

        Yields the date's flights, and rows left out: file, row, reason.
        """
        for day in self.days():
            flights, left_out = with_id_ends(self.read(day))
            self._write(
                self._file(day), flights.sort_values(["scheduled_departure", "row"], kind="stable"), "wb"
            )
            yield flights, left_out

    def _file(self, day: date) -> Path:
        return self.folder / f"{day:%Y-%m-%d}.arrow"

    def _write(self, path: Path, flights: pd.DataFrame, mode: str) -> None:
        table = pa.Table.from_pandas(flights[SCHEMA.names], SCHEMA, preserve_index=False)
        with path.open(mode) as file, pa.ipc.new_stream(file, SCHEMA, options=_OPTIONS) as stream:
            stream.write_table(table)

    def _tables(self, day: date) -> Iterator[pa.Table]:
        """Yield each part that was appended: a file holds one Arrow stream after the other."""
        with self._file(day).open("rb") as file:
            size = self._file(day).stat().st_size
            while file.tell() < size:
                with pa.ipc.open_stream(file) as stream:
                    yield stream.read_all()
