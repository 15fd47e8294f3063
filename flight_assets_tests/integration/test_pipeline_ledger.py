"""The ledger on real services: checks that block, rejects sent again, two versions of the contract, and
messages of any kind.

Runs after test_pipeline.py (by its name), on flights of its own.
"""

from __future__ import annotations

import gc
import json
from collections import Counter
from datetime import UTC, date, datetime
from typing import Any

import pytest

from flight_assets.contracts.message import SCHEMA_VERSIONS, WEATHER_FIELDS, WEATHER_PREFIXES, fields_of
from flight_assets.contracts.tables import (
    BATCH_METADATA,
    CHECK_RESULTS,
    DIM_AIRLINE,
    DIM_AIRPORT,
    FACT,
    QUARANTINE,
    SCHEMA_METADATA,
    STAGED_IDS,
    STAGING,
)
from flight_assets.errors import FlightsError, StoreUnavailable
from flight_assets.pipeline import check_results, checks, replay
from flight_assets.pipeline.batch_rows import BatchRows
from flight_assets.pipeline.write_fact import flights_there
from flight_assets.platform.bootstrap import bootstrap
from flight_assets.producer.events import Message
from flight_assets.provenance import COUNTS, STEPS, Ledger
from flight_assets.queries.quarantine import Selection, described, rejected
from flight_assets.stores import dimensions, mongo
from flight_assets.stores.hdfs import Hdfs
from flight_assets.stores.kafka_records import KEPT_BYTES
from flight_assets.stores.landing import read_raw
from flight_assets_tests.factories import encode, message
from flight_assets_tests.integration.conftest import flights_with_defects, run_command
from flight_assets_tests.unit.test_transforms_any_message import any_messages

pytestmark = pytest.mark.integration
FUZZED = 10_000


def flight(number: int, **changes: Any) -> dict[str, Any]:
    """A message of a flight that no other test has."""
    flight_id = f"UA{number}-EWR-20130612"
    kind = changes.get("event_type", "scheduled")
    return message(
        **{"flight_number": number, "flight_id": flight_id, "event_id": f"{flight_id}:{kind}:ledger"}
        | changes
    )


def sendable(*events: dict[str, Any] | bytes) -> list[Message]:
    return [Message(b"key", encode(event), 0) for event in events]


@pytest.fixture(scope="module")
def ledger(quiet_platform) -> Ledger:
    return Ledger(Hdfs(quiet_platform))


def last_record(ledger: Ledger):
    return ledger.record(ledger.last_done(STEPS[-1]))


BROKEN = {number: flight(number, destination="Q?Q") for number in (4001, 4002, 4010, 4011)}


@pytest.fixture(scope="module")
def first(send, process, count, ledger):
    """The record of a batch with defects, both versions of the contract, and messages that the
    tests repair.
    """
    versions = (
        flight(4020),
        flight(4021, schema_version=2, gate="c101", colour="blue"),
        flight(4022, gate="C1"),
        flight(4023, schema_version=2, gate=5),
    )
    send([*flights_with_defects(seed=31, count=300), *sendable(*versions, *BROKEN.values())])
    process()
    count()
    return last_record(ledger)


@pytest.fixture(scope="module")
def ids(first, quiet_platform) -> dict[int, str]:
    """The ids of the messages to repair, by flight number."""
    shown = described(quiet_platform, rejected(quiet_platform, Selection(batch_id=first.batch_id), 1_000))
    texts = {row["text"]: row["id"] for row in shown}
    return {number: texts[encode(event).decode()] for number, event in BROKEN.items()}


# -- one object, three outlets


def test_json_row_and_dagsters_metadata_agree(first, house, quiet_platform) -> None:
    from dagster import AssetKey, DagsterInstance

    row = house.read(BATCH_METADATA).where(f"batch_id = {first.batch_id}").collect()[0].asDict(recursive=True)
    assert {name: row[name] for name in COUNTS} == first.counts()
    assert row["quarantined_by_reason"] == first.quarantined_by_reason
    assert row["offsets"] == {name: span.model_dump() for name, span in first.offsets.items()}
    assert json.loads(row["record"]) == json.loads(first.to_json())
    assert first.message_bytes > 0
    assert set(first.seconds) == set(STEPS)
    with DagsterInstance.from_config(str(quiet_platform.dagster_home)) as instance:
        for step in STEPS:
            shown = instance.get_latest_materialization_event(AssetKey(step)).asset_materialization
            told = shown.metadata["records"].value[-1]
            assert {
                name: told[name] for name in COUNTS if told[name] is not None
            }.items() <= first.counts().items()
            assert shown.tags["dagster/data_version"] == f"batch {first.batch_id}"
            assert "dagster/column_lineage" in shown.metadata
        observed = (
            instance.fetch_observations(AssetKey("kafka_flight_events"), limit=1).records[0].asset_observation
        )
        assert observed.metadata["lag_messages"].value == 0


