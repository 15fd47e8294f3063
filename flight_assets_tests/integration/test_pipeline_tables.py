"""Tables and dimensions that a start brings to the contract, and messages of any kind.

Runs after test_pipeline_ledger.py (by its name).
"""

from __future__ import annotations

from collections import Counter
from datetime import date

import pytest

from flight_assets.contracts.message import SCHEMA_VERSIONS, WEATHER_FIELDS, WEATHER_PREFIXES, fields_of
from flight_assets.contracts.tables import (
    DIM_AIRLINE,
    DIM_AIRPORT,
    QUARANTINE,
    SCHEMA_METADATA,
    STAGING,
)
from flight_assets.errors import StoreUnavailable
from flight_assets.platform.bootstrap import bootstrap
from flight_assets.producer.events import Message
from flight_assets.provenance import STEPS, Ledger
from flight_assets.stores import dimensions
from flight_assets.stores.hdfs import Hdfs
from flight_assets.stores.kafka_records import KEPT_BYTES
from flight_assets.stores.landing import read_raw
from flight_assets_tests.unit.test_transforms_any_message import any_messages

pytestmark = pytest.mark.integration
FUZZED = 10_000


@pytest.fixture(scope="module")
def ledger(quiet_platform) -> Ledger:
    return Ledger(Hdfs(quiet_platform))


def last_record(ledger: Ledger):
    return ledger.record(ledger.last_done(STEPS[-1]))


# -- what is kept about contract and dimensions


def test_each_version_of_the_contract_is_written_down(house) -> None:
    rows = house.read(SCHEMA_METADATA).collect()
    for version in SCHEMA_VERSIONS:
        found = {row.field: row for row in rows if row.schema_version == version}
        assert set(found) == {field.name for field in fields_of(version)} | {
            f"{place}.{field.name}"
            for place in WEATHER_PREFIXES
            for field in WEATHER_FIELDS
            if place in {each.name for each in fields_of(version)}
        }
        assert all(row.since is not None for row in found.values())
    assert {row.since_version for row in rows if row.field == "gate"} == {2}
    assert dimensions.load_contract(house) is False


def test_a_table_of_an_older_contract_gets_its_new_columns(house, spark) -> None:
    """Change a platform that was filled before version 2, as `flights up` does."""
    from dataclasses import replace

    from flight_assets.contracts.tables import Column

    new = replace(STAGING, name="evolving")
    name = house.name(new)
    spark.sql(f"CREATE OR REPLACE TABLE {name} (event_id STRING, flight_id STRING) USING delta").collect()
    try:
        spark.sql(f"INSERT INTO {name} VALUES ('a', 'b')").collect()
        house._add_new_columns(
            replace(
                new,
                columns=(
                    *new.columns[:1],
                    Column("flight_id", "STRING", ""),
                    Column("gate", "STRING", "it's"),
                ),
            )
        )
        assert [tuple(row) for row in spark.table(name).collect()] == [("a", "b", None)]
    finally:
        spark.sql(f"DROP TABLE {name}").collect()


def test_dimensions_are_in_redis_as_in_the_warehouse_and_loading_again_writes_nothing(
    house, quiet_platform
) -> None:
    for table in (DIM_AIRLINE, DIM_AIRPORT):
        rows, changed = dimensions.load(house, table)
        assert (len(rows), changed) == (len(dimensions.PACKAGED_ROWS[table.name]()), False)
        assert dimensions.publish(quiet_platform, table, rows) is False
        [version] = house.read(table).select("version").distinct().collect()
        assert version.version == rows["version"].iloc[0]
    [newark] = dimensions.rows_of(house, "KEWR")
    found = dimensions.look_up(quiet_platform, DIM_AIRPORT, ["EWR", "QQQ"])
    assert found == {"EWR": {name: newark[name] for name in DIM_AIRPORT.column_names}}


def test_a_users_rows_count_at_once_survive_a_start_and_are_in_redis(house, quiet_platform) -> None:
    row = dimensions.checked_row(DIM_AIRLINE, {"code": "zz", "name": "Zed Air", "country": "US"})
    try:
        rows, changed = dimensions.load(house, DIM_AIRLINE, [row])
        assert changed is True
        assert dimensions.publish(quiet_platform, DIM_AIRLINE, rows) is True
        assert dimensions.look_up(quiet_platform, DIM_AIRLINE, ["ZZ"])["ZZ"]["name"] == "Zed Air"
        assert dimensions.read_reference(house).has_airline("ZZ", date(2026, 12, 1))
        assert dimensions.present_reference(quiet_platform).has_airline("ZZ", date(2026, 12, 1))
        bootstrap(quiet_platform, lambda _: None)
        assert [found["code"] for found in dimensions.users_rows(house, DIM_AIRLINE)] == ["ZZ"]
    finally:
        house.spark.sql(f"DELETE FROM {house.name(DIM_AIRLINE)} WHERE origin = 'user'").collect()
        dimensions.publish(quiet_platform, DIM_AIRLINE, dimensions.load(house, DIM_AIRLINE)[0])
    assert dimensions.look_up(quiet_platform, DIM_AIRLINE, ["ZZ"]) == {}


def test_redis_down_is_told_and_stops_nothing(quiet_platform, monkeypatch) -> None:
    from dagster import materialize

    from flight_assets.assets import dimensions as assets
    from flight_assets.settings import Settings

    nowhere = Settings(redis_url="redis://127.0.0.1:1/0")
    with pytest.raises(StoreUnavailable, match="Redis does not answer at redis://127.0.0.1:1/0"):
        dimensions.publish(nowhere, DIM_AIRLINE)
    monkeypatch.setattr(assets, "get_settings", lambda: nowhere)
    result = materialize([assets.dim_airline])
    assert result.success
    [told] = result.get_asset_check_evaluations()
    assert (told.passed, told.severity.value) == (False, "WARN")
    assert "Redis does not answer" in told.description


# -- messages of any kind


def test_ten_thousand_fuzzed_messages_stop_no_batch_and_lose_no_byte(
    send, process, count, house, ledger, quiet_platform
) -> None:
    fuzzed = any_messages(FUZZED)
    before = count()
    send([Message(b"fuzz", value, 0) for value in fuzzed])
    batch = ledger.last_done(STEPS[-1]) + 1
    process()
    after = count()
    assert ledger.last_done(STEPS[-1]) == batch
    assert after["raw"] - before["raw"] == len(fuzzed)
    rows = house.read(QUARANTINE).where(f"batch_id = {batch}").select("value", "reason", "detail").collect()
    assert all(row.reason and row.detail for row in rows)
    kept = Counter(bytes(row.value) for row in rows)
    landed = Counter(value[:KEPT_BYTES] for value in fuzzed)
    assert kept <= landed
    settled = after["staged"] - before["staged"] + after["duplicate"] - before["duplicate"]
    assert sum(kept.values()) + settled == len(fuzzed)
    raw = read_raw(house.spark, quiet_platform, batch).select("value").collect()
    assert Counter(bytes(row.value) for row in raw) == landed
