"""Good manners of every route.

Problems, ids, formats, sizes, and outages that cost only what needs the store.
"""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime

import pyarrow as pa
import pytest
from fastapi.testclient import TestClient
from pymongo.errors import ExecutionTimeout

from flight_assets.api.app import create_app
from flight_assets.api.cursors import read, sign
from flight_assets.api.problems import Problem
from flight_assets.queries import scoped, scoped_platform
from flight_assets_tests.factories import fact

ROW = fact(predicted_delay_minutes=4.5, model_version="m1")
CURSOR_FLIGHTS = [ROW | {"flight_id": f"UA{n}-EWR-20130612"} for n in range(1, 8)]
NEEDS = {
    "/v1/flights": "MongoDB",
    "/v1/flights/UA1545-EWR-20130612": "MongoDB",
    "/v1/flights/UA1545-EWR-20130612/history": "Spark Connect",
    "/v1/forecasts": "MongoDB",
    "/v1/subscriptions": "MongoDB",
    f"/v1/subscriptions/{'a' * 24}": "MongoDB",
    f"/v1/subscriptions/{'a' * 24}/deliveries": "MongoDB",
    "/v1/forecasts/UA1545-EWR-20130612": "MongoDB",
    "/v1/aggregates/daily": "Spark Connect",
    "/v1/reference/airlines": "Spark Connect",
    "/v1/batches": "Spark Connect",
    "/v1/batches/0": "HDFS NameNode",
    "/v1/checks": "Spark Connect",
    "/v1/quarantine": "Spark Connect",
    "/v1/quarantine/not_json": "Spark Connect",
    "/v1/archives": "Spark Connect",
    "/v1/archives/status": "HDFS NameNode",
    "/v1/freshness": "Spark Connect",
    "/v1/lag": "HDFS NameNode",
    "/v1/hot-store": "MongoDB",
    "/v1/stream/flights": "MongoDB",
    "/v1/events": "MongoDB",
    f"/v1/events/{'a' * 16}": "MongoDB",
}
NEEDS_NONE = {"/v1/health", "/v1/metrics"}


@pytest.fixture
def with_flights(monkeypatch):
    """A list of seven flights, whatever is asked for."""

    def listed(scope, clients, wanted, order, limit, after):
        rest = [row for row in CURSOR_FLIGHTS if after is None or row["flight_id"] > after[1]][:limit]
        last = (rest[-1]["timestamp"], rest[-1]["flight_id"]) if len(rest) == limit else None
        return rest, last

    monkeypatch.setattr(scoped, "list_flights", listed)


@pytest.mark.parametrize(("path", "store"), NEEDS.items())
def test_a_store_that_is_down_is_named(as_key, path, store):
    answer = as_key("aaaaaaaa").get(path)
    assert (answer.status_code, answer.json()["store"]) == (503, store)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["retry-after"]


def test_every_route_says_which_store_it_needs(context):
    """A new route comes with a line above."""
    paths = create_app(context).openapi()["paths"]
    read = {path for path, operations in paths.items() if "get" in operations}
    assert len(read) == len(NEEDS) + len(NEEDS_NONE)


def test_what_needs_no_store_is_answered_while_all_are_down(as_key):
    health = as_key("bbbbbbbb").get("/v1/health")
    assert health.status_code == 200
    assert health.json()["status"] == "degraded"
    assert {state.split(":")[0] for state in health.json()["stores"].values()} == {"down"}
    assert as_key("aaaaaaaa").get("/v1/metrics").status_code == 200


def test_a_tenant_learns_no_address_from_health(as_key):
    assert set(as_key("11111111").get("/v1/health").json()["stores"].values()) == {"down"}


