"""Quality of the delay model on live flights: errors, coverage and calibration, by version and by flight."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from pyspark.sql import functions as F

from flight_assets.contracts.tables import (
    CHALLENGER_PREDICTIONS,
    MODEL_MONITORING,
    PREDICTED_COLUMNS,
    PREDICTIONS,
    STAGING,
)
from flight_assets.delay_model.errors import ModelError
from flight_assets.delay_model.evaluate import LATE_MINUTES
from flight_assets.delay_model.registry.model import TrainedModel, fitting
from flight_assets.delay_model.training.importance import contributions
from flight_assets.pipeline.inference import history_of, unpack, with_features

if TYPE_CHECKING:
    from datetime import date

    from pyspark.sql import Column, DataFrame

    from flight_assets.stores.models import ModelStore
    from flight_assets.stores.warehouse import Warehouse

Bucket = Literal["hour", "day", "all"]

_ARRIVED = "outcome = 'arrived'"
# Aggregates over rows that have a prediction, its truth and what the baselines of its version know.
_FIGURES = {
    "predictions": "count(*)",
    "flights": f"count_if({_ARRIVED})",
    "cancelled": "count_if(outcome = 'cancelled')",
    "mae": "avg(abs(actual_delay_minutes - predicted_delay_minutes))",
    "rmse": "sqrt(avg(pow(actual_delay_minutes - predicted_mean_delay_minutes, 2)))",
    "mape": (
        f"avg(CASE WHEN abs(actual_delay_minutes) >= {LATE_MINUTES} "
        "THEN abs(actual_delay_minutes - predicted_delay_minutes) / abs(actual_delay_minutes) END)"
    ),
    "coverage_90": (
        f"avg(CASE WHEN {_ARRIVED} THEN int(actual_delay_minutes BETWEEN interval_low_minutes AND"
        " interval_high_minutes) END)"
    ),
    "interval_width_minutes": (
        f"avg(CASE WHEN {_ARRIVED} THEN interval_high_minutes - interval_low_minutes END)"
    ),
    "brier": (
        f"avg(CASE WHEN {_ARRIVED} THEN pow(probability_delayed_15 - int(actual_delay_minutes >="
        f" {LATE_MINUTES}), 2) END)"
    ),
    "mae_median_baseline": "avg(abs(actual_delay_minutes - median_minutes))",
    "rmse_mean_baseline": "sqrt(avg(pow(actual_delay_minutes - mean_minutes, 2)))",
    "brier_base_rate": (
        f"avg(CASE WHEN {_ARRIVED} THEN pow(late_share - int(actual_delay_minutes >= {LATE_MINUTES}), 2) END)"
    ),
}


# When the platform learnt a flight's newest event. Older rows have the outcome's own time instead.
LEARNT_AT = "coalesce(newest_event.ingestion_timestamp, outcome_timestamp)"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def live_quality(
    warehouse: Warehouse, models: ModelStore, first: date, until: date, bucket: Bucket = "day"
) -> pd.DataFrame:
    """One row per bucket of prediction_timestamp and version, in order, over the flights that arrived.

    - bucket: UTC; absent for ``all``. model_version.
    - predictions: made; flights: of them arrived; cancelled: counted apart, with no delay to compare with.
    - mae, rmse in minutes; mape: a ratio over flights at least 15 minutes early or late.
    - coverage_90, interval_width_minutes, brier.
    - mae_median_baseline, rmse_mean_baseline, brier_base_rate: the same flights, guessed by the training
      flights' median, mean and share of late ones.

    NaN where no flight has arrived.
    """
    rows = _with_baselines(warehouse, models, _between(warehouse.read(PREDICTIONS), first, until))
    if bucket == "all":
        return _aggregated(rows, ["model_version"])
    return _aggregated(
        rows.selectExpr("*", f"date_trunc('{bucket}', prediction_timestamp) AS bucket"),
        ["bucket", "model_version"],
    )


def quality_learnt(
    warehouse: Warehouse, models: ModelStore, since: datetime, until: datetime
) -> pd.DataFrame:
    """One row per version: the figures of ``live_quality``, by when the platform learnt what came true.

    Over predictions whose newest event the broker took from ``since`` to ``until``, whatever the date of the
    flight.
    """
    learnt = warehouse.read(PREDICTIONS).where(F.expr(LEARNT_AT).between(F.lit(since), F.lit(until)))
    return _aggregated(_with_baselines(warehouse, models, learnt), ["model_version"])


def newest_learnt(warehouse: Warehouse, version: str) -> datetime | None:
    """Return when the broker took the newest arrival of a version's flights, UTC; None without one."""
    arrived = warehouse.read(PREDICTIONS).where(_ARRIVED).where(_equals("model_version", version))
    newest = arrived.agg(F.unix_micros(F.max(F.expr(LEARNT_AT))).alias("newest")).collect()[0].newest
    return None if newest is None else EPOCH + timedelta(microseconds=newest)


def confidence_bins(warehouse: Warehouse, first: date, until: date, bins: int = 10) -> pd.DataFrame:
    """Return one row per bin of equally many arrived flights, least confident first.

    Columns: bin, flights, confidence, mae, coverage_90.
    """
    arrived = _between(warehouse.read(PREDICTIONS), first, until).where(_ARRIVED)
    ranked = arrived.selectExpr("*", f"ntile({bins}) OVER (ORDER BY confidence, prediction_id) AS bin")
    figures = [*_expressions("flights", "mae", "coverage_90"), _expression("confidence", "avg(confidence)")]
    return ranked.groupBy("bin").agg(*figures).orderBy("bin").toPandas()


