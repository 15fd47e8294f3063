"""The API on a running platform.

Events in, flights out by every route, and two tenants that see only their own.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator

import pytest
import requests

from flight_assets.api.app import schema_text
from flight_assets.pipeline import tenant_views
from flight_assets.platform import launcher, supervision
from flight_assets.platform.services import services
from flight_assets.stores import access, kafka, mongo
from flight_assets.tenancy import Role
from flight_assets_tests.factories import message
from flight_assets_tests.integration.api_client import (
    CALLS,
    FINDINGS,
    FLIGHTS,
    MARKS,
    NOWHERE,
    PUBLIC,
    STOP,
    SUBSCRIPTIONS,
    TENANTS,
    WAIT_S,
    Api,
    flight,
    flight_id,
    listen,
    send_twins,
    subscribed,
    touch,
    until,
)


@pytest.fixture(scope="module")
def admin(quiet_platform) -> Api:
    return Api(quiet_platform, quiet_platform.api_key_file.read_text().strip())


@pytest.fixture(scope="module")
def tenants(quiet_platform) -> Iterator[dict[str, Api]]:
    """An API for each airline, with a key of the role admin that belongs to the airline's tenant."""
    with mongo.database(quiet_platform) as db:
        found = {}
        for airline, name in TENANTS.items():
            if name in {tenant.name for tenant in access.tenants(db)}:
                access.delete_tenant(db, name)
            access.create_tenant(db, name, (airline,))
            found[airline] = Api(quiet_platform, access.create_key(db, name, Role.ADMIN, name)[1])
            SUBSCRIPTIONS[airline] = subscribed(db, airline, name)
        yield found
        for name in TENANTS.values():
            access.delete_tenant(db, name)


@pytest.fixture(scope="module")
def twins(admin, process, quiet_platform) -> None:
    """Flights of two airlines, the same but for the airline, in every store and in the rollups."""
    send_twins(admin, process, quiet_platform)


@pytest.mark.core
def test_smoke_the_api_takes_an_event_for_kafka_and_gives_nothing_without_a_key(quiet_platform, admin):
    assert requests.get(f"{admin.url}/v1/flights", timeout=WAIT_S).status_code == 401
    assert admin.get("/v1/health").json() == {
        "status": "up",
        "stores": dict.fromkeys(("mongodb", "kafka", "hdfs", "warehouse", "redis"), "up"),
    }
    sent = message(event_id=f"api:smoke:{time.time_ns()}", flight_id="UA1-EWR-20130612", flight_number=1)
    before = sum(kafka.end_offsets(quiet_platform).values())
    first, again = (admin.post("/v1/events", sent).json() for _ in range(2))
    assert (first["accepted"], again["repeated"]) == (1, 1)
    assert first["verdicts"][0]["offset"] == again["verdicts"][0]["offset"]
    assert sum(kafka.end_offsets(quiet_platform).values()) == before + 1
    assert admin.get("/v1/flights").status_code == 200
    assert admin.get("/openapi.json").json() == json.loads(schema_text())


def test_every_route_has_an_isolation_test():
    """A new route fails here until it has a line in CALLS."""
    paths = json.loads(schema_text())["paths"]
    assert {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods} == set(CALLS)


@pytest.mark.parametrize("route", [each for each in CALLS if each.startswith("GET") and "stream" not in each])
@pytest.mark.parametrize(("mine", "other"), [("UA", "AA"), ("AA", "UA")])
def test_a_tenant_reads_its_own_and_nothing_of_another(twins, admin, tenants, route, mine, other):
    path, status = CALLS[route]
    own, others = (
        {
            "flight_id": flight_id(code),
            "finding_id": FINDINGS[code],
            "subscription": SUBSCRIPTIONS[code],
        }
        for code in (mine, other)
    )
    answer = tenants[mine].get(path.format(**own))
    assert answer.status_code == status, answer.text
    if route.removeprefix("GET ") in PUBLIC:
        return
    assert not any(mark in answer.text for mark in MARKS[other])
    if status == 200:
        everything = admin.get(path.format(**own)).text
        if "aggregates" in path:
            assert [row["airline"] for row in answer.json()["data"]] == [mine]
            assert {row["airline"] for row in json.loads(everything)["data"]} >= {mine, other}
        else:
            assert MARKS[mine][0] in answer.text
            assert MARKS[mine][0] in everything
        if path != path.format(**own):
            assert admin.get(path.format(**others)).status_code == 200
            assert tenants[mine].get(path.format(**others)).status_code == 404
        if "{flight_id}" in path:
            missing = tenants[mine].get(path.format(flight_id=flight_id(mine, 9999))).json()
            hidden = tenants[mine].get(path.format(flight_id=flight_id(other, 7701))).json()
            assert hidden["title"] == missing["title"]


