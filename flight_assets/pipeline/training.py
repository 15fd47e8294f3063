"""Read the warehouse for training and monitoring a model: staged events, and features of recent flights."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pandas as pd
from pyspark.sql import functions as F

from flight_assets.contracts.message import EventType
from flight_assets.contracts.tables import STAGING
from flight_assets.delay_model.features.events import EVENT_COLUMNS
from flight_assets.pipeline.inference import flat, history_of, unpack, with_features

if TYPE_CHECKING:
    from datetime import date

    from flight_assets.stores.warehouse import Warehouse

TIMES = ("timestamp", "scheduled_departure", "scheduled_arrival")


def staged_events(warehouse: Warehouse, days: int) -> pd.DataFrame:
    """Return the staged events of the ``days`` days up to the newest event: EVENT_COLUMNS, times in UTC."""
    staged = warehouse.read(STAGING)
    newest = staged.agg(F.max("timestamp").alias("newest"))
    since = staged.crossJoin(F.broadcast(newest)).where(
        F.col("timestamp") > F.col("newest") - F.expr(f"INTERVAL {days} DAYS")
    )
    events: pd.DataFrame = flat(since).select(*EVENT_COLUMNS).toPandas()
    return events.assign(**{name: pd.to_datetime(events[name], utc=True) for name in TIMES})


def recent_features(warehouse: Warehouse, first: date, until: date, limit: int) -> pd.DataFrame:
    """Return the serving features of flights announced on these UTC days, ends included.

    Columns: FEATURE_NAMES, float32.

    With more than ``limit`` flights, the sample is fixed: the flights whose id has the smallest hash.
    """
    staged = warehouse.read(STAGING)
    in_window = F.to_date("timestamp").between(F.lit(first), F.lit(until)) & (
        F.col("event_type") == EventType.SCHEDULED.value
    )
    sample = staged.where(in_window).orderBy(F.xxhash64("flight_id")).limit(limit)
    days = [first + timedelta(days=day) for day in range((until - first).days + 1)]
    return unpack(with_features(sample, history_of(days, staged)).toArrow()["features"].combine_chunks())
