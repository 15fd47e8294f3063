"""The rules that Spark applies to a batch: duplicates among its messages, and flights of its events as the
live process has them.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from pyspark.sql import functions as F

from flight_assets.contracts.tables import PREDICTED_COLUMNS, STAGING
from flight_assets.pipeline.flights import with_truth
from flight_assets.pipeline.stage import check_messages, numbered, with_outcome
from flight_assets.stores.warehouse import computed
from flight_assets.transforms.flights import STATE_COLUMNS, flight_of, flight_rows, with_prediction
from flight_assets.transforms.inputs import Checks
from flight_assets_tests.factories import frame, message, raw_batch, reference
from flight_assets_tests.unit.test_transforms_flights import EVENTS, PREDICTED, flight_id

BAD = {"distance_miles": -5.0}
# name: offset, message. Written in another order than Kafka took them.
COPIES: dict[str, tuple[int, Any]] = {
    "third copy": (1_030, message(event_id="copied")),
    "first copy": (1_010, message(event_id="copied")),
    "second copy": (1_020, message(event_id="copied", event_type="departed")),
    "blank copy": (1_040, message(event_id=" copied ")),
    "of an earlier batch": (1_050, message(event_id="earlier")),
    "bad, of an earlier batch": (1_060, message(event_id="earlier", **BAD)),
    "bad": (1_070, message(event_id="bad first", **BAD)),
    "good after bad": (1_080, message(event_id="bad first")),
    "no id": (1_090, message(event_id=None)),
    "no id either": (1_100, message(event_id=None)),
    "no JSON": (1_110, b"\xff\x00\x01"),
    "tombstone": (1_120, None),
}


@pytest.fixture(scope="module")
def outcomes(spark):
    """The outcome of each of COPIES by its name."""
    raw = raw_batch(
        [value for _, value in COPIES.values()], batch_id=3, offsets=[offset for offset, _ in COPIES.values()]
    )
    messages = computed(
        numbered(check_messages(spark.createDataFrame(pa.Table.from_batches([raw])), Checks(reference())))
    )
    known = spark.createDataFrame([("earlier",), ("earlier",), ("another",)], "event_id STRING")
    rows = with_outcome(messages, known).select("kafka_offset", "outcome").collect()
    assert len(rows) == len(COPIES)
    by_offset = {row.kafka_offset: row.outcome for row in rows}
    return {name: by_offset[offset] for name, (offset, _) in COPIES.items()}


def test_of_the_copies_in_a_batch_the_one_that_kafka_took_first_is_staged(outcomes):
    assert [outcomes[f"{nth} copy"] for nth in ("first", "second", "third")] == [
        "staged",
        "duplicate",
        "duplicate",
    ]


def test_an_id_with_blanks_around_it_is_the_same_id(outcomes):
    assert outcomes["blank copy"] == "duplicate"


def test_an_event_of_an_earlier_batch_is_a_duplicate(outcomes):
    assert outcomes["of an earlier batch"] == "duplicate"


def test_a_bad_copy_of_an_earlier_event_is_quarantined(outcomes):
    assert outcomes["bad, of an earlier batch"] == "quarantined"


def test_a_good_message_after_a_bad_one_with_its_id_is_no_duplicate(outcomes):
    assert (outcomes["bad"], outcomes["good after bad"]) == ("quarantined", "staged")


@pytest.mark.parametrize("name", ["no id", "no id either", "no JSON", "tombstone"])
def test_messages_without_an_id_are_no_duplicates_of_each_other(outcomes, name):
    assert outcomes[name] == "quarantined"


def test_of_copies_taken_in_one_moment_partition_and_offset_decide(spark):
    places = [(1, 4), (0, 9), (0, 8)]
    rows = [(partition, offset, "tie", 3) for partition, offset in places]
    ties = spark.createDataFrame(
        rows, "kafka_partition INT, kafka_offset BIGINT, event_id STRING, batch_id BIGINT"
    )
    ties = ties.withColumns(
        {"ingestion_timestamp": F.timestamp_seconds(F.lit(1)), "reason": F.lit(None).cast("string")}
    )
    found = {
        (row.kafka_partition, row.kafka_offset): row.outcome
        for row in with_outcome(numbered(ties), None).collect()
    }
    assert found == {(0, 8): "staged", (0, 9): "duplicate", (1, 4): "duplicate"}


def test_spark_and_the_live_process_make_the_same_flight_of_the_same_events(spark):
    predicted = spark.createDataFrame(
        [(flight_id(1), *PREDICTED.values())], f"flight_id STRING, {PREDICTED_DDL}"
    )
    rows = flight_rows(frame(spark, STAGING, EVENTS)).join(predicted, "flight_id", "left")
    found = {row["flight_id"]: row for row in with_truth(rows).toArrow().to_pylist()}
    for number in range(1, 12):
        events = [each for each in EVENTS if each["flight_id"] == flight_id(number)]
        wanted: dict[str, Any] = with_prediction(flight_of(events), PREDICTED if number == 1 else None)
        row = found[flight_id(number)]
        assert {name: row[name] for name in wanted} == wanted
        assert set(STATE_COLUMNS) <= set(wanted)


PREDICTED_DDL = ", ".join(
    f"{name} {'STRING' if name == 'model_version' else 'DOUBLE'}" for name in PREDICTED_COLUMNS
)