def test_a_finding_about_an_airport_has_the_tenants_flights_only(twins, admin, tenants):
    for airline, tenant in tenants.items():
        found = tenant.get(f"/v1/events/{STOP}").json()
        assert (found["flight_ids"], found["is_partial"]) == ([flight_id(airline)], True)
    assert len(admin.get(f"/v1/events/{STOP}").json()["flight_ids"]) == len(MARKS)
    pages = [admin.get("/v1/events?limit=2").json()]
    pages.append(admin.get(pages[0]["next"]).json())
    assert {row["finding_id"] for page in pages for row in page["data"]} == {STOP, *FINDINGS.values()}
    past = admin.get("/v1/events?state=all&severity=warning&since=2026-01-01T00:00:00Z")
    assert past.status_code == 200, past.text
    assert admin.get(f"/v1/events/{'0' * 16}").status_code == 404


@pytest.mark.parametrize("by", ["hourly", "daily", "airline", "origin", "destination", "route"])
@pytest.mark.parametrize("airline", MARKS)
def test_sums_are_over_the_tenants_flights(twins, house, tenants, by, airline):
    rows = tenants[airline].get(f"/v1/aggregates/{by}?limit=1000").json()["data"]
    expected = house.ask(
        f"SELECT count(*) AS n FROM {house.database}.fact_flight_events WHERE airline = '{airline}'"
    )
    # A flight without a planned departure has a day, but no hour.
    source = "flights_hourly WHERE hour IS NOT NULL AND" if by == "hourly" else "flights_daily WHERE"
    rolled_up = house.ask(f"SELECT sum(flights) AS n FROM {house.database}.{source} airline = '{airline}'")
    assert sum(row["flights"] for row in rows) == int(rolled_up["n"][0]) <= int(expected["n"][0])
    assert sum(row["flights"] for row in rows) >= FLIGHTS


def test_csv_and_arrow_have_the_same_flights_and_no_other(twins, tenants):
    import pyarrow as pa

    text = tenants["UA"].get("/v1/flights?limit=1000", Accept="text/csv").text
    arrow = tenants["UA"].get("/v1/flights?limit=1000", Accept="application/vnd.apache.arrow.stream").content
    table = pa.ipc.open_stream(arrow).read_all()
    assert set(table["airline"].to_pylist()) == {"UA"}
    assert table.num_rows == len(text.splitlines()) - 1 >= FLIGHTS
    assert not any(mark in text for mark in MARKS["AA"])


def test_a_list_followed_to_its_end_has_each_flight_once_while_others_are_written(twins, admin, tenants):
    path, seen = "/v1/flights?limit=5&order=flight_id", []
    while path:
        page = tenants["AA"].get(path).json()
        seen += [row["flight_id"] for row in page["data"]]
        path = page["next"]
        touch(admin, "AA")
    assert len(seen) == len(set(seen))
    assert {flight_id("AA", 7700 + number) for number in range(FLIGHTS)} <= set(seen)


def test_the_newest_come_first_and_ties_are_in_order(twins, admin):
    """Twins have their events at the same moments."""
    path, seen = "/v1/flights?limit=5&route=EWR-IAH&airline=UA&airline=AA", []
    while path:
        page = admin.get(path).json()
        seen += [(row["timestamp"], row["flight_id"]) for row in page["data"]]
        path = page["next"]
    assert seen == sorted(set(seen), reverse=True)
    assert len(seen) >= 2 * FLIGHTS


def test_a_tenant_cannot_send_or_forecast_flights_of_another(twins, tenants):
    mixed = [flight("UA", 7790), flight("AA", 7790)]
    sent = tenants["UA"].post("/v1/events", mixed)
    assert [each["reason"] for each in sent.json()["verdicts"]] == [None, "other_tenant"]
    assert tenants["UA"].post("/v1/predict", {"flights": [flight("AA", 7791)]}).status_code == 422
    assert tenants["UA"].post("/v1/predict", {"flight_id": flight_id("AA")}).status_code == 404
    own = tenants["UA"].post("/v1/predict", {"flights": [flight("UA", 7791)]})
    assert own.status_code == 200, own.text


def test_a_tenant_cannot_touch_a_subscription_of_another(twins, admin, tenants):
    theirs = f"{admin.url}/v1/subscriptions/{SUBSCRIPTIONS['AA']}"
    assert tenants["UA"].session.delete(theirs, timeout=WAIT_S).status_code == 404
    assert tenants["UA"].session.post(f"{theirs}/resume", timeout=WAIT_S).status_code == 404
    assert tenants["AA"].session.post(f"{theirs}/resume", timeout=WAIT_S).status_code == 200
    asked = {"url": NOWHERE, "subject": "airline", "value": "AA", "condition": "departed"}
    assert tenants["UA"].post("/v1/subscriptions", asked).status_code == 404
    refused = tenants["AA"].post("/v1/subscriptions", asked)
    assert (refused.status_code, refused.json()["type"]) == (422, "/problems/url-refused")
    made = admin.post("/v1/subscriptions", asked | {"url": "http://127.0.0.1:9/"})
    assert made.status_code == 201, made.text
    mine = f"{admin.url}{made.headers['Location']}"
    assert admin.session.delete(mine, timeout=WAIT_S).status_code == 204
    assert admin.session.get(mine, timeout=WAIT_S).status_code == 404


