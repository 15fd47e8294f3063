"""Checks on real services: a failed one blocks, and duplicates are found in the batch and at night.

Runs after test_pipeline_ledger.py (by its name).
"""

from __future__ import annotations

import pytest

from flight_assets.contracts.tables import (
    CHECK_RESULTS,
    FACT,
    STAGED_IDS,
    STAGING,
)
from flight_assets.errors import FlightsError
from flight_assets.pipeline import check_results
from flight_assets.pipeline.batch_rows import BatchRows
from flight_assets.pipeline.write_fact import flights_there
from flight_assets.provenance import STEPS, Ledger
from flight_assets.stores.hdfs import Hdfs
from flight_assets_tests.integration.conftest import flights_with_defects, run_command

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def ledger(quiet_platform) -> Ledger:
    return Ledger(Hdfs(quiet_platform))


def last_record(ledger: Ledger):
    return ledger.record(ledger.last_done(STEPS[-1]))


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
