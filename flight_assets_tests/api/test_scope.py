"""The scope of a caller is in every query, by construction.

Tests look at the code, the routes and the conditions.
"""

from __future__ import annotations

import inspect
from datetime import UTC, datetime, timedelta

import pytest

from flight_assets.api.app import create_app
from flight_assets.queries import scoped, scoped_platform
from flight_assets.queries.filters import Filters
from flight_assets.queries.flight_list import Wanted, hot_flight
from flight_assets.stores import subscriptions
from flight_assets.tenancy import EVERYTHING, Scope

UNITED = Scope("united", ("UA", "UAL"))
NOBODY = Scope("nobody", ())
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
# These make collections, or shape a document, for any caller.
WITHOUT_CALLER = {"ensure_collections", "of_document"}
QUERIES = [
    function
    for module in (scoped, scoped_platform, subscriptions)
    for name, function in vars(module).items()
    if inspect.isfunction(function) and function.__module__ == module.__name__ and not name.startswith("_")
    and name not in WITHOUT_CALLER
]  # fmt: skip


@pytest.mark.parametrize("function", QUERIES, ids=lambda function: function.__name__)
def test_the_scope_is_the_first_argument_of_every_query_and_has_no_default(function):
    first = next(iter(inspect.signature(function).parameters.values()))
    assert (first.name, first.annotation, first.default) == ("scope", "Scope", inspect.Parameter.empty)


def test_there_are_queries_to_look_at():
    assert {"one_flight", "list_flights", "aggregate", "matcher", "batches", "deliveries", "resume"} <= {
        each.__name__ for each in QUERIES
    }


def test_every_route_with_data_asks_for_a_caller(context):
    """Each operation of the schema demands the key; the only other path says `ok`."""
    app = create_app(context)
    operations = [each for path in app.openapi()["paths"].values() for each in path.values()]
    assert len(operations) > 15
    assert all(each["security"] == [{"key": []}] for each in operations)
    paths = {getattr(route, "path", "") for route in app.routes}
    assert {path for path in paths if path and path not in app.openapi()["paths"]} <= {
        "/alive",
        "/openapi.json",
    }


@pytest.mark.parametrize(
    ("scope", "asked", "sql", "match"),
    [
        (EVERYTHING, (), "TRUE", {}),
        (EVERYTHING, ("AA",), "airline IN ('AA')", {"airline": {"$in": ["AA"]}}),
        (UNITED, (), "airline IN ('UA', 'UAL')", {"airline": {"$in": ["UA", "UAL"]}}),
        (UNITED, ("AA", "UA"), "airline IN ('UA')", {"airline": {"$in": ["UA"]}}),
        (UNITED, ("AA",), "FALSE", {"airline": {"$in": []}}),
        (NOBODY, (), "FALSE", {"airline": {"$in": []}}),
    ],
)
def test_a_condition_never_goes_beyond_the_scope(scope, asked, sql, match):
    filters = Filters(airlines=asked, scope=scope)
    assert (filters.sql(), filters.mongo()) == (sql, match)


def test_answers_of_different_scopes_have_different_keys_in_redis(context):
    def key_of(scope: Scope) -> str:
        filters = Filters(scope=scope)
        return context.clients.query(scoped.aggregate, (filters,), {}, lambda: "1", lambda: None).key()

    assert len({key_of(scope) for scope in (EVERYTHING, UNITED, NOBODY)}) == 3


def test_a_scope_with_what_is_no_airline_is_refused():
    with pytest.raises(ValueError, match="no airline"):
        Filters(scope=Scope("odd", ("' OR 1=1 --",)))


@pytest.mark.parametrize(
    ("wanted", "scope", "matches"),
    [
        (Wanted(), EVERYTHING, True),
        (Wanted(), UNITED, True),
        (Wanted(), Scope("american", ("AA",)), False),
        (Wanted(Filters(airlines=("UA",))), Scope("american", ("AA",)), False),
        (Wanted(Filters(origins=("EWR",)), tails=("N1",)), UNITED, True),
        (Wanted(Filters(origins=("JFK",))), EVERYTHING, False),
        (Wanted(states=("departed",)), EVERYTHING, False),
        (Wanted(flight_ids=("UA1-EWR-20260601",)), UNITED, True),
        (Wanted(since=NOON, until=NOON + timedelta(minutes=1)), UNITED, True),
        (Wanted(since=NOON + timedelta(seconds=1)), UNITED, False),
        (Wanted(until=NOON), UNITED, False),
    ],
)
def test_a_stream_matches_by_scope_and_filters(wanted, scope, matches):
    row = {
        "airline": "UA",
        "origin": "EWR",
        "tail_number": "N1",
        "event_type": "arrived",
        "timestamp": NOON,
        "flight_id": "UA1-EWR-20260601",
    }
    assert scoped.matcher(scope, wanted)(row) is matches


class OneFlight:
    """A database with one flight."""

    def __getitem__(self, name):
        return self

    def find_one(self, match, max_time_ms):
        return {"_id": match["_id"], "airline": "UA"}


def test_a_flight_of_another_tenant_is_like_none():
    assert hot_flight(OneFlight(), UNITED, "UA1-EWR-20260601") is not None
    assert hot_flight(OneFlight(), Scope("american", ("AA",)), "UA1-EWR-20260601") is None
