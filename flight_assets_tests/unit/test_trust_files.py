"""The pass over a batch's flights and its file: a repeat or a rebuild makes the same forecasts."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa
import pytest

from flight_assets.contracts.tables import FACT, PREDICTIONS, SIDE_COLUMNS, arrow_schema
from flight_assets.pipeline import trust
from flight_assets.pipeline.flights import FLIGHT_SCHEMA
from flight_assets.pipeline.inference import MODEL_FIELDS
from flight_assets.pipeline.trust_now import NewestState
from flight_assets.queries import trust as queries
from flight_assets_tests.unit.test_trust import DAY_S, START_S, VERSION, ended, network


class Folder:
    """HDFS as a dict of paths."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    def read(self, path: str) -> bytes:
        try:
            return self.files[path]
        except KeyError:
            raise FileNotFoundError(path) from None

    def write(self, path: str, content: bytes) -> None:
        self.files[path] = content

    def list(self, path: str) -> list[str]:
        below = [name.removeprefix(f"{path}/") for name in self.files if name.startswith(f"{path}/")]
        return sorted({name.split("/")[0] for name in below})


@pytest.fixture
def hdfs() -> Folder:
    return Folder()


@pytest.fixture(scope="module")
def flights() -> pd.DataFrame:
    return network(days=2, per_day=300)


def run_batch(hdfs, number: int, flights: pd.DataFrame, sides=None, keeps: bool = True) -> pd.DataFrame:
    """A day's batch: it forecasts the flights of the day, and learns those that end on it."""
    start = START_S + number * DAY_S
    asked = flights[flights["at"].between(start, start + DAY_S - 1)]
    over = flights[flights["ended"].between(start, start + DAY_S - 1)]
    return trust.pass_over(hdfs, number, VERSION, asked, ended(over, sides), keeps)


def test_each_batch_begins_with_the_state_of_the_one_before(hdfs, flights):
    first = run_batch(hdfs, 0, flights)
    run_batch(hdfs, 1, flights, first)
    states = [trust.state_before(hdfs, number) for number in (0, 1, 2)]
    assert [state.scores.outcomes > 0 for state in states] == [False, True, True]
    assert trust.state_before(hdfs).to_json() == states[2].to_json() != states[1].to_json()
    assert trust.newest_batch(hdfs) == 1


def test_a_repeat_whose_outcomes_are_written_already_makes_the_same_forecasts_and_leaves_the_file(
    hdfs, flights
):
    first = run_batch(hdfs, 0, flights)
    second = run_batch(hdfs, 1, flights, first)
    files = dict(hdfs.files)
    again = trust.pass_over(hdfs, 1, VERSION, flights.loc[second.index], ended(flights.head(0)), True)
    pd.testing.assert_frame_equal(second, again)
    assert hdfs.files == files


def test_a_rebuild_of_an_old_batch_takes_its_state_and_keeps_nothing(hdfs, flights):
    first = run_batch(hdfs, 0, flights)
    run_batch(hdfs, 1, flights, first)
    files = dict(hdfs.files)
    pd.testing.assert_frame_equal(first, run_batch(hdfs, 0, flights, keeps=False))
    assert hdfs.files == files


def test_a_rebuild_of_a_batch_without_a_file_leaves_the_forecasts_of_the_model(hdfs, flights):
    rows = rows_of(flights)
    made = trust.pass_over(hdfs, 0, VERSION, trust.asked_of(rows), trust.outcomes_of(rows), keeps=False)
    assert trust.with_forecasts(rows, made).equals(rows)
    assert hdfs.files == {}


def test_numbers_of_batches_beyond_a_folder_are_found_in_order(hdfs, flights):
    run_batch(hdfs, 0, flights)
    kept = trust.kept_of_batch(hdfs, 0)
    for number in (999, 1_000, 2_500):
        trust._keep(hdfs, number, kept)
    assert [trust.newest_batch(hdfs, before) for before in (1, 1_000, 1_001, 2_500, None)] == [
        *(0, 999, 1_000, 1_000),
        2_500,
    ]
    assert trust.newest_batch(hdfs, 0) is None


def test_the_file_tells_how_the_flights_differ_from_training(hdfs, flights):
    marked = flights.assign(
        domain_mark=["out_of_domain" if nth % 4 == 0 else "in_domain" for nth in range(len(flights))],
        domain_reasons=[
            f"origin not in training; {nth % 50}% of the features outside the training range"
            if nth % 4 == 0
            else None
            for nth in range(len(flights))
        ],
    )
    made = run_batch(hdfs, 0, marked)
    shift = trust.kept_of_batch(hdfs, 0).shift
    unlike = int((made["domain_mark"] == "out_of_domain").sum())
    assert (shift.flights, shift.out_of_domain) == (len(made), unlike)
    assert shift.reasons == {
        "origin not in training": unlike,
        "some of the features outside the training range": unlike,
    }


