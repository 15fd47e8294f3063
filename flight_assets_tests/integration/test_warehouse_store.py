"""Idempotent writes of the warehouse, against Spark, Delta and the metastore, in a database of the tests'
own.
"""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from flight_assets.contracts.tables import (
    DIM_AIRLINE,
    FACT,
    PREDICTIONS,
    STAGING,
    TABLES,
)
from flight_assets_tests.factories import HAPPENED, TOOK_AT, fact, frame, staged
from flight_assets_tests.integration.warehouse_rows import (
    DATABASE,
    databases,
    ended,
    keep,
    merge_flights,
    merge_outcomes,
    merge_predictions,
    only_row,
    own_tables,
    prediction,
)

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def own(spark):
    """A warehouse of the tests' own with empty tables."""
    with own_tables(spark) as own:
        yield own


@pytest.fixture
def empty(own):
    """The warehouse with empty tables for predictions, flights and airlines."""
    for table in (PREDICTIONS, FACT, DIM_AIRLINE):
        own.spark.sql(f"DELETE FROM {own.name(table)}").collect()
    return own


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_the_metastore_has_the_columns_types_comments_and_partitions_of_the_contract(own, table):
    details = own.spark.sql(f"DESCRIBE TABLE {own.name(table)}").collect()
    first_blank = next(
        (nth for nth, row in enumerate(details) if not row.col_name or row.col_name.startswith("#")),
        len(details),
    )
    columns = [(row.col_name, row.data_type.replace(" ", "").upper()) for row in details[:first_blank]]
    assert columns == [(column.name, column.type.replace(" ", "").upper()) for column in table.columns]
    assert all(
        column.description.replace("'", "’") in row.comment
        for column, row in zip(table.columns, details, strict=False)
    )
    assert all(
        f"[{column.unit}]" in row.comment
        for column, row in zip(table.columns, details, strict=False)
        if column.unit
    )
    detail = own.spark.sql(f"DESCRIBE DETAIL {own.name(table)}").collect()[0]
    assert (detail.format, tuple(detail.partitionColumns)) == ("delta", table.partitioned_by)
    assert detail.description == f"One row per {table.grain}".replace("'", "’")


def test_creating_the_tables_again_keeps_their_rows(empty):
    merge_predictions(empty, prediction())
    empty.create_tables()
    assert empty.read(PREDICTIONS).count() == 1
    tables = {
        row.tableName
        for row in empty.spark.sql(f"SHOW TABLES IN {DATABASE}").collect()
        if not row.isTemporary
    }
    assert tables == {table.name for table in TABLES}


def test_a_table_that_was_lost_is_created_again(own):
    own.spark.sql(f"DROP TABLE {own.name(DIM_AIRLINE)}").collect()
    own.create_tables()
    assert own.read(DIM_AIRLINE).count() == 0


def test_a_database_can_be_dropped(spark):
    spark.sql("CREATE DATABASE IF NOT EXISTS test_drop").collect()
    spark.sql("DROP DATABASE test_drop").collect()
    assert "test_drop" not in databases(spark)


def test_a_batch_is_appended_once_and_an_earlier_one_never(own):
    def append(batch_id: int, *event_ids: str) -> list[str]:
        rows = [staged(batch_id=batch_id) | {"event_id": event_id} for event_id in event_ids]
        own.append_once(frame(own.spark, STAGING, rows), STAGING, batch_id)
        return sorted(row.event_id for row in own.read(STAGING).select("event_id").collect())

    assert append(0, "a", "b") == ["a", "b"]
    assert append(0, "a", "b") == ["a", "b"]
    assert append(2, "c") == ["a", "b", "c"]
    assert append(1, "late") == ["a", "b", "c"]
    assert append(2, "c") == ["a", "b", "c"]
    assert append(3, "d") == ["a", "b", "c", "d"]


def test_each_table_counts_its_batches_for_itself(empty):
    empty.append_once(frame(empty.spark, PREDICTIONS, [prediction()]), PREDICTIONS, 7)
    empty.append_once(frame(empty.spark, FACT, [fact()]), FACT, 0)
    assert (empty.read(PREDICTIONS).count(), empty.read(FACT).count()) == (1, 1)


