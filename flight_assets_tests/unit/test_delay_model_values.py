"""Values of the features, by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from flight_assets.contracts.features import INBOUND_FEATURES
from flight_assets.delay_model.features.build import build_features
from flight_assets.delay_model.features.events import (
    FLIGHT_COLUMNS,
    events_from_flights,
)
from flight_assets_tests.unit.feature_network import event, features_at_noon, frame, network


def test_departures_count_for_their_own_origin_and_airline():
    features = features_at_noon(
        event("departed", "A", "2013-07-02T11:10:00Z", departure_delay_minutes=30.0),
        event("departed", "B", "2013-07-02T11:20:00Z", departure_delay_minutes=0.0, airline="AA"),
        event("departed", "C", "2013-07-02T11:30:00Z", departure_delay_minutes=90.0, origin="JFK"),
    )
    assert features["origin_departed_mean_delay_2h"] == 15.0
    assert features["network_departed_mean_delay_2h"] == 40.0
    assert features["airline_at_origin_departed_mean_delay_3h"] == 30.0
    assert features["origin_departed_late_share_2h"] == 0.5


def test_a_flight_is_overdue_from_its_plan_until_it_leaves():
    plan = {"scheduled_departure": "2013-07-02T11:00:00Z"}
    announced = event("scheduled", "A", "2013-07-02T10:00:00Z", **plan)
    left = event("departed", "A", "2013-07-02T11:50:00Z", departure_delay_minutes=50.0, **plan)
    left_later = event("departed", "A", "2013-07-02T12:30:00Z", departure_delay_minutes=90.0, **plan)
    assert features_at_noon(announced, left_later)["origin_planned_overdue_ratio_2h"] == 1
    assert features_at_noon(announced, left_later)["origin_planned_overdue_minutes_2h"] == 60
    assert features_at_noon(announced, left_later)["origin_overdue_mean_minutes"] == 60
    assert features_at_noon(announced, left)["origin_planned_overdue_ratio_2h"] == 0
    ahead = event("scheduled", "A", "2013-07-02T11:30:00Z", scheduled_departure="2013-07-02T12:30:00Z")
    assert np.isnan(features_at_noon(ahead)["origin_overdue_mean_minutes"])


def test_a_cancelled_flight_is_counted_as_such_and_not_as_overdue():
    plan = {"scheduled_departure": "2013-07-02T11:00:00Z"}
    features = features_at_noon(
        event("scheduled", "A", "2013-07-02T10:00:00Z", **plan),
        event("cancelled", "A", "2013-07-02T11:00:00Z", **plan),
        event("departed", "B", "2013-07-02T11:10:00Z", departure_delay_minutes=10.0),
    )
    assert features["origin_cancelled_share_3h"] == 0.5
    assert features["origin_planned_overdue_ratio_2h"] == 0


def test_the_aircraft_is_followed_by_its_tail_number():
    """Out at 08:10 instead of 08:00 and in at 10:20.

    Straight back it is due at 12:20, which leaves 40 minutes until 13:00.
    """
    out = event("departed", "A", "2013-07-02T08:10:00Z", departure_delay_minutes=10.0)
    landed = event(
        "arrived", "A", "2013-07-02T10:20:00Z", departure_delay_minutes=10.0, arrival_delay_minutes=20.0
    )
    features = features_at_noon(out, landed)
    assert features["aircraft_departure_delay_minutes"] == 10
    assert features["aircraft_arrival_delay_minutes"] == 20
    assert features["aircraft_slack_minutes"] == 40
    assert features["aircraft_planned_slack_minutes"] == 60
    assert np.isnan(features_at_noon(out, tail_number="N2")["aircraft_departure_delay_minutes"])
    assert np.isnan(features_at_noon(out, tail_number=None)["aircraft_departure_delay_minutes"])


def test_an_aircraft_still_in_the_air_is_expected_by_its_plan_but_not_in_the_past():
    out = event("departed", "A", "2013-07-02T08:10:00Z", departure_delay_minutes=10.0)
    features = features_at_noon(out)
    assert np.isnan(features["aircraft_arrival_delay_minutes"])
    assert features["aircraft_slack_minutes"] == 13 * 60 - 12 * 60 - 120


def test_clocks_are_those_of_the_two_airports_on_that_day():
    """From Newark at 9:00 to Los Angeles at 8:00; in January both clocks are an hour behind."""
    features = features_at_noon(destination="LAX", temperature_f=70.0)
    assert features["scheduled_departure_minute"] == 9 * 60
    assert features["scheduled_arrival_minute"] == 8 * 60
    assert features["day_of_week"] == 1
    assert features["scheduled_block_minutes"] == 120
    assert features["scheduled_padding_minutes"] == 120 - 200 / 480 * 60 - 45
    assert features["temperature_f"] == np.float32(70.0)
    assert features["airline_code"] == int("UA", 36)
    winter = {"scheduled_departure": "2013-01-15T13:00:00Z", "scheduled_arrival": "2013-01-15T15:00:00Z"}
    assert features_at_noon(destination="LAX", **winter)["scheduled_arrival_minute"] == 7 * 60


def test_a_weekday_is_that_of_the_origin_and_not_of_new_york():
    late = {"scheduled_departure": "2013-07-02T06:00:00Z", "scheduled_arrival": "2013-07-02T08:00:00Z"}
    assert features_at_noon(origin="HNL", **late)["day_of_week"] == 0
    assert features_at_noon(origin="EWR", **late)["day_of_week"] == 1


def test_airports_are_known_by_their_icao_codes_as_well():
    by_iata, by_icao = (
        features_at_noon(origin=origin, destination=destination)
        for origin, destination in (("EWR", "LAX"), ("KEWR", "KLAX"))
    )
    for name in ("scheduled_departure_minute", "scheduled_arrival_minute", "day_of_week"):
        assert by_iata[name] == by_icao[name]


INTO_NEWARK = {"origin": "BOS", "destination": "EWR"}

INBOUND_PLAN = INTO_NEWARK | {
    "scheduled_departure": "2013-07-02T10:00:00Z",
    "scheduled_arrival": "2013-07-02T12:10:00Z",
}


def inbound(*more: dict[str, object], **changes: object) -> pd.Series:
    """The features of the flight at 13:00 from Newark, with the aircraft planned to land there at 12:10."""
    announced = event("scheduled", "IN", "2013-07-02T09:00:00Z", **(INBOUND_PLAN | changes))
    return features_at_noon(announced, *more)


def test_the_inbound_leg_is_followed_from_its_announcement_to_its_landing():
    waiting = inbound()
    assert waiting["inbound_progress"] == 0
    assert waiting["inbound_delay_minutes"] == 120
    assert waiting["inbound_planned_turnaround_minutes"] == 50
    assert waiting["inbound_slack_minutes"] == 60 - 130
    left = event("departed", "IN", "2013-07-02T10:20:00Z", departure_delay_minutes=20.0, **INBOUND_PLAN)
    flying = inbound(left)
    assert (flying["inbound_progress"], flying["inbound_delay_minutes"]) == (1, 20)
    assert flying["inbound_slack_minutes"] == 30
    landed = inbound(
        left,
        event(
            "arrived", "IN", "2013-07-02T11:55:00Z",
            departure_delay_minutes=20.0, arrival_delay_minutes=-15.0, **INBOUND_PLAN,
        ),
    )  # fmt: skip
    assert (landed["inbound_progress"], landed["inbound_delay_minutes"]) == (2, -15)
    assert landed["inbound_slack_minutes"] == 65


def test_a_landing_after_the_prediction_moment_is_not_known():
    landed = event(
        "arrived", "IN", "2013-07-02T12:00:00Z",
        departure_delay_minutes=20.0, arrival_delay_minutes=-10.0, **INBOUND_PLAN,
    )  # fmt: skip
    assert inbound(landed)["inbound_progress"] == 0


@pytest.mark.parametrize(
    ("changes", "more"),
    [
        ({"tail_number": "N2"}, []),
        ({"destination": "JFK"}, []),
        ({"scheduled_arrival": "2013-07-02T12:50:00Z"}, []),
        ({"scheduled_departure": "2013-07-01T10:00:00Z", "scheduled_arrival": "2013-07-01T12:10:00Z"}, []),
        ({}, [event("cancelled", "IN", "2013-07-02T10:00:00Z", **INBOUND_PLAN)]),
        (
            {},
            [
                event("departed", "IN", "2013-07-02T10:00:00Z", departure_delay_minutes=0.0, **INBOUND_PLAN),
                event("departed", "OUT", "2013-07-02T11:30:00Z", departure_delay_minutes=0.0),
            ],
        ),
    ],
    ids=["another aircraft", "another airport", "no time to turn", "too long ago", "cancelled", "left again"],
)
def test_a_link_that_looks_like_an_aircraft_swap_is_left_out(changes, more):
    assert not np.isnan(inbound()["inbound_slack_minutes"])
    for name in INBOUND_FEATURES:
        assert np.isnan(inbound(*more, **changes)[name])


def test_the_last_of_several_inbound_legs_counts():
    earlier = event(
        "scheduled", "EARLIER", "2013-07-02T09:00:00Z", **INTO_NEWARK,
        scheduled_departure="2013-07-02T07:00:00Z", scheduled_arrival="2013-07-02T08:00:00Z",
    )  # fmt: skip
    assert inbound(earlier)["inbound_planned_turnaround_minutes"] == 50


def test_airports_are_watched_from_the_other_side_as_well():
    landed = event(
        "arrived", "A", "2013-07-02T11:00:00Z",
        departure_delay_minutes=5.0, arrival_delay_minutes=40.0, **INTO_NEWARK,
    )  # fmt: skip
    left = event("departed", "B", "2013-07-02T11:00:00Z", departure_delay_minutes=30.0, **INTO_NEWARK)
    features = features_at_noon(landed, left)
    assert features["into_origin_arrived_mean_arrival_delay_2h"] == 40
    assert features["out_of_destination_departed_mean_delay_2h"] == 30


def test_a_load_does_not_depend_on_the_size_of_the_network():
    def day(flights_per_hour: int) -> pd.Series:
        hours = pd.date_range("2013-07-01T12:30:00Z", periods=24, freq="h")
        many = [
            event("departed", f"{hour}{nth}", str(hour), departure_delay_minutes=5.0)
            for hour in hours
            for nth in range(flights_per_hour * (2 if hour >= hours[-3] else 1))
        ]
        return features_at_noon(*many)

    small, large = day(1), day(7)
    assert small["network_departed_load_3h"] == large["network_departed_load_3h"] == np.float32(2 * 24 / 27)


def test_throughput_is_departures_per_planned_departure():
    plans = [
        event("scheduled", flight, "2013-07-02T10:30:00Z", scheduled_departure="2013-07-02T11:30:00Z")
        for flight in "ABCD"
    ]
    features = features_at_noon(
        *plans, event("departed", "A", "2013-07-02T11:40:00Z", departure_delay_minutes=10.0)
    )
    assert features["origin_planned_throughput_1h"] == 0.25
    assert features["origin_planned_overdue_ratio_2h"] == 0.75
    assert np.isnan(features_at_noon()["origin_planned_throughput_1h"])


@pytest.mark.parametrize(("month", "distance"), [(1, 0), (4, 3), (7, 6), (10, 3), (12, 1)])
def test_the_month_is_its_distance_from_january(month: int, distance: int):
    assert (
        features_at_noon(scheduled_departure=f"2013-{month:02d}-15T17:00:00Z")["months_from_january"]
        == distance
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"airline": "??", "origin": "XXX", "destination": "YYY", "tail_number": "never seen"},
        {"airline": None, "origin": None, "destination": None, "tail_number": None},
        {"scheduled_arrival": None, "distance_miles": np.nan},
    ],
)
def test_unknown_codes_and_missing_values_are_no_error(changes: dict[str, object]):
    features = features_at_noon(
        event("departed", "A", "2013-07-02T11:00:00Z", departure_delay_minutes=5.0), **changes
    )
    assert features["network_departed_mean_delay_2h"] == 5.0


def test_no_events_and_no_flights_are_no_error():
    own = frame(event("scheduled", "OWN", "2013-07-02T12:00:00Z"))[list(FLIGHT_COLUMNS)]
    assert len(build_features(own, frame())) == 1
    assert len(build_features(own.head(0), frame())) == 0


def test_unusable_events_do_not_count():
    features = features_at_noon(
        event("departed", "A", "2013-07-02T11:00:00Z"),
        event("exploded", "B", "2013-07-02T11:00:00Z", departure_delay_minutes=5.0),
        event("departed", "C", None, departure_delay_minutes=5.0),
    )
    assert np.isnan(features["network_departed_mean_delay_2h"])


def test_events_from_flights_are_those_of_the_contract():
    flights = network(200)
    events = events_from_flights(flights)
    kinds = events.groupby("event_type")
    assert kinds.size()["scheduled"] == 200
    assert kinds.size()["cancelled"] == flights["cancelled"].sum()
    assert kinds.size()["arrived"] == flights["arrival_delay_minutes"].notna().sum()
    assert not kinds.get_group("departed")["arrival_delay_minutes"].notna().any()
    assert not kinds.get_group("scheduled")["departure_delay_minutes"].notna().any()
