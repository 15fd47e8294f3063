"""Weather at the destination: only what was known, the same features everywhere, and older models serve."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import xgboost as xgb

from flight_assets.contracts.features import FEATURE_NAMES, FEATURES_OF_VERSION
from flight_assets.contracts.message import FLAT_WEATHER, WEATHER_FIELDS
from flight_assets.contracts.published import example
from flight_assets.contracts.reference import Reference, load_reference
from flight_assets.delay_model.features.build import build_features
from flight_assets.delay_model.features.events import scheduled_flights
from flight_assets.delay_model.registry.artifact import read_folder
from flight_assets.delay_model.registry.shipped import FOLDER
from flight_assets.delay_model.serving.domain import marks
from flight_assets.delay_model.serving.predict import predict
from flight_assets.delay_model.training.boosters import widened
from flight_assets.pipeline.inference import FLAT_COLUMNS, flat_table
from flight_assets.producer.events import encode_events, order_events
from flight_assets.sources.weather import Weather, read_weather
from flight_assets.transforms.check import check
from flight_assets.transforms.inputs import Checks

VALUES = tuple(field.name for field in WEATHER_FIELDS)
AT_DESTINATION = tuple(f"destination_{name}" for name in VALUES)
KNOWN = {
    "temperature_f": 61.0,
    "wind_speed_mph": 11.5,
    "visibility_miles": 0.5,
}
REPORTS = "\n".join(
    [
        "airport,timestamp,temperature_f,wind_speed_mph,visibility_miles",
        "EWR,2024-06-12T12:30:00Z,50,5,10",
        "IAH,2024-06-12T12:59:59Z,61,11.5,0.5",
        "IAH,2024-06-12T13:00:01Z,99,99,9",
    ]
)


@pytest.fixture(scope="module")
def reference() -> Reference:
    return load_reference()


@pytest.fixture
def weather(tmp_path: Path, reference: Reference) -> Weather:
    path = tmp_path / "weather.csv"
    path.write_text(REPORTS)
    return read_weather([path], reference, lead_minutes=60)


def flight(**changes) -> pd.DataFrame:
    """A flight that is announced at 13:00 UTC, as a loader has it."""
    values = {
        "flight_id": "UA1545-EWR-20240612",
        "airline": "UA",
        "flight_number": 1545,
        "tail_number": "N14228",
        "origin": "EWR",
        "destination": "IAH",
        "scheduled_departure": pd.Timestamp("2024-06-12T14:00"),
        "scheduled_arrival": pd.Timestamp("2024-06-12T18:30"),
        "distance_miles": 1_400.0,
        "departure_delay_minutes": np.nan,
        "arrival_delay_minutes": np.nan,
        "cancelled": False,
    }
    return pd.DataFrame([values | changes])


def staged(message: bytes, reference: Reference) -> pa.RecordBatch:
    raw = pa.RecordBatch.from_pydict(
        {
            "key": [b""],
            "value": [message],
            "topic": [""],
            "kafka_partition": pa.array([0], pa.int32()),
            "kafka_offset": pa.array([0], pa.int64()),
            "ingestion_timestamp": pa.array(
                [pd.Timestamp("2024-06-12T13:00:02Z")], pa.timestamp("us", "UTC")
            ),
            "batch_id": pa.array([0], pa.int64()),
        }
    )
    return check(raw, Checks(reference))


def first_message(flights: pd.DataFrame, version: int = 3) -> bytes:
    return next(iter(encode_events(flights, order_events(flights), version=version))).value


def test_a_report_after_the_moment_of_prediction_is_never_seen(weather: Weather) -> None:
    found = weather.add_to(flight()).iloc[0]
    assert (found["temperature_f"], found["destination_temperature_f"]) == (50.0, 61.0)
    earlier = flight(scheduled_departure=pd.Timestamp("2024-06-12T13:59:58"))
    assert pd.isna(weather.add_to(earlier).iloc[0]["destination_temperature_f"])
    later = flight(scheduled_departure=pd.Timestamp("2024-06-12T14:00:01"))
    assert weather.add_to(later).iloc[0]["destination_temperature_f"] == 99.0


def test_it_comes_through_file_message_check_and_features_unchanged(
    weather: Weather, reference: Reference
) -> None:
    message = first_message(weather.add_to(flight()))
    assert json.loads(message)["destination_weather"] == dict.fromkeys(VALUES) | KNOWN
    row = staged(message, reference)
    assert row.column("reason").to_pylist() == [None]
    flat = flat_table(row.to_struct_array())
    assert tuple(flat.column_names) == FLAT_COLUMNS
    flights = flat.to_pandas()
    features = build_features(flights, flights.iloc[:0])
    assert features.loc[0, [f"destination_{name}" for name in KNOWN]].tolist() == list(KNOWN.values())
    assert features["temperature_f"].tolist() == [50.0]


def test_training_from_files_and_serving_have_the_same_features(
    weather: Weather, reference: Reference
) -> None:
    from flight_assets.delay_model.features.events import events_from_flights

    loaded = weather.add_to(flight())
    events = events_from_flights(loaded)
    trained = build_features(scheduled_flights(events), events)
    served = flat_table(staged(first_message(loaded), reference).to_struct_array()).to_pandas()
    pd.testing.assert_frame_equal(trained, build_features(served, served.iloc[:0]))


def test_messages_without_it_stay_valid_and_an_older_version_does_not_have_it(reference: Reference) -> None:
    row = staged(first_message(flight(), version=1), reference)
    assert row.column("destination_weather").to_pylist() == [None]
    old = json.loads(first_message(flight(), version=1)) | {"destination_weather": {"temperature_f": 1.0}}
    row = staged(json.dumps(old).encode(), reference)
    assert row.column("unknown_fields").to_pylist() == [["destination_weather"]]
    assert row.column("destination_weather").to_pylist() == [None]


def test_an_implausible_value_is_dropped_and_the_score_stays(reference: Reference) -> None:
    message = json.loads(first_message(flight()))
    measured = {"temperature_f": 400.0, "humidity_pct": 50.0, "pressure_mb": "high", "wind": 3}
    with_it, without = (
        staged(json.dumps(message | more).encode(), reference)
        for more in ({"destination_weather": measured}, {})
    )
    [kept] = with_it.column("destination_weather").to_pylist()
    assert (kept["temperature_f"], kept["humidity_pct"], kept["pressure_mb"]) == (None, 50.0, None)
    assert with_it.column("cleaned").to_pylist() == [["destination_weather.pressure_mb"]]
    assert with_it.column("unknown_fields").to_pylist() == [["destination_weather.wind"]]
    assert with_it.column("quality_score") == without.column("quality_score")


def test_the_published_contract_has_it() -> None:
    from flight_assets.contracts.message import EventType

    assert set(example(EventType.SCHEDULED)["destination_weather"]) == set(VALUES)
    assert "destination_weather" not in example(EventType.SCHEDULED, version=2)


def test_a_new_version_of_the_features_adds_at_the_end_only() -> None:
    assert FEATURES_OF_VERSION[2] == FEATURE_NAMES[: len(FEATURES_OF_VERSION[2])]
    assert FEATURE_NAMES[len(FEATURES_OF_VERSION[2]) :] == AT_DESTINATION
    assert tuple(FLAT_WEATHER) == (*VALUES, *AT_DESTINATION)


@pytest.fixture(scope="module")
def features() -> pd.DataFrame:
    values = np.random.default_rng(3).normal(size=(200, len(FEATURE_NAMES))).astype(np.float32)
    return pd.DataFrame(values, columns=list(FEATURE_NAMES))


def test_the_shipped_model_serves_unchanged_whatever_the_weather_there(features: pd.DataFrame) -> None:
    model = read_folder(FOLDER)
    own = features[list(FEATURES_OF_VERSION[model.manifest.feature_contract_version])]
    pd.testing.assert_frame_equal(predict(model, features), predict(model, own))
    pd.testing.assert_frame_equal(marks(model.manifest, features), marks(model.manifest, own))


def test_a_model_that_starts_from_an_older_one_may_use_it(features: pd.DataFrame) -> None:
    older = read_folder(FOLDER).boosters["mean"]
    booster = widened(older, FEATURE_NAMES)
    own = features.to_numpy()[:, : older.num_features()]
    assert (booster.inplace_predict(features.to_numpy()) == older.inplace_predict(own)).all()
    label = 100.0 * features["destination_visibility_miles"]
    data = xgb.DMatrix(features, label)
    grown = xgb.train({"eta": 1.0, "nthread": 1}, data, 5, xgb_model=booster)
    assert "destination_visibility_miles" in grown.get_score()
