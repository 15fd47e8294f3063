"""Recent flights of MongoDB: latency and prediction error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from flight_assets.queries import dagster
from flight_assets.queries.operations.common import patient
from flight_assets.queries.operations.storage import MONGO_QUERY_MS
from flight_assets.stores import mongo

if TYPE_CHECKING:
    from flight_assets.settings import Settings

# Newest flights that latency, quality and prediction error are taken over: recent, and read in tens of
# milliseconds.
NEWEST_FLIGHTS = 5_000
FLIGHT_COLUMNS = (
    "batch_id",
    "ingestion_timestamp",
    "quality_score",
    "error_minutes",
    "actual_delay_minutes",
    "source",
    "low",
    "high",
)


def newest_flights(settings: Settings, with_outcome: bool = False) -> pd.DataFrame:
    """Return the newest flights of MongoDB by ingestion, at most ``NEWEST_FLIGHTS``: ``FLIGHT_COLUMNS``.

    Delays in minutes, times UTC.

    ``with_outcome`` takes only those whose prediction has met its truth.
    """
    fields = (
        "batch_id",
        "ingestion_timestamp",
        "quality_score",
        "error_minutes",
        "actual_delay_minutes",
        "source",
        "prediction",
    )
    query: dict[str, Any] = {"error_minutes": {"$type": "number"}} if with_outcome else {}
    with mongo.database(patient(settings)) as db:
        cursor = db[mongo.FLIGHTS].find(query, dict.fromkeys(fields, 1), max_time_ms=MONGO_QUERY_MS)
        found = list(cursor.sort("ingestion_timestamp", -1).limit(NEWEST_FLIGHTS))
    rows = []
    for flight in found:
        prediction = flight.get("prediction") or {}
        bounds = (prediction.get("interval_low_minutes"), prediction.get("interval_high_minutes"))
        rows.append((*(flight.get(name) for name in fields[:-1]), *bounds))
    return pd.DataFrame(rows, columns=list(FLIGHT_COLUMNS))


def visible_at(settings: Settings) -> pd.DataFrame:
    """Return when each recent batch was in MongoDB: batch_id, visible_at (UTC).

    This is the end of the ``mongo_hot`` step as Dagster recorded it.
    """
    events = dagster.materializations(patient(settings), "mongo_hot")[::-1].itertuples()
    rows = {
        batch: event.materialized_at
        for event in events
        for batch in range(int(event.first_batch), int(event.last_batch) + 1)
    }
    times = pd.to_datetime(pd.Series(list(rows.values()), dtype="object"), utc=True)
    return pd.DataFrame({"batch_id": pd.Series(list(rows), dtype="int64"), "visible_at": times})


def latencies(flights: pd.DataFrame, visible: pd.DataFrame) -> pd.Series:
    """Seconds from Kafka's acknowledgement to visible in MongoDB, one per flight.

    An upper bound: a batch counts as visible when its whole step has ended. Args: ``newest_flights`` and
    ``visible_at``.
    """
    joined = flights.merge(visible, on="batch_id")
    return (joined["visible_at"] - pd.to_datetime(joined["ingestion_timestamp"], utc=True)).dt.total_seconds()


@dataclass(frozen=True)
class PredictionError:
    """Return errors of recent predictions: mae, rmse and bias in minutes, coverage, flights."""

    mae: float
    rmse: float
    bias: float
    coverage: float
    flights: int


def prediction_error(flights: pd.DataFrame) -> PredictionError | None:
    """Return the errors of flights that have an outcome; None without any."""
    if flights.empty:
        return None
    error = flights["error_minutes"].astype(float)
    inside = flights["actual_delay_minutes"].between(flights["low"], flights["high"])
    return PredictionError(
        error.abs().mean(), (error**2).mean() ** 0.5, error.mean(), inside.mean(), len(flights)
    )
