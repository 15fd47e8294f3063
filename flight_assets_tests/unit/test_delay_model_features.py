"""The features: what they count, what they must not see, and that they are the same bits however much history
is given.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from flight_assets.contracts.feature_windows import LOOKBACK, PAST_COLUMNS
from flight_assets.contracts.features import FEATURE_NAMES, FEATURES, INBOUND_FEATURES
from flight_assets.delay_model.features.build import build_features
from flight_assets.delay_model.features.events import (
    EVENT_COLUMNS,
    FLIGHT_COLUMNS,
    WEATHER_COLUMNS,
    events_from_flights,
    scheduled_flights,
)

START = pd.Timestamp("2013-07-01T04:00:00Z")
MINUTE = pd.Timedelta(minutes=1)
HOUR = pd.Timedelta(hours=1)


def network(flights: int = 1_500, days: int = 6, seed: int = 7) -> pd.DataFrame:
    """Random flights as ``load_flights`` returns them: few aircraft and airports, so that everything meets
    everything.
    """
    rng = np.random.default_rng(seed)
    departure = START + pd.to_timedelta(np.sort(rng.integers(0, days * 1_440, flights)), unit="min")
    cancelled = rng.random(flights) < 0.05
    diverted = rng.random(flights) < 0.02
    delay = np.where(cancelled, np.nan, np.rint(rng.exponential(25, flights) - 10))
    weather = {
        name: np.where(rng.random(flights) < 0.1, np.nan, rng.random(flights).round(2))
        for name in WEATHER_COLUMNS
    }
    return pd.DataFrame(
        {
            "flight_id": [f"F{number}" for number in range(flights)],
            "airline": rng.choice(["UA", "AA", "B6"], flights),
            "flight_number": rng.integers(1, 500, flights),
            "tail_number": rng.choice(np.array(["N1", "N2", "N3", "N4", "N5", None], dtype=object), flights),
            "origin": rng.choice(["EWR", "JFK", "LGA", "ORD"], flights),
            "destination": rng.choice(["BOS", "ORD", "LAX", "MIA", "EWR", "JFK", "LGA"], flights),
            "scheduled_departure": departure,
            "scheduled_arrival": departure + pd.to_timedelta(rng.integers(60, 400, flights), unit="min"),
            "distance_miles": rng.choice([187.0, 733.0, 1_089.0, 2_475.0], flights),
            "departure_delay_minutes": delay,
            "arrival_delay_minutes": np.where(diverted, np.nan, delay + np.rint(rng.normal(-4, 12, flights))),
            "cancelled": cancelled,
            **weather,
        }
    )


def event(kind: str, flight: str, at: str, **changes: object) -> dict[str, object]:
    """One event; everything not given is UA 1 from EWR to BOS with the aircraft N1, planned
    08:00–10:00 UTC.
    """
    plan = {"scheduled_departure": "2013-07-02T08:00:00Z", "scheduled_arrival": "2013-07-02T10:00:00Z"}
    places = {
        "airline": "UA",
        "flight_number": 1,
        "tail_number": "N1",
        "origin": "EWR",
        "destination": "BOS",
        "distance_miles": 200.0,
    }
    delays = {"departure_delay_minutes": np.nan, "arrival_delay_minutes": np.nan}
    return {
        "flight_id": flight,
        "event_type": kind,
        "timestamp": at,
        **plan,
        **places,
        **delays,
        **dict.fromkeys(WEATHER_COLUMNS, np.nan),
        **changes,
    }


def frame(*events: dict[str, object]) -> pd.DataFrame:
    """Events as the stream gives them."""
    table = pd.DataFrame(list(events), columns=list(EVENT_COLUMNS))
    times = ("timestamp", "scheduled_departure", "scheduled_arrival")
    return table.assign(**{name: pd.to_datetime(table[name], utc=True) for name in times})


def features_at_noon(*events: dict[str, object], **changes: object) -> pd.Series:
    """The features of one flight announced at 12:00 for 13:00, after these events."""
    plan = {"scheduled_departure": "2013-07-02T13:00:00Z", "scheduled_arrival": "2013-07-02T15:00:00Z"}
    own = frame(event("scheduled", "OWN", "2013-07-02T12:00:00Z", **(plan | changes)))
    past = pd.concat([own, frame(*events)]) if events else own
    return build_features(own[list(FLIGHT_COLUMNS)], past[list(PAST_COLUMNS)]).iloc[0]


def bits(features: pd.DataFrame) -> np.ndarray:
    return features.to_numpy().view(np.int32)


def test_columns_are_those_of_the_contract():
    assert len(set(FEATURE_NAMES)) == len(FEATURES)
    flights = network(50)
    events = events_from_flights(flights)
    features = build_features(scheduled_flights(events), events)
    assert tuple(features.columns) == FEATURE_NAMES
    assert (features.dtypes == np.float32).all()
    assert len(features) == 50


def test_every_feature_is_known_for_some_flight_of_the_test_network():
    """Else the tests of leaks and of serving would show nothing about it."""
    events = events_from_flights(network())
    known = build_features(scheduled_flights(events), events).notna().any()
    assert not known.index[~known].tolist()


def test_nothing_at_or_after_the_prediction_moment_counts():
    """The leak test: the future is blanked, moved, shuffled and contradicted, and the features stay the same
    bits.
    """
    events = events_from_flights(network())
    moment = START + pd.Timedelta(days=3, minutes=7)
    flights = scheduled_flights(events)
    at_moment = flights[flights["timestamp"].between(moment - HOUR, moment)].assign(timestamp=moment)
    expected = build_features(at_moment, events)
    past, future = events[events["timestamp"] < moment], events[events["timestamp"] >= moment]
    rng = np.random.default_rng(1)
    shuffled = future.assign(
        **{
            name: rng.permutation(future[name].to_numpy(dtype=object))
            for name in ("airline", "origin", "tail_number")
        }
    )
    shuffled = shuffled.assign(
        departure_delay_minutes=999.0, arrival_delay_minutes=999.0, scheduled_departure=START
    )
    repeated = past.assign(timestamp=future["timestamp"].max(), departure_delay_minutes=500.0)
    for altered in (
        past,
        pd.concat([past, shuffled]),
        pd.concat([past, future, repeated]).sample(frac=1, random_state=2),
    ):
        np.testing.assert_array_equal(bits(build_features(at_moment, altered)), bits(expected))


def test_a_changed_past_changes_the_features():
    """The counterpart of the leak test: it would notice features that look at nothing at all."""
    events = events_from_flights(network())
    flights = scheduled_flights(events).tail(200)
    later = events.assign(departure_delay_minutes=events["departure_delay_minutes"] + 30)
    assert not np.array_equal(bits(build_features(flights, events)), bits(build_features(flights, later)))


def test_serving_from_the_lookback_gives_the_bits_of_training_on_everything():
    events = events_from_flights(network())
    flights = scheduled_flights(events)
    trained = build_features(flights, events)
    for first in range(900, 1_500, 100):
        batch = flights.iloc[first : first + 100]
        earliest, latest = batch["timestamp"].min() - LOOKBACK, batch["timestamp"].max()
        served = events[events["timestamp"].between(earliest, latest)].sample(frac=1, random_state=first)
        np.testing.assert_array_equal(bits(build_features(batch, served)), bits(trained.loc[batch.index]))


def test_an_event_older_than_the_lookback_changes_nothing_and_a_younger_one_does():
    noon = pd.Timestamp("2013-07-02T12:00:00Z")
    late = {"departure_delay_minutes": 60.0}
    alone = features_at_noon()
    older = features_at_noon(event("departed", "A", str(noon - LOOKBACK - MINUTE), **late))
    younger = features_at_noon(event("departed", "A", str(noon - LOOKBACK), **late))
    pd.testing.assert_series_equal(older, alone)
    assert not younger.equals(alone)


def test_of_two_announcements_of_a_flight_at_one_time_the_same_counts_in_any_order():
    """Another source may give a flight_id away twice, with other aircraft and times."""
    rivals = [
        event("scheduled", "A", "2013-07-02T07:00:00Z"),
        event(
            "scheduled",
            "A",
            "2013-07-02T07:00:00Z",
            tail_number="N2",
            scheduled_departure="2013-07-02T09:00:00Z",
        ),
    ]
    flight = pd.DataFrame([event("scheduled", "B", "2013-07-02T07:30:00Z", tail_number="N2")])
    first, second = (build_features(flight, pd.DataFrame(given)) for given in (rivals, rivals[::-1]))
    pd.testing.assert_frame_equal(first, second)


def test_the_order_of_events_and_repeated_events_do_not_matter():
    events = events_from_flights(network(300))
    flights = scheduled_flights(events)
    expected = bits(build_features(flights, events))
    twice = pd.concat([events, events]).sample(frac=1, random_state=3)
    np.testing.assert_array_equal(bits(build_features(flights, twice)), expected)


def test_the_first_of_two_reports_of_the_same_event_counts():
    first = event("departed", "A", "2013-07-02T11:00:00Z", departure_delay_minutes=20.0)
    correction = event("departed", "A", "2013-07-02T11:30:00Z", departure_delay_minutes=50.0)
    assert features_at_noon(correction, first)["network_departed_mean_delay_2h"] == 20.0


def test_an_event_at_exactly_the_prediction_moment_does_not_count():
    late = {"departure_delay_minutes": 30.0}
    assert np.isnan(
        features_at_noon(event("departed", "A", "2013-07-02T12:00:00Z", **late))[
            "network_departed_late_share_1h"
        ]
    )
    assert (
        features_at_noon(event("departed", "A", "2013-07-02T11:59:59Z", **late))[
            "network_departed_late_share_1h"
        ]
        == 1.0
    )


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