def test_a_forecast_on_demand_is_the_one_that_the_batch_made(twins, admin):
    stored = admin.get(f"/v1/forecasts/{flight_id('UA')}").json()["forecast"]
    again = admin.post("/v1/predict", {"flights": [flight("UA", 7700)]}).json()["forecasts"][0]
    assert again == pytest.approx(stored)
    later = {
        "flight_id": flight_id("UA"),
        "changes": {"weather": {"wind_speed_mph": 60.0, "visibility_miles": 0.2}},
    }
    changed = admin.post("/v1/predict", later)
    assert changed.status_code == 200, changed.text
    assert changed.json()["forecasts"][0]["predicted_delay_minutes"] is not None


def test_a_forecast_comes_with_its_reasons(twins, admin):
    found = admin.get(f"/v1/forecasts/{flight_id('UA')}?reasons=true").json()
    assert found["reasons_refused"] is None
    assert len(found["reasons"]) > 10


def test_the_history_has_the_events_and_the_forecast(twins, admin):
    found = admin.get(f"/v1/flights/{flight_id('UA')}/history").json()
    assert [event["event_type"] for event in found["events"]] == ["scheduled"]
    assert [each["flight_id"] for each in found["forecasts"]] == [flight_id("UA")]


def test_a_stream_has_the_tenants_changes_only_and_goes_on_after_a_restart_of_the_api(
    twins, quiet_platform, admin, tenants
):
    seen: list[tuple[str, dict]] = []
    listening = threading.Thread(target=listen, args=(tenants["UA"], seen, 2), daemon=True)
    listening.start()
    until(lambda: touch(admin, "UA") or len(seen) >= 2)
    listening.join(WAIT_S)
    assert {event["flight_id"] for _, event in seen} == {flight_id("UA")}

    supervision.stop_service(quiet_platform, "api")
    touch(admin, "UA")
    supervision.start_service(quiet_platform, "api")
    launcher.wait_until_healthy(
        quiet_platform, next(each for each in services(quiet_platform) if each.name == "api")
    )
    last_id, last = seen[1]
    missed: list[tuple[str, dict]] = []
    listen(tenants["UA"], missed, 1, last_id)
    assert missed[0][0] > last_id
    assert missed[0][1]["flight_id"] == flight_id("UA")
    assert missed[0][1]["quality_score"] < last["quality_score"]


def test_a_tenant_lives_from_its_command_to_its_end(twins, quiet_platform, house):
    from flight_assets_tests.integration.conftest import run_command

    run_command("flights", "tenant", "create", "apitestshort", "--airline", "UA")
    made = json.loads(
        run_command("flights", "api", "key", "create", "t", "--tenant", "apitestshort", "--json").stdout
    )
    assert {row["airline"] for row in Api(quiet_platform, made["key"]).get("/v1/flights").json()["data"]} == {
        "UA"
    }
    assert "apitestshort" in run_command("flights", "tenant", "list", "--json").stdout
    own = tenant_views.database_of(house.database, "apitestshort")
    assert own in run_command("flights", "tenant", "views", "apitestshort").stdout
    for view in tenant_views.OF_AIRLINES:
        assert set(house.ask(f"SELECT DISTINCT airline FROM {own}.{view}")["airline"]) == {"UA"}
    predicted = set(house.ask(f"SELECT flight_id FROM {own}.predictions")["flight_id"])
    assert flight_id("UA") in predicted
    assert flight_id("AA") not in predicted
    told = run_command("flights", "tenant", "delete", "apitestshort", "--yes").stdout
    assert "1 keys, 0 subscriptions and 0 deliveries; none is left" in told
    assert "its views are dropped" in told
    assert not house.spark.sql(f"SHOW DATABASES LIKE '{own}'").collect()
    remains = {place: rows for place, _, rows in (each.strip().partition(": ") for each in told.splitlines())}
    assert int(remains["predictions"].split(",")[0]) >= FLIGHTS
    assert int(remains["staged events"].split(",")[0]) >= FLIGHTS
    assert remains["archives"].endswith("for good")
    assert remains["messages in Kafka"] == "not counted, for 7 days"
    until(lambda: Api(quiet_platform, made["key"]).get("/v1/flights").status_code == 401)
    refused = run_command("flights", "api", "key", "create", "t", "--tenant", "apitestshort", expect=1)
    assert "no tenant apitestshort" in refused.stderr