def test_appended_columns_go_by_name(empty):
    united = {"code": "UA", "name": "United", "version": "1"}
    swapped = frame(empty.spark, DIM_AIRLINE, [united]).select(*reversed(DIM_AIRLINE.column_names))
    empty.append_once(swapped, DIM_AIRLINE, 0)
    assert only_row(empty, DIM_AIRLINE).asDict() == dict.fromkeys(DIM_AIRLINE.column_names) | united


def test_replacing_leaves_nothing_of_what_was_there(empty):
    for name in ("United", "United Airlines"):
        empty.replace(frame(empty.spark, DIM_AIRLINE, [{"code": "UA", "name": name}]), DIM_AIRLINE)
    assert only_row(empty, DIM_AIRLINE).name == "United Airlines"


def test_the_first_prediction_of_a_flight_stays(empty):
    assert merge_predictions(empty, prediction(predicted=10.0)) == 1
    assert (
        merge_predictions(
            empty, prediction(predicted=99.0, batch_id=1), prediction("UA2-EWR-20130612", batch_id=1)
        )
        == 1
    )
    kept = {
        row.flight_id: (row.predicted_delay_minutes, row.batch_id)
        for row in empty.read(PREDICTIONS).collect()
    }
    assert kept == {"UA1545-EWR-20130612": (10.0, 0), "UA2-EWR-20130612": (10.0, 1)}


def test_the_newest_date_of_a_table_can_be_asked_for(empty):
    merge_predictions(empty, prediction())
    newest = empty.spark.sql(
        f"SELECT max(prediction_date) AS day, max(flight_date) AS flown FROM {empty.name(PREDICTIONS)}"
    ).collect()[0]
    assert (newest.day, newest.flown) == (date(2013, 6, 12), date(2013, 6, 12))


def test_a_prediction_from_another_event_of_the_flight_does_not_come_beside_the_first(empty):
    merge_predictions(empty, prediction())
    assert (
        merge_predictions(empty, prediction(prediction_id="another", prediction_date=date(2013, 6, 13))) == 0
    )


def test_an_arrival_fills_in_actual_and_error_once(empty):
    merge_predictions(empty, prediction(predicted=10.0), prediction("UA2-EWR-20130612", 3.0))
    assert merge_outcomes(empty, ended("arrived", -7.0)) == 1
    assert merge_outcomes(empty, ended("arrived", -7.0)) == 0
    rows = {
        row.flight_id: (row.outcome, row.actual_delay_minutes, row.error_minutes)
        for row in empty.read(PREDICTIONS).collect()
    }
    assert rows == {"UA1545-EWR-20130612": ("arrived", -7.0, -17.0), "UA2-EWR-20130612": (None, None, None)}


def test_a_cancelled_flight_has_an_outcome_and_no_error(empty):
    merge_predictions(empty, prediction())
    assert merge_outcomes(empty, ended("cancelled", None)) == 1
    assert merge_outcomes(empty, ended("cancelled", None)) == 0
    row = only_row(empty, PREDICTIONS)
    assert (row.outcome, row.actual_delay_minutes, row.error_minutes) == ("cancelled", None, None)


@pytest.mark.parametrize(
    ("at", "offset"),
    [(HAPPENED["scheduled"], 9), (HAPPENED["arrived"], 6)],
    ids=["older", "same time, earlier offset"],
)
def test_an_older_end_that_comes_later_changes_nothing(empty, at, offset):
    merge_predictions(empty, prediction(predicted=10.0))
    merge_outcomes(empty, ended("arrived", -7.0))
    assert merge_outcomes(empty, ended("cancelled", None, at, offset)) == 0
    assert only_row(empty, PREDICTIONS).outcome == "arrived"


def test_a_newer_end_replaces_an_older_one(empty):
    merge_predictions(empty, prediction(predicted=10.0))
    merge_outcomes(empty, ended("cancelled", None, HAPPENED["scheduled"]))
    assert merge_outcomes(empty, ended("arrived", -7.0)) == 1
    row = only_row(empty, PREDICTIONS)
    assert (row.outcome, row.error_minutes) == ("arrived", -17.0)


