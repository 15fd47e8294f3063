"""Check the columns of a file against what its mapping says of them: dates, clocks and forms."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from flight_assets.errors import FlightsError
from flight_assets.sources.columns import Times, are_clock_times, has_offsets, text

if TYPE_CHECKING:
    from flight_assets.sources.layout import Columns
    from flight_assets.sources.mapping import Column, Fields

MOMENTS = ("scheduled_departure", "scheduled_arrival", "actual_departure", "actual_arrival")
_INSTEAD = {
    "scheduled_departure": "Use date and departure_time in the mapping",
    "scheduled_arrival": "Use arrival_time in the mapping",
    **{
        f"actual_{end}": f"Map the column of the delay to {end}_delay instead, or leave actual_{end} out"
        for end in ("departure", "arrival")
    },
}


def require_dates(columns: Columns, fields: Fields, name: str) -> None:
    """Raise FlightsError if a field that needs date and time has times of day: a date is never guessed."""
    for field in MOMENTS:
        spec: Column | None = getattr(fields, field)
        if spec and not spec.format and are_clock_times(columns.get(spec.column)):
            raise FlightsError(f"{name}: column {spec.column} has times without a date. {_INSTEAD[field]}")


def require_local(columns: Columns, fields: Fields, name: str) -> None:
    """Raise FlightsError if a time has an offset of its own, which the mapping's clock would contradict."""
    for field in MOMENTS:
        spec: Column | None = getattr(fields, field)
        if spec and not spec.format and has_offsets(columns.get(spec.column)):
            raise FlightsError(
                f"{name}: column {spec.column} has times with an offset from UTC: "
                'set time_zone = "UTC" in the mapping'
            )


def require_some(column: pa.ChunkedArray, read: Times, spec: Column | None) -> None:
    """Raise FlightsError if there are values and none of them could be read, so that its form is wrong."""
    if spec is None or not len(read) or not np.isnat(read).all():
        return
    written = text(column).dropna()
    if len(written):
        wanted = f"the form {spec.format} does not fit" if spec.format else "needs a format"
        raise FlightsError(
            f'column {spec.column} has values such as {written.iloc[0]}, which {wanted}: set format = "…" in'
            " the mapping, with %d, %m, %Y or %y, %H and %M"
        )
