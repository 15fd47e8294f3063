"""Messages of real flights, with their times of 2013."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pandas as pd

from flight_assets.producer.events import DEFAULT_LEAD_MINUTES, Message, encode_events, order_events
from flight_assets.producer.nycflights import load_flights


def replay_messages(
    events: int | None = None,
    start: date | None = None,
    end: date | None = None,
    lead_minutes: int = DEFAULT_LEAD_MINUTES,
) -> Iterator[Message]:
    """Yield the first ``events`` messages of the flights scheduled from ``start`` to ``end``, both included.

    In event order; the same arguments give the same bytes. Dates are local to New York. Fewer come when the
    flights have fewer.

    Raises:
        ValueError: lead_minutes is under 45, see ``events.order_events``.
    """
    flights = _scheduled_between(load_flights(), start, end)
    yield from encode_events(flights, order_events(flights, lead_minutes).head(events))


def _scheduled_between(flights: pd.DataFrame, start: date | None, end: date | None) -> pd.DataFrame:
    """Return the flights of those days."""
    first, last = pd.Timestamp(start or date.min), pd.Timestamp(end or date.max)
    return flights[flights["flight_date"].between(first, last)]