def versions_compared(warehouse: Warehouse, models: ModelStore, first: date, until: date) -> pd.DataFrame:
    """Return champion and challenger over the flights that both predicted.

    Two rows per pair of versions, with the figures of ``live_quality``.
    Columns besides: champion_version, challenger_version, role (champion or challenger).
    """
    served = _between(warehouse.read(PREDICTIONS), first, until).alias("p")
    beside = _between(warehouse.read(CHALLENGER_PREDICTIONS), first, until).alias("c")
    both = served.join(beside, "flight_id")
    pair = ["p.model_version AS champion_version", "c.model_version AS challenger_version"]
    names = [name for name in PREDICTED_COLUMNS if name != "confidence"]
    sides = [
        both.selectExpr(
            *pair,
            f"'{role}' AS role",
            "p.outcome",
            "p.actual_delay_minutes",
            *(f"{side}.{name}" for name in names),
        )
        for role, side in (("champion", "p"), ("challenger", "c"))
    ]
    rows = _with_baselines(warehouse, models, sides[0].unionByName(sides[1]))
    return _aggregated(rows, ["champion_version", "challenger_version", "role", "model_version"])


def explain_flight(warehouse: Warehouse, models: ModelStore, flight_id: str) -> pd.DataFrame:
    """Return the reasons of a prediction: feature, value, contribution_minutes, the strongest first.

    The features are made again from the staged events of its time. Contributions are SHAP values of the
    mean booster. With ``attrs["expected_minutes"]`` they add up to its forecast (Lundberg et al. 2020,
    Nature Machine Intelligence 2, 56–67).

    Raises:
        FlightsError: the flight has no prediction, or its model is gone or cannot be explained.
    """
    made = warehouse.read(PREDICTIONS).where(_equals("flight_id", flight_id)).limit(1).collect()
    if not made:
        raise ModelError(f"the flight {flight_id} has no prediction")
    model = models.load(made[0].model_version)
    if not isinstance(model, TrainedModel):
        raise ModelError(
            f"{made[0].model_version} is a pickled regressor: its predictions cannot be explained"
        )
    features = features_of(warehouse, made[0].prediction_id, made[0].batch_id)
    minutes, expected = contributions(model, features)
    frame = pd.DataFrame(
        {
            "feature": list(model.manifest.features),
            "value": fitting(model.manifest, features).iloc[0].to_numpy(),
            "contribution_minutes": minutes[0],
        }
    )
    frame = frame.sort_values("contribution_minutes", key=np.abs, ascending=False, ignore_index=True)
    frame.attrs["expected_minutes"] = float(expected)
    return frame


def explanation(warehouse: Warehouse, models: ModelStore, flight_id: str) -> pd.DataFrame:
    """Return the answer of ``explain_flight``; a refusal is in ``attrs["refusal"]``, without rows."""
    try:
        return explain_flight(warehouse, models, flight_id)
    except ModelError as error:
        frame = pd.DataFrame(columns=["feature", "value", "contribution_minutes"])
        frame.attrs["refusal"] = str(error)
        return frame


def features_of(warehouse: Warehouse, event_id: str, batch_id: int) -> pd.DataFrame:
    """Return the features of a scheduled event, as in its batch: one row, FEATURE_NAMES, float32."""
    staged = warehouse.read(STAGING).where(f"batch_id <= {batch_id}")
    # Its own batch predicted it, and files of other batches are skipped.
    scheduled = staged.where(f"batch_id = {batch_id}").where(_equals("event_id", event_id))
    days = [row.day for row in scheduled.selectExpr("to_date(timestamp) AS day").collect()]
    return unpack(with_features(scheduled, history_of(days, staged)).toArrow()["features"].combine_chunks())


def newest_day(warehouse: Warehouse) -> date | None:
    """Return the newest prediction_date; None if there is no prediction."""
    newest: date | None = (
        warehouse.read(PREDICTIONS).agg(F.max("prediction_date").alias("newest")).collect()[0].newest
    )
    return newest


def newest_monitoring(warehouse: Warehouse) -> pd.DataFrame:
    """Return the newest evaluation of ``model_monitoring``, breached metrics first, then by value.

    Features without a breach are left out.
    """
    rows = warehouse.read(MODEL_MONITORING)
    newest = rows.agg(F.max("timestamp").alias("timestamp"))
    shown = rows.join(F.broadcast(newest), "timestamp").where("breached OR subject = ''")
    return (
        shown.orderBy(F.col("breached").desc(), "subject", F.col("value").desc()).drop("timestamp").toPandas()
    )


def _between(rows: DataFrame, first: date, until: date) -> DataFrame:
    return rows.where(f"prediction_date BETWEEN DATE'{first.isoformat()}' AND DATE'{until.isoformat()}'")


def _equals(column: str, value: str) -> Column:
    return F.col(column) == F.lit(value)


def _with_baselines(warehouse: Warehouse, models: ModelStore, rows: DataFrame) -> DataFrame:
    """Return the rows with median_minutes, mean_minutes and late_share of the training flights."""
    known = [
        {"model_version": version, **models.manifest(version).training["baselines"]}
        for version in models.versions()
    ]
    columns = "model_version string, median_minutes double, mean_minutes double, late_share double"
    frame = pd.DataFrame(known, columns=["model_version", "median_minutes", "mean_minutes", "late_share"])
    return rows.join(F.broadcast(warehouse.spark.createDataFrame(frame, columns)), "model_version", "left")


def _aggregated(rows: DataFrame, keys: list[str]) -> pd.DataFrame:
    return rows.groupBy(*keys).agg(*_expressions(*_FIGURES)).orderBy(*keys).toPandas()


def _expressions(*names: str) -> list[Column]:
    return [_expression(name, _FIGURES[name]) for name in names]


def _expression(name: str, sql: str) -> Column:
    return F.expr(sql).alias(name)
