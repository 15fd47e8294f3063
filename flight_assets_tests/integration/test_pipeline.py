"""The pipeline on real services: what is sent is accounted for, whatever happens in between.

Promises P1–P6 of the design.
Tests share the stores and run in order of the file; each compares with the state it found.
"""

from __future__ import annotations

import json
from collections import Counter

import pytest

from flight_assets.contracts.message import MAX_MESSAGE_BYTES
from flight_assets.contracts.tables import FACT, PREDICTIONS, QUARANTINE, STAGING
from flight_assets.errors import FlightsError
from flight_assets.provenance import RAW_ROOT, Ledger, raw_path
from flight_assets.stores import kafka, landing, mongo
from flight_assets.stores.hdfs import Hdfs
from flight_assets_tests.integration.conftest import REASONS, flights_of, flights_with_defects, run_command

pytestmark = [pytest.mark.integration, pytest.mark.core, pytest.mark.empty_platform]


def documents(settings, query: dict) -> list[dict]:
    with mongo.database(settings) as db:
        return list(db[mongo.FLIGHTS].find(query))


def test_empty_topic_is_a_success_with_zero_rows(process, count) -> None:
    process()
    assert {name: value for name, value in count().items() if value} == {}


def test_every_message_is_in_one_counter_and_every_flight_in_both_stores(
    quiet_platform, send, process, count, house
) -> None:
    sent = flights_with_defects(seed=1, count=3_000)
    result = send(sent)
    process()
    found = count()
    expected_bad = sum(number for name, number in result.by_defect.items() if name in REASONS)
    assert found["kafka_acknowledged"] == found["raw"] == 3_000
    assert found["quarantined"] == expected_bad
    assert found["duplicate"] == result.by_defect["duplicate"]
    assert found["staged"] == 3_000 - expected_bad - result.by_defect["duplicate"]
    assert found["mongo_documents"] == found["fact_flights"] == len(flights_of(sent))
    assert found["predictions"] > 0


def test_each_reject_has_the_reason_it_was_made_for_and_its_bytes(quiet_platform, house) -> None:
    sent = [message for message in flights_with_defects(seed=1, count=3_000) if message.defect in REASONS]
    # Only the beginning of a value that is too large is kept.
    made = Counter((message.value[: MAX_MESSAGE_BYTES + 1], message.defect) for message in sent)
    rows = house.read(QUARANTINE).select("value", "reason").collect()
    assert Counter((bytes(row.value), row.reason) for row in rows) == made


def test_a_run_without_news_changes_nothing(process, count, quiet_platform) -> None:
    before = count()
    hdfs = Hdfs(quiet_platform)
    files = hdfs.list(RAW_ROOT)
    process()
    assert count() == before
    assert hdfs.list(RAW_ROOT) == files


def test_predictions_carry_the_model_and_truth_joins_them(house, small_model) -> None:
    arrived = house.read(FACT).where("event_type = 'arrived' AND predicted_delay_minutes IS NOT NULL")
    assert arrived.count() > 0
    assert arrived.where(f"model_version != '{small_model}'").count() == 0
    assert (
        arrived.where(
            "error_minutes IS NULL OR abs(error_minutes - (actual_delay_minutes - predicted_delay_minutes)) >"
            " 1e-9"
        ).count()
        == 0
    )
    joined = house.read(PREDICTIONS).alias("p").join(house.read(FACT).alias("f"), "flight_id")
    assert (
        joined.where(
            "f.event_type = 'arrived' AND NOT (p.actual_delay_minutes <=> f.actual_delay_minutes)"
        ).count()
        == 0
    )
    assert (
        house.read(PREDICTIONS)
        .where("interval_low_minutes > interval_high_minutes OR confidence NOT BETWEEN 0 AND 1")
        .count()
        == 0
    )


def test_flights_of_a_first_batch_go_on_in_the_second(send, process, count, quiet_platform) -> None:
    """Late truth: the same flights' later events update document and row instead of adding some."""
    before = count()
    sent = flights_with_defects(seed=2, count=2_000, share=0.0)
    send(sent[:800])
    process()
    between = count()
    send(sent[800:])
    process()
    after = count()
    assert between["mongo_documents"] - before["mongo_documents"] == len(flights_of(sent[:800]))
    assert after["mongo_documents"] - before["mongo_documents"] == len(flights_of(sent))
    assert after["duplicate"] == before["duplicate"]


def test_no_step_searches_the_whole_hot_store(send, process, quiet_platform) -> None:
    with mongo.database(quiet_platform) as db:
        db.command("profile", 2)
        try:
            send(flights_with_defects(seed=31, count=200, share=0.0))
            process()
        finally:
            db.command("profile", 0)
            plans = [
                entry.get("planSummary", "")
                for entry in db["system.profile"].find({"ns": f"{db.name}.{mongo.FLIGHTS}"})
            ]
            db["system.profile"].drop()
    assert any(plans)
    assert not any("COLLSCAN" in plan for plan in plans)


def test_newest_state_wins_over_a_late_older_event(send, process, count, quiet_platform, house) -> None:
    """P4: the departed event of a flight arrives a batch after its arrived event."""
    sent = flights_with_defects(seed=3, count=400, share=0.0)
    arrived = next(
        json.loads(message.value)
        for message in reversed(sent)
        if json.loads(message.value)["event_type"] == "arrived"
    )
    held_back = [
        m
        for m in sent
        if json.loads(m.value)["flight_id"] == arrived["flight_id"]
        and json.loads(m.value)["event_type"] == "departed"
    ]
    send([message for message in sent if message not in held_back])
    process()
    send(held_back)
    process()
    assert [
        document["event_type"] for document in documents(quiet_platform, {"_id": arrived["flight_id"]})
    ] == ["arrived"]
    rows = house.read(FACT).where(f"flight_id = '{arrived['flight_id']}'").collect()
    assert [row.event_type for row in rows] == ["arrived"]
    count()


