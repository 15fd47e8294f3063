"""From events to flights: newest states, plans, outcomes and errors, as the live process works them out."""

from __future__ import annotations

from datetime import timedelta
from itertools import permutations

import pytest

from flight_assets.contracts.tables import FACT, PREDICTED_COLUMNS
from flight_assets.transforms.flights import actual_delay, flight_of, outcome_of, with_prediction
from flight_assets_tests.factories import HAPPENED, TOOK_AT, staged

PREDICTED = {name: float(nth) for nth, name in enumerate(PREDICTED_COLUMNS)} | {
    "predicted_delay_minutes": 3.0,
    "model_version": "v1",
}


def flight_id(number: int) -> str:
    return f"UA{number}-EWR-20130612"


def event(number: int, event_type: str, offset: int, **changes):
    """An event of one of the flights of this module, named by number, type and offset."""
    event_id = f"{number} {event_type} {offset}"
    return staged(event_type=event_type, kafka_offset=offset, **changes) | {
        "flight_id": flight_id(number),
        "event_id": event_id,
    }


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
    # 7: a correction of the same event time at a lower offset of another partition, which Kafka took later
    event(7, "departed", 71),
    event(7, "departed", 5, kafka_partition=1, ingestion_timestamp=TOOK_AT + timedelta(seconds=2))
    | {"departure_delay_minutes": 25.0},
    # 8: came down elsewhere: the plan stays
    event(8, "scheduled", 80),
    event(8, "diverted", 81, timestamp="2013-06-12T17:00:00Z")
    | {"diverted_to": "AUS", "departure_delay_minutes": 4.0},
    event(8, "arrived", 82) | {"destination": "AUS", "route": "EWR-AUS", "distance_miles": 1500.0},
    # 9: diverted, and arrived where it was to go after all
    event(9, "scheduled", 90),
    event(9, "diverted", 91, timestamp="2013-06-12T17:00:00Z")
    | {"diverted_to": "AUS", "departure_delay_minutes": 4.0},
    event(9, "arrived", 92),
    # 11: diverted, nobody knows where to
    event(11, "scheduled", 110),
    event(11, "diverted", 111, timestamp="2013-06-12T17:00:00Z") | {"departure_delay_minutes": 4.0},
    # 10: taken back after it was cancelled
    event(10, "scheduled", 100),
    event(10, "cancelled", 101),
    event(10, "departed", 102),
]


def events_of(number: int) -> list:
    return [each for each in EVENTS if each["flight_id"] == flight_id(number)]


@pytest.mark.parametrize(
    ("number", "event_id"),
    [
        (1, "1 arrived 12"),
        (2, "2 scheduled 22"),
        (3, "3 cancelled 30"),
        (4, "4 departed 40"),
        (5, "5 arrived 50"),
        (6, "6 cancelled 61"),
        (7, "7 departed 5"),
        (8, "8 arrived 82"),
        (10, "10 departed 102"),
    ],
)
def test_the_newest_state_is_the_latest_in_time_then_in_kafka_whatever_the_order(number, event_id):
    assert {flight_of(order)["event_id"] for order in permutations(events_of(number))} == {event_id}


@pytest.mark.parametrize(
    ("number", "outcome", "actual"),
    [
        (1, "arrived", -7.0),
        (2, None, None),
        (3, "cancelled", None),
        (4, None, None),
        (5, "arrived", 0.0),
        (6, "cancelled", None),
        (8, "diverted", None),
        (9, "arrived", -7.0),
        (10, None, None),
        (11, "diverted", None),
    ],
)
def test_a_flight_ends_as_its_newest_event_says(number, outcome, actual):
    flight = flight_of(events_of(number))
    assert (outcome_of(flight), actual_delay(flight)) == (outcome, actual)


def test_an_arrival_elsewhere_keeps_the_plan_and_says_where_the_aircraft_came_down():
    flight = flight_of(events_of(8))
    assert (flight["destination"], flight["route"], flight["distance_miles"], flight["diverted_to"]) == (
        "IAH",
        "EWR-IAH",
        1400.0,
        "AUS",
    )


def test_a_flight_that_is_known_and_new_events_give_what_all_events_give():
    for number in range(1, 12):
        ordered = sorted(
            events_of(number),
            key=lambda each: (each["timestamp"], each["ingestion_timestamp"], each["kafka_offset"]),
        )
        for cut in range(1, len(ordered)):
            known = flight_of(ordered[:cut])
            assert flight_of(ordered[cut:], known) == flight_of(ordered), (number, cut)


def test_columns_that_an_older_version_did_not_write_are_null():
    announced, departed, arrived = events_of(1)[::-1]
    known = {name: value for name, value in flight_of([departed]).items() if name != "low_quality"}
    assert flight_of([announced], known)["low_quality"] is None
    assert flight_of([arrived], known) == flight_of([departed, arrived])
    older = {name: value for name, value in PREDICTED.items() if name not in ("maker", "domain_mark")}
    row = with_prediction(flight_of(events_of(1)), older)
    assert (row["maker"], row["domain_mark"], row["model_version"]) == (None, None, "v1")


def test_an_arrived_flight_has_its_prediction_and_the_error_actual_minus_predicted():
    row = with_prediction(flight_of(events_of(1)), PREDICTED)
    assert {name: row[name] for name in PREDICTED_COLUMNS} == PREDICTED
    assert (row["actual_delay_minutes"], row["predicted_delay_minutes"], row["error_minutes"]) == (
        -7.0,
        3.0,
        -10.0,
    )
    assert tuple(row) == FACT.column_names


def test_a_flight_without_prediction_has_its_actual_delay_and_no_error():
    row = with_prediction(flight_of(events_of(5)), None)
    assert (row["actual_delay_minutes"], row["model_version"], row["error_minutes"]) == (0.0, None, None)


def test_a_cancelled_flight_keeps_its_prediction_and_has_no_actual_delay():
    row = with_prediction(flight_of(events_of(3)), PREDICTED)
    assert (row["model_version"], row["actual_delay_minutes"], row["error_minutes"]) == ("v1", None, None)
