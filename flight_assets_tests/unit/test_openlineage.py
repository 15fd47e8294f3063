"""Batches as OpenLineage events: what a catalogue that reads them is told."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from openlineage.client.serde import Serde

from flight_assets.contracts.tables import FACT
from flight_assets.provenance import STEPS, BatchRecord, ColumnType, archive_id
from flight_assets.queries.openlineage import run_events
from flight_assets.settings import Settings

MOMENT = datetime(2026, 7, 1, 12, 30, tzinfo=UTC)


@pytest.fixture
def settings() -> Settings:
    return Settings(
        _env_file=None, port_offset=0, mongo_uri="mongodb://who:secret@db:27017/?replicaSet=flights"
    )


def record(**changes) -> BatchRecord:
    values = {
        "batch_id": 7,
        "archive_id": archive_id(7),
        "timestamp": MOMENT,
        "record_count": 30,
        "file_size_mb": 0.012,
        "storage_location": "hdfs://127.0.0.1:8020/archive/flight_data/archive_00000007",
        "schema": [ColumnType(name="value", type="binary")],
        "offsets": {},
        "next_offsets": {},
        "staged": 25,
        "predicted": 9,
        "upserted": 11,
        "merged": 11,
        "seconds": dict.fromkeys(STEPS, 1.0),
        "versions": {"pyspark": "4.2.0"},
    }
    return BatchRecord(**values | changes)


def told(settings, **changes) -> list[dict]:
    return [json.loads(Serde.to_json(event)) for event in run_events(settings, record(**changes))]


def test_each_step_is_told_with_the_rows_it_wrote(settings) -> None:
    events = told(settings)
    assert [event["job"]["name"] for event in events] == list(STEPS)
    rows = [event["outputs"][0]["outputFacets"]["outputStatistics"]["rowCount"] for event in events]
    assert rows == [30, 25, 9, 11, 11]
    assert {(event["eventType"], event["eventTime"]) for event in events} == {
        ("COMPLETE", MOMENT.isoformat())
    }


def test_what_one_step_writes_is_what_the_next_reads(settings) -> None:
    """Namespace and name join the events to one graph, from the topic to the fact table."""
    events = told(settings)
    written = [(output["namespace"], output["name"]) for event in events for output in event["outputs"]]
    read = [{(each["namespace"], each["name"]) for each in event["inputs"]} for event in events]
    assert read[0] == {("kafka://127.0.0.1:9092", "flight_events")}
    assert written[0] in read[1]
    assert written[1] in read[2]
    assert {written[1], written[2]} <= read[4]
    assert written[4] == ("hive://127.0.0.1:9083", "flight_dw.fact_flight_events")


def test_columns_come_with_their_types_and_sources(settings) -> None:
    fact = told(settings)[-1]["outputs"][0]["facets"]
    assert [field["name"] for field in fact["schema"]["fields"]] == list(FACT.column_names)
    sources = fact["columnLineage"]["fields"]["error_minutes"]["inputFields"]
    assert {(each["name"], each["field"]) for each in sources} == {
        ("flight_dw.staging_flight_events", "arrival_delay_minutes"),
        ("flight_dw.predictions", "predicted_delay_minutes"),
    }


def test_a_run_has_the_same_id_every_time_and_no_other_run_has_it(settings) -> None:
    once, again = ([event["run"]["runId"] for event in told(settings)] for _ in range(2))
    other = [event["run"]["runId"] for event in told(settings, batch_id=8, archive_id=archive_id(8))]
    assert once == again
    assert len({*once, *other}) == 2 * len(STEPS)


def test_credentials_are_no_part_of_a_name(settings) -> None:
    assert "secret" not in json.dumps(told(settings))
    assert told(settings)[3]["outputs"][0]["namespace"] == "mongodb://db:27017"


def test_a_batch_that_is_not_through_tells_of_the_steps_that_it_has_been_through(settings) -> None:
    assert [event["job"]["name"] for event in told(settings, seconds=dict.fromkeys(STEPS[:2], 1.0))] == list(
        STEPS[:2]
    )
    assert not told(settings, timestamp=None)
