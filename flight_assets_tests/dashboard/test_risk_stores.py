"""The risk board and the reliability diagram on real stores, with known answers and through an index."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pymongo import MongoClient

from flight_assets.bench.warehouse_flights import FLIGHTS
from flight_assets.queries import calibration, risk, rotation
from flight_assets.queries.filters import Filters
from flight_assets.stores import mongo
from flight_assets.stores.warehouse import Warehouse, connect
from flight_assets.tenancy import EVERYTHING
from flight_assets_tests.dashboard.conftest import with_stores
from flight_assets_tests.unit.test_risk import NOW, UNITED, current, flight, ids
from flight_assets_tests.unit.test_rotation import DEPARTED, leg

pytestmark = pytest.mark.integration
NAME = "risk_board"
MANY = 2_000


@pytest.fixture(scope="module")
def db(platform) -> Iterator[Any]:
    """A database with a board's flights among many that have ended."""
    settings = with_stores(platform, NAME)
    mongo.ensure_collection(settings)
    ended = [
        flight(
            f"DL{number}",
            -300,
            event_type="arrived",
            timestamp=NOW - timedelta(minutes=number),
            tail_number="N9",
        )
        for number in range(1, MANY)
    ]
    waiting = [flight("UA1", 60, 0.3), flight("AA2", 30, 0.6, tail_number="N2"), flight("UA3", 600, 0.9)]
    with mongo.database(settings) as found:
        found[mongo.FLIGHTS].delete_many({})
        found[mongo.FLIGHTS].insert_many([*ended, *waiting, leg(**DEPARTED, timestamp=NOW)])
        found[risk.CURRENT_FORECASTS].delete_many({})
        held = current(
            waiting[0], 0.8, flight_id=waiting[0]["_id"], expires_at=datetime(2100, 1, 1, tzinfo=UTC)
        )
        held |= {"scheduled_departure": waiting[0]["scheduled_departure"], "reasons": ["it is late"]}
        found[risk.CURRENT_FORECASTS].insert_one(held)
        yield found
    with MongoClient(settings.mongo_uri) as client:
        client.drop_database(NAME)


def test_the_board_of_real_documents(db):
    asked = risk.Asked(hours_ahead=2)
    first, second = risk.rows(db, EVERYTHING, asked)
    assert ids([first, second]) == ["UA1", "AA2"]
    assert first["probability_delayed_15"] == 0.8
    assert (first["inbound_delay_minutes"], first["turnaround_minutes"]) == (25, 35)
    assert first["reasons"][0] == "it is late"
    assert ids(risk.rows(db, UNITED, asked)) == ["UA1"]
    assert [each[:3] for each in rotation.chain(db, EVERYTHING, first["flight_id"])["flight_id"]] == [
        "UA7",
        "UA1",
        "UA3",
    ]


def test_flights_that_wait_are_found_by_their_index(db):
    match = risk.Asked(hours_ahead=2).within(EVERYTHING).mongo(NOW)
    plan = db.command(
        "explain", {"find": mongo.FLIGHTS, "filter": match, "sort": {"scheduled_departure": 1}},
        verbosity="executionStats",
    )  # fmt: skip
    assert plan["executionStats"]["totalDocsExamined"] <= 3
    assert "scheduled_departure_1" in str(plan["queryPlanner"]["winningPlan"])


def test_every_arrived_flight_is_in_one_bin(full_settings):
    house = Warehouse(connect(full_settings), full_settings.warehouse_database)
    (row,) = calibration.reliability(house, Filters()).to_dict("records")
    arrived = [i for i in range(FLIGHTS) if i % 20]
    late = [i for i in arrived if i % 41 - 10 >= 15]
    assert (row["maker"], row["bin"], row["flights"], row["late"]) == ("model", 2, len(arrived), len(late))
    assert row["predicted"] == pytest.approx(0.2)
    assert row["observed"] == pytest.approx(len(late) / len(arrived))
    (united,) = calibration.reliability(house, Filters(airlines=("UA",))).to_dict("records")
    assert united["flights"] == sum(i % 3 == 0 for i in arrived)
