"""The risk board: which flights, in which order, with whose forecast, reasons and inbound leg."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from flight_assets.queries.filters import Filters
from flight_assets.queries.flight_list import Wanted
from flight_assets.queries.risk import (
    BOARD_COLUMNS,
    OVERDUE,
    RISK_COLUMNS,
    Asked,
    board,
    forecasts_of,
    in_words,
    newest_moment,
    rows,
)
from flight_assets.stores import mongo_documents
from flight_assets.tenancy import EVERYTHING, Scope
from flight_assets_tests.factories import fact
from flight_assets_tests.memory_mongo import Database

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
UNITED = Scope("united", ("UA",))


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def flight(name: str, ahead: float, probability: float | None = 0.3, **changes) -> dict:
    """A document of a flight that is announced, ``ahead`` minutes before its planned departure."""
    airline, origin = name[:2], changes.get("origin", "EWR")
    departure = NOW + minutes(ahead)
    values = {
        "flight_id": f"{name}-{origin}-20260601",
        "airline": airline,
        "flight_number": int(name[2:]),
        "origin": origin,
        "scheduled_departure": departure,
        "scheduled_arrival": departure + minutes(120),
        "timestamp": min(departure - minutes(60), NOW),
        **changes,
    }
    said = {
        "predicted_delay_minutes": 10.0,
        "predicted_mean_delay_minutes": 100.0 * (probability or 0.0),
        "interval_low_minutes": -10.0,
        "interval_high_minutes": 60.0,
        "probability_delayed_15": probability,
        "confidence": 0.5,
        "model_version": None if probability is None else "v1",
        "maker": "model",
        "domain_mark": "in_domain",
    }
    return mongo_documents.document(fact() | values | said)


def current(document: dict, probability: float, **changes) -> dict:
    said = document["prediction"] | {"probability_delayed_15": probability}
    said.pop("confidence")
    return {
        **said,
        "_id": document["_id"],
        "stage": "announced",
        "made_at": NOW - minutes(1),
        "reasons": ["the inbound flight is 40 minutes late"],
        **changes,
    }


def database(*documents: dict, current: tuple[dict, ...] = ()) -> Database:
    # The newest moment of the data is NOW, whatever flights there are.
    clock = flight("ZZ9", -300, event_type="arrived", timestamp=NOW, tail_number="N0")
    return Database(flight_events=[clock, *documents], current_forecasts=list(current))


def ids(found: list[dict]) -> list[str]:
    return [each["flight_id"].split("-")[0] for each in found]


def test_flights_of_the_next_hours_come_by_their_probability():
    db = database(
        flight("UA1", 30, 0.2),
        flight("UA2", 90, 0.9),
        flight("UA3", 121, 0.9),
        flight("UA4", 60, 0.5),
        flight("UA5", 10, 0.8, event_type="departed", departure_delay_minutes=3.0),
        flight("UA6", 10, None),
    )
    assert ids(rows(db, EVERYTHING, Asked(hours_ahead=2))) == ["UA2", "UA4", "UA1"]
    assert ids(rows(db, EVERYTHING, Asked(hours_ahead=2, least=0.5))) == ["UA2", "UA4"]
    assert ids(rows(db, EVERYTHING, Asked(hours_ahead=2, limit=1))) == ["UA2"]
    assert ids(rows(db, EVERYTHING, Asked())) == ["UA2", "UA3", "UA4", "UA1"]


def test_hours_count_from_the_newest_event_of_the_flights_in_scope():
    db = database(flight("UA1", 30))
    assert newest_moment(db, EVERYTHING) == NOW
    assert newest_moment(db, UNITED) == NOW - minutes(30)
    assert newest_moment(db, Scope("nobody", ())) is None
    assert rows(db, Scope("nobody", ()), Asked()) == []


def test_an_overdue_flight_stays_on_the_board_for_a_while():
    most = OVERDUE / minutes(1)
    db = database(flight("UA1", -40), flight("UA2", -most - 1))
    (found,) = rows(db, EVERYTHING, Asked(hours_ahead=2))
    assert found["minutes_to_departure"] == -40
    assert found["reasons"][0] == "40 min after its planned departure and not departed"


def test_by_delay_the_largest_mean_comes_first():
    late, likely = flight("UA1", 30, 0.4), flight("UA2", 30, 0.6)
    late["prediction"]["predicted_mean_delay_minutes"] = 90.0
    db = database(late, likely)
    assert ids(rows(db, EVERYTHING, Asked(order="delay"))) == ["UA1", "UA2"]
    assert ids(rows(db, EVERYTHING, Asked(order="probability"))) == ["UA2", "UA1"]


def test_a_current_forecast_takes_the_place_of_the_announcements():
    risen, other = flight("UA1", 30, 0.1), flight("UA2", 30, 0.5)
    db = database(risen, other, current=(current(risen, 0.8),))
    first, second = rows(db, EVERYTHING, Asked(least=0.4))
    assert (first["flight_id"], first["probability_delayed_15"]) == (risen["_id"], 0.8)
    assert first["forecast_made_at"] == NOW - minutes(1)
    assert first["confidence"] is None
    assert first["reasons"] == ["the inbound flight is 40 minutes late"]
    assert (second["probability_delayed_15"], second["confidence"]) == (0.5, 0.5)
    assert second["forecast_made_at"] == other["timestamp"]
    fallen = database(risen, other, current=(current(other, 0.05),))
    assert ids(rows(fallen, EVERYTHING, Asked(least=0.08))) == ["UA1"]


def test_a_flight_without_a_forecast_has_no_place():
    assert forecasts_of({"a": {"prediction": None}, "b": {}}, {}) == {}


def test_the_board_has_the_filters_of_a_list():
    db = database(flight("UA1", 30), flight("AA2", 30), flight("UA3", 30, origin="JFK"))
    filters = Filters(airlines=("UA",), origins=("EWR",))
    assert ids(rows(db, EVERYTHING, Asked(Wanted(filters)))) == ["UA1"]


def test_no_flight_or_leg_of_another_tenant_is_on_the_board():
    lands = flight("AA7", -200, origin="IAH", destination="EWR", event_type="departed")
    db = database(flight("UA1", 30), flight("AA2", 30), lands)
    (found,) = rows(db, UNITED, Asked(Wanted(Filters(airlines=("UA", "AA")))))
    assert found["flight_id"] == "UA1-EWR-20260601"
    assert found["inbound_flight_id"] is None
    (_, seen) = rows(db, EVERYTHING, Asked(Wanted(Filters(airlines=("UA", "AA")))))
    assert seen["inbound_flight_id"] == lands["_id"]


def test_a_row_tells_the_inbound_leg_and_the_turnaround_that_is_left():
    lands = flight(
        "UA7", -120, origin="IAH", destination="EWR", event_type="departed", departure_delay_minutes=25.0
    )
    (found,) = rows(database(flight("UA1", 60), lands), EVERYTHING, Asked(hours_ahead=2))
    assert set(RISK_COLUMNS) <= set(found)
    assert (found["inbound_flight_id"], found["inbound_state"]) == (lands["_id"], "departed")
    assert (found["inbound_delay_minutes"], found["planned_turnaround_minutes"]) == (25, 60)
    assert found["turnaround_minutes"] == 35
    assert found["reasons"] == [
        "inbound UA7-IAH-20260601 from IAH left 25 min late: 35 of 60 planned minutes on the ground are left"
    ]


@pytest.mark.parametrize(
    ("forecast", "words"),
    [
        ({"reasons": [], "maker": "model"}, []),
        (
            {"reasons": ["a"], "maker": "baseline"},
            ["a", "the running baseline forecasts: airline, origin and hour only"],
        ),
    ],
)
def test_reasons_name_the_maker_if_it_is_the_baseline(forecast, words):
    assert in_words(forecast, None, 30) == words


def test_the_page_gets_one_row_per_flight_with_texts_and_the_moment():
    frame = board(database(flight("UA1", 60)), EVERYTHING, Asked(hours_ahead=2))
    assert tuple(frame.columns) == BOARD_COLUMNS
    assert frame.attrs["now"] == "2026-06-01T12:00:00+00:00"
    assert str(frame["scheduled_departure"].dtype).endswith("UTC]")
    assert frame["reasons"].tolist() == [""]
    empty = board(database(), EVERYTHING, Asked())
    assert empty.empty
    assert tuple(empty.columns) == BOARD_COLUMNS
