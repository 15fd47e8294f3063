"""One row per flight of a batch: newest state, prediction, outcome and error.

Every later step writes these rows. State and features come only from staged events, so a repeat, a backfill
or a late run gives the same rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING

import pyarrow as pa  # not only for type checkers: Spark reads the annotations of the functions it gets
from pyspark.sql import functions as F

from flight_assets.contracts.feature_windows import LOOKBACK, PAST_COLUMNS
from flight_assets.contracts.message import EventType
from flight_assets.contracts.ranges import DateRange, in_date_ranges
from flight_assets.contracts.tables import (
    FACT,
    PREDICTED_COLUMNS,
    PREDICTIONS,
    SIDE_COLUMNS,
    STAGING,
    arrow_schema,
)
from flight_assets.pipeline.early_predictions import MADE, MADE_COLUMNS
from flight_assets.pipeline.inference import DAYS_BACK, MODEL_FIELDS, flat_table, predictions_of
from flight_assets.pipeline.trust import ASKED_SCHEMA, trusted
from flight_assets.stores.spark_types import sql_type, struct
from flight_assets.transforms.flights import (
    ACTUAL_SQL,
    OUTCOME_SQL,
    STATE_COLUMNS,
    error_minutes,
    flight_rows,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pyspark.sql import Column, DataFrame

    from flight_assets.pipeline.predictors import Predictors
    from flight_assets.stores.warehouse import Warehouse

_FACT, _PREDICTIONS = arrow_schema(FACT), arrow_schema(PREDICTIONS)
PREDICTION = pa.struct([_FACT.field(name) for name in PREDICTED_COLUMNS])
# Flights are predicted in this many groups at most, by their day, whatever number of days a batch has.
GROUPS = 32
_NOT_ASKED = -1
FLIGHT_SCHEMA = pa.schema(
    [
        *(_FACT.field(name) for name in (*STATE_COLUMNS, *PREDICTED_COLUMNS)),
        *(_PREDICTIONS.field(name) for name in SIDE_COLUMNS),
        ("prediction_id", pa.string()),
        ("prediction_timestamp", pa.timestamp("us", "UTC")),
        ("is_first_seen", pa.bool_()),
        ("is_announced", pa.bool_()),
        ("is_predicted_now", pa.bool_()),
        ("is_newest", pa.bool_()),
        ("challenger", PREDICTION),
    ]
)
"""One row per flight, without outcome.

``is_first_seen``: no earlier batch has the flight. ``is_announced``: it is
first seen and its first event is ``scheduled``, so it gets a prediction. ``is_predicted_now``: the prediction
is not in
the table yet. ``is_newest``: its newest event is of this batch. ``challenger``: the challenger's
prediction."""

_WITH_MODEL = pa.schema([*FLIGHT_SCHEMA, *ASKED_SCHEMA, ("_actual", pa.float64())])


@dataclass(frozen=True)
class Scope:
    """Batch, and the days that its events concern.

    ``state_upto``: newest batch whose events count for the state; by default the batch itself.
    """

    batch_id: int
    flight_dates: Sequence[DateRange]
    announced_dates: Sequence[DateRange]
    state_upto: int | None = None

    @property
    def of_its_days(self) -> str:
        """Return the SQL condition that limits a table to the days of the batch's flights."""
        return in_date_ranges("flight_date", self.flight_dates)


