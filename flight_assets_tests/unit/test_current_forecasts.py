"""Current forecasts without a store: which row a flight gets, what is refreshed, and words for it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from flight_assets.bench import hot_flights
from flight_assets.contracts.current_forecasts import FORECAST_FIELDS, KEPT_AFTER_ARRIVAL, VALIDATOR
from flight_assets.contracts.departed import ANNOUNCED, DEPARTED
from flight_assets.contracts.features import FEATURE_NAMES
from flight_assets.delay_model.features.build import build_features, features_of
from flight_assets.delay_model.features.events import events_from_flights, scheduled_flights
from flight_assets.delay_model.features.running import RunningHistory
from flight_assets.delay_model.registry.shipped import shipped_model
from flight_assets.delay_model.serving.reasons import MOST_REASONS, reasons_in_words
from flight_assets.pipeline import refresh_forecasts
from flight_assets.pipeline.current_forecasts import as_announced, departed_documents, left_in_words
from flight_assets.pipeline.inference import FLAT_COLUMNS
from flight_assets.stores import mongo_documents
from flight_assets_tests.unit.feature_network import bits, network

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


def document(**changes: object) -> dict[str, object]:
    """A departed flight of the hot store."""
    prediction = {
        **dict.fromkeys(FORECAST_FIELDS, 4.0),
        "probability_delayed_15": 0.25,
        "model_version": "v1",
        "maker": "model",
        "domain_mark": "in_domain",
        "domain_reasons": None,
    }
    return {
        "_id": "UA1-EWR-20260701",
        "event_type": "departed",
        "timestamp": NOON,
        "ingestion_timestamp": NOON + timedelta(days=30),
        "airline": "UA",
        "origin": "EWR",
        "destination": "IAH",
        "tail_number": None,
        "scheduled_departure": NOON - timedelta(minutes=40),
        "scheduled_arrival": NOON + timedelta(hours=3),
        "distance_miles": 1_400.0,
        "departure_delay_minutes": 40.0,
        "prediction": prediction,
        **changes,
    }


def test_an_announced_flight_has_its_frozen_forecast_and_a_departed_one_its_own():
    frozen = as_announced(document(event_type="scheduled", departure_delay_minutes=None))
    (followed,) = departed_documents([document()], shipped_model())
    assert (frozen["stage"], followed["stage"]) == (ANNOUNCED, DEPARTED)
    assert {frozen[name] for name in FORECAST_FIELDS if name != "probability_delayed_15"} == {4.0}
    assert followed["interval_low_minutes"] < followed["predicted_delay_minutes"] < 60
    assert followed["predicted_delay_minutes"] > 15 < followed["interval_high_minutes"]
    assert followed["reasons"] == ["it left 40 minutes late"]
    assert followed["model_version"] == shipped_model().manifest.version
    for row in (frozen, followed):
        assert set(VALIDATOR["$jsonSchema"]["required"]) <= set(row)
        assert set(VALIDATOR["$jsonSchema"]["properties"]) <= set(row)


def test_a_row_expires_by_the_brokers_clock_after_the_planned_arrival():
    row = as_announced(document(event_type="scheduled"))
    assert row["expires_at"] == NOON + timedelta(days=30, hours=3) + KEPT_AFTER_ARRIVAL
    assert as_announced(document(scheduled_arrival=None))["expires_at"] > row["expires_at"]


def test_a_departed_flight_without_delay_or_model_has_no_row():
    assert departed_documents([document(departure_delay_minutes=None)], shipped_model()) == []
    assert departed_documents([document()], None) == []


def test_a_flight_without_announced_forecast_still_gets_one_when_it_leaves():
    (row,) = departed_documents([document(prediction=None)], shipped_model())
    assert np.isfinite(row["predicted_delay_minutes"])
    assert row["domain_mark"] is None


@pytest.mark.parametrize(
    ("delay", "words"), [(0.2, "on time"), (12.4, "12 minutes late"), (-7.0, "7 minutes early")]
)
def test_the_departure_in_words(delay: float, words: str):
    assert left_in_words(delay) == f"it left {words}"


def test_a_document_of_the_hot_store_has_all_that_a_forecast_needs():
    rows = hot_flights.fact_rows(3, *(datetime(2026, 6, 1, hour, tzinfo=UTC) for hour in (12, 13)), 0)
    documents = [mongo_documents.document(row) for row in rows]
    table = refresh_forecasts.events_at(documents, datetime(2026, 6, 1, 14, tzinfo=UTC))
    assert tuple(table.column_names) == (*FLAT_COLUMNS, "hour")
    assert table["temperature_f"].to_pylist() == [each["weather"]["temperature_f"] for each in documents]


def test_reasons_are_few_and_unknown_values_say_nothing():
    features = pd.DataFrame(np.nan, index=range(3), columns=list(FEATURE_NAMES), dtype=np.float32)
    features.loc[1, "inbound_delay_minutes"] = 41
    features.loc[2, ["inbound_delay_minutes", "inbound_slack_minutes"]] = 90, -35
    features.loc[2, ["origin_departing_current_delay_3h", "origin_cancelled_share_3h"]] = 30, 0.4
    said = reasons_in_words(features)
    assert said[0] == []
    assert said[1] == ["the inbound flight is 41 minutes late"]
    assert said[2][1] == "the aircraft comes 35 minutes after the planned departure"
    assert len(said[2]) == MOST_REASONS


def later(minutes: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Announced flights of the random network that have not left so long after, forecast at that moment."""
    events = events_from_flights(network())
    flights = scheduled_flights(events)
    ended = events[events["event_type"] != "scheduled"].groupby("flight_id")["timestamp"].min()
    moment = flights["timestamp"] + pd.Timedelta(minutes=minutes)
    is_open = flights["flight_id"].map(ended).isna() | (flights["flight_id"].map(ended) >= moment)
    return flights.assign(timestamp=moment)[is_open].reset_index(drop=True), events


@pytest.mark.parametrize("minutes", [0, 30, 100])
def test_forecast_again_a_flight_is_not_among_the_other_flights_of_its_aircraft(minutes: int):
    flights, events = later(minutes)
    names = ["aircraft_pending_flights", "aircraft_pending_overdue_minutes"]
    with_own = build_features(flights, events)
    for row in range(0, len(flights), 150):
        one = flights.iloc[row : row + 1]
        others = events[events["flight_id"] != one["flight_id"].iloc[0]]
        np.testing.assert_array_equal(
            bits(build_features(one, others)[names]), bits(with_own.iloc[row : row + 1][names])
        )


def test_forecast_again_live_and_in_batches_sees_the_same_bits():
    flights, events = later(30)
    history = RunningHistory()
    for start in range(0, len(events), 500):
        history.add(events.iloc[start : start + 500])
    np.testing.assert_array_equal(
        bits(features_of(history.at(flights))), bits(build_features(flights, events))
    )


def test_nothing_at_or_after_the_clock_counts_when_a_flight_is_forecast_again():
    flights, events = later(30)
    clock = flights["timestamp"].iloc[700]
    now = flights[flights["timestamp"].between(clock - pd.Timedelta(hours=1), clock)].assign(timestamp=clock)
    past, future = events[events["timestamp"] < clock], events[events["timestamp"] >= clock]
    contradicted = future.assign(departure_delay_minutes=999.0, arrival_delay_minutes=999.0, tail_number="N1")
    np.testing.assert_array_equal(
        bits(build_features(now, pd.concat([past, contradicted]))), bits(build_features(now, past))
    )
