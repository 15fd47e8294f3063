"""Check look-back events, and turn them into integer arrays. No features here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from flight_assets.contracts.message import FLAT_WEATHER, EventType
from flight_assets.contracts.units import LATE_MINUTES
from flight_assets.delay_model.features.timeline import TIME_LIMIT_S, FloatArray, IntArray
from flight_assets.producer.events import DEFAULT_LEAD_MINUTES, LIFECYCLE, order_events

WEATHER_COLUMNS = tuple(FLAT_WEATHER)
FLIGHT_COLUMNS = (
    *("flight_id", "timestamp", "airline", "flight_number", "tail_number", "origin", "destination"),
    *("scheduled_departure", "scheduled_arrival", "distance_miles"),
    *WEATHER_COLUMNS,
)
EVENT_COLUMNS = (*FLIGHT_COLUMNS, "event_type", "departure_delay_minutes", "arrival_delay_minutes")
SECONDS_PER_MINUTE = 60
# An unknown time. It is below every real one, so that it is outside every range.
NO_TIME = -1


@dataclass(frozen=True)
class Events:
    """Events of one type, one row each, ordered by time. Times and delays in seconds.

    ``frame`` keeps the text columns of the same rows.
    """

    frame: pd.DataFrame
    flight: npt.NDArray[np.uint64]
    time_s: IntArray
    departure_s: IntArray
    block_s: IntArray
    departure_delay_s: IntArray
    arrival_delay_s: IntArray

    def __len__(self) -> int:
        return len(self.time_s)

    def summable(self) -> dict[str, IntArray]:
        """Return the columns to sum: delay, lateness (early = 0) and gain in seconds; late, 0 or 1."""
        return {
            "delay": self.departure_delay_s,
            "arrival_delay": self.arrival_delay_s,
            "lateness": np.maximum(self.departure_delay_s, 0),
            "late": (self.departure_delay_s >= LATE_MINUTES * SECONDS_PER_MINUTE).astype(np.int64),
            "gain": self.arrival_delay_s - self.departure_delay_s,
        }


def split_events(events: pd.DataFrame) -> dict[EventType, Events]:
    """Return the usable events by type, ordered by time. A repeated event (same flight and type) counts once.

    The first one counts: a correction after T must not remove the original, which was known at T. Events
    without a usable time, or without a delay that their type must have, are left out. Times are cut to whole
    seconds.
    """
    ordered = first_of_each(events)
    kinds = ordered["event_type"].to_numpy()
    return {kind: columns_of(with_delays(ordered[kinds == kind.value], kind)) for kind in EventType}


def events_from_flights(flights: pd.DataFrame, lead_minutes: int = DEFAULT_LEAD_MINUTES) -> pd.DataFrame:
    """One row per event that the producer sends for these flights of ``load_flights``, with the same values.

    Key: flight_id, event_type. Delays are NaN until they are known; ``timestamp`` is UTC. Weather that the
    flights have no column of is NaN.
    """
    flights = flights.assign(**{name: np.nan for name in WEATHER_COLUMNS if name not in flights})
    order = order_events(flights, lead_minutes)
    events = flights.iloc[order["row"].to_numpy()].reset_index(drop=True)
    rank = order["rank"].to_numpy()
    departed, arrived = LIFECYCLE.index(EventType.DEPARTED), LIFECYCLE.index(EventType.ARRIVED)
    events["timestamp"] = order["timestamp"].dt.tz_localize("UTC")
    events["event_type"] = np.array([kind.value for kind in LIFECYCLE], dtype=object)[rank]
    events["departure_delay_minutes"] = events["departure_delay_minutes"].where(
        (rank == departed) | (rank == arrived)
    )
    events["arrival_delay_minutes"] = events["arrival_delay_minutes"].where(rank == arrived)
    return events[list(EVENT_COLUMNS)]


def scheduled_flights(events: pd.DataFrame) -> pd.DataFrame:
    """One row per flight to predict: its first ``scheduled`` event. Key: flight_id."""
    scheduled = events[events["event_type"] == EventType.SCHEDULED.value].sort_values(
        "timestamp", kind="stable"
    )
    return scheduled.drop_duplicates("flight_id")[list(FLIGHT_COLUMNS)].reset_index(drop=True)


def seconds(times: pd.Series) -> IntArray:
    """Return whole seconds since 1970 of ``utc_times``; NO_TIME if missing or outside 1970–2514."""
    whole: IntArray = (
        utc_times(times).dt.tz_localize(None).to_numpy().astype("datetime64[s]").astype(np.int64)
    )
    return np.where((whole >= 0) & (whole < TIME_LIMIT_S), whole, NO_TIME)


def utc_times(times: pd.Series) -> pd.Series:
    """Return the times in UTC (without a zone they count as UTC); NaT if missing or invalid."""
    # The cache helps only for text: for times, pandas would make up to ten thousand Python objects to decide
    # about it.
    return pd.to_datetime(times, utc=True, errors="coerce", cache=False)


def numbers(values: pd.Series) -> FloatArray:
    """Return the values as float64, NaN where missing or not a number."""
    result: FloatArray = pd.to_numeric(values, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    return result


def first_of_each(events: pd.DataFrame) -> pd.DataFrame:
    """One row per flight and type, the earliest, ordered by time.

    Ties go by content, so input order does not matter.
    """
    time_s = seconds(events["timestamp"])
    usable = events[time_s != NO_TIME]
    flight = pd.util.hash_array(usable["flight_id"].to_numpy(dtype=object))
    keys = pd.DataFrame(
        {"flight": flight, "kind": pd.factorize(usable["event_type"])[0], "time": time_s[time_s != NO_TIME]}
    )
    delays = [numbers(usable[name]) for name in ("arrival_delay_minutes", "departure_delay_minutes")]
    order = np.lexsort((_content_of_rivals(usable, keys), *delays, flight, keys["time"]))
    first = order[~keys.iloc[order].duplicated(["flight", "kind"]).to_numpy()]
    return usable.iloc[first].assign(flight=flight[first])


def _content_of_rivals(events: pd.DataFrame, keys: pd.DataFrame) -> npt.NDArray[np.uint64]:
    """Return a hash of the other columns for events of equal flight, kind and time; 0 for all others."""
    result = np.zeros(len(events), dtype=np.uint64)
    rivals = keys.duplicated(keep=False).to_numpy()
    if rivals.any():
        result[rivals] = content_of(events[rivals])
    return result


def content_of(events: pd.DataFrame) -> npt.NDArray[np.uint64]:
    """Return a hash of each event's content, without flight, type, time and delays."""
    content = pd.DataFrame(
        {
            "tail_number": events["tail_number"].fillna("").astype(str).to_numpy(),
            "destination": events["destination"].astype(str).to_numpy(),
            "departure_s": seconds(events["scheduled_departure"]),
            "arrival_s": seconds(events["scheduled_arrival"]),
            "distance_miles": numbers(events["distance_miles"]),
        }
    )
    hashes: npt.NDArray[np.uint64] = pd.util.hash_pandas_object(content, index=False).to_numpy()
    return hashes


