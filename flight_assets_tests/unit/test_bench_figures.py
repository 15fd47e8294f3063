"""The form of what `flights bench` gives, and the arithmetic behind it."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import polars as pl
import pytest

from flight_assets.bench import floor, floor_stage
from flight_assets.bench.batch_spec import BatchSpec
from flight_assets.bench.figures import Figure, chart, machine, markdown, ratio, report
from flight_assets.bench.runs import covered
from flight_assets.bench.sides import COMPARED
from flight_assets.bench.stream import AtRate
from flight_assets.bench.stream_lag import is_growing
from flight_assets.commands.bench import BENCHES, _module
from flight_assets.contracts.tables import FACT, PREDICTIONS, STAGING
from flight_assets.delay_model.registry.shipped import shipped_model
from flight_assets.producer.synthetic import synthetic_messages

SIDES = {"naive": [30.0, 33.0, 31.0], "platform": [6.0, 6.2, 9.0]}
FIGURE = Figure(ratio(SIDES, "naive", "platform"), "times", SIDES, note="1,000 messages")


def test_the_report_is_an_object_by_figure_name_with_both_sides_and_the_machine_once():
    found = json.loads(json.dumps(report({"batch_1k_vs_naive": FIGURE}, machine())))
    assert set(found) == {"machine", "batch_1k_vs_naive"}
    figure = found["batch_1k_vs_naive"]
    assert figure["value"] == pytest.approx(31 / 6.2)
    assert figure["unit"] == "times"
    assert figure["sides"]["platform"] == {
        "median": 6.2,
        "min": 6.0,
        "max": 9.0,
        "all": [6.0, 6.2, 9.0],
        "unit": "s",
    }
    assert found["machine"]["cores"] >= 1
    assert {"python", "pyspark", "polars", "duckdb"} <= set(found["machine"]["versions"])


def test_the_table_has_a_row_per_figure_and_names_the_machine():
    table = markdown(report({"batch_1k_vs_naive": FIGURE}, machine()))
    assert (
        "| `batch_1k_vs_naive` | 5 times | naive 31 (30–33) s; platform 6.2 (6–9) s | 1,000 messages |"
        in table
    )
    assert "pyspark" in table.splitlines()[-1]


def test_a_curve_is_drawn_with_its_points_in_order():
    curve = Figure(1.1, "ratio", {"none": [10.0, 10.0], "10k": [11.0]}, curve_over="flights")
    drawn = markdown(report({"growth": curve, "batch_1k_vs_naive": FIGURE}, machine())).split("```mermaid")
    assert drawn[1:] == [
        chart("growth: seconds over flights", {"none": 10.0, "10k": 11.0}, "line").removeprefix("```mermaid")
    ]
    assert 'x-axis ["none", "10k"]' in drawn[1]
    assert "line [10, 11]" in drawn[1]


@pytest.mark.parametrize("name", BENCHES)
def test_every_bench_can_be_imported_and_measures(name):
    assert callable(_module(name).measure)


def test_a_batch_survives_the_command_line():
    spec = BatchSpec(7, {0: (3, 5), 1: (0, 10)}, "v1", "bench_floor", "/bench/floor")
    assert BatchSpec.from_json(spec.to_json()) == spec
    assert spec.messages == 12


def test_time_that_steps_share_counts_once():
    assert covered([(0.0, 2.0), (1.0, 3.0), (5.0, 6.0), (5.2, 5.4)]) == 4.0
    assert covered([]) == 0.0


@pytest.mark.parametrize(
    ("peaks", "grows"),
    [
        ([10, 600, 620, 610, 590], False),
        ([10, 600, 900, 1_300, 1_900], True),
        ([100, 400], True),
        ([100, 110], False),
        ([100], False),
    ],
)
def test_lag_grows_when_its_peaks_rise(peaks, grows):
    assert is_growing([float(peak) for peak in peaks]) is grows


@pytest.mark.parametrize(
    ("peaks", "sent_at", "held"),
    [([9, 9, 9], 99.0, True), ([9, 9, 20], 99.0, False), ([9, 9, 9], 80.0, False)],
)
def test_a_rate_is_held_when_it_was_sent_and_its_lag_did_not_grow(peaks, sent_at, held):
    assert AtRate(100, [1.0, 2.0], 0, [float(peak) for peak in peaks], sent_at).held is held


def test_the_floor_makes_rows_with_every_column_of_the_tables():
    messages = list(synthetic_messages(3, 200, datetime(2026, 6, 12, tzinfo=UTC)))
    taken = pl.lit(datetime(2026, 6, 12, tzinfo=UTC)).cast(pl.Datetime("us", "UTC"))
    raw = pl.DataFrame(
        {"key": [each.key for each in messages], "value": [each.value for each in messages]}
    ).with_columns(
        pl.lit("flights").alias("topic"),
        pl.lit(0, pl.Int32).alias("kafka_partition"),
        pl.int_range(len(messages), dtype=pl.Int64).alias("kafka_offset"),
        taken.alias("ingestion_timestamp"),
        pl.lit(1, pl.Int64).alias("batch_id"),
    )
    staged, rejected = floor_stage.stage(raw)
    predictions, states = floor.predict_flights(staged, shipped_model())
    for table, rows in ((STAGING, staged), (PREDICTIONS, predictions), (FACT, states)):
        assert tuple(rows.columns) == table.column_names
        assert len(rows)
        assert set(COMPARED[table]) <= {name for name in rows.columns if rows[name].dtype != pl.Null}
    assert rejected.is_empty()
    assert predictions["model_delay_minutes"].null_count() == 0
