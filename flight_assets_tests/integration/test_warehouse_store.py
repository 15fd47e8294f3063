"""Idempotent writes of the warehouse, against Spark, Delta and the metastore, in a database of the tests'
own.
"""

from __future__ import annotations

import contextlib
from datetime import date, timedelta

import pytest
from pyspark.sql import functions as F

from flight_assets.contracts.ranges import date_ranges
from flight_assets.contracts.tables import (
    DIM_AIRLINE,
    FACT,
    PREDICTED_COLUMNS,
    PREDICTIONS,
    SIDE_COLUMNS,
    STAGED_IDS,
    STAGING,
    TABLES,
)
from flight_assets.pipeline import event_dedup, predict
from flight_assets.pipeline.flights import Scope, with_known_predictions, with_truth
from flight_assets.stores.warehouse import Merged, Warehouse, computed
from flight_assets_tests import factories
from flight_assets_tests.factories import HAPPENED, TOOK_AT, fact, frame, staged, utc

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


@pytest.fixture(scope="module")
def own(spark):
    """A warehouse of the tests' own with empty tables."""
    drop(spark, DATABASE)
    own = Warehouse(spark, DATABASE)
    own.create_tables()
    yield own
    drop(spark, DATABASE)


@pytest.fixture
def empty(own):
    """The warehouse with empty tables for predictions, flights and airlines."""
    for table in (PREDICTIONS, FACT, DIM_AIRLINE):
        own.spark.sql(f"DELETE FROM {own.name(table)}").collect()
    return own


def prediction(flight: str = "UA1545-EWR-20130612", predicted: float = 10.0, **changes) -> dict:
    values = dict.fromkeys(PREDICTED_COLUMNS, predicted) | {"model_version": "v1", "maker": "model"}
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


@pytest.fixture
def staged_twice(own):
    """The warehouse with events of two batches, and a function that appends those of one as a batch does."""
    for table in (STAGING, STAGED_IDS):
        own.spark.sql(f"DROP TABLE {own.name(table)}").collect()
    own.create_tables()

    def append(batch_id: int, *event_ids: str) -> None:
        rows = frame(
            own.spark, STAGING, [staged(batch_id=batch_id) | {"event_id": event_id} for event_id in event_ids]
        )
        own.append_once(rows, STAGING, batch_id)
        own.append_once(
            event_dedup.id_rows(rows.withColumn("event_hash", F.xxhash64("event_id"))), STAGED_IDS, batch_id
        )

    append(0, "a", "b")
    append(1, "c")
    return append


def met(house: Warehouse, before_batch: int, *event_ids: str) -> set[str]:
    """Those of the ids that batches before this one have staged."""
    events = house.spark.createDataFrame([(event_id,) for event_id in event_ids], "event_id STRING")
    messages = computed(events.withColumn("event_hash", F.xxhash64("event_id")))
    batches = event_dedup.batches_met(house, messages, before_batch).collect()[0].met
    return (
        {row.event_id for row in event_dedup.staged_in(house, messages, batches).collect()}
        if batches
        else set()
    )


def test_events_of_earlier_batches_are_found_and_no_others(own, staged_twice):
    assert met(own, 2, "a", "c", "x") == {"a", "c"}
    assert met(own, 1, "a", "c", "x") == {"a"}
    assert met(own, 0, "a", "c") == set()
    assert event_dedup.missing(own) == 0


def test_an_event_that_shares_its_hash_with_a_staged_one_is_no_duplicate(own, staged_twice):
    own.spark.sql(f"INSERT INTO {own.name(STAGED_IDS)} SELECT xxhash64('x'), 0, DATE'2013-06-01'").collect()
    assert met(own, 2, "x", "a") == {"a"}


def test_events_that_were_staged_before_the_ids_were_kept_are_entered_once(own, staged_twice):
    own.spark.sql(f"DROP TABLE {own.name(STAGED_IDS)}").collect()
    own.create_tables()
    assert (met(own, 2, "a", "c"), event_dedup.missing(own)) == (set(), 3)
    for _ in range(2):
        event_dedup.fill_once(own, 2)
    assert (met(own, 2, "a", "c"), event_dedup.missing(own)) == ({"a", "c"}, 0)
    assert own.read(STAGED_IDS).count() == 3
    staged_twice(2, "d")
    event_dedup.fill_once(own, 3)
    assert (met(own, 3, "d"), own.read(STAGED_IDS).count()) == ({"d"}, 4)


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


def test_what_is_computed_stays_in_its_session_when_the_process_has_others(own, platform):
    """A second session is the active one from then on.

    The first one's rows must still join and merge with the first one's.
    """
    from pyspark.sql import SparkSession

    other = SparkSession.builder.remote(platform.spark_remote).create()
    try:
        rows = own.spark.range(3)
        kept = computed(rows)
        assert kept.sparkSession is own.spark
        assert kept.join(rows, "id").count() == 3
    finally:
        other.stop()


def test_python_workers_are_forked_from_a_process_that_has_what_they_need(own):
    def look(batches):
        import gc
        import sys

        import pyarrow as pa

        for _ in batches:
            found = {
                name: name in sys.modules
                for name in ("flight_assets.pipeline.inference", "pymongo", "xgboost")
            }
            yield pa.RecordBatch.from_pydict(
                {"is_there": [all(found.values())], "shared": [gc.get_freeze_count()]}
            )

    rows = own.spark.range(0, 1, 1, 1).mapInArrow(look, "is_there boolean, shared long").collect()
    assert [row.is_there for row in rows] == [True]
    assert rows[0].shared > 100_000
