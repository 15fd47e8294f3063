"""Each writer of flights and predictions gets every column that it selects, whoever calls it.

Frames here know their columns only. The rows are the tests' with services.
"""

from __future__ import annotations

from datetime import date
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest

from flight_assets.archive import columns as archived
from flight_assets.contracts.tables import CHALLENGER_PREDICTIONS, FACT, PREDICTIONS, STAGING, Table
from flight_assets.pipeline import backfill, flights, move_batch, predict, write_fact
from flight_assets.transforms.flights import STATE_COLUMNS

# Columns of an archived file of the first version. They never change.
OF_FIRST_ARCHIVES = {
    *("event_id", "event_type", "timestamp", "flight_id", "flight_date", "airline", "flight_number"),
    *("tail_number", "origin", "destination", "route", "scheduled_departure", "scheduled_arrival"),
    *("distance_miles", "departure_delay_minutes", "arrival_delay_minutes", "weather", "month"),
    *("day_of_week", "hour", "is_weekend", "quality_score", "predicted_delay_minutes"),
    *("predicted_mean_delay_minutes", "interval_low_minutes", "interval_high_minutes"),
    *("probability_delayed_15", "confidence", "model_version", "actual_delay_minutes", "error_minutes"),
    *("kafka_partition", "kafka_offset", "ingestion_timestamp", "batch_id"),
}
DAYS = [(date(2026, 6, 1), date(2026, 6, 1))]


class Frame:
    """A frame of columns without rows. A missing column is an AssertionError, as in Spark's analysis."""

    def __init__(self, *columns: str) -> None:
        self.columns = columns

    def select(self, *names: str) -> Frame:
        assert set(names) <= set(self.columns), f"missing: {sorted(set(names) - set(self.columns))}"
        return Frame(*names)

    def withColumns(self, made: dict[str, Any]) -> Frame:  # noqa: N802 - Spark's name
        return Frame(*dict.fromkeys((*self.columns, *made)))

    def withColumn(self, name: str, _value: object) -> Frame:  # noqa: N802 - Spark's name
        return self.withColumns({name: None})

    def drop(self, *names: str) -> Frame:
        return Frame(*(name for name in self.columns if name not in names))

    def join(self, other: Frame, *_: object) -> Frame:
        return Frame(*dict.fromkeys((*self.columns, *other.columns)))

    def where(self, _condition: object) -> Frame:
        return self

    def distinct(self) -> Frame:
        return self

    def count(self) -> int:
        return 0


class Warehouse:
    """Tables with the columns of the contract; ``written`` has the columns of each write."""

    def __init__(self) -> None:
        self.written: dict[str, tuple[str, ...]] = {}

    def read(self, table: Table) -> Frame:
        return Frame(*table.column_names)

    def replace_where(self, rows: Frame, table: Table, _condition: str) -> None:
        self.written[table.name] = rows.select(*table.column_names).columns

    def merge(self, table: Table, rows: Frame, *_: object) -> SimpleNamespace:
        self.written[table.name] = rows.columns
        return SimpleNamespace(inserted=0, updated=0, __iter__=lambda: iter((0, 0)))


@pytest.fixture
def warehouse(monkeypatch) -> Warehouse:
    monkeypatch.setenv("SPARK_CONNECT_MODE_ENABLED", "1")  # expressions without a session
    for module in (backfill, move_batch, write_fact):
        monkeypatch.setattr(module, "computed", lambda frame: frame)
        if hasattr(module, "flight_rows"):
            monkeypatch.setattr(
                module, "flight_rows", lambda _: Frame(*STATE_COLUMNS, "first", "newest_batch_id")
            )
    monkeypatch.setattr("pyspark.sql.functions.broadcast", lambda frame: frame)
    return Warehouse()


def of_a_batch() -> Frame:
    """The flights of a batch, as a run and a later fill-in make them."""
    return flights.with_truth(Frame(*flights.FLIGHT_SCHEMA.names))


def test_a_batch_writes_all_columns_of_predictions_and_flights(warehouse) -> None:
    scope = SimpleNamespace(batch_id=7, flight_dates=DAYS)
    predict.merge_predictions(warehouse, of_a_batch(), scope)
    predict.merge_challenger(warehouse, of_a_batch(), scope)
    with pytest.raises(TypeError):  # the counts of a merge, which nothing here makes
        write_fact.merge_flights(warehouse, of_a_batch(), scope)
    assert warehouse.written == {
        PREDICTIONS.name: (*PREDICTIONS.column_names, "is_predicted_now"),
        CHALLENGER_PREDICTIONS.name: CHALLENGER_PREDICTIONS.column_names,
        FACT.name: FACT.column_names,
    }


def test_moving_a_batch_writes_all_columns_of_predictions_and_flights(warehouse) -> None:
    states = move_batch._states(warehouse, Frame(*STAGING.column_names), DAYS)
    predict.replace_outcomes(warehouse, states, DAYS)
    write_fact.replace_flights(warehouse, Frame("flight_id", "flight_date"), states, DAYS)
    assert warehouse.written == {
        PREDICTIONS.name: (*PREDICTIONS.column_names, "is_predicted_now"),
        FACT.name: FACT.column_names,
    }


def test_a_backfill_writes_all_columns_of_flights_and_predictions(warehouse) -> None:
    backfill._rebuild_flights(warehouse, [DAYS[0][0]])
    made = predict.prediction_rows(of_a_batch(), 7).drop("is_predicted_now")
    warehouse.replace_where(made, PREDICTIONS, "true")
    assert warehouse.written == {FACT.name: FACT.column_names, PREDICTIONS.name: PREDICTIONS.column_names}


def test_an_archive_of_the_first_version_lacks_only_columns_that_a_restore_may_lack() -> None:
    """A column that is added to the flights must be in ADDED_SINCE, or older archives cannot be restored."""
    first = pa.schema([each for each in archived.file_schema() if each.name in OF_FIRST_ARCHIVES])
    assert set(archived.file_schema().names) - set(first.names) == archived.ADDED_SINCE
    assert archived.is_of_contract(first)
    assert not archived.is_of_contract(first.remove(first.get_field_index("airline")))