def test_spark_keeps_nothing_that_a_run_has_computed(send, process, quiet_platform) -> None:
    from pyspark.sql.connect.plan import CachedRemoteRelation

    def kept() -> int:
        gc.collect()
        return sum(type(each) is CachedRemoteRelation for each in gc.get_objects())

    before = kept()
    send(sendable(flight(4030), flight(4031)))
    process()
    assert kept() == before


def test_the_ledger_command_shows_and_prints(first) -> None:
    printed = run_command("flights", "ledger", "--batch", str(first.batch_id), "--json").stdout
    assert json.loads(printed) == json.loads(first.to_json())
    assert (
        "hive_fact.flights_conserved"
        in run_command("flights", "ledger", "--batch", str(first.batch_id)).stdout
    )
    assert "no record of batch 99999" in run_command("flights", "ledger", "--batch", "99999", expect=1).stderr


# -- two versions of the contract


def test_versions_1_and_2_are_taken_side_by_side_and_unknown_fields_are_told(
    first, house, quiet_platform
) -> None:
    assert first.quarantined_by_reason["wrong_type"] >= 1
    assert first.schema_versions == {"1": first.staged - 1, "2": 1, "3": 0}
    assert first.unknown_fields == {"colour": 1, "gate": 1}
    rows = {
        row.flight_number: row
        for row in house.read(FACT).where("flight_number BETWEEN 4020 AND 4023").collect()
    }
    assert {number: row.gate for number, row in rows.items()} == {4020: None, 4021: "C101", 4022: None}
    [refused] = house.read(QUARANTINE).where(f"batch_id = {first.batch_id} AND detail LIKE 'gate%'").collect()
    assert (refused.reason, refused.detail) == ("wrong_type", "gate is not string but integer")
    with mongo.database(quiet_platform) as db:
        assert db[mongo.FLIGHTS].find_one({"flight_number": 4021})["gate"] == "C101"
    known = [result for result in first.checks if result.name == "fields_known"]
    assert [(result.passed, result.blocks, result.value) for result in known] == [(False, False, 2.0)]


# -- rejects sent again


def test_a_reject_is_shown_with_its_bytes_and_a_replay_must_name_something(ids) -> None:
    shown = json.loads(run_command("flights", "quarantine", "show", ids[4001], "--json").stdout)
    assert (shown["reason"], shown["detail"], shown["replay"]) == (
        "unknown_airport",
        "destination Q?Q is no code",
        None,
    )
    assert json.loads(shown["text"]) == BROKEN[4001]
    run_command("flights", "quarantine", "replay", expect=2)


def test_replays_are_sent_once_also_after_a_crash_and_are_staged_like_any_message(
    first, ids, process, count, quiet_platform, house, ledger, tmp_path, monkeypatch
) -> None:
    """4001 is repaired by command, 4002 is not.

    The process dies before sending 4010, and after sending 4011.
    """
    before = count()
    repairs = tmp_path / "repairs.jsonl"
    repairs.write_text(json.dumps({"id": ids[4001], "message": BROKEN[4001] | {"destination": "IAH"}}) + "\n")
    sent = run_command(
        "flights", "quarantine", "replay", "--id", ids[4001], "--id", ids[4002], "--repair", str(repairs)
    ).stdout
    assert "1 sent, 0 had been sent before, 1 would be rejected again" in sent
    assert f"{ids[4002]}: unknown_airport" in sent
    assert (
        "0 sent, 1 had been sent before"
        in run_command("flights", "quarantine", "replay", "--repair", str(repairs)).stdout
    )
    assert replayed_after_death(monkeypatch, quiet_platform, house, ids, 4010, dies_in="publish").sent == [
        ids[4010]
    ]
    assert replayed_after_death(monkeypatch, quiet_platform, house, ids, 4011, dies_in="settle").already == [
        ids[4011]
    ]
    # The same run also repeats the last step of the batch before, as after a crash.
    ledger.mark_done(STEPS[-1], first.batch_id - 1)
    process()
    after = count()
    assert {name: after[name] - before[name] for name in ("raw", "staged", "duplicate", "quarantined")} == {
        "raw": 3,
        "staged": 3,
        "duplicate": 0,
        "quarantined": 0,
    }
    assert house.read(STAGING).where("flight_number IN (4001, 4010, 4011)").count() == 3
    listed = run_command(
        "flights", "quarantine", "list", "--batch", str(first.batch_id), "--limit", "1000", "--json"
    ).stdout
    states = {row["id"]: row["replay"] for row in map(json.loads, listed.splitlines())}
    assert all(
        (states[ids[number]]["state"], states[ids[number]]["repaired"]) == ("sent", True)
        for number in (4001, 4010, 4011)
    )
    assert states[ids[4002]] is None


def replayed_after_death(
    monkeypatch, platform, house, ids: dict[int, str], number: int, dies_in: str
) -> replay.Replay:
    """Return the second replay of a message, after the first died in a step.

    It died before publishing, or while it noted what was sent.
    """
    [reject] = rejected(platform, Selection(ids=(ids[number],)), 1)
    repairs = {reject.id: flight(number)}

    def die(*_: object, **_named: object) -> None:
        raise KeyboardInterrupt

    steps = iter([replay.settle, die])
    with monkeypatch.context() as crash:
        crash.setattr(
            replay, dies_in, die if dies_in == "publish" else lambda settings: next(steps)(settings)
        )
        with pytest.raises(KeyboardInterrupt):
            replay.replay(platform, house, [reject], repairs)
    return replay.replay(platform, house, [reject], repairs)


