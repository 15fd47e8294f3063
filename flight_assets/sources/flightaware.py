"""Flights of FlightAware: AeroAPI v4 answers (JSON) and Firehose streams (a JSON object a line).

All times are UTC. Out and in are the gate, off and on the runway. A planned time is compared with an actual
time of the same kind only, since the taxi lies between the kinds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from flight_assets.sources.bts import has_all
from flight_assets.sources.layout import UTC, Chunk, Layout, raw_rows

Record = dict[str, Any]
# Each end of a flight at the gate and on the runway.
_KINDS = {"departure": ("out", "off"), "arrival": ("in", "on")}
_CONTINUES = "continuation: the leg after a diversion, which repeats the flight's id"
# A carrier code has a letter, so that 1545 is a number alone.
_NUMBER = re.compile(r"^([A-Za-z]{3}|(?=.?[A-Za-z])[A-Za-z0-9]{2})?(\d{1,4})([A-Za-z])?$")


def _aeroapi_rows(chunk: Chunk) -> pd.DataFrame:
    """Return the rows of AeroAPI's flights.

    A leg after a diversion tells where the flight before it was diverted to.
    """
    legs: dict[str, list[Record]] = {}
    for record in chunk.records:
        legs.setdefault(record.get("fa_flight_id") or str(id(record)), []).append(record)
    rows = [
        _aeroapi_row(record, legs[record.get("fa_flight_id") or str(id(record))]) for record in chunk.records
    ]
    return _frame(rows)


def _aeroapi_row(record: Record, legs: list[Record]) -> Record:
    first = min(legs, key=_departs)
    later = next(
        (
            leg
            for leg in sorted(legs, key=_departs)
            if _airport(leg.get("origin")) != _airport(first.get("origin"))
        ),
        None,
    )
    diverted = bool(record.get("diverted"))
    row = {
        **_number(
            record.get("operator_iata") or record.get("operator_icao") or record.get("operator"),
            record.get("flight_number"),
        ),
        "tail_number": record.get("registration"),
        "origin": _airport(record.get("origin")),
        "destination": _airport(record.get("destination")),
        "cancelled": bool(record.get("cancelled")),
        "diverted": diverted,
        "diverted_to": _airport(later.get("origin")) if diverted and later else None,
        "unusable": _CONTINUES if _airport(record.get("origin")) != _airport(first.get("origin")) else None,
    }
    for end in _KINDS:
        row |= _end(record, end, record.get(f"{end}_delay"))
    return row


def _departs(record: Record) -> str:
    return record.get("scheduled_out") or record.get("scheduled_off") or record.get("actual_off") or ""


def _end(record: Record, end: str, delay_s: float | None = None) -> Record:
    """Return planned and actual time of one end of a flight, both of gate or runway, and the delay.

    Without an actual time of the planned kind, FlightAware's own delay (seconds) counts, else that of the
    other kind's two times.
    """
    gate, runway = _KINDS[end]
    kind, other = (gate, runway) if record.get(f"scheduled_{gate}") else (runway, gate)
    actual = record.get(f"actual_{kind}")
    has_happened = actual or record.get(f"actual_{gate}") or record.get(f"actual_{runway}")
    pair = [record.get(f"{when}_{other}") for when in ("scheduled", "actual")]
    delay_minutes = np.nan
    if not actual and has_happened and delay_s is not None:
        delay_minutes = delay_s / 60
    elif not actual and all(pair):
        scheduled, happened = _moments(pair)
        delay_minutes = float((happened - scheduled) / np.timedelta64(1, "m"))
    return {
        end: record.get(f"scheduled_{kind}"),
        f"actual_{end}": actual,
        f"{end}_delay_minutes": delay_minutes,
    }


def _airport(place: Any) -> str | None:  # noqa: ANN401 - JSON
    if not isinstance(place, dict):
        return place if isinstance(place, str) else None
    return place.get("code_iata") or place.get("code_icao") or place.get("code")


def _number(operator: str | None, number: str | None) -> Record:
    """Return carrier, number and suffix: from UAL and 1545A, or from UAL1545A as the number alone."""
    found = _NUMBER.match(str(number or ""))
    if not found:
        return {"airline": operator, "flight_number": np.nan, "flight_suffix": None}
    return {
        "airline": operator or found[1],
        "flight_number": float(found[2]),
        "flight_suffix": found[3].upper() if found[3] else None,
    }


def _frame(rows: list[Record]) -> pd.DataFrame:
    """Return raw rows; times are ISO 8601 texts or seconds since 1970."""
    columns: dict[str, Any] = {name: [row.get(name) for row in rows] for name in rows[0]} if rows else {}
    for name in ("departure", "arrival", "actual_departure", "actual_arrival"):
        columns[name] = _moments(columns.get(name, []))
    return raw_rows(len(rows), columns)


def _moments(values: Iterable[Any]) -> np.ndarray:
    """Return datetime64[s] of texts such as 2024-01-31T10:15:00Z, and of seconds since 1970.

    Seconds may be numbers or texts of digits.
    """
    texts = [
        pd.Timestamp(int(value), unit="s").isoformat() + "Z" if str(value).isdigit() else value
        for value in values
    ]
    parsed = pd.to_datetime(pd.Series(texts, dtype=object), format="ISO8601", errors="coerce", utc=True)
    return np.asarray(parsed.dt.tz_localize(None).to_numpy().astype("datetime64[s]"))


def _firehose_rows(chunk: Chunk) -> pd.DataFrame:
    """Return one row per flight of a stream, indexed by the position of its first message."""
    flights: dict[str, Record] = {}
    for record in chunk.records:
        name = record.get("id")
        if name:
            _apply(flights.setdefault(name, {}), record)
    first: dict[str, int] = {}
    for position, record in enumerate(chunk.records):
        first.setdefault(record.get("id") or "", position)
    return _frame([_firehose_row(flight) for flight in flights.values()]).set_axis(
        [first[name] for name in flights]
    )


# Short names of times in departure, arrival and flightplan messages, and their names in flifo messages and in
# AeroAPI. Off and on are the runway.
_SHORT = {"fdt": "scheduled_off", "adt": "actual_off", "aat": "actual_on"}
# The field that ``clock`` is the time of.
_BLOCKS = {"offblock": "actual_out", "onblock": "actual_in"}


def _apply(flight: Record, record: Record) -> None:
    """Bring a flight up to what a message says.

    A cancellation is undone by a later message that is not one.
    """
    kind = record.get("type")
    flight.update({name: value for name, value in record.items() if value not in (None, "")})
    flight.update({name: record[short] for short, name in _SHORT.items() if record.get(short)})
    if kind in _BLOCKS:
        flight[_BLOCKS[kind]] = record.get("clock") or flight.get(_BLOCKS[kind])
    if kind == "cancellation":
        flight["is_cancelled"] = str(record.get("trueCancel", "1")) in ("1", "true", "True")
    elif kind in ("flifo", "departure", "offblock", "flightplan"):
        flight["is_cancelled"] = record.get("status") == "X"


def _firehose_row(flight: Record) -> Record:
    row = {
        **_number(None, flight.get("ident")),
        "tail_number": flight.get("reg"),
        "origin": flight.get("orig"),
        "destination": flight.get("dest"),
        "cancelled": bool(flight.get("is_cancelled")),
        "unusable": None,
    }
    for end in _KINDS:
        row |= _end(flight, end)
    return row


AEROAPI = Layout(
    "aeroapi", "FlightAware AeroAPI v4 flights", rows=_aeroapi_rows, kind="json", time_zone=UTC,
    recognises=lambda header: has_all(header, "fa_flight_id"),
)  # fmt: skip
FIREHOSE = Layout(
    "firehose", "FlightAware Firehose stream", rows=_firehose_rows, kind="jsonl", time_zone=UTC,
    recognises=lambda header: has_all(header, "type", "ident") or has_all(header, "type", "pitr"),
)  # fmt: skip
