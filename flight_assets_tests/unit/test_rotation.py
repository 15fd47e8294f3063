"""The inbound leg of a flight, as the model's features see it, and the chain of an aircraft."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from flight_assets.contracts.feature_windows import PAST_COLUMNS
from flight_assets.delay_model.features.build import build_features
from flight_assets.delay_model.features.events import FLIGHT_COLUMNS
from flight_assets.queries.rotation import chain, inbound_leg
from flight_assets.tenancy import EVERYTHING
from flight_assets_tests.unit.test_risk import NOW, UNITED, database, flight, minutes


def leg(name: str = "UA7", ahead: float = -120, **changes) -> dict:
    """A leg of two hours into EWR, announced, planned to leave in ``ahead`` minutes."""
    return flight(name, ahead, **{"origin": "IAH", "destination": "EWR", **changes})


DEPARTED = {"event_type": "departed", "departure_delay_minutes": 25.0}
LANDED = {"event_type": "arrived", "departure_delay_minutes": 0.0, "arrival_delay_minutes": -20.0}
# Inbound leg, minutes until the flight's own departure, and its delay.
STATES = {
    "announced and overdue": (leg(ahead=-30), 150, 30),
    "announced and ahead": (leg(ahead=10), 200, 0),
    "departed": (leg(**DEPARTED), 60, 25),
    "departed and later than expected": (leg(ahead=-200, **DEPARTED), 60, 25),
    "arrived early": (leg(ahead=-130, **LANDED), 60, -20),
}


@pytest.mark.parametrize("state", STATES)
def test_the_delay_and_the_minutes_left_are_those_of_the_models_features(state):
    inbound, ahead, late = STATES[state]
    own = flight("UA1", ahead)
    found, features = inbound_leg(own, [inbound], NOW), _features(own, inbound)
    assert found.delay_minutes == late == pytest.approx(features["inbound_delay_minutes"])
    assert found.left_minutes == pytest.approx(features["inbound_slack_minutes"])
    assert found.planned_minutes == pytest.approx(features["inbound_planned_turnaround_minutes"])


def _features(own: dict, inbound: dict) -> pd.Series:
    """The features of a flight at NOW, from the events of its inbound leg."""
    asked = pd.DataFrame([{name: own.get(name, np.nan) for name in FLIGHT_COLUMNS} | {"timestamp": NOW}])
    times = {
        "scheduled": inbound["scheduled_departure"] - minutes(300),
        "departed": inbound["scheduled_departure"] + minutes(inbound["departure_delay_minutes"] or 0),
        "arrived": inbound["scheduled_arrival"] + minutes(inbound["arrival_delay_minutes"] or 0),
    }
    kinds = list(times)[: list(times).index(inbound["event_type"]) + 1]
    events = pd.DataFrame(
        [
            {name: inbound.get(name) for name in PAST_COLUMNS}
            | {"event_type": kind, "timestamp": times[kind]}
            for kind in kinds
        ]
    )
    return build_features(asked, events).iloc[0]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"destination": "JFK"}, "another airport"),
        ({"event_type": "cancelled"}, "cancelled"),
        ({"event_type": "diverted"}, "diverted"),
        ({"scheduled_arrival": NOW + minutes(50)}, "a turnaround of 10 minutes"),
        ({"scheduled_arrival": NOW - minutes(16 * 60)}, "a turnaround of 17 hours"),
        ({"scheduled_arrival": None}, "no planned arrival"),
    ],
)
def test_what_looks_like_no_turnaround_is_no_inbound_leg(changes, why):
    own = flight("UA1", 60)
    assert inbound_leg(own, [leg()], NOW) is not None
    assert inbound_leg(own, [leg(**changes)], NOW) is None, why


def test_the_last_planned_leg_counts():
    own = flight("UA1", 200)
    found = inbound_leg(own, [leg("UA7", -400), leg("UA8", -100), leg("UA9", -300)], NOW)
    assert found.flight_id.startswith("UA8")


@pytest.mark.parametrize(
    ("inbound", "words"),
    [
        (leg(ahead=10), "has not left yet"),
        (leg(ahead=-30), "has not left, 30 min after its plan"),
        (leg(**DEPARTED), "left 25 min late"),
        (leg(event_type="arrived", arrival_delay_minutes=-5.0), "landed 5 min early"),
        (leg(event_type="arrived", arrival_delay_minutes=0.0), "landed on time"),
    ],
)
def test_the_leg_is_told_in_words(inbound, words):
    assert f"from IAH {words}: " in inbound_leg(flight("UA1", 200), [inbound], NOW).words()


def test_a_chain_has_the_legs_of_the_aircraft_around_the_flight_in_order():
    tail = {"tail_number": "N5"}
    legs = [leg("UA7", -120, **tail), leg("AA8", -400, **tail), leg("UA9", -2_000, **tail), leg("UA6", -120)]
    own = flight("UA1", 60, **tail)
    db = database(own, *legs)
    assert [each[:3] for each in chain(db, EVERYTHING, own["_id"])["flight_id"]] == ["AA8", "UA7", "UA1"]
    assert [each[:3] for each in chain(db, UNITED, own["_id"])["flight_id"]] == ["UA7", "UA1"]
    assert chain(db, UNITED, legs[1]["_id"]).empty
    assert list(
        chain(database(flight("UA1", 60, tail_number=None)), EVERYTHING, own["_id"])["flight_id"]
    ) == [own["_id"]]
