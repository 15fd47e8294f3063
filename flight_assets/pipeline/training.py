"""Read the warehouse for training and monitoring a model: staged events, and features of recent flights."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pandas as pd
from pyspark.sql import Window
from pyspark.sql import functions as F

from flight_assets.contracts.features import FEATURE_NAMES
from flight_assets.contracts.message import EventType
from flight_assets.contracts.tables import STAGING
from flight_assets.delay_model.training.dataset import DELAYS
from flight_assets.delay_model.training.days import KEPT_COLUMNS, DatasetFile
from flight_assets.pipeline.inference import history_of, unpack, with_features
from flight_assets.stores.warehouse import collected

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime
    from pathlib import Path

    from pyspark.sql import DataFrame

    from flight_assets.delay_model.training.dataset import Dataset
    from flight_assets.stores.warehouse import Warehouse

# Collected at once; a week of nationwide flights is 60 MB.
DAYS_AT_ONCE = 7
# A flight arrives within so many days of its announcement: the contract bounds its delay.
LONGEST_DELAY = timedelta(days=16)
# A history load brings years at once; features need all events of the days before each one.
MOST_DAYS_SAMPLED = 14


def arrived_days(warehouse: Warehouse, days: int = 0) -> dict[date, int]:
    """Return the number of staged arrivals by UTC day: of all days, or of the newest ``days``."""
    rows = (
        warehouse.read(STAGING)
        .where(F.col("event_type") == EventType.ARRIVED.value)
        .groupBy(F.to_date("timestamp").alias("day"))
        .agg(F.count("*").alias("flights"))
    )
    counts = {row["day"]: int(row["flights"]) for row in collected(rows)}
    newest = sorted(counts)[-days:] if days else sorted(counts)
    return {day: counts[day] for day in newest}


def staged_dataset(warehouse: Warehouse, days: Sequence[date], folder: Path) -> Dataset:
    """Return the arrived flights that were announced on these UTC days, with the features of serving.

    Spark builds the features of some days at a time; ``folder`` takes them.
    """
    found = DatasetFile(folder)
    staged = warehouse.read(STAGING)
    for start in range(0, len(days), DAYS_AT_ONCE):
        piece = days[start : start + DAYS_AT_ONCE]
        announced = _announced(staged, piece)
        features = with_features(announced, history_of(piece, staged)).toArrow()
        ids = features["event_id"].to_pandas()
        values = unpack(features["features"].combine_chunks()).set_index(ids)
        flights: pd.DataFrame = _with_delays(announced, staged, piece).toPandas()
        flights["scheduled_departure"] = pd.to_datetime(flights["scheduled_departure"], utc=True)
        found.add(flights, values.loc[flights["event_id"]])
    return found.dataset()


def _announced(staged: DataFrame, days: Sequence[date]) -> DataFrame:
    """Return the first scheduled event of each flight that was announced on these UTC days."""
    newest_first = Window.partitionBy("flight_id").orderBy("timestamp", "event_id")
    scheduled = staged.where(
        (F.col("event_type") == EventType.SCHEDULED.value) & F.to_date("timestamp").isin(list(days))
    )
    return scheduled.withColumn("_nth", F.row_number().over(newest_first)).where("_nth = 1").drop("_nth")


def _with_delays(announced: DataFrame, staged: DataFrame, days: Sequence[date]) -> DataFrame:
    """Return event_id and KEPT_COLUMNS of announced flights, with the delays of its newest arrival."""
    arrived = (
        staged.where(F.col("event_type") == EventType.ARRIVED.value)
        .where(F.to_date("timestamp").between(days[0], days[-1] + LONGEST_DELAY))
        .groupBy("flight_id")
        .agg(*(F.max_by(name, "timestamp").alias(name) for name in DELAYS))
    )
    names = [name for name in KEPT_COLUMNS if name not in ("flight_id", *DELAYS)]
    return announced.select("event_id", "flight_id", *names).join(arrived, "flight_id", "left")


def spread(days: Sequence[date], most: int) -> list[date]:
    """Return at most so many of these days, evenly spread from the first to the last."""
    if len(days) <= most:
        return list(days)
    return [days[nth * (len(days) - 1) // (most - 1)] for nth in range(most)]


def recent_features(warehouse: Warehouse, since: datetime, until: datetime, limit: int) -> pd.DataFrame:
    """Return the serving features of flights whose announcement the broker took between two times.

    Columns: FEATURE_NAMES, float32.

    If they were announced on more than MOST_DAYS_SAMPLED UTC days, evenly spread ones of these are taken.
    With more than ``limit`` flights, the sample is fixed: the flights whose id has the smallest hash.
    """
    staged = warehouse.read(STAGING)
    announced = staged.where(
        F.col("ingestion_timestamp").between(F.lit(since), F.lit(until))
        & (F.col("event_type") == EventType.SCHEDULED.value)
    )
    of_days = announced.select(F.to_date("timestamp").alias("day")).distinct()
    days = spread(sorted(row["day"] for row in collected(of_days)), MOST_DAYS_SAMPLED)
    if not days:
        return pd.DataFrame(columns=list(FEATURE_NAMES), dtype="float32")
    sample = announced.where(F.to_date("timestamp").isin(days)).orderBy(F.xxhash64("flight_id")).limit(limit)
    return unpack(with_features(sample, history_of(days, staged)).toArrow()["features"].combine_chunks())
