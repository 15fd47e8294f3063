"""Features and predictions in Spark's workers, by the same functions as in training, on Arrow columns."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa  # not only for type checkers: Spark reads the annotations of the function it gets
from pyspark.sql import functions as F

from flight_assets.contracts.feature_windows import LOOKBACK, PAST_COLUMNS
from flight_assets.contracts.features import FEATURE_NAMES
from flight_assets.contracts.message import FLAT_WEATHER
from flight_assets.contracts.ranges import date_ranges
from flight_assets.contracts.tables import FACT, PREDICTED_COLUMNS, arrow_schema

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from pyspark.sql import DataFrame

# Flights are grouped by the UTC day of their prediction. Each group gets the events of that day and of
# LOOKBACK before it.
DAYS_BACK = -(-LOOKBACK // timedelta(days=1))
_EVENT_COLUMNS = (
    *(
        "event_id",
        "flight_id",
        "event_type",
        "timestamp",
        "airline",
        "flight_number",
        "tail_number",
        "origin",
        "destination",
    ),
    *(
        "scheduled_departure",
        "scheduled_arrival",
        "distance_miles",
        "departure_delay_minutes",
        "arrival_delay_minutes",
    ),
)
FLAT_COLUMNS = (*_EVENT_COLUMNS, *FLAT_WEATHER)
# Fields of ``predictions_of``: those of a prediction, and two that the trust state needs.
_MODEL_SCHEMA = pa.schema(
    [
        *(arrow_schema(FACT).field(name) for name in PREDICTED_COLUMNS),
        ("domain_likeness", pa.float64()),
        ("typical_width_minutes", pa.float64()),
    ]
)
MODEL_FIELDS = tuple(_MODEL_SCHEMA.names)
_ROW_BYTES = np.dtype(np.float32).itemsize * len(FEATURE_NAMES)


def history_of(days: Sequence[date], staged: DataFrame) -> DataFrame:
    """Return the staged look-back events of flights announced on these UTC days; no rows for no days."""
    spans = [
        F.col("timestamp").between(F.lit(_begin(first) - LOOKBACK), F.lit(_begin(last) + timedelta(days=1)))
        for first, last in date_ranges(days)
    ]
    return staged.where(reduce(or_, spans)) if spans else staged.limit(0)


def _begin(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def with_features(scheduled: DataFrame, history: DataFrame) -> DataFrame:
    """One row per scheduled event: event_id, and ``features``, the model's inputs in the form of ``pack``."""
    day = F.to_date("timestamp")
    reaches = F.explode(F.sequence(day, F.date_add(day, DAYS_BACK)))
    flights = flat(scheduled).withColumn("_day", day)
    events = history.select(*PAST_COLUMNS).withColumn("_day", reaches)
    grouped = flights.groupBy("_day").cogroup(events.groupBy("_day"))
    return grouped.applyInArrow(_features_of_day, "event_id string, features binary")


def flat(events: DataFrame) -> DataFrame:
    """Return FLAT_COLUMNS of staged events: all inputs of the features, with one column per weather value."""
    return with_flat_weather(events).select(*FLAT_COLUMNS)


def with_flat_weather(events: DataFrame) -> DataFrame:
    """Return staged events with one more column per weather value."""
    return events.select(
        "*", *(F.col(place)[value].alias(name) for name, (place, value) in FLAT_WEATHER.items())
    )


def _features_of_day(flights: pa.Table, events: pa.Table) -> pa.Table:
    from flight_assets.delay_model.features.build import build_features

    if not flights.num_rows:
        return pa.table({"event_id": pa.array([], pa.string()), "features": pa.array([], pa.binary())})
    features = pack(build_features(flights.to_pandas(), events.to_pandas()))
    return pa.table({"event_id": flights["event_id"], "features": features})


def pack(features: pd.DataFrame) -> pa.Array:
    """Return each row's features as bytes: float32, in the contract's order.

    Spark moves one value instead of one per feature.
    """
    rows = np.ascontiguousarray(features.to_numpy(np.float32))
    return pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(_ROW_BYTES), len(rows), [None, pa.py_buffer(rows)]
    ).cast(pa.binary())


def unpack(features: pa.Array) -> pd.DataFrame:
    """One row per value that ``pack`` wrote; columns FEATURE_NAMES, float32.

    Raises ArrowInvalid for values of another length.
    """
    import pandas as pd

    rows = features.cast(pa.binary(_ROW_BYTES))
    values = np.frombuffer(
        rows.buffers()[1], np.float32, len(rows) * len(FEATURE_NAMES), rows.offset * _ROW_BYTES
    )
    return pd.DataFrame(
        values.reshape(len(rows), len(FEATURE_NAMES)), columns=list(FEATURE_NAMES), copy=False
    )


def flat_table(events: pa.StructArray) -> pa.Table:
    """Return staged events as a table of FLAT_COLUMNS, with one column per weather value."""
    of_weather = {name: events.field(place).field(value) for name, (place, value) in FLAT_WEATHER.items()}
    return pa.table(
        {name: of_weather[name] if name in of_weather else events.field(name) for name in FLAT_COLUMNS}
    )


def predictions_of(model_version: str, features: pd.DataFrame, pinned_sha256: str = "") -> pa.StructArray:
    """Return the model's own forecasts: one struct of MODEL_FIELDS per row of features.

    They are those before any tracking. Raises ModelError if the version cannot be loaded.
    """
    from flight_assets.delay_model.serving.domain import marks
    from flight_assets.delay_model.serving.predict import predict
    from flight_assets.stores.models import load_once

    model = load_once(model_version, pinned_sha256)
    said, mark = predict(model, features), marks(model.manifest, features)
    count = len(features)
    columns = {
        **{name: pa.array(said[name], pa.float64()) for name in said},
        **{name: pa.array(mark[name], _MODEL_SCHEMA.field(name).type, from_pandas=True) for name in mark},
        "model_version": pa.array([model_version] * count, pa.string()),
        "maker": pa.array(["model"] * count, pa.string()),
        "typical_width_minutes": pa.array([model.manifest.typical_width_minutes] * count, pa.float64()),
    }
    return pa.StructArray.from_arrays([columns[name] for name in MODEL_FIELDS], names=list(MODEL_FIELDS))