def with_delays(events: pd.DataFrame, kind: EventType) -> pd.DataFrame:
    """Return the events that have the delays that their type must have."""
    needed = {
        EventType.DEPARTED: ["departure_delay_minutes"],
        EventType.ARRIVED: ["departure_delay_minutes", "arrival_delay_minutes"],
    }
    return events.dropna(subset=needed.get(kind, []))


def columns_of(events: pd.DataFrame) -> Events:
    """Return events with a column ``flight`` as integer arrays."""
    departure_s = seconds(events["scheduled_departure"])
    arrival_s = seconds(events["scheduled_arrival"])
    known = (arrival_s != NO_TIME) & (departure_s != NO_TIME)
    return Events(
        frame=events,
        flight=events["flight"].to_numpy(),
        time_s=seconds(events["timestamp"]),
        departure_s=departure_s,
        block_s=np.where(known, arrival_s - departure_s, NO_TIME),
        departure_delay_s=_delay_seconds(events["departure_delay_minutes"]),
        arrival_delay_s=_delay_seconds(events["arrival_delay_minutes"]),
    )


def _delay_seconds(minutes: pd.Series) -> IntArray:
    """Return delays as integers, because their sums are exact; 0 without a delay."""
    rounded: Any = np.rint(np.nan_to_num(numbers(minutes) * SECONDS_PER_MINUTE))
    return np.asarray(rounded, dtype=np.int64)
