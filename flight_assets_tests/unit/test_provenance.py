"""The record of a batch and the ledger of steps; the file system is a dict."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime

import pytest
from pydantic import ValidationError

from flight_assets.contracts.tables import BATCH_METADATA
from flight_assets.errors import FlightsError
from flight_assets.pipeline import check_rules
from flight_assets.provenance import (
    COUNTS,
    STEPS,
    BatchRecord,
    ColumnType,
    Ledger,
    OffsetRange,
    archive_id,
    raw_path,
)


class Files:
    """The part of Hdfs that the ledger uses."""

    def __init__(self) -> None:
        self.held: dict[str, bytes] = {}

    def read(self, path: str) -> bytes:
        if path not in self.held:
            raise FileNotFoundError(path)
        return self.held[path]

    def write(self, path: str, data: bytes) -> None:
        self.held[path] = data

    def exists(self, path: str) -> bool:
        return path in self.held


def record(batch_id: int = 7, **changes) -> BatchRecord:
    values = {
        "batch_id": batch_id,
        "archive_id": archive_id(batch_id),
        "timestamp": datetime(2013, 6, 12, 9, 0, 0, 123_000, UTC),
        "record_count": 30,
        "file_size_mb": 0.012,
        "storage_location": f"hdfs://namenode{raw_path(batch_id)}",
        "schema": [ColumnType(name="value", type="binary")],
        "offsets": {"0": OffsetRange(first=5, last=24), "1": OffsetRange(first=0, last=9)},
        "next_offsets": {"0": 25, "1": 10},
        "staged": 25,
        "duplicate": 2,
        "quarantined": 3,
    }
    return BatchRecord(**values | changes)


@pytest.fixture
def files() -> Files:
    return Files()


@pytest.fixture
def ledger(files) -> Ledger:
    return Ledger(files)


def test_the_json_has_the_fields_that_the_design_asks_for():
    written = json.loads(record().to_json())
    assert {
        name: written[name]
        for name in ("batch_id", "archive_id", "record_count", "file_size_mb", "storage_location")
    } == {
        "batch_id": 7,
        "archive_id": "archive_00000007",
        "record_count": 30,
        "file_size_mb": 0.012,
        "storage_location": "hdfs://namenode/archive/flight_data/archive_00000007",
    }
    assert written["schema"] == [{"name": "value", "type": "binary"}]
    assert written["offsets"] == {"0": {"first": 5, "last": 24}, "1": {"first": 0, "last": 9}}
    assert datetime.fromisoformat(written["timestamp"]) == record().timestamp


def test_a_time_without_zone_is_refused():
    """Spark hands out the local time of its client, which says nothing in a file that others read."""
    with pytest.raises(ValidationError, match="timestamp"):
        record(timestamp=datetime(2013, 6, 12, 9))  # noqa: DTZ001


def test_counts_of_steps_that_have_not_run_are_null():
    written = json.loads(record().to_json())
    assert [
        written[name] for name in ("predicted", "upserted", "out_of_order", "merged", "model_version")
    ] == [None] * 5


def test_a_record_survives_its_json():
    full = record(
        quarantined_by_reason={"not_json": 3},
        seconds={"staged_events": 1.5},
        versions={"spark": "4"},
        model_version="v1",
        merged=9,
    )
    assert BatchRecord.model_validate_json(full.to_json()) == full


def test_a_row_has_just_the_columns_of_the_table():
    row = record().row()
    assert set(row) == set(BATCH_METADATA.column_names)
    assert (row["batch_id"], row["staged"], row["duplicate"], row["quarantined"], row["merged"]) == (
        7,
        25,
        2,
        3,
        None,
    )
    assert json.loads(row["record"]) == json.loads(record().to_json())


def test_every_count_is_in_the_json_the_row_and_dagsters_metadata_alike():
    """One object, three outlets: none can say something else."""
    full = record(
        flights=20,
        predicted=9,
        upserted=18,
        out_of_order=2,
        merged=20,
        to_predict=10,
        seen_too_late=1,
        quarantined_by_reason={"not_json": 3},
        accepted={"quality": "known"},
    )
    full.note_checks("mongo_hot", [check_rules.all_in_mongo(full)])
    written, row = json.loads(full.to_json()), full.row()
    assert full.counts() == {name: written[name] for name in COUNTS} == {name: row[name] for name in COUNTS}
    assert BatchRecord.model_validate_json(row["record"]) == full
    for name in set(BATCH_METADATA.column_names) - {"record", "timestamp", "oldest"}:
        assert row[name] == written[name], name


def test_the_dates_of_a_batch_are_all_between_its_oldest_and_newest_message():
    over_midnight = record(oldest=datetime(2013, 6, 10, 23, 59, tzinfo=UTC))
    assert over_midnight.processing_dates() == [date(2013, 6, 10), date(2013, 6, 11), date(2013, 6, 12)]
    assert record().processing_dates() == [date(2013, 6, 12)]
    assert record(timestamp=None).processing_dates() == []


def test_only_a_check_that_holds_a_batch_up_can_be_accepted(ledger):
    held = record()
    held.note_checks("mongo_hot", [check_rules.all_in_mongo(record(flights=5))])
    ledger.save(held)
    with pytest.raises(
        FlightsError, match="no check named quality holds up batch 7; there are: flights_conserved"
    ):
        ledger.accept(7, "quality", "no reason")
    assert ledger.accept(7, "flights_conserved", "restored by hand").accepted == {
        "flights_conserved": "restored by hand"
    }
    assert ledger.accepted(7) == {"flights_conserved": "restored by hand"}
    assert ledger.accepted(8) == {}


def test_the_last_records_are_read_without_the_others(ledger):
    for number in range(5):
        ledger.save(record(number))
    ledger.mark_done("raw_kafka_batch", 4)
    assert [kept.batch_id for kept in ledger.records(last=2)] == [3, 4]
    assert [kept.batch_id for kept in ledger.records(last=9)] == [0, 1, 2, 3, 4]


def test_a_saved_record_is_read_back(ledger, files):
    ledger.save(record())
    assert list(files.held) == ["/metadata/batch_00000007.json"]
    assert ledger.record(7) == record()


def test_a_record_that_is_not_there_is_said_with_the_remedy(ledger):
    with pytest.raises(
        FlightsError,
        match="no record of batch 3 at /metadata/batch_00000003.json: materialise raw_kafka_batch",
    ):
        ledger.record(3)


@pytest.mark.parametrize("step", STEPS)
def test_a_step_that_has_not_run_has_done_nothing(ledger, step):
    assert ledger.last_done(step) == -1


def test_a_step_takes_what_the_step_before_has_done_in_order(ledger):
    ledger.mark_done("raw_kafka_batch", 4)
    ledger.mark_done("staged_events", 1)
    assert list(ledger.pending("staged_events")) == [2, 3, 4]
    assert list(ledger.pending("predictions")) == [0, 1]
    assert list(ledger.pending("mongo_hot")) == []


def test_landed_directories_without_record_are_found_up_to_the_first_that_is_incomplete(ledger, files):
    ledger.mark_done("raw_kafka_batch", 1)
    for batch_id in (0, 1, 2, 3, 5):
        files.write(f"{raw_path(batch_id)}/_SUCCESS", b"")
    files.write(f"{raw_path(4)}/part-0.parquet", b"")
    assert list(ledger.landed()) == [2, 3]


def test_nothing_landed_is_an_empty_range(ledger):
    assert list(ledger.landed()) == []


def test_the_next_offsets_are_those_of_the_last_batch_that_landed(ledger):
    assert ledger.next_offsets() == {}
    for batch_id, offset in ((0, 10), (1, 25)):
        ledger.save(record(batch_id, next_offsets={"0": offset}))
    ledger.mark_done("raw_kafka_batch", 1)
    assert ledger.next_offsets() == {"0": 25}


def test_an_empty_batch_has_no_time(ledger):
    ledger.save(record(timestamp=None, record_count=0))
    assert (ledger.record(7).timestamp, ledger.record(7).row()["timestamp"]) == (None, None)


def test_all_records_come_in_order(ledger):
    for batch_id in (1, 0):
        ledger.save(record(batch_id))
    ledger.mark_done("raw_kafka_batch", 1)
    assert [found.batch_id for found in ledger.records()] == [0, 1]
