"""The rollups equal a recomputation from the fact table, whatever came in between.

In a database of the tests' own.
"""

from __future__ import annotations

import random
from datetime import date, timedelta

import pytest

from flight_assets.contracts.tables import FACT, FLIGHTS_HOURLY, PREDICTED_COLUMNS, STAGING
from flight_assets.pipeline.rollups import ROLLUPS, recompute_changed, rollup, update_rollup
from flight_assets.stores.warehouse import Warehouse
from flight_assets_tests.factories import fact, merge_flights, utc
from flight_assets_tests.integration.warehouse_rows import drop

pytestmark = pytest.mark.integration
DATABASE = "test_rollups"
FIRST_DAY = date(2013, 6, 10)
TYPES = ("scheduled", "departed", "arrived", "cancelled")


@pytest.fixture(scope="module")
def own(spark):
    drop(spark, DATABASE)
    own = Warehouse(spark, DATABASE)
    own.create_tables()
    yield own
    drop(spark, DATABASE)


def random_state(rng: random.Random, batch_id: int) -> dict:
    """A state of one of 40 flights; a later batch may bring an older one."""
    number, kind = rng.randrange(40), rng.choice(TYPES)
    day = FIRST_DAY + timedelta(days=number % 4)
    delay = float(rng.randint(-30, 90))
    happened = utc("2013-06-12T00:00:00Z") + timedelta(minutes=rng.randrange(2_000))
    predicted = dict.fromkeys(PREDICTED_COLUMNS, rng.uniform(-5, 5)) | {
        "interval_low_minutes": -20.0,
        "interval_high_minutes": 40.0,
    }
    row = fact(
        event_type=kind, batch_id=batch_id, kafka_offset=batch_id * 100 + number, hour=rng.randrange(5, 8)
    )
    row |= predicted if number % 3 else {}
    row |= {
        "flight_id": f"UA{number}-EWR-{day:%Y%m%d}",
        "flight_date": day,
        "timestamp": happened,
        "model_version": "v1",
    }
    row |= {
        "departure_delay_minutes": None if kind in ("scheduled", "cancelled") else delay,
        "destination": rng.choice(["IAH", "BOS"]),
    }
    if kind == "arrived":
        row |= {"arrival_delay_minutes": delay - 3, "actual_delay_minutes": delay - 3}
        row["error_minutes"] = delay - 3 - row["predicted_delay_minutes"] if number % 3 else None
    return row


def content(frame_) -> dict:
    columns = [
        name
        for name in frame_.columns
        if name not in ("flight_date", "hour", "airline", "origin", "destination")
    ]
    key = [name for name in frame_.columns if name not in columns]
    return {
        tuple(row[name] for name in key): tuple(row[name] for name in columns) for row in frame_.collect()
    }


def assert_equal_to_recomputation(house: Warehouse) -> None:
    for table in ROLLUPS:
        found, expected = (
            content(house.read(table)),
            content(rollup(house.read(FACT), table).select(*table.column_names)),
        )
        assert found.keys() == expected.keys()
        for key, values in expected.items():
            assert found[key] == pytest.approx(values, abs=1e-9), key


def merge(house: Warehouse, rows: list[dict]) -> None:
    newest = {}
    for row in sorted(rows, key=lambda row: (row["timestamp"], row["kafka_offset"])):
        newest[row["flight_id"]] = row
    merge_flights(house, list(newest.values()))


def test_random_batches_repeats_and_late_events_leave_rollups_equal_to_a_recomputation(own, platform):
    rng = random.Random(7)  # noqa: S311 - a seed, no secret
    for table in ROLLUPS:
        assert recompute_changed(own, table).days == []
    for batch_id in range(4):
        batch = [random_state(rng, batch_id) for _ in range(25)]
        merge(own, batch)
        if batch_id == 2:
            continue  # two batches between updates
        merge(own, batch)  # the run died before its mark, the next one repeats it
        done = [update_rollup(own, platform, table) for table in ROLLUPS]
        assert {update.newest_batch for update in done} == {batch_id}
        assert [update_rollup(own, platform, table).days for table in ROLLUPS] == [[], []]
        assert_equal_to_recomputation(own)
    assert own.read(FACT).where("event_type = 'arrived' AND error_minutes IS NOT NULL").count() > 0


def test_an_update_touches_only_the_days_that_changed_and_the_other_days_files_stay(own):
    before = own.version(FLIGHTS_HOURLY)
    day = FIRST_DAY + timedelta(days=1)
    merge(own, [fact(batch_id=50, flight_id="UA9999-EWR-20130611", flight_date=day, kafka_offset=1)])
    assert recompute_changed(own, FLIGHTS_HOURLY).days == [day]
    removed = (
        own.spark.sql(f"DESCRIBE HISTORY {own.name(FLIGHTS_HOURLY)} LIMIT 1").collect()[0].operationMetrics
    )
    assert own.version(FLIGHTS_HOURLY) == before + 1
    assert int(removed["numRemovedFiles"]) <= 2


def test_a_damaged_day_is_recomputed_on_demand(own):
    own.spark.sql(f"DELETE FROM {own.name(FLIGHTS_HOURLY)} WHERE flight_date = DATE'{FIRST_DAY}'").collect()
    recompute_changed(own, FLIGHTS_HOURLY, [FIRST_DAY])
    for table in ROLLUPS:
        recompute_changed(own, table)
    assert_equal_to_recomputation(own)


def test_tables_that_are_there_already_get_the_properties_of_the_contract(own):
    own.spark.sql(
        f"ALTER TABLE {own.name(STAGING)} UNSET TBLPROPERTIES ('delta.dataSkippingStatsColumns')"
    ).collect()
    own.create_tables()
    version = own.version(STAGING)
    own.create_tables()
    found = {row.key: row.value for row in own.spark.sql(f"SHOW TBLPROPERTIES {own.name(STAGING)}").collect()}
    assert "batch_id" in found["delta.dataSkippingStatsColumns"]
    assert own.version(STAGING) == version