def test_a_query_that_takes_too_long_is_a_problem_of_its_store(as_key, monkeypatch, context):
    context.settings = context.settings.model_copy(update={"api_timeout_s": 0.05})
    import threading

    release = threading.Event()
    monkeypatch.setattr(scoped_platform, "batches", lambda *_: release.wait(10))
    answer = as_key("aaaaaaaa").get("/v1/batches")
    release.set()
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/store-timeout")

    def slow(*_):
        raise ExecutionTimeout("operation exceeded time limit", 50)

    monkeypatch.setattr(scoped, "list_flights", slow)
    answer = as_key("aaaaaaaa").get("/v1/flights")
    assert (answer.status_code, answer.json()["store"]) == (503, "MongoDB")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/flights/no-flight", 422),
        ("/v1/flights?limit=0", 422),
        ("/v1/flights?limit=1001", 422),
        ("/v1/flights?airline=U'A", 422),
        ("/v1/flights?since=yesterday", 422),
        ("/v1/flights?since=2026-06-01T00:00:00", 422),
        ("/v1/flights?cursor=made-up", 400),
        ("/v1/flights?cursor=%00%ff", 400),
        ("/v1/aggregates/colour", 422),
        ("/v1/aggregates/daily?first=2026-06-02&last=2026-06-01", 422),
        ("/v1/quarantine/because", 422),
        ("/v1/nothing", 404),
    ],
)
def test_a_wrong_request_is_told_what_is_wrong(as_key, path, status):
    answer = as_key("aaaaaaaa").get(path)
    problem = answer.json()
    assert answer.status_code == problem["status"] == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["detail"]
    assert problem["remedy"]
    assert problem["instance"] == answer.headers["x-request-id"]


def test_a_fault_of_the_server_tells_its_id_and_nothing_else(as_key, monkeypatch):
    def broken(*_):
        raise ValueError("the password is 1234")

    monkeypatch.setattr(scoped, "list_flights", broken)
    answer = as_key("aaaaaaaa", **{"X-Request-ID": "my-id.1"}).get("/v1/flights")
    assert (answer.status_code, answer.json()["instance"]) == (500, "my-id.1")
    assert answer.headers["x-request-id"] == "my-id.1"
    assert "1234" not in answer.text


def test_an_odd_request_id_is_replaced(as_key):
    answer = as_key("aaaaaaaa", **{"X-Request-ID": "a b\tc"}).get("/v1/health")
    assert len(answer.headers["x-request-id"]) == 32


def test_rows_come_as_json_csv_and_arrow(as_key, with_flights):
    found = as_key("bbbbbbbb").get("/v1/flights?limit=2").json()
    assert [row["flight_id"] for row in found["data"]] == ["UA1-EWR-20130612", "UA2-EWR-20130612"]
    assert found["data"][0]["scheduled_departure"] == "2013-06-12T14:00:00Z"
    assert "kafka_offset" not in found["data"][0]

    text = as_key("bbbbbbbb", Accept="text/csv").get("/v1/flights?limit=2")
    assert text.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(text.text)))
    assert [row["flight_id"] for row in rows] == [row["flight_id"] for row in found["data"]]
    assert float(rows[0]["weather.temperature_f"]) == 66.2

    arrow = as_key("bbbbbbbb", Accept="application/vnd.apache.arrow.stream").get("/v1/flights?limit=2")
    table = pa.ipc.open_stream(arrow.content).read_all()
    assert table["flight_id"].to_pylist() == [row["flight_id"] for row in rows]
    assert table["flight_date"].to_pylist() == [date(2013, 6, 12)] * 2
    assert 'rel="next"' in arrow.headers["link"]


@pytest.mark.parametrize("accept", ["image/png", "text/csv;q=0", "application/json;q=0, image/png"])
def test_a_format_that_is_not_there_is_refused(as_key, with_flights, accept):
    assert as_key("bbbbbbbb", Accept=accept).get("/v1/flights").status_code == 406


def test_the_preferred_format_is_given(as_key, with_flights):
    accept = "image/png, application/json;q=0.4, text/csv;q=0.5"
    assert as_key("bbbbbbbb", Accept=accept).get("/v1/flights").headers["content-type"].startswith("text/csv")


