"""Live queries against real stores with known flights, which can be counted by hand."""

from __future__ import annotations

import pytest

from flight_assets.bench.warehouse_flights import FLIGHTS
from flight_assets.errors import FlightsError
from flight_assets.queries import flight_latency, live
from flight_assets.queries.filters import Filters
from flight_assets.stores import mongo, mongo_documents
from flight_assets_tests.dashboard.test_queries import ARRIVAL, NUMBERS, mean

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def db(full_settings):
    with mongo.database(full_settings) as found:
        yield found


def test_the_hot_store_is_as_large_as_dbstats_says(db):
    row = live.hot_store(db).iloc[0]
    stats = db.command("dbStats")
    assert row.documents == FLIGHTS
    assert row.size_mb == pytest.approx((stats["dataSize"] + stats["indexSize"]) / 1e6)


def test_live_windows_count_the_flights_that_came_in(db):
    frame = live.over_time(db, 60, "minute")
    assert frame["flights"].sum() == FLIGHTS
    assert len(frame) in (60, 61)
    assert live.over_time(db, 60, "minute", Filters(airlines=("UA",)))["flights"].sum() == FLIGHTS // 3
    assert live.over_time(db, 1, "minute").empty or live.over_time(db, 1, "minute")["flights"].sum() < FLIGHTS


def test_live_routes_have_the_measures_of_their_flights(db):
    frame = live.by_route(db, 60).set_index("route")
    of_route = [i for i in NUMBERS if i % 4 == 0]
    assert frame.loc["EWR-IAH", "flights"] == len(of_route)
    assert frame.loc["EWR-IAH", "cancelled"] == len([i for i in of_route if i % 20 == 0])
    assert frame.loc["EWR-IAH", "mean_arrival_delay"] == pytest.approx(
        mean(ARRIVAL[i] for i in of_route if i % 20)
    )
    assert frame.loc["EWR-IAH", "late_share"] == pytest.approx(
        mean(ARRIVAL[i] >= 15 for i in of_route if i % 20)
    )


def test_latest_pages_follow_each_other_without_gap_or_repeat(db):
    pages = [live.latest(db, page=number, size=500) for number in range(3)]
    ids = [flight_id for page in pages for flight_id in page["flight_id"]]
    assert (len(ids), len(set(ids))) == (FLIGHTS, FLIGHTS)
    assert pages[0]["ingestion_timestamp"].is_monotonic_decreasing
    with pytest.raises(FlightsError, match="too far back"):
        live.latest(db, page=10_000, size=25)


def test_a_flight_that_no_batch_has_confirmed_is_shown_without_one(db):
    flights = db["flight_events"]
    before = flights.find_one({"flight_id": "UA1000-EWR-20260601"})
    flights.update_one({"_id": before["_id"]}, {"$set": {"batch_id": mongo_documents.UNCONFIRMED}})
    try:
        assert live.latest(db, search="UA1000")["batch_id"].isna().tolist() == [True]
    finally:
        flights.replace_one({"_id": before["_id"]}, before)
    assert live.latest(db, search="UA1000")["batch_id"].tolist() == [before["batch_id"]]


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("UA1000", {"UA1000-EWR-20260601"}),
        ("ewr-iah", None),
        ("XXX", set()),
        ("$where", set()),
        (".*", set()),
    ],
)
def test_search(db, search, found):
    frame = live.latest(db, search=search, size=1000)
    assert (set(frame["flight_id"]) == found) if found is not None else (len(frame) == FLIGHTS // 4)


@pytest.mark.parametrize(
    "call", [lambda db: live.over_time(db, 60, "minute"), lambda db: live.by_route(db, 60)]
)
def test_windows_go_in_by_the_index(db, call):
    db.command("profile", 2)
    try:
        call(db)
        entry = db["system.profile"].find_one(
            {"ns": f"{db.name}.flight_events", "op": "command"}, sort=[("ts", -1)]
        )
    finally:
        db.command("profile", 0)
        db.drop_collection("system.profile")
    assert "IXSCAN { ingestion_timestamp: 1 }" in entry["planSummary"]


def test_messages_of_kafka_are_counted_by_offsets(platform):
    from flight_assets.stores import kafka

    frame = live.incoming(platform, 60)
    assert len(frame) == 60
    assert 0 <= frame["messages"].sum() <= sum(kafka.end_offsets(platform).values())


def test_weighted_quantiles():
    assert flight_latency.weighted_quantile([(1.0, 1), (2.0, 1), (10.0, 2)], 0.5) == 2.0
    assert flight_latency.weighted_quantile([(5.0, 3)], 0.95) == 5.0
