"""Messages of flights that were loaded from files: day by day, in event order, for any order of the files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta

import pandas as pd

from flight_assets.contracts.message import SCHEMA_VERSIONS
from flight_assets.contracts.reference import Reference
from flight_assets.producer.events import DEFAULT_LEAD_MINUTES, Message, encode_events, order_events
from flight_assets.sources.clock import to_utc
from flight_assets.sources.flight_ids import flight_ids
from flight_assets.sources.spool import Spool

# The clocks that are furthest ahead of UTC: no flight of a local date is planned earlier than its midnight
# there.
EARLIEST_ZONE = pd.Timedelta(hours=14)
DAYS_PER_WEEK = 7
_TIMES = ("scheduled_departure", "scheduled_arrival", "arrived_at", "diverted_at")
Enrich = Callable[[pd.DataFrame], pd.DataFrame]


def loaded_messages(
    spool: Spool,
    reference: Reference,
    lead_minutes: int = DEFAULT_LEAD_MINUTES,
    weeks: int = 0,
    until: pd.Timestamp | None = None,
    with_weather: Enrich | None = None,
) -> Iterator[Message]:
    """Yield the messages of all flights in a spool in event order; the same arguments give the same bytes.

    Holds the flights of a few days at a time. Messages are of the newest version of the contract.

    Args:
        spool: the flights, with ids given.
        reference: airports with their zones, for moved flights.
        lead_minutes: minutes between the scheduled event and the planned departure.
        weeks: whole weeks by which every flight is moved; it keeps its local times and weekday.
        until: the last event time, UTC; all without one.
        with_weather: adds the weather columns to flights.
    """
    days = spool.days()
    waiting = pd.DataFrame()
    since = pd.Timestamp.min
    for place, day in enumerate(days):
        flights = _prepared(spool.read(day), reference, weeks, with_weather)
        flights = pd.concat([waiting, flights], ignore_index=True) if len(waiting) else flights
        order = order_events(flights, lead_minutes)
        end = _next_begins(days, place, weeks, lead_minutes)
        due = order["timestamp"].between(since, end, inclusive="left")
        if until is not None:
            due &= order["timestamp"] <= until
        yield from encode_events(flights, order[due], version=SCHEMA_VERSIONS[-1])
        waiting, since = flights.iloc[order.loc[order["timestamp"] >= end, "row"].unique()], end


def _next_begins(days: list[date], place: int, weeks: int, lead_minutes: int) -> pd.Timestamp:
    """Return the earliest possible event time of the later dates; the end of time after the last date."""
    if place + 1 == len(days):
        return pd.Timestamp.max
    midnight = pd.Timestamp(days[place + 1] + timedelta(weeks=weeks))
    # A flight may leave up to a day early, and is announced before that.
    return midnight - EARLIEST_ZONE - pd.Timedelta(minutes=lead_minutes) - pd.Timedelta(days=1)


def _prepared(
    flights: pd.DataFrame, reference: Reference, weeks: int, with_weather: Enrich | None
) -> pd.DataFrame:
    """Return the flights with their ids and the weather of their own day, moved."""
    flights = flights.astype(dict.fromkeys(_TIMES, "datetime64[ns]"))
    enriched = with_weather(flights) if with_weather else flights
    moved = _moved(enriched, reference, weeks) if weeks else enriched
    suffix = moved["flight_suffix"].where(moved["flight_suffix"] != "", None)
    return moved.assign(flight_id=flight_ids(moved), flight_suffix=suffix)


def _moved(flights: pd.DataFrame, reference: Reference, weeks: int) -> pd.DataFrame:
    """Return the flights so many weeks later, at the same local departure time, across clock changes too."""
    shift = pd.Timedelta(weeks=weeks)
    local = flights["local_departure"] + shift
    names = [reference.airports[code][0].zone for code in flights["origin"].unique()]
    zone = pd.factorize(flights["origin"])[0]
    first, _ = to_utc(local.to_numpy().astype("datetime64[s]").astype("int64"), zone, names)
    departure = pd.Series(first.astype("datetime64[s]"), index=flights.index)
    later = departure - flights["scheduled_departure"]
    times = {name: flights[name] + later for name in _TIMES}
    return flights.assign(local_departure=local, **times)


def weeks_until(last_day: date, today: date) -> int:
    """Return the weeks by which flights move so that their last day is today, or up to six days later."""
    return -((last_day - today).days // DAYS_PER_WEEK)
