"""The features: what they count, what they must not see, and that they are the same bits however much history
is given.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from flight_assets.contracts.feature_windows import LOOKBACK
from flight_assets.contracts.features import FEATURE_NAMES, FEATURES
from flight_assets.delay_model.features.build import build_features
from flight_assets.delay_model.features.events import (
    events_from_flights,
    scheduled_flights,
)
from flight_assets_tests.unit.feature_network import (
    HOUR,
    MINUTE,
    START,
    bits,
    event,
    features_at_noon,
    network,
)


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
