"""Events that were staged before are found by their ids, against Spark and Delta."""

from __future__ import annotations

import pytest
from pyspark.sql import functions as F

from flight_assets.contracts.tables import (
    STAGED_IDS,
    STAGING,
)
from flight_assets.pipeline import event_dedup
from flight_assets.stores.warehouse import Warehouse, computed
from flight_assets_tests.factories import frame, staged
from flight_assets_tests.integration.warehouse_rows import own_tables

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def own(spark):
    """A warehouse of the tests' own with empty tables."""
    with own_tables(spark) as own:
        yield own


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
