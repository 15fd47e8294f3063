"""From events to flights: newest states, predictions joined, outcomes."""

from __future__ import annotations

from datetime import UTC, date

import pytest

from flight_assets.contracts.tables import FACT, PREDICTED_COLUMNS, PREDICTIONS, STAGING
from flight_assets_tests.factories import HAPPENED, frame, staged, utc

PREDICTED = {name: float(nth) for nth, name in enumerate(PREDICTED_COLUMNS)} | {"predicted_delay_minutes": 3.0, "model_version": "v1"}


def flight_id(number: int) -> str:
    return f"UA{number}-EWR-20130612"


def event(number: int, event_type: str, offset: int, **changes):
    """An event of one of the flights of this module, named by number, type and offset."""
    event_id = f"{number} {event_type} {offset}"
    return staged(event_type=event_type, kafka_offset=offset, **changes) | {"flight_id": flight_id(number), "event_id": event_id}


EVENTS = [
    # 1: the whole life, written backwards
    event(1, "arrived", 12),
    event(1, "departed", 11),
    event(1, "scheduled", 10),
    # 2: announced again, later and a second time in the same moment; then an older departure comes late
    event(2, "scheduled", 20),
    event(2, "scheduled", 21, timestamp="2013-06-12T13:10:00Z"),
    event(2, "scheduled", 22, timestamp="2013-06-12T13:10:00Z"),
    event(2, "scheduled", 23, timestamp="2013-06-12T12:00:00Z"),
    # 3: cancelled after it had left the gate
    event(3, "departed", 31, timestamp="2013-06-12T13:59:00Z"),
    event(3, "cancelled", 30),
    # 4: never announced, still in the air
    event(4, "departed", 40),
    # 5: arrived twice, the correction first in Kafka's order
    event(5, "arrived", 50, timestamp="2013-06-12T18:30:00Z") | {"arrival_delay_minutes": 0.0},
    event(5, "arrived", 51),
    # 6: two ends in one moment
    event(6, "cancelled", 61, timestamp=HAPPENED["arrived"]),
    event(6, "arrived", 60),
]


@pytest.fixture(scope="module")
def events(spark):
    return frame(spark, STAGING, EVENTS)


@pytest.fixture(scope="module")
def newest(events):
    from flight_assets.transforms.flights import newest_per_flight

    rows = newest_per_flight(events).collect()
    assert len(rows) == 6
    return {row.flight_id: row for row in rows}


@pytest.fixture(scope="module")
def states(spark, events):
    from flight_assets.transforms.flights import flight_states

    predictions = [{**PREDICTED, "prediction_id": str(nth), "flight_id": flight_id(nth)} for nth in (1, 3, 9)]
    frames = flight_states(events, frame(spark, PREDICTIONS, predictions))
    assert tuple(frames.columns) == FACT.column_names
    return {row.flight_id: row for row in frames.collect()}


@pytest.mark.parametrize(
    ("number", "event_id"),
    [
        (1, "1 arrived 12"),
        (2, "2 scheduled 22"),
        (3, "3 cancelled 30"),
        (4, "4 departed 40"),
        (5, "5 arrived 50"),
        (6, "6 cancelled 61"),
    ],
)
def test_the_newest_state_is_the_latest_in_time_then_in_kafka(newest, number, event_id):
    assert newest[flight_id(number)].event_id == event_id


def test_rows_have_the_same_newest_states(newest):
    from flight_assets.transforms.flights import newest_rows

    for rows in (EVENTS, EVENTS[::-1]):
        found = newest_rows(rows)
        assert {flight: row["event_id"] for flight, row in found.items()} == {flight: row.event_id for flight, row in newest.items()}


def test_choosing_the_newest_adds_no_column(events):
    from flight_assets.transforms.flights import newest_per_flight

    assert newest_per_flight(events).columns == events.columns


def test_there_is_one_state_per_flight_of_the_events_and_none_for_others(states):
    assert sorted(states) == [flight_id(number) for number in range(1, 7)]


def test_the_state_of_one_event_is_the_row_of_its_flight(newest, states):
    from flight_assets.transforms.flights import flight_state

    for number in range(1, 7):
        row = states[flight_id(number)]
        event = newest[flight_id(number)].asDict(recursive=True)
        assert flight_state(event, PREDICTED if number in (1, 3) else None) == row.asDict(recursive=True)


def test_an_arrived_flight_has_its_prediction_and_the_error_actual_minus_predicted(states):
    row = states[flight_id(1)]
    assert {name: row[name] for name in PREDICTED_COLUMNS} == PREDICTED
    assert (row.actual_delay_minutes, row.predicted_delay_minutes, row.error_minutes) == (-7.0, 3.0, -10.0)


def test_a_flight_without_prediction_has_its_actual_delay_and_no_error(states):
    row = states[flight_id(5)]
    assert (row.actual_delay_minutes, row.model_version, row.error_minutes) == (0.0, None, None)


def test_a_cancelled_flight_keeps_its_prediction_and_has_no_actual_delay(states):
    row = states[flight_id(3)]
    assert (row.model_version, row.actual_delay_minutes, row.error_minutes) == ("v1", None, None)


def test_a_flight_in_the_air_has_no_actual_delay(states):
    assert (states[flight_id(4)].departure_delay_minutes, states[flight_id(4)].actual_delay_minutes) == (4.0, None)


def test_a_flight_is_first_seen_by_the_event_that_kafka_took_first(events):
    from flight_assets.transforms.flights import first_seen

    frames = first_seen(events)
    assert frames.columns == events.columns
    firsts = ["1 scheduled 10", "2 scheduled 20", "3 cancelled 30", "4 departed 40", "5 arrived 50", "6 arrived 60"]
    assert sorted(row.event_id for row in frames.collect()) == firsts


def test_outcomes_are_the_newest_end_of_each_flight(events):
    from flight_assets.transforms.flights import outcomes

    rows = {row.flight_id: (row.flight_date, row.outcome, row.actual_delay_minutes) for row in outcomes(events).collect()}
    day = date(2013, 6, 12)
    assert rows == {
        flight_id(1): (day, "arrived", -7.0),
        flight_id(3): (day, "cancelled", None),
        flight_id(5): (day, "arrived", 0.0),
        flight_id(6): (day, "cancelled", None),
    }


def test_prediction_rows_carry_the_prediction_and_leave_the_truth_open(spark, events):
    from pyspark.sql import functions as F

    from flight_assets.transforms.flights import first_seen, prediction_rows

    predicted = F.struct(*(F.lit(value).alias(name) for name, value in PREDICTED.items()))
    rows = prediction_rows(first_seen(events), predicted)
    assert tuple(rows.columns) == PREDICTIONS.column_names
    row = next(row for row in rows.collect() if row.prediction_id == "1 scheduled 10").asDict()
    assert {name: row[name] for name in PREDICTED_COLUMNS} == PREDICTED
    assert row["flight_id"] == flight_id(1)
    assert row["prediction_timestamp"].astimezone(UTC) == utc(HAPPENED["scheduled"])
    assert row["prediction_date"] == date(2013, 6, 12)
    assert [row[name] for name in ("actual_delay_minutes", "error_minutes", "outcome")] == [None, None, None]