def flights(
    warehouse: Warehouse,
    events: DataFrame,
    scope: Scope,
    predictors: Predictors,
    early: pa.Table | None,
    known: DataFrame | None = None,
) -> DataFrame:
    """One row per flight of these events: FLIGHT_SCHEMA, outcome, actual_delay_minutes, error_minutes. Lazy.

    Args:
        warehouse: the tables, with the events and predictions of earlier batches.
        events: the staged events of the batch, computed.
        scope: the batch and its days.
        predictors: the models for the flights that the batch announces.
        early: live predictions for its events, from ``early_predictions.of_batch``; they are final.
        known: rows of ``predictions`` that are final; by default those of this batch and earlier ones.
    """
    upto = scope.batch_id if scope.state_upto is None else scope.state_upto
    staging = warehouse.read(STAGING)
    ids = events.select("flight_id").distinct()
    others = staging.where(f"batch_id != {scope.batch_id} AND batch_id <= {upto} AND {scope.of_its_days}")
    rows = flight_rows(events.unionByName(others.join(F.broadcast(ids), "flight_id", "left_semi")))
    if known is None:
        known = warehouse.read(PREDICTIONS).where(f"batch_id <= {scope.batch_id} AND {scope.of_its_days}")
    rows = with_known_predictions(rows, known, SIDE_COLUMNS)
    is_first_seen = F.col("first.batch_id") == scope.batch_id
    is_announced = is_first_seen & (F.col("first.event_type") == EventType.SCHEDULED.value)
    is_asked = is_announced & F.col("model_version").isNull() & F.lit(predictors.champion is not None)
    marks = {"is_first_seen": is_first_seen, "is_announced": is_announced, "is_predicted_now": is_asked}
    rows = rows.withColumns(marks | {"is_newest": F.col("newest_batch_id") == scope.batch_id})
    return with_truth(_with_predictions(rows, events, staging, scope, predictors, early))


def with_known_predictions(rows: DataFrame, predictions: DataFrame, also: Sequence[str] = ()) -> DataFrame:
    """Add PREDICTED_COLUMNS, prediction_id and prediction_timestamp; null for a flight without prediction.

    ``also``: more columns of ``predictions`` to add.
    """
    columns = ("flight_id", "prediction_id", "prediction_timestamp", *PREDICTED_COLUMNS, *also)
    return rows.join(predictions.select(*columns), "flight_id", "left")


def with_truth(rows: DataFrame) -> DataFrame:
    """Add ``outcome``, ``actual_delay_minutes`` and ``error_minutes``; null while there is no outcome."""
    actual = F.expr(ACTUAL_SQL)
    truth = {"outcome": F.expr(OUTCOME_SQL), "actual_delay_minutes": actual}
    return rows.withColumns(
        truth | {"error_minutes": error_minutes(actual, F.col("predicted_delay_minutes"))}
    )


def _with_predictions(
    rows: DataFrame,
    events: DataFrame,
    staging: DataFrame,
    scope: Scope,
    predictors: Predictors,
    early: pa.Table | None,
) -> DataFrame:
    """Add the predictions of announced flights, and let their batch make its trust state.

    Models predict in one Python pass over flights and look-back events. The trust state decides in a second
    one, over all flights of the batch in the order of their events.
    """
    nothing = F.lit(None).cast(sql_type(PREDICTION))
    if predictors.champion is None:
        return rows.withColumn("challenger", nothing).select(*FLIGHT_SCHEMA.names)
    rows = rows.withColumn("_actual", F.expr(ACTUAL_SQL))
    if scope.announced_dates:
        rows = _with_model(rows, events, staging, scope, predictors, early)
    else:
        none = {field.name: F.lit(None).cast(sql_type(field.type)) for field in ASKED_SCHEMA}
        rows = rows.withColumns({"challenger": nothing, **none})
    return trusted(rows, scope.batch_id, predictors, FLIGHT_SCHEMA)


def _with_model(
    rows: DataFrame,
    events: DataFrame,
    staging: DataFrame,
    scope: Scope,
    predictors: Predictors,
    early: pa.Table | None,
) -> DataFrame:
    """Add the forecasts of the models to announced flights: rows of _WITH_MODEL."""
    if early is None:
        rows = rows.withColumn("early", F.lit(None).cast(sql_type(MADE)))
    else:
        made = rows.sparkSession.createDataFrame(early).withColumnRenamed("event_id", "_event_id")
        rows = rows.join(F.broadcast(made), F.col("first.event_id") == F.col("_event_id"), "left").drop(
            "_event_id"
        )
    group = F.when(F.col("is_predicted_now"), _group(F.to_date("first.timestamp"))).otherwise(
        F.lit(_NOT_ASKED)
    )
    grouped = (
        rows.withColumn("_group", group)
        .groupBy("_group")
        .cogroup(history_of(events, staging, scope).groupBy("_group"))
    )
    return grouped.applyInArrow(_predictor(predictors), struct(_WITH_MODEL))


