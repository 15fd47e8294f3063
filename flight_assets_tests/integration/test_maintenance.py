"""Compaction, vacuum, pruning and backfill: fewer files, the same rows."""

from __future__ import annotations

import contextlib
from datetime import UTC, date, datetime, timedelta
from io import StringIO

import pytest

from flight_assets.contracts.tables import FACT, PREDICTIONS, QUARANTINE, STAGING
from flight_assets.errors import FlightsError
from flight_assets.pipeline import maintenance
from flight_assets.pipeline.backfill import rebuild_days
from flight_assets.pipeline.rollups import ROLLUPS, rollup
from flight_assets.provenance import RAW_ROOT, Ledger, archive_id
from flight_assets.stores import landing
from flight_assets.stores.hdfs import Hdfs
from flight_assets.stores.warehouse import Warehouse
from flight_assets_tests.factories import TOOK_AT, frame, staged
from flight_assets_tests.integration.conftest import flights_with_defects, run_command
from flight_assets_tests.integration.test_rollups import content
from flight_assets_tests.integration.warehouse_rows import drop

pytestmark = pytest.mark.integration
DATABASE = "test_maintenance"
DAYS = [TOOK_AT.date(), TOOK_AT.date() + timedelta(days=1)]
REBUILT = (STAGING, QUARANTINE, PREDICTIONS, FACT)


