"""A layout: how a file is known, and what its rows say.

Times stay as written; ``convert`` makes UTC of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from flight_assets.sources.columns import Floats, Times

# Zone of a layout whose times are on the clock of the airport that they are about.
AIRPORTS_OWN = ""
UTC = "UTC"

# One row per flight as a file has it, with the value that stands for "the file does not say".
# departure, arrival: planned, date and time as written (datetime64[s]). arrival_minutes: planned, after
# midnight, where the file gives no date. elapsed_minutes: planned, gate to gate. Delays in minutes, negative
# = early; where a file has no delays they follow from actual_departure and actual_arrival.
RAW_COLUMNS: dict[str, Any] = {
    "airline": None,
    "flight_number": np.nan,
    "flight_suffix": None,
    "tail_number": None,
    "origin": None,
    "destination": None,
    "departure": np.datetime64("NaT", "s"),
    "arrival": np.datetime64("NaT", "s"),
    "arrival_minutes": np.nan,
    "elapsed_minutes": np.nan,
    "departure_delay_minutes": np.nan,
    "arrival_delay_minutes": np.nan,
    "actual_departure": np.datetime64("NaT", "s"),
    "actual_arrival": np.datetime64("NaT", "s"),
    "cancelled": False,
    "diverted": False,
    "diverted_to": None,
    "distance_miles": np.nan,
    "unusable": None,
}


@dataclass(frozen=True)
class Chunk:
    """Some rows of a file: as columns of a table, or as the objects of JSON lines.

    ``row`` has the line number of each.
    """

    row: np.ndarray
    table: pa.Table | None = None
    records: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True)
class Layout:
    """One layout of files with flights.

    A file must have one column of each entry of ``needs``. In ``reads`` are all columns that ``rows`` looks
    at, in small letters. Times are on the clock of ``time_zone``.
    """

    name: str
    title: str
    recognises: Callable[[tuple[str, ...]], bool]
    rows: Callable[[Chunk], pd.DataFrame]
    time_zone: str = AIRPORTS_OWN
    # Tables are "csv" (Parquet as well), documents "json", lines of objects "jsonl".
    kind: str = "csv"
    # Columns of a file without a header, in order.
    headings: tuple[str, ...] = ()
    reads: frozenset[str] = frozenset()
    needs: tuple[tuple[str, ...], ...] = ()
    # Why files of this layout cannot be loaded; empty if they can.
    refusal: str = ""


def raw_rows(count: int, columns: Mapping[str, Any]) -> pd.DataFrame:
    """Return ``count`` rows with RAW_COLUMNS; what ``columns`` lacks is "the file does not say"."""
    unknown = set(columns) - set(RAW_COLUMNS)
    if unknown:
        raise KeyError(f"not a column of raw rows: {', '.join(sorted(unknown))}")
    rows = {name: columns.get(name, default) for name, default in RAW_COLUMNS.items()}
    return pd.DataFrame(rows, index=pd.RangeIndex(count))


def at(day: Times, minutes: Floats) -> Times:
    """Return the moments (datetime64[s]) so many minutes after midnight of the days.

    NaT where either is missing.
    """
    known = np.isfinite(minutes)
    whole = np.where(known, minutes, 0).astype("timedelta64[m]").astype("timedelta64[s]")
    moments: Times = day.astype("datetime64[s]") + whole
    moments[~known] = np.datetime64("NaT")
    return moments


class Columns:
    """Columns of a chunk by name, in any case; a missing one is None."""

    def __init__(self, chunk: Chunk) -> None:
        if chunk.table is None:
            raise TypeError("this layout reads tables")
        self.table = chunk.table
        self.count = chunk.table.num_rows
        self._place = {
            name.strip().lower(): place for place, name in reversed(list(enumerate(chunk.table.column_names)))
        }

    def __contains__(self, name: str) -> bool:
        return name.lower() in self._place

    def get(self, *names: str) -> pa.ChunkedArray:
        """Return the first of these columns that is there; a column of nothing if none is."""
        for name in names:
            if name.lower() in self._place:
                return self.table.column(self._place[name.lower()])
        return pa.chunked_array([pa.nulls(self.count, pa.string())])