def test_a_batch_whose_run_died_after_landing_is_completed_before_new_data(
    send, process, count, quiet_platform
) -> None:
    """P3: only raw_kafka_batch ran; the next run takes its batch first, then the new one."""
    from flight_assets.definitions import defs

    before = count()
    send(flights_with_defects(seed=4, count=300))
    materialize_only(defs, quiet_platform, "raw_kafka_batch")
    ledger = Ledger(Hdfs(quiet_platform))
    assert list(ledger.pending("staged_events")) == [before["batches"]]
    send(flights_with_defects(seed=5, count=300))
    process()
    after = count()
    assert after["batches"] == before["batches"] + 2
    assert after["raw"] == before["raw"] + 600
    assert not ledger.pending("hive_fact")


def materialize_only(defs, settings, *names: str) -> None:
    from dagster import AssetKey, DagsterInstance

    with DagsterInstance.from_config(str(settings.dagster_home)) as instance:
        job = defs.resolve_implicit_global_asset_job_def()
        result = job.execute_in_process(instance=instance, asset_selection=[AssetKey(name) for name in names])
        assert result.success


@pytest.mark.parametrize("step", ["staged_events", "predictions", "mongo_hot", "hive_fact"])
def test_repeating_a_step_after_a_crash_before_its_mark_changes_nothing(
    step: str, process, count, quiet_platform, house
) -> None:
    """P2: the step's data was written, its progress was not; the next run writes the same rows over."""
    ledger = Ledger(Hdfs(quiet_platform))
    last = ledger.last_done(step)
    before, record = count(), ledger.record(last)
    newest = max(document["version"]["timestamp_us"] for document in documents(quiet_platform, {}))
    ledger.mark_done(step, last - 1)
    process()
    assert count() == before
    assert ledger.last_done(step) == last
    assert ledger.record(last) == record
    assert max(document["version"]["timestamp_us"] for document in documents(quiet_platform, {})) == newest


def test_a_batch_that_died_while_it_was_written_takes_the_same_messages_again(
    send, process, count, quiet_platform, house
) -> None:
    """Its plan was there and its directory was not complete: it lands as planned, and what came since is the
    next batch.
    """
    hdfs, before = Hdfs(quiet_platform), count()
    send(flights_with_defects(seed=6, count=200, share=0.0))
    ledger = Ledger(hdfs)
    with kafka.reader(quiet_platform) as topic:
        plan = landing.plan_batch(topic, quiet_platform, hdfs, ledger, topic.ends())
    hdfs.write(f"{raw_path(plan.batch_id)}/part-00000-half-written.parquet", b"PAR1")
    send(flights_with_defects(seed=21, count=100, share=0.0))
    process()
    after = count()
    assert after["raw"] == before["raw"] + 300
    assert after["staged"] == before["staged"] + 300
    assert [ledger.record(number).record_count for number in (plan.batch_id, plan.batch_id + 1)] == [200, 100]
    assert ledger.record(plan.batch_id).next_offsets == plan.next_offsets
    assert house.read(STAGING).groupBy("event_id").count().where("count > 1").isEmpty()


def test_a_whole_stream_sent_twice_is_all_duplicates(send, process, count) -> None:
    before = count()
    send(flights_with_defects(seed=6, count=200, share=0.0))
    process()
    after = count()
    assert after["duplicate"] == before["duplicate"] + 200
    assert {name: after[name] for name in ("staged", "predictions", "mongo_documents", "fact_flights")} == {
        name: before[name] for name in ("staged", "predictions", "mongo_documents", "fact_flights")
    }


def test_an_event_staged_twice_at_once_is_refused_by_the_lease(quiet_platform, process) -> None:
    """P6: while one run holds the lease, another waits; it never works beside it."""
    from flight_assets.stores import lease

    with (
        lease.hold(quiet_platform, "a test", 5),
        pytest.raises(lease.LeaseBusy),
        lease.hold(quiet_platform, "another", 1),
    ):
        pass
    process()


def test_record_row_and_json_are_the_same(house, quiet_platform) -> None:
    ledger = Ledger(Hdfs(quiet_platform))
    rows = {row.batch_id: row for row in house.spark.table(f"{house.database}.batch_metadata").collect()}
    records = ledger.records()
    assert sorted(rows) == [record.batch_id for record in records]
    for record in records:
        assert (
            rows[record.batch_id].record_count
            == record.record_count
            == record.staged + record.duplicate + record.quarantined
        )


def test_the_whole_graph_materialises_by_dagsters_own_command(send, count) -> None:
    before = count()
    send(flights_with_defects(seed=7, count=300))
    run_command(
        "dagster", "asset", "materialize", "-m", "flight_assets.definitions",
        "--select", "raw_kafka_batch,staged_events,predictions,mongo_hot,hive_fact",
    )  # fmt: skip
    assert count()["raw"] == before["raw"] + 300


def test_a_store_that_is_down_is_named_and_the_next_run_completes(
    send, process, count, quiet_platform
) -> None:
    from flight_assets.platform import launcher, supervision
    from flight_assets.platform.services import services

    before = count()
    send(flights_with_defects(seed=8, count=200))
    supervision.stop_service(quiet_platform, "mongod")
    try:
        with pytest.raises(
            FlightsError, match=rf"MongoDB does not answer at .*:{quiet_platform.port('mongod')}"
        ):
            process()
    finally:
        supervision.start_service(quiet_platform, "mongod")
        mongod = next(service for service in services(quiet_platform) if service.name == "mongod")
        launcher.wait_until_healthy(quiet_platform, mongod)
    process()
    assert count()["raw"] == before["raw"] + 200
