"""A database of the tests' own, and flights and predictions in it as batches write them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import date

import pytest
from pyspark.sql import functions as F

from flight_assets.contracts.ranges import date_ranges
from flight_assets.contracts.tables import (
    FACT,
    PREDICTED_COLUMNS,
    PREDICTIONS,
    SIDE_COLUMNS,
)
from flight_assets.pipeline import predict
from flight_assets.pipeline.flights import Scope, with_known_predictions, with_truth
from flight_assets.stores.warehouse import Merged, Warehouse, computed
from flight_assets_tests import factories
from flight_assets_tests.factories import HAPPENED, fact, frame, utc

pytestmark = pytest.mark.integration
DATABASE = "test_dw"


def drop(spark, database: str) -> None:
    """Drop a database with its tables, if it is there."""
    from pyspark.errors import AnalysisException

    with contextlib.suppress(AnalysisException):
        spark.sql(f"DROP DATABASE IF EXISTS {database} CASCADE").collect()
    assert database not in databases(spark)


def databases(spark) -> set[str]:
    return {row.namespace for row in spark.sql("SHOW DATABASES").collect()}


@contextlib.contextmanager
def own_tables(spark) -> Iterator[Warehouse]:
    """A warehouse of the tests' own with empty tables, until the block ends."""
    drop(spark, DATABASE)
    own = Warehouse(spark, DATABASE)
    own.create_tables()
    yield own
    drop(spark, DATABASE)


def prediction(flight: str = "UA1545-EWR-20130612", predicted: float = 10.0, **changes) -> dict:
    values: dict[str, object] = dict.fromkeys(PREDICTED_COLUMNS, predicted) | {
        "model_version": "v1",
        "maker": "model",
    }
    values |= {"domain_mark": "in_domain", "domain_reasons": None}
    return {
        **values,
        "prediction_id": f"{flight}:scheduled",
        "flight_id": flight,
        "flight_date": date(2013, 6, 12),
        "prediction_timestamp": utc(HAPPENED["scheduled"]),
        "batch_id": 0,
        "prediction_date": date(2013, 6, 12),
        **changes,
    }


def merge_predictions(house: Warehouse, *rows: dict) -> int:
    return keep(house, list(rows), []).inserted


def merge_outcomes(house: Warehouse, *flights: dict) -> int:
    return keep(house, [], list(flights)).updated


def keep(house: Warehouse, predicted: list[dict], ended: list[dict]) -> Merged:
    """Write predictions of flights that are announced, and how flights ended, as a batch does."""
    announced = [fact(flight_id=row["flight_id"], kafka_offset=0) for row in predicted]
    states = {row["flight_id"]: row for row in [*announced, *ended]}
    rows = frame(house.spark, FACT, list(states.values())).drop(
        *PREDICTED_COLUMNS, "actual_delay_minutes", "error_minutes"
    )
    known = with_known_predictions(rows, house.read(PREDICTIONS))
    names = ("prediction_id", "prediction_timestamp", *PREDICTED_COLUMNS)
    new = frame(house.spark, PREDICTIONS, predicted).select(
        "flight_id", *(F.col(name).alias(f"new_{name}") for name in names), *SIDE_COLUMNS
    )
    is_now = F.col("prediction_id").isNull() & F.col("new_prediction_id").isNotNull()
    joined = known.join(new, "flight_id", "left").withColumn("is_predicted_now", is_now)
    filled = joined.withColumns({name: F.coalesce(name, f"new_{name}") for name in names})
    scope = Scope(
        predicted[0]["batch_id"] if predicted else 0,
        date_ranges(row["flight_date"] for row in states.values()),
        [],
    )
    return predict.merge_predictions(house, computed(with_truth(filled)), scope)


def merge_flights(house: Warehouse, *rows: dict) -> int:
    return factories.merge_flights(house, list(rows))


def only_row(house: Warehouse, table):
    rows = house.read(table).collect()
    assert len(rows) == 1
    return rows[0]


def ended(outcome: str, actual: float | None, at: str = HAPPENED["arrived"], offset: int = 7) -> dict:
    return fact(event_type=outcome, kafka_offset=offset, timestamp=at, arrival_delay_minutes=actual)