def test_results_of_every_check_are_kept_once_although_the_step_was_repeated(first, house) -> None:
    rows = house.read(CHECK_RESULTS).where(f"batch_id = {first.batch_id}").collect()
    assert Counter((row.check_name, row.asset) for row in rows) == Counter(
        {(check.name, check.asset): 1 for check in checks.CHECKS}
    )
    assert all(row.passed for row in rows if row.severity == "ERROR")
    assert abs((rows[0].timestamp.astimezone(UTC) - datetime.now(UTC)).total_seconds()) < 3_600
    assert house.read(BATCH_METADATA).where(f"batch_id = {first.batch_id}").count() == 1


# -- checks block


def test_a_failed_check_blocks_what_follows_says_what_to_do_and_goes_on_once_accepted(
    send, process, count, house, ledger, monkeypatch
) -> None:
    """The whole way: hold up, hold up again without a second row, accept, go on."""
    read = check_results._appended

    def with_a_row_lost(rows, table, record, column):
        return read(rows, table, record, column)[: -1 if table is STAGING else None]

    before = {step: ledger.last_done(step) for step in STEPS}
    held = before[STEPS[-1]] + 1
    send(flights_with_defects(seed=46, count=200, share=0.0))
    monkeypatch.setattr(check_results, "_appended", with_a_row_lost)
    for _ in range(2):
        with pytest.raises(
            FlightsError,
            match=(
                rf"batch {held}: check messages_conserved of staged_events failed.*flights ledger accept"
                rf" {held} messages_conserved"
            ),
        ):
            process()
    assert ledger.last_done("raw_kafka_batch") == held
    assert {step: ledger.last_done(step) for step in STEPS[1:]} == {step: before[step] for step in STEPS[1:]}
    failures = house.read(CHECK_RESULTS).where(f"batch_id = {held} AND NOT passed").collect()
    assert [(row.check_name, row.severity) for row in failures] == [("messages_conserved", "ERROR")]
    run_command("flights", "ledger", "accept", str(held), "messages_conserved", "--reason", "a test")
    process()
    monkeypatch.undo()
    assert ledger.last_done(STEPS[-1]) == held
    assert ledger.record(held).accepted == {"messages_conserved": "a test"}
    assert house.read(STAGING).where(f"batch_id = {held}").count() == 200
    count()


def of_fact(house, record) -> list:
    """Return the results of a batch's checks of the fact table."""
    rows = BatchRows(house)
    return check_results.of_fact(
        rows, record, *flights_there(house, rows.flights(record), rows.scope(record))
    )


def test_a_duplicated_row_is_found_in_the_batch_and_at_night(house, ledger) -> None:
    record = last_record(ledger)
    assert all(result.passed for result in check_results.evaluate_tables(house))
    assert all(result.passed for result in of_fact(house, record))
    name = house.name(FACT)
    version = house.spark.sql(f"DESCRIBE HISTORY {name} LIMIT 1").collect()[0].version
    house.spark.sql(
        f"INSERT INTO {name} SELECT * FROM {name} WHERE batch_id = {record.batch_id} LIMIT 1"
    ).collect()
    try:
        assert [r.name for r in of_fact(house, record) if not r.passed] == ["flight_id_unique"]
        assert [r.name for r in check_results.evaluate_tables(house) if not r.passed] == [
            "fact_flight_events_key_unique"
        ]
    finally:
        house.spark.sql(f"RESTORE TABLE {name} TO VERSION AS OF {version}").collect()


def test_a_staged_event_without_its_hash_is_found_at_night(house, ledger) -> None:
    record = last_record(ledger)
    name = house.name(STAGED_IDS)
    version = house.version(STAGED_IDS)
    house.spark.sql(f"DELETE FROM {name} WHERE batch_id = {record.batch_id}").collect()
    try:
        [found] = [result for result in check_results.evaluate_tables(house) if not result.passed]
        assert (found.name, found.value) == ("staged_event_ids_complete", record.staged)
    finally:
        house.spark.sql(f"RESTORE TABLE {name} TO VERSION AS OF {version}").collect()


def test_duplicates_are_told_from_what_an_older_version_has_staged(
    settings, first, send, process, count, house, ledger
) -> None:
    """A platform of before the table of ids: `flights up` enters what is there."""
    house.spark.sql(f"DROP TABLE {house.name(STAGED_IDS)}").collect()
    bootstrap(settings, lambda _: None)
    again = flights_with_defects(seed=31, count=300)
    send(again)
    process()
    count()
    record = last_record(ledger)
    assert (record.staged, record.staged + record.duplicate + record.quarantined) == (0, len(again))
    assert all(result.passed for result in check_results.evaluate_tables(house))


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
    """What `flights up` does to a platform that was filled before version 2."""
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