def _group(day: Column) -> Column:
    """Return the group of a day, which may hold several days.

    Features take any set of flights with the events before them.
    """
    return F.pmod(F.date_diff(day, F.lit(date(1970, 1, 1))), F.lit(GROUPS))


def history_of(events: DataFrame, staging: DataFrame, scope: Scope) -> DataFrame:
    """Return PAST_COLUMNS of events that predictions may look back on, with the ``_group`` of their UTC day.

    There is one row per event and day that looks back on it.
    """
    spans = " OR ".join(
        f"timestamp BETWEEN TIMESTAMP'{datetime.combine(first, time()) - LOOKBACK}Z' "
        f"AND TIMESTAMP'{datetime.combine(last + timedelta(days=1), time())}Z'"
        for first, last in scope.announced_dates
    )
    happened = F.to_date("timestamp")
    reaches = F.explode(F.sequence(happened, F.date_add(happened, DAYS_BACK)))
    is_scheduled = F.col("event_type") == EventType.SCHEDULED.value
    asked = events.where(is_scheduled).select(happened.alias("_day")).distinct()
    past = (
        staging.where(f"batch_id <= {scope.batch_id} AND ({spans or 'false'})")
        .select(*PAST_COLUMNS)
        .withColumn("_day", reaches)
    )
    return (
        past.join(F.broadcast(asked), "_day", "left_semi")
        .withColumn("_group", _group(F.col("_day")))
        .drop("_day")
    )


def _predictor(predictors: Predictors) -> Callable[[pa.Table, pa.Table], pa.Table]:
    def fill_in(rows: pa.Table, events: pa.Table) -> pa.Table:
        columns = {name: rows[name] for name in _WITH_MODEL.names if name in rows.column_names}
        columns |= {
            field.name: pa.nulls(rows.num_rows, field.type)
            for field in _WITH_MODEL
            if field.name not in columns
        }
        if rows.num_rows and rows["_group"][0].as_py() != _NOT_ASKED:
            columns |= _predict(rows, events, predictors)
        return pa.table([columns[name] for name in _WITH_MODEL.names], names=_WITH_MODEL.names).cast(
            _WITH_MODEL
        )

    return fill_in


def _predict(rows: pa.Table, events: pa.Table, predictors: Predictors) -> dict[str, pa.Array]:
    """Return the columns of flights to predict: live predictions, kept; the champion's; the challenger's."""
    import pyarrow.compute as pc

    from flight_assets.delay_model.features.build import build_features

    first, early = rows["first"].combine_chunks(), rows["early"].combine_chunks()
    is_made = early.is_valid()
    columns = {name: early.field(name) for name in MADE_COLUMNS} | {
        "prediction_id": first.field("event_id"),
        "prediction_timestamp": first.field("timestamp"),
        "_is_asked": pc.invert(is_made),
        "_hour": first.field("hour"),
    }
    if predictors.challenger is None and pc.all(is_made).as_py():
        return columns
    features = build_features(flat_table(first).to_pandas(), events.select(PAST_COLUMNS).to_pandas())
    new = predictions_of(str(predictors.champion), features, predictors.pinned_sha256)
    columns |= {name: pc.if_else(is_made, early.field(name), new.field(name)) for name in PREDICTED_COLUMNS}
    columns |= {name: new.field(name) for name in MODEL_FIELDS if name not in PREDICTED_COLUMNS}
    if predictors.challenger:
        beside = predictions_of(predictors.challenger, features, predictors.pinned_sha256)
        said = [beside.field(name) for name in PREDICTED_COLUMNS]
        columns["challenger"] = pa.StructArray.from_arrays(said, fields=list(PREDICTION))
    return columns