def test_the_outcome_of_a_flight_without_prediction_changes_nothing(empty):
    assert merge_outcomes(empty, ended("arrived", 5.0)) == 0
    assert empty.read(PREDICTIONS).count() == 0


def test_a_flight_predicted_and_ended_in_one_batch_has_both_and_a_repeat_changes_nothing(empty):
    assert keep(empty, [prediction(predicted=10.0)], [ended("arrived", -7.0)]) == (1, 0)
    assert keep(empty, [prediction(predicted=99.0)], [ended("arrived", -7.0)]) == (0, 0)
    row = only_row(empty, PREDICTIONS)
    assert (row.predicted_delay_minutes, row.outcome, row.error_minutes) == (10.0, "arrived", -17.0)


def test_one_batch_predicts_one_flight_and_ends_another(empty):
    merge_predictions(empty, prediction(predicted=10.0))
    assert keep(empty, [prediction("UA2-EWR-20130612", 3.0, batch_id=1)], [ended("arrived", -7.0)]) == (1, 1)
    rows = {
        row.flight_id: (row.outcome, row.error_minutes, row.batch_id)
        for row in empty.read(PREDICTIONS).collect()
    }
    assert rows == {"UA1545-EWR-20130612": ("arrived", -17.0, 0), "UA2-EWR-20130612": (None, None, 1)}


def test_merging_nothing_writes_nothing(empty):
    assert (merge_predictions(empty), merge_outcomes(empty), merge_flights(empty)) == (0, 0, 0)


def test_a_newer_state_replaces_the_row_and_a_repeat_writes_none(empty):
    assert merge_flights(empty, fact()) == 1
    arrival = fact(event_type="arrived", kafka_offset=5, batch_id=1)
    assert merge_flights(empty, arrival) == 1
    assert merge_flights(empty, arrival) == 0
    row = only_row(empty, FACT)
    assert (row.event_type, row.arrival_delay_minutes, row.batch_id) == ("arrived", -7.0, 1)


def test_a_newer_state_moves_to_its_own_partition(empty):
    merge_flights(empty, fact())
    next_day = TOOK_AT.date() + timedelta(days=1)
    merge_flights(empty, fact(event_type="arrived", kafka_offset=5, processing_date=next_day))
    assert only_row(empty, FACT).processing_date == next_day


def test_an_older_state_that_comes_late_is_left_out(empty):
    merge_flights(empty, fact(event_type="arrived", kafka_offset=1))
    assert merge_flights(empty, fact(event_type="departed", kafka_offset=9)) == 0
    assert only_row(empty, FACT).event_type == "arrived"


def test_of_two_states_of_one_moment_the_later_offset_wins(empty):
    at = HAPPENED["departed"]
    merge_flights(empty, fact(event_type="departed", kafka_offset=7, timestamp=at))
    assert merge_flights(empty, fact(event_type="cancelled", kafka_offset=6, timestamp=at)) == 0
    assert merge_flights(empty, fact(event_type="cancelled", kafka_offset=8, timestamp=at)) == 1
    assert only_row(empty, FACT).event_type == "cancelled"


def test_flights_of_several_days_are_merged_in_one_go(empty):
    days = [date(2013, 6, day) for day in (10, 11, 12)]
    rows = [fact(flight_id=f"UA1545-EWR-{day:%Y%m%d}", flight_date=day) for day in days]
    assert merge_flights(empty, *rows) == 3
    newer = [row | {"kafka_offset": 9} for row in rows[:2]]
    assert merge_flights(empty, *newer) == 2
    assert sorted((row.flight_date.day, row.kafka_offset) for row in empty.read(FACT).collect()) == [
        (10, 9),
        (11, 9),
        (12, 0),
    ]


def test_rows_of_a_batch_are_counted(empty):
    merge_flights(
        empty,
        fact(batch_id=4),
        fact(batch_id=4, flight_id="UA2-EWR-20130612"),
        fact(batch_id=5, flight_id="UA3-EWR-20130612"),
    )
    assert [empty.count_of_batch(FACT, batch_id) for batch_id in (4, 5, 6)] == [2, 1, 0]
