"""Hot store full of real flights, written through the store's functions, for archive tests and benchmarks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

import pandas as pd

from flight_assets.contracts.tables import FACT, PREDICTED_COLUMNS
from flight_assets.producer.nycflights import WEATHER_COLUMNS, load_flights
from flight_assets.stores import mongo, mongo_documents

if TYPE_CHECKING:
    from flight_assets.settings import Settings

PREDICTION = dict(
    zip(
        PREDICTED_COLUMNS,
        (4.25, 7.5, -21.0, 63.5, 0.21, 0.64, "20261101T000000Z-0123abcd", "model", "in_domain", None),
        strict=True,
    )
)
INSERTS_AT_ONCE = 5_000
REAL_FLIGHTS = 20_000


@cache
def _real_flights() -> list[Any]:
    flights = load_flights()
    return list(flights[flights["arrival_delay_minutes"].notna()].head(REAL_FLIGHTS).itertuples(index=False))


def fact_rows(count: int, oldest: datetime, newest: datetime, first: int = 0) -> Iterator[dict[str, Any]]:
    """Yield rows of ``fact_flight_events``: flights of 2013, ingested evenly from ``oldest`` to ``newest``.

    A flight is scheduled on the day of its ingestion, and its id is of that day. ``first`` numbers the
    rows: calls with other numbers share no flight.
    """
    flights = _real_flights()
    step = (newest - oldest) / max(count, 1)
    for nth in range(first, first + count):
        source = flights[nth % len(flights)]
        yield _row(source, nth, oldest + (nth - first) * step)


def _row(
    flight: Any,  # noqa: ANN401 - a row of itertuples
    nth: int,
    taken: datetime,
) -> dict[str, Any]:
    day = taken.date()
    number = nth % 9_999 + 1
    origin = "".join(chr(65 + nth // 9_999 // 26**power % 26) for power in (2, 1, 0))
    flight_id = f"{flight.airline}{number}-{origin}-{day:%Y%m%d}"
    measured = {
        name: None if pd.isna(getattr(flight, name)) else float(getattr(flight, name))
        for name in WEATHER_COLUMNS
    }
    return (
        dict.fromkeys(FACT.column_names)
        | PREDICTION
        | {
            "event_id": f"{flight_id}:arrived",
            "event_type": "arrived",
            "timestamp": taken - timedelta(minutes=1),
            "flight_id": flight_id,
            "flight_date": date(day.year, day.month, day.day),
            "airline": flight.airline,
            "flight_number": number,
            "tail_number": flight.tail_number,
            "origin": origin,
            "destination": flight.destination,
            "route": f"{origin}-{flight.destination}",
            "scheduled_departure": taken - timedelta(hours=4),
            "scheduled_arrival": taken - timedelta(minutes=20),
            "distance_miles": float(flight.distance_miles),
            "departure_delay_minutes": float(flight.departure_delay_minutes),
            "arrival_delay_minutes": float(flight.arrival_delay_minutes),
            "weather": measured,
            "month": day.month,
            "day_of_week": day.isoweekday(),
            "hour": taken.hour,
            "is_weekend": day.isoweekday() > 5,
            "quality_score": 1.0,
            "actual_delay_minutes": float(flight.arrival_delay_minutes),
            "error_minutes": float(flight.arrival_delay_minutes) - 4.25,
            "kafka_partition": nth % 2,
            "kafka_offset": nth,
            "ingestion_timestamp": taken,
            "batch_id": nth // 1_000,
            "processing_date": day,
        }
    )


def fill(settings: Settings, count: int, oldest: datetime, newest: datetime, first: int = 0) -> list[str]:
    """Write that many flights into the hot store; returns their ids in order of ingestion."""
    mongo.ensure_collection(settings)
    ids: list[str] = []
    waiting: list[dict[str, Any]] = []
    with mongo.database(settings) as db:
        for row in fact_rows(count, oldest, newest, first):
            waiting.append(mongo_documents.document(row))
            ids.append(row["flight_id"])
            if len(waiting) == INSERTS_AT_ONCE:
                db[mongo.FLIGHTS].insert_many(waiting, ordered=False)
                waiting = []
        if waiting:
            db[mongo.FLIGHTS].insert_many(waiting, ordered=False)
    return ids


def now() -> datetime:
    """This moment, UTC, in whole milliseconds as MongoDB keeps them."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1_000 * 1_000)
