"""Turn flights into events in the order in which they happen, as messages of the contract.

``replay``, ``synthetic``, ``live`` and ``loaded`` share it; they differ only in their flights.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from flight_assets.contracts.message import (
    FLAT_WEATHER,
    SCHEMA_VERSION,
    WEATHER_PREFIXES,
    EventType,
    fields_of,
)

DEFAULT_LEAD_MINUTES = 60
# The earliest departure of the source is 43 minutes early. A later announcement would come after that
# departure.
MIN_LEAD_MINUTES = 45
CHUNK_EVENTS = 5_000

LIFECYCLE = tuple(EventType)
_ARRIVED = LIFECYCLE.index(EventType.ARRIVED)
# Fields of every message. An optional field of a later version needs a column of its name in the flights.
_ALWAYS = tuple(field.name for field in fields_of(1))
_FIRST_VALUE = next(iter(FLAT_WEATHER))
_JSON = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class Message:
    """One Kafka message.

    - ``event_time_s``: time of the event, seconds since 1970, UTC
    - ``defect``: the defect made on purpose, a ``Reason`` or one of ``corrupt.AWKWARD``; None for an ordinary
      message
    """

    key: bytes | None
    value: bytes
    event_time_s: int
    defect: str | None = None
    headers: tuple[tuple[str, bytes], ...] = ()


def order_events(
    flights: pd.DataFrame, lead_minutes: int = DEFAULT_LEAD_MINUTES, report_delay_s: pd.Series | int = 0
) -> pd.DataFrame:
    """One row per event of the flights: row (position of the flight), rank (in LIFECYCLE), timestamp.

    Timestamps are UTC without a zone. Rows are ordered by timestamp, flight_id and rank. The events of a
    flight:

    - ``scheduled``: ``lead_minutes`` before its planned departure; a minute before it left, if it left before
      that
    - ``departed``: planned departure + delay
    - ``diverted``: at ``diverted_at``, if the flights have ``diverted_to`` and ``diverted_at``
    - ``arrived``: planned arrival + delay, or ``arrived_at`` if the flights have it; only with an arrival
      delay
    - ``cancelled``: at the planned departure, because sources do not say when; if it had left, a minute after
      that

    ``report_delay_s``, at most 59, is added to every time of a flight.

    Raises:
        ValueError: lead_minutes is under 45, so that a flight could depart before it is scheduled.
    """
    if lead_minutes < MIN_LEAD_MINUTES:
        raise ValueError(
            f"lead_minutes must be at least {MIN_LEAD_MINUTES}: flights depart up to 43 minutes early. Got"
            f" {lead_minutes}."
        )
    times = _times(flights, lead_minutes)
    report_delay = pd.to_timedelta(report_delay_s, unit="s")
    events = pd.concat(
        [
            _events_of_rank(rank, times[kind] + report_delay)
            for rank, kind in enumerate(LIFECYCLE)
            if kind in times
        ],
        ignore_index=True,
    )
    ids = pa.array(flights["flight_id"], pa.string())
    id_order = np.asarray(pc.rank(ids, tiebreaker="first"))[events["row"]]
    order = np.lexsort((events["rank"], id_order, events["timestamp"]))
    return events.iloc[order].reset_index(drop=True)


def encode_events(
    flights: pd.DataFrame, events: pd.DataFrame, source: str = "", version: int = SCHEMA_VERSION
) -> Iterator[Message]:
    """Yield one message per row of ``events`` (from ``order_events``).

    event_id is flight_id + ':' + event type, and ':' + source if one is given, so two sources never share an
    id. Weather is null without any measurement. ``version``: contract version whose fields the messages have.
    """
    for start in range(0, len(events), CHUNK_EVENTS):
        yield from _encode_chunk(flights, events.iloc[start : start + CHUNK_EVENTS], source, version)


def event_count(flights: pd.DataFrame) -> pd.Series:
    """Return the number of events of each flight."""
    return (
        1
        + flights["departure_delay_minutes"].notna()
        + flights["arrival_delay_minutes"].notna()
        + flights["cancelled"]
    )


def _times(flights: pd.DataFrame, lead_minutes: int) -> dict[str, pd.Series]:
    """Return the time of each kind of event for every flight, missing where it has no such event."""
    departure = flights["scheduled_departure"].dt.tz_localize(None)
    departed = departure + _minutes(flights["departure_delay_minutes"])
    arrived = flights["scheduled_arrival"].dt.tz_localize(None) + _minutes(flights["arrival_delay_minutes"])
    minute = pd.Timedelta(minutes=1)
    announced = departure - pd.Timedelta(minutes=lead_minutes)
    times: dict[str, pd.Series] = {
        EventType.SCHEDULED: announced.where(~(departed <= announced), departed - minute),
        EventType.DEPARTED: departed,
        EventType.ARRIVED: flights["arrived_at"].fillna(arrived) if "arrived_at" in flights else arrived,
        EventType.CANCELLED: (
            departure.where(~(departed >= departure), departed + minute).where(flights["cancelled"])
        ),
    }
    if "diverted_at" in flights:
        times[EventType.DIVERTED] = flights["diverted_at"]
    return times


def _minutes(delay: pd.Series) -> pd.Series:
    """Return the delay as a duration, missing if it is missing. pandas 2 may warn when it converts NaN."""
    return pd.to_timedelta(delay.fillna(0), unit="min").where(delay.notna())


def _events_of_rank(rank: int, at: pd.Series) -> pd.DataFrame:
    """Return the events of one kind, for the flights that have it."""
    rows = np.flatnonzero(at.notna())
    return pd.DataFrame({"row": rows, "rank": rank, "timestamp": at.to_numpy()[rows]})


def _encode_chunk(
    flights: pd.DataFrame, events: pd.DataFrame, source: str, version: int
) -> Iterator[Message]:
    """Yield the messages of some thousand events. By columns, which is ten times faster than by rows."""
    columns = _columns(flights.iloc[events["row"].to_numpy()], events, source, version)
    times = events["timestamp"].to_numpy().astype("datetime64[s]").astype(int).tolist()
    names = tuple(columns)
    encode = _JSON.encode
    for key, time_s, row in zip(
        columns["flight_id"], times, zip(*columns.values(), strict=True), strict=True
    ):
        yield Message(key.encode(), encode(dict(zip(names, row, strict=True))), time_s)


def _columns(flights: pd.DataFrame, events: pd.DataFrame, source: str, version: int) -> dict[str, list[Any]]:
    """Return the values of each field of the message, one per event, in the contract's order."""
    rank = events["rank"].to_numpy()
    event_types = [LIFECYCLE[position].value for position in rank]
    suffix = f":{source}" if source else ""
    has_left = np.isin(
        rank,
        [position for position, kind in enumerate(LIFECYCLE) if kind in ("departed", "diverted", "arrived")],
    )
    made: dict[str, list[Any]] = {
        "schema_version": [version] * len(events),
        "event_id": [
            f"{flight}:{kind}{suffix}" for flight, kind in zip(flights["flight_id"], event_types, strict=True)
        ],
        "event_type": event_types,
        "timestamp": _rfc3339(events["timestamp"]),
        "scheduled_departure": _rfc3339(flights["scheduled_departure"]),
        "scheduled_arrival": _rfc3339(flights["scheduled_arrival"]),
        "departure_delay_minutes": _or_none(flights["departure_delay_minutes"].to_numpy(), has_left),
        "arrival_delay_minutes": _or_none(flights["arrival_delay_minutes"].to_numpy(), rank == _ARRIVED),
        "weather": _weather(flights, "weather"),
        "destination_weather": _weather(flights, "destination_weather"),
    }
    if "diverted_to" in flights:
        made["diverted_to"] = _or_none(
            flights["diverted_to"].to_numpy(), np.array([kind == "diverted" for kind in event_types])
        )
    there = {*_ALWAYS, *flights.columns}
    there |= {name for name, prefix in WEATHER_PREFIXES.items() if f"{prefix}{_FIRST_VALUE}" in flights}
    names = [field.name for field in fields_of(version) if field.name in there]
    return {name: made[name] if name in made else flights[name].tolist() for name in names}


def _rfc3339(times: pd.Series) -> list[str | None]:
    """Return texts such as 2013-01-01T10:15:00Z; None for a missing time."""
    naive = times.dt.tz_localize(None).to_numpy()
    texts: list[str | None] = np.datetime_as_string(naive, unit="s", timezone="UTC").tolist()
    return [None if text == "NaT" else text for text in texts] if np.isnat(naive).any() else texts


def _or_none(values: np.ndarray, known: np.ndarray) -> list[Any]:
    """Return the values, None where they are unknown."""
    objects = values.astype(object)
    objects[~known] = None
    return list(objects.tolist())


def _weather(flights: pd.DataFrame, place: str) -> list[dict[str, float | None] | None]:
    """Return an object of weather for each flight; None without any measurement."""
    names = {column: value for column, (name, value) in FLAT_WEATHER.items() if name == place}
    if next(iter(names)) not in flights:
        return [None] * len(flights)
    measured = flights[list(names)].to_numpy(float)
    known = ~np.isnan(measured)
    rows = zip(_or_none(measured, known), known.any(axis=1).tolist(), strict=True)
    values = tuple(names.values())
    return [dict(zip(values, row, strict=True)) if any_known else None for row, any_known in rows]
