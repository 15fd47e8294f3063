"""Queries of the API. The scope of the caller is the first argument of each, and nothing runs without it.

The API may import no other query but those of ``scoped_platform``, which import-linter holds. A flight of
another tenant is like one that does not exist.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from flight_assets.queries import (
    findings,
    flight_history,
    flight_list,
    flights,
    history,
    model_quality,
    risk,
)
from flight_assets.queries.cache import OF_NOW, Answer
from flight_assets.queries.filters import Filters as Filters
from flight_assets.queries.findings import FINDING_ID as FINDING_ID
from flight_assets.queries.findings import PATTERN_NAME as PATTERN_NAME
from flight_assets.queries.findings import WantedFindings as WantedFindings
from flight_assets.queries.flight_list import Order as Order
from flight_assets.queries.flight_list import Position as Position
from flight_assets.queries.flight_list import Wanted as Wanted
from flight_assets.queries.of_history import of_history
from flight_assets.queries.risk import Asked as Asked
from flight_assets.queries.risk import RiskOrder as RiskOrder
from flight_assets.stores import mongo
from flight_assets.stores.models import ModelStore

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from flight_assets.queries.clients import Clients
    from flight_assets.tenancy import Scope

    Document = dict[str, Any]

By = Literal["hourly", "daily", "airline", "origin", "destination", "route"]
PERIODS: dict[str, history.Period] = {"hourly": "hour", "daily": "day"}


def one_flight(scope: Scope, clients: Clients, flight_id: str) -> tuple[Document, str] | None:
    """Return the newest state of a flight as a row, and its place: ``hot`` or the name of an archive.

    Return None without one in scope.

    Archives are read only for flights that MongoDB lacks, so most answers need no other store.

    Raises:
        StoreUnavailable: MongoDB does not answer, or HDFS for a flight that MongoDB lacks.
    """
    with mongo.answering(clients.settings):
        document = flight_list.hot_flight(clients.mongo(), scope, flight_id)
    if document:
        return flight_list.row(document), "hot"
    clients.hdfs()
    found = flights.find_flight(clients.settings, flight_id)
    if found is None or not scope.allows(found.document["airline"]):
        return None
    return flight_list.row(found.document), found.place


def list_flights(
    scope: Scope, clients: Clients, wanted: Wanted, order: Order, limit: int, after: Position | None
) -> tuple[list[Document], Position | None]:
    """Return rows of flights in scope, and the position of the last one if there may be more.

    Raises StoreUnavailable.
    """
    with mongo.answering(clients.settings):
        found = flight_list.page(clients.mongo(), within(scope, wanted), order, limit, after)
    last = flight_list.position(found[-1]) if len(found) == limit else None
    return [flight_list.row(document) for document in found], last


def risk_board(scope: Scope, clients: Clients, asked: Asked) -> list[Document]:
    """Return rows of flights in scope that have not departed, with RISK_COLUMNS, greatest risk first.

    Raises StoreUnavailable.
    """
    with mongo.answering(clients.settings):
        return risk.rows(clients.mongo(), scope, asked)


def within(scope: Scope, wanted: Wanted) -> Wanted:
    """Return the same request, limited to the scope."""
    return replace(wanted, filters=replace(wanted.filters, scope=scope))


def matcher(scope: Scope, wanted: Wanted) -> Callable[[Document], bool]:
    """Return a function that says whether a row is of a flight in scope and wanted.

    Its rules are those of ``list_flights``.
    """
    filters = wanted.filters
    airlines = scope.narrowed(filters.airlines)
    tests = [
        (name, frozenset(values))
        for name, values in (
            *((("airline", airlines),) if airlines is not None else ()),
            ("origin", filters.origins or None),
            ("destination", filters.destinations or None),
            ("route", filters.routes or None),
            ("tail_number", wanted.tails or None),
            ("event_type", wanted.states or None),
            ("flight_id", wanted.flight_ids or None),
        )
        if values is not None
    ]
    since, until = wanted.since, wanted.until
    return lambda row: (
        all(row.get(name) in values for name, values in tests)
        and (since is None or row["timestamp"] >= since)
        and (until is None or row["timestamp"] < until)
    )


def list_findings(
    scope: Scope, clients: Clients, wanted: WantedFindings, limit: int, after: Position | None
) -> tuple[list[Document], Position | None]:
    """Return complex events in scope, newest first, and the position of the last one if there may be more.

    Open ones are those of MongoDB. All of them come from the warehouse, through the cache.
    """
    scoped = replace(wanted, scope=scope)
    if wanted.state == "open":
        with mongo.answering(clients.settings):
            rows = findings.open_page(clients.mongo(), scoped, limit, after)
    else:
        rows = _past_findings(scope, clients, scoped, limit, after)
    return rows, (rows[-1]["raised"], rows[-1]["finding_id"]) if len(rows) == limit else None


def one_finding(scope: Scope, clients: Clients, finding_id: str) -> Document | None:
    """Return a complex event in scope: the open one, or else its newest change in the warehouse; or None."""
    with mongo.answering(clients.settings):
        found = findings.open_finding(clients.mongo(), scope, finding_id)
    if found is not None:
        return found
    past = _past_findings(scope, clients, WantedFindings("all", scope=scope), 1, None, finding_id)
    return past[0] if past else None


def _past_findings(scope: Scope, clients: Clients, *args: Any) -> list[Document]:  # noqa: ANN401
    frame = of_history(clients, findings.history_page, *args, life=OF_NOW).frame
    return [findings.visible(findings.of_row(row), scope) for row in frame.to_dict("records")]


def flight_events(scope: Scope, clients: Clients, flight_id: str) -> Answer:
    """Return the staged events of a flight in scope; no row without one."""
    return of_history(clients, flight_history.events, Filters(scope=scope), flight_id)


def events_and_forecasts(scope: Scope, clients: Clients, flight_id: str) -> tuple[Answer, Answer] | None:
    """Return the events and the forecasts of a flight in scope, or None if the flight has no event there."""
    events = flight_events(scope, clients, flight_id)
    if events.frame.empty:
        return None
    return events, of_history(clients, flight_history.forecasts, flight_id)


def reasons(scope: Scope, clients: Clients, flight_id: str) -> Answer | None:
    """Return the reasons of a flight's forecast, or None if the flight has no event in scope.

    A refusal is in ``attrs["refusal"]``.
    """
    if flight_events(scope, clients, flight_id).frame.empty:
        return None

    def compute() -> pd.DataFrame:
        return clients.on_warehouse(
            lambda warehouse: model_quality.explanation(warehouse, ModelStore(clients.hdfs()), flight_id)
        )

    query = clients.query(model_quality.explanation, (flight_id,), {}, clients.versions.history, compute)
    return clients.cache.ask(query)


def aggregate(scope: Scope, clients: Clients, by: By, filters: Filters, limit: int) -> Answer:
    """Return flights and their delays by hour, day, airline, airport or route, over the flights in scope."""
    scoped = replace(filters, scope=scope)
    if by in PERIODS:
        return of_history(clients, history.series, scoped, PERIODS[by])
    return of_history(clients, history.by, scoped, by, limit)


def reference(scope: Scope, clients: Clients, kind: Literal["airline", "airport"]) -> Answer:
    """Return the airlines or airports. They are public, so every scope sees all of them."""
    return of_history(clients, history.dimension, kind)