@pytest.fixture(scope="module")
def own(spark):
    """A staging table of six batches, three on each of two days, in a database of the tests' own."""
    drop(spark, DATABASE)
    own = Warehouse(spark, DATABASE)
    own.create_tables()
    for batch_id in range(6):
        row = staged(batch_id=batch_id, processing_date=DAYS[batch_id // 3]) | {"event_id": f"e{batch_id}"}
        own.append_once(frame(spark, STAGING, [row]), STAGING, batch_id)
    yield own
    drop(spark, DATABASE)


def files(house: Warehouse, condition: str = "true") -> int:
    return len(house.read(STAGING).where(condition).inputFiles())


def plan(frame_) -> str:
    shown = StringIO()
    with contextlib.redirect_stdout(shown):
        frame_.explain("formatted")
    return shown.getvalue()


def test_a_condition_on_the_partition_is_a_partition_filter_of_the_scan(own):
    events = own.read(STAGING)
    physical = plan(events.where(f"processing_date = DATE'{DAYS[0]}'"))
    assert "PartitionFilters: [isnotnull(processing_date" in physical.replace("\n", " ")
    assert str(DAYS[0]) in physical
    assert files(own) == 6
    assert files(own, f"processing_date = DATE'{DAYS[0]}'") == 3


def test_the_events_of_a_batch_are_found_without_opening_the_files_of_others(own):
    """batch_id is the 35th column: without the contract's list Delta would keep no statistics of it."""
    assert files(own, "batch_id = 4") == 1
    assert files(own, "batch_id > 4") == 1


def test_compacting_a_day_leaves_one_file_and_the_other_day_alone(own, platform):
    before = sorted(map(tuple, own.read(STAGING).drop("weather").collect()))
    reader = own.snapshot(STAGING)
    assert maintenance.optimize(
        own, platform, STAGING, f"processing_date = DATE'{DAYS[0]}'"
    ) == maintenance.FileChange(6, 4)
    assert sorted(map(tuple, own.read(STAGING).drop("weather").collect())) == before
    assert maintenance.optimize(own, platform, STAGING) == maintenance.FileChange(4, 2)
    assert maintenance.optimize(own, platform, STAGING) == maintenance.FileChange(2, 2)
    hdfs = Hdfs(platform)
    assert maintenance.vacuum(own, hdfs, STAGING).after >= 8, "files younger than the retention stay"
    assert sorted(map(tuple, reader.drop("weather").collect())) == before, (
        "a reader of the version before still finds its files"
    )
    age_the_retention_away(own)
    there = maintenance.vacuum(own, hdfs, STAGING)
    assert there.after < there.before, "older ones go"
    assert sorted(map(tuple, own.read(STAGING).drop("weather").collect())) == before


def age_the_retention_away(own) -> None:
    """As if the week had passed in which files stay that no version names."""
    own.spark.conf.set("spark.databricks.delta.retentionDurationCheck.enabled", "false")
    values = "'delta.deletedFileRetentionDuration' = 'interval 0 hours'"
    own.spark.sql(f"ALTER TABLE {own.name(STAGING)} SET TBLPROPERTIES ({values})").collect()


@pytest.fixture(scope="module")
def processed(send, process, quiet_platform) -> list[date]:
    """Three more batches in the shared stores.

    Returns the days on which Kafka took a message: more than one if midnight (UTC) was near.
    """
    for seed in (301, 302):
        send(flights_with_defects(seed=seed, count=200))
        process()
    send(flights_with_defects(seed=301, count=60))  # a second time: duplicates
    process()
    return sorted(
        {day for record in Ledger(Hdfs(quiet_platform)).records() for day in record.processing_dates()}
    )


def rows_of(house: Warehouse, settings) -> dict[str, list]:
    """Every row of the rebuilt tables as text, sorted."""
    return {table.name: sorted(str(row) for row in house.read(table).collect()) for table in REBUILT}


def test_merged_raw_directories_hold_the_same_messages_and_every_count_agrees(
    processed, house, quiet_platform, count
):
    hdfs = Hdfs(quiet_platform)
    ledger = Ledger(hdfs)
    newest = {record.batch_id: record.timestamp.date() for record in ledger.records() if record.timestamp}
    by_day = {day: [batch_id for batch_id, its_day in newest.items() if its_day == day] for day in processed}
    merged = {day: batches for day, batches in by_day.items() if len(batches) > 1}
    before = landing.read_locations(house.spark, landing.raw_locations(house, ledger))
    fingerprint, counted = maintenance._fingerprint(before), count()

    changes = [maintenance.compact_raw(house, hdfs, quiet_platform, day) for day in merged]
    assert sum(change.after for change in changes) < sum(change.before for change in changes)
    for batches in merged.values():
        location = ledger.record(batches[-1]).storage_location
        assert {ledger.record(batch_id).storage_location for batch_id in batches} == {location}
        assert location.endswith(f"{archive_id(batches[0])}-{batches[-1]:08d}")
        rows = (
            house.spark.table(f"{house.database}.batch_metadata").where(f"batch_id = {batches[-1]}").collect()
        )
        assert rows[0].storage_location == location
    assert (
        maintenance._fingerprint(landing.read_locations(house.spark, landing.raw_locations(house, ledger)))
        == fingerprint
    )
    assert count() == counted

    assert maintenance.remove_compacted(house, hdfs, quiet_platform) == 0, (
        "the old directories stay for readers that had begun"
    )
    assert hdfs.exists(f"{RAW_ROOT}/{archive_id(batches[-1])}")
    later = datetime.now(UTC) + timedelta(hours=quiet_platform.raw_retention_hours + 1)
    assert maintenance.remove_compacted(house, hdfs, quiet_platform, later) == sum(map(len, merged.values()))
    assert not hdfs.exists(f"{RAW_ROOT}/{archive_id(batches[-1])}")
    assert count() == counted
    again = [maintenance.compact_raw(house, hdfs, quiet_platform, day) for day in merged]
    assert ([change.before for change in again], ledger.record(batches[-1]).storage_location) == (
        [0] * len(merged),
        location,
    )


def test_a_rebuilt_day_has_the_same_rows(processed, house, quiet_platform):
    before = rows_of(house, quiet_platform)
    run_command("flights", "backfill", "--day", processed[-1].isoformat())
    assert rows_of(house, quiet_platform) == before


def test_damaged_days_are_rebuilt_to_the_rows_that_they_had(processed, house, quiet_platform, count):
    """The rows of every other batch are gone, all others are overwritten."""
    staging, predictions, fact = map(house.name, (STAGING, PREDICTIONS, FACT))
    damage = [f"DELETE FROM {house.name(table)} WHERE batch_id % 2 = 0" for table in REBUILT] + [
        f"UPDATE {staging} SET airline = 'XX', arrival_delay_minutes = 999",
        f"UPDATE {predictions} SET predicted_delay_minutes = 0, outcome = NULL",
        f"UPDATE {fact} SET quality_score = 0, model_version = NULL",
    ]
    before = rows_of(house, quiet_platform)
    for statement in damage:
        house.spark.sql(statement).collect()
    assert rows_of(house, quiet_platform) != before
    rebuild_days(house, Hdfs(quiet_platform), quiet_platform, processed, lambda _line: None)
    assert rows_of(house, quiet_platform) == before
    count()
    for table in ROLLUPS:
        assert content(house.read(table)).keys() == content(rollup(house.read(FACT), table)).keys()


def test_a_day_without_messages_cannot_be_rebuilt(processed, house, quiet_platform):
    with pytest.raises(FlightsError, match="no message that Kafka took on 2001-01-01"):
        rebuild_days(
            house, Hdfs(quiet_platform), quiet_platform, [*processed, date(2001, 1, 1)], lambda _line: None
        )