def test_flights_that_live_processing_has_forecast_count_as_those_of_the_batch(hdfs, flights):
    live = {"flight_id": "F4", "is_announced": True, "_is_asked": False, "domain_mark": "out_of_domain"}
    live |= {"domain_reasons": "little history"}
    row = {name: live.get(name) for name in rows_of(flights).schema.names}
    rows = pa.concat_tables([rows_of(flights), pa.Table.from_pylist([row], rows_of(flights).schema)])
    asked, outcomes = trust.asked_of(rows), trust.outcomes_of(rows)
    trust.pass_over(hdfs, 0, VERSION, asked, outcomes, True, trust.early_of(rows))
    shift = trust.kept_of_batch(hdfs, 0).shift
    assert (shift.flights, shift.out_of_domain, shift.reasons) == (2, 1, {"little history": 1})


def test_live_forecasts_are_those_of_the_newest_state_and_follow_a_newer_one(hdfs, flights):
    live = NewestState(hdfs)
    one = flights.tail(1)
    events = pa.table({name: one[name].tolist() for name in ("airline", "origin", "hour")})
    of_model = one.assign(model_version=VERSION, maker="model")[list(MODEL_FIELDS)]
    said = pa.Table.from_pandas(of_model, preserve_index=False).to_struct_array().combine_chunks()
    before = live.forecasts(VERSION, events, said)[0]
    first = run_batch(hdfs, 0, flights)
    after = live.forecasts(VERSION, events, said)[0]
    assert after["interval_high_minutes"] != before["interval_high_minutes"]
    asked = one.assign(at=START_S + DAY_S)
    made = trust.pass_over(hdfs, 1, VERSION, asked, ended(flights.head(0), first), True)
    assert {name: after[name] for name in made} == made.iloc[0].where(made.iloc[0].notna(), None).to_dict()


def rows_of(flights: pd.DataFrame) -> pa.Table:
    """Rows as the models' pass leaves them: one flight to forecast, one that arrived."""
    schema = pa.schema([*FLIGHT_SCHEMA, *trust.ASKED_SCHEMA, ("_actual", pa.float64())])
    moment = pd.Timestamp(START_S, unit="s", tz="UTC")
    common = {"airline": "AA", "origin": "XXA", "timestamp": moment, "ingestion_timestamp": moment, "hour": 9}
    asked = flights.iloc[0].to_dict() | common | {
        "flight_id": "F1", "prediction_timestamp": moment, "is_newest": True, "_is_asked": True, "_hour": 8,
        "model_version": VERSION, "maker": "model",
    }  # fmt: skip
    over = common | dict.fromkeys(SIDE_COLUMNS, 1.0) | {
        "flight_id": "F2", "is_newest": True, "_actual": 12.0, "model_version": VERSION,
        "predicted_delay_minutes": 1.0,
    }  # fmt: skip
    older = over | {"flight_id": "F3", "is_newest": False}
    rows = [{name: row.get(name) for name in schema.names} for row in (asked, over, older)]
    return pa.Table.from_pylist(rows, schema)


def test_rows_of_a_batch_become_flights_to_forecast_and_outcomes_and_get_their_forecasts(flights):
    rows = rows_of(flights)
    asked, outcomes = trust.asked_of(rows), trust.outcomes_of(rows)
    assert (list(asked.index), asked["hour"].tolist(), asked["at"].tolist()) == (["F1"], [8], [START_S])
    assert outcomes["flight_id"].tolist() == ["F2"]
    assert outcomes["actual_delay_minutes"].tolist() == [12.0]
    made = trust.pass_over(Folder(), 0, VERSION, asked, outcomes, True)
    found = trust.with_forecasts(rows, made).to_pylist()
    assert found[0]["baseline_delay_minutes"] == made.loc["F1", "baseline_delay_minutes"]
    assert (found[0]["maker"], found[0]["domain_mark"]) == ("model", "in_domain")
    assert [row["predicted_delay_minutes"] for row in found[1:]] == [1.0, 1.0]


def test_both_makers_are_kept_with_the_prediction_and_not_with_the_flight():
    assert set(SIDE_COLUMNS) <= set(arrow_schema(PREDICTIONS).names)
    assert not set(SIDE_COLUMNS) & set(arrow_schema(FACT).names)


def test_the_query_tells_who_serves_since_when_and_why(hdfs):
    assert queries.serving(hdfs).empty
    bad = network(days=2, per_day=600, bias=60.0)
    first = run_batch(hdfs, 0, bad)
    run_batch(hdfs, 1, bad, first)
    now, found = queries.serving(hdfs).iloc[0], queries.trust(hdfs)
    assert (now["serving"], now["model_version"], found["batch_id"]) == ("baseline", VERSION, 1)
    assert now["model_mae_minutes"] > now["baseline_mae_minutes"] > 0
    switch = queries.switches(hdfs).iloc[0]
    assert (switch["to"], switch["at"].isoformat()) == ("baseline", now["since"])
    assert set(found["factors"]) == {"model", "baseline"}
