"""Queries about the ledger, quarantine, quality and freshness, over the warehouse of the tests."""

from __future__ import annotations

import pytest

from flight_assets.bench.warehouse_flights import FLIGHTS, create_rollups
from flight_assets.contracts.tables import FACT
from flight_assets.queries import flight_rows, history, quality
from flight_assets.queries.cache import DataVersion
from flight_assets.queries.filters import Filters
from flight_assets.stores.warehouse import Warehouse, connect
from flight_assets_tests.dashboard.conftest import COUNTS
from flight_assets_tests.dashboard.test_queries import ARRIVED, JUNE

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def house(full_settings) -> Warehouse:
    return Warehouse(connect(full_settings), full_settings.warehouse_database)


def test_the_ledger_adds_up(house):
    row = quality.conservation(house).iloc[0]
    assert (row.batches, row.raw, row.staged, row.duplicate, row.quarantined, row.unaccounted_batches) == (
        3,
        1230,
        1200,
        12,
        18,
        0,
    )
    assert list(quality.batches(house)["batch_id"]) == [0, 1, 2]


def test_a_lost_message_is_seen(house):
    house.spark.sql(
        f"INSERT INTO {house.database}.batch_metadata (batch_id, timestamp, {COUNTS}) SELECT 9,"
        " TIMESTAMP'2026-07-01', 5, 4, 0, 0, 0, 0, 0"
    ).collect()
    try:
        assert quality.conservation(house).iloc[0].unaccounted_batches == 1
        assert quality.batches(house)["unaccounted"].iloc[-1] == 1
    finally:
        house.spark.sql(f"DELETE FROM {house.database}.batch_metadata WHERE batch_id = 9").collect()


def test_quarantine_by_reason_with_samples(house):
    frame = quality.quarantine_by_reason(house)
    assert dict(zip(frame["reason"], frame["messages"], strict=True)) == {
        "unknown_airport": 12,
        "not_json": 6,
    }
    samples = quality.quarantine_samples(house, "not_json", 2)
    assert list(samples["value"]) == ["message 15", "message 12"]
    assert quality.quarantine_samples(house, "x' OR '1'='1", 2).empty


def test_missing_values_count_delays_only_when_they_are_due(house):
    frame = quality.missing_values(house, JUNE).set_index("field")
    assert frame.loc["weather.temperature_f", "missing_share"] == 1.0
    assert frame.loc["tail_number", "missing"] == 0
    assert tuple(frame.loc["arrival_delay_minutes", ["flights", "missing"]]) == (len(ARRIVED), 0)


def test_freshness_knows_every_table(house):
    frame = quality.freshness(house).set_index("table")
    assert frame.loc["fact_flight_events", "rows"] == FLIGHTS
    assert (
        frame.loc["staging_flight_events", "newest"] is None
        or str(frame.loc["staging_flight_events", "newest"]) == "NaT"
    )


def test_a_commit_to_the_rollups_is_new_data(house, full_settings):
    before = DataVersion(full_settings).history()
    assert DataVersion(full_settings).history() == before
    create_rollups(house)
    assert DataVersion(full_settings).history() != before


def test_quality_by_source_holds_every_flight(house):
    sources = quality.by_source(house, Filters())
    assert sources["flights"].sum() == history.totals(house, Filters()).iloc[0]["flights"]
    assert list(sources["mean_quality"]) == [0.5]
    assert list(sources["without_weather"]) == [1.0]


def test_rows_of_low_quality_can_be_left_out(house):
    table = house.name(FACT)
    everyone = flight_rows.flights(house, JUNE, 5_000)
    chosen = everyone["flight_id"].iloc[0]
    day = everyone["flight_date"].iloc[0]
    where = f"flight_id = '{chosen}' AND flight_date = DATE'{day}'"
    try:
        house.spark.sql(f"UPDATE {table} SET low_quality = true WHERE {where}").collect()
        good = flight_rows.flights(house, JUNE, 5_000, 0, True)
        assert set(everyone["flight_id"]) - set(good["flight_id"]) == {chosen}
    finally:
        house.spark.sql(f"UPDATE {table} SET low_quality = false WHERE {where}").collect()