def test_an_answer_that_the_caller_has_is_not_sent_again(as_key, with_flights):
    first = as_key("bbbbbbbb").get("/v1/flights")
    assert first.headers["cache-control"] == "private, no-cache"
    again = as_key("bbbbbbbb", **{"If-None-Match": first.headers["etag"]}).get("/v1/flights")
    assert (again.status_code, again.content) == (304, b"")
    other = as_key("bbbbbbbb", **{"If-None-Match": first.headers["etag"]}).get("/v1/flights?limit=1")
    assert other.status_code == 200


def test_answers_are_compressed_for_those_who_accept_it(as_key, with_flights):
    assert (
        as_key("bbbbbbbb", **{"Accept-Encoding": "gzip"}).get("/v1/flights").headers["content-encoding"]
        == "gzip"
    )
    assert (
        "content-encoding"
        not in as_key("bbbbbbbb", **{"Accept-Encoding": "identity"}).get("/v1/flights").headers
    )


@pytest.mark.parametrize("is_chunked", [False, True])
def test_a_body_that_is_too_large_is_refused(as_key, context, is_chunked):
    size = int(context.settings.api_body_mb * 1_000_000) + 1
    body = iter([b" " * size]) if is_chunked else b" " * size
    answer = as_key("cccccccc").post("/v1/events", content=body)
    assert (answer.status_code, answer.json()["type"]) == (413, "/problems/too-large")


def test_pages_follow_each_other_without_a_gap_and_without_a_repeat(as_key, with_flights):
    path, seen = "/v1/flights?limit=3&order=flight_id", []
    while path:
        page = as_key("bbbbbbbb").get(path).json()
        seen += [row["flight_id"] for row in page["data"]]
        path = page["next"]
    assert seen == [row["flight_id"] for row in CURSOR_FLIGHTS]


def test_a_cursor_is_valid_for_its_key_and_its_filters_only(as_key, with_flights):
    path = as_key("bbbbbbbb").get("/v1/flights?limit=3").json()["next"]
    assert as_key("bbbbbbbb").get(path).status_code == 200
    assert as_key("aaaaaaaa").get(path).status_code == 400
    assert as_key("bbbbbbbb").get(f"{path}&airline=UA").status_code == 400


def test_a_cursor_brings_back_its_position_and_a_changed_one_nothing():
    position = (datetime(2026, 6, 1, 12, 0, 0, 123_000, tzinfo=UTC), "UA1-EWR-20260601")
    cursor = sign(position, "question", "hash")
    assert read(cursor, "question", "hash") == position
    for wrong in (cursor[:-2], "A" + cursor[1:], cursor + "AAAA", ""):
        with pytest.raises(Problem):
            read(wrong, "question", "hash")


def test_requests_are_counted_by_route_and_not_by_path(client: TestClient, as_key):
    for path in ("/v1/flights/UA1-EWR-20260601", "/v1/flights/UA2-EWR-20260601", "/v1/x1", "/v1/x2"):
        as_key("aaaaaaaa").get(path)
    found = as_key("aaaaaaaa").get("/v1/metrics").text
    counted = [line for line in found.splitlines() if line.startswith("flights_api_requests_total")]
    assert (
        'flights_api_requests_total{method="GET",route="/v1/flights/{flight_id}",status="503"} 2.0' in counted
    )
    assert 'flights_api_requests_total{method="any",route="unknown",status="404"} 2.0' in counted


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/v1/events", "GET, POST"),
        (f"/v1/subscriptions/{'a' * 24}", "DELETE, GET"),
        ("/v1/health", "GET"),
    ],
)
def test_a_wrong_method_names_every_right_one(as_key, path, methods):
    answer = as_key("aaaaaaaa").request("PATCH", path)
    assert (answer.status_code, answer.headers["allow"]) == (405, methods)
