"""Forecasts for a later inbound leg: features of the changed events, everything else as it is."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from flight_assets.contracts.feature_windows import PAST_COLUMNS
from flight_assets.contracts.features import AIRCRAFT_FEATURES
from flight_assets.contracts.tables import PREDICTED_COLUMNS, STAGING, arrow_schema
from flight_assets.delay_model.features.build import build_features
from flight_assets.delay_model.registry.shipped import shipped_model
from flight_assets.delay_model.serving.predict import predict
from flight_assets.pipeline.inference import FLAT_COLUMNS
from flight_assets.queries.forecast_now import flat_events
from flight_assets.queries.what_if import (
    COLUMNS,
    aircraft_features,
    announcement,
    later_inbound,
    with_aircraft,
)
from flight_assets.stores import mongo_documents
from flight_assets.tenancy import EVERYTHING
from flight_assets_tests.unit.test_risk import NOW, UNITED, database, flight, minutes
from flight_assets_tests.unit.test_rotation import DEPARTED, LANDED, leg

OWN = flight("UA1", 60)
PAST_SCHEMA = pa.schema([arrow_schema(STAGING).field(name) for name in PAST_COLUMNS])
OTHERS = [
    leg(
        f"UA{number}",
        -200 + number,
        tail_number=f"N{number}",
        **DEPARTED | {"departure_delay_minutes": number},
    )
    for number in range(20, 60)
]


def happened(*documents: dict) -> pd.DataFrame:
    """The announcement, and the departure if there is one, of some flights."""
    rows = []
    for one in documents:
        past = {name: one.get(name) for name in PAST_COLUMNS}
        plan = one["scheduled_departure"]
        none = {"departure_delay_minutes": None, "arrival_delay_minutes": None}
        rows.append(past | none | {"event_type": "scheduled", "timestamp": plan - minutes(60)})
        if one["event_type"] != "scheduled":
            late = one["departure_delay_minutes"]
            departed = {
                "event_type": "departed",
                "timestamp": plan + minutes(late),
                "arrival_delay_minutes": None,
            }
            rows.append(past | departed)
    return pa.Table.from_pylist(rows, schema=PAST_SCHEMA).to_pandas()


class OnDemand:
    """Forecasts on demand over some events, by the general model of the package."""

    def __init__(self, events: pd.DataFrame) -> None:
        self._events = events

    def features(self, events: pa.Table) -> pd.DataFrame:
        return build_features(flat_events(events).select(FLAT_COLUMNS).to_pandas(), self._events)

    def past_events(self, days: set) -> pa.Table:
        assert {(NOW - minutes(0)).date(), (NOW - minutes(48 * 60)).date()} <= days
        return pa.Table.from_pandas(self._events, PAST_SCHEMA, preserve_index=False)

    def forecast_from(self, events: pa.Table, features: pd.DataFrame) -> list[dict]:
        assert events.num_rows == len(features)
        said = predict(shipped_model(), features).assign(model_version="v1", maker="model")
        return [dict.fromkeys(PREDICTED_COLUMNS) | row for row in said.to_dict("records")]


def test_the_features_of_the_known_delay_are_those_of_all_events():
    inbound = leg(**DEPARTED)
    own, past = flight("UA1", 60), happened(OWN, inbound)
    event = announcement(mongo_documents.flight(own), NOW)
    everything = build_features(
        flat_events(event).select(FLAT_COLUMNS).to_pandas(), pd.concat([past, happened(*OTHERS)])
    )
    (found,) = aircraft_features(event, past, inbound["flight_id"], [25.0]).to_numpy()
    expected = everything[list(AIRCRAFT_FEATURES)].to_numpy()[0]
    assert np.array_equal(found, expected, equal_nan=True)
    assert np.isfinite(found).sum() > 8


def test_each_case_is_an_aircraft_of_its_own():
    inbound = leg(**DEPARTED)
    event, past = announcement(mongo_documents.flight(OWN), NOW), happened(OWN, inbound)
    together = aircraft_features(event, past, inbound["flight_id"], [25.0, 55.0, 115.0])
    alone = aircraft_features(event, past, inbound["flight_id"], [115.0])
    assert together["inbound_delay_minutes"].tolist() == [25, 55, 115]
    assert together["inbound_slack_minutes"].tolist() == [35, 5, -55]
    assert np.array_equal(together.to_numpy()[2], alone.to_numpy()[0], equal_nan=True)


def test_all_other_features_stay():
    event, past = announcement(mongo_documents.flight(OWN), NOW), happened(OWN, leg(**DEPARTED), *OTHERS)
    features = OnDemand(past).features(event)
    own = aircraft_features(
        event, past[past["tail_number"] == OWN["tail_number"]], leg()["flight_id"], [25.0, 90.0]
    )
    both = with_aircraft(features, own)
    assert list(both.columns) == list(features.columns)
    rest = both.drop(columns=list(AIRCRAFT_FEATURES))
    for row in rest.to_numpy():
        assert np.array_equal(row, features[rest.columns].to_numpy()[0], equal_nan=True)


@pytest.mark.parametrize(
    ("own", "inbound"),
    [(OWN, leg(**DEPARTED)), (flight("UA1", 200), leg(ahead=-10))],
    ids=["in the air", "overdue"],
)
def test_a_later_inbound_leg_makes_a_late_arrival_likelier(own, inbound):
    on_demand = OnDemand(happened(own, inbound, *OTHERS))
    found = later_inbound(on_demand, database(own, inbound, *OTHERS), EVERYTHING, own["_id"], (0, 60, 120))
    assert tuple(found.columns) == COLUMNS
    known = found["inbound_delay_minutes"][0]
    assert found["inbound_delay_minutes"].tolist() == [known, known + 60, known + 120]
    assert found["turnaround_minutes"].is_monotonic_decreasing
    late = found["probability_delayed_15"].tolist()
    assert late[2] > late[0] + 0.2
    assert found["predicted_mean_delay_minutes"][2] > found["predicted_mean_delay_minutes"][0] + 30
    assert inbound["flight_id"] in found.attrs["inbound"]


@pytest.mark.parametrize(
    ("own", "inbound", "refusal"),
    [
        (OWN, leg(destination="JFK"), "no inbound leg"),
        (OWN, leg(**LANDED), "has arrived"),
        (OWN | {"event_type": "departed"}, leg(**DEPARTED), "has departed"),
        (OWN | {"tail_number": None}, leg(**DEPARTED), "no inbound leg"),
    ],
)
def test_a_flight_without_a_leg_that_can_be_late_is_told_so(own, inbound, refusal):
    found = later_inbound(OnDemand(happened(OWN)), database(own, inbound), EVERYTHING, OWN["_id"])
    assert found.empty
    assert refusal in found.attrs["refusal"]


def test_a_leg_without_events_in_the_warehouse_is_told_so():
    db = database(OWN, leg(**DEPARTED))
    found = later_inbound(OnDemand(happened(OWN)), db, EVERYTHING, OWN["_id"])
    assert "not in the warehouse yet" in found.attrs["refusal"]


def test_a_flight_or_leg_of_another_tenant_is_not_seen():
    other, inbound = flight("AA1", 60), leg("AA7", **DEPARTED)
    on_demand = OnDemand(happened(OWN, other, inbound))
    assert "not here" in later_inbound(on_demand, database(other), UNITED, other["_id"]).attrs["refusal"]
    found = later_inbound(on_demand, database(OWN, inbound), UNITED, OWN["_id"])
    assert "no inbound leg" in found.attrs["refusal"]
