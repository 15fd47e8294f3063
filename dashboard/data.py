"""Data access of the pages.

Clients belong to this process, every answer goes through the cache, and several queries run at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from typing import TYPE_CHECKING, Any

import streamlit as st

from flight_assets.queries.cache import OF_A_BATCH, OF_NOW, Answer, Life, Query, ResultCache
from flight_assets.queries.clients import Clients
from flight_assets.settings import Settings, get_settings
from flight_assets.stores.models import ModelStore

if TYPE_CHECKING:
    import pandas as pd

    from flight_assets.queries.forecast_now import Forecaster

_texts: dict[int, tuple[Settings, str]] = {}


def _text(settings: Settings) -> str:
    """Return all settings as text, once per object. The object is kept, so that its id stays unique."""
    known = _texts.get(id(settings))
    if known is None:
        known = _texts[id(settings)] = (settings, settings.model_dump_json())
    return known[1]


@st.cache_resource(show_spinner=False, hash_funcs={Settings: _text}, on_release=Clients.close)
def _clients(settings: Settings) -> Clients:
    found = Clients(settings)
    found.cache.keep_fresh()
    return found


def clients() -> Clients:
    """Return the clients for the settings of this process."""
    return _clients(get_settings())


def live(function: Callable[..., pd.DataFrame], *args: Any, **parameters: Any) -> Query:  # noqa: ANN401
    """Return a query to MongoDB: ``function(database, *args, **parameters)`` on this minute's data."""
    known = clients()
    return _query(
        function,
        args,
        parameters,
        known.versions.live,
        lambda: function(known.mongo(), *args, **parameters),
        OF_NOW,
    )


def history(function: Callable[..., pd.DataFrame], *args: Any, **parameters: Any) -> Query:  # noqa: ANN401
    """Return a query to the warehouse on the last finished batch's data.

    It calls ``function(warehouse, *args, **parameters)``.
    """
    known = clients()
    return _query(
        function,
        args,
        parameters,
        known.versions.history,
        lambda: known.on_warehouse(lambda warehouse: function(warehouse, *args, **parameters)),
    )


def recent(function: Callable[..., pd.DataFrame], *args: Any, **parameters: Any) -> Query:  # noqa: ANN401
    """Return a query to the warehouse, ``function(warehouse, *args, **parameters)``, on this minute's data.

    For tables that are written after their batch is finished.
    """
    known = clients()
    return _query(
        function,
        args,
        parameters,
        known.versions.live,
        lambda: known.on_warehouse(lambda warehouse: function(warehouse, *args, **parameters)),
        OF_NOW,
    )


def model(function: Callable[..., pd.DataFrame], *args: Any) -> Query:  # noqa: ANN401
    """Return a query about the model on the last finished batch's data.

    It calls ``function(warehouse, model store, *args)``.
    """
    known = clients()
    return _query(
        function,
        args,
        {},
        known.versions.history,
        lambda: known.on_warehouse(lambda warehouse: function(warehouse, ModelStore(known.hdfs()), *args)),
    )


def registry(function: Callable[..., pd.DataFrame]) -> Query:
    """Return a query to the registry of models, ``function(model store)``, on this minute's data."""
    known = clients()
    return _query(function, (), {}, known.versions.live, lambda: function(ModelStore(known.hdfs())), OF_NOW)


def other(
    function: Callable[..., pd.DataFrame],
    make: Callable[[Clients], tuple[Any, ...]],
    *args: Any,  # noqa: ANN401
    **parameters: Any,  # noqa: ANN401
) -> Query:
    """Return a query to the clients that ``make`` picks, on this minute's data."""
    known = clients()
    return _query(
        function,
        args,
        parameters,
        known.versions.live,
        lambda: function(*make(known), *args, **parameters),
        OF_NOW,
    )


@st.cache_resource(show_spinner=False, hash_funcs={Settings: _text})
def _forecaster(settings: Settings) -> Forecaster:
    # Spark's functions are loaded with it, which most pages do not need.
    from flight_assets.queries.forecast_now import Forecaster

    return Forecaster(clients())


def on_demand(function: Callable[..., pd.DataFrame], *args: Any) -> Query:  # noqa: ANN401
    """Return a query to the forecasts on demand and MongoDB, on this minute's data.

    It calls ``function(forecaster, database, *args)``.
    """
    known = clients()
    return _query(
        function,
        args,
        {},
        known.versions.live,
        lambda: function(_forecaster(get_settings()), known.mongo(), *args),
        OF_NOW,
    )


def ask(query: Query) -> Answer:
    """Return the answer of one query."""
    return clients().cache.ask(query)


def begin(queries: Mapping[str, Query]) -> dict[str, Future[Answer | Exception]]:
    """Start several queries together. Answers in Redis are done at once.

    The result of a failed query is its error.
    """
    known = clients()
    asked: dict[str, Future[Answer | Exception]] = {}
    for (name, query), answer in zip(queries.items(), known.cache.look(list(queries.values())), strict=True):
        if answer is None:
            asked[name] = known.pool.submit(_attempt, known.cache, query)
        else:
            asked[name] = Future()
            asked[name].set_result(answer)
    return asked


def prefetch(*queries: Query) -> None:
    """Start the queries that Redis has no answer of, so that later parts of a page wait less.

    Errors appear there.
    """
    known = clients()
    for query in known.cache.missing(queries):
        known.pool.submit(_attempt, known.cache, query)


def _attempt(cache: ResultCache, query: Query) -> Answer | Exception:
    try:
        return cache.find(query)
    except Exception as error:
        return error


def are_answered(asked: Mapping[str, Future[Answer | Exception]], timeout_s: float | None = None) -> bool:
    """Wait for the answers, so long at most. Return True if all are there."""
    return not wait(asked.values(), timeout_s).not_done


def _query(
    function: Callable[..., Any],
    args: tuple[Any, ...],
    parameters: dict[str, Any],
    version: Callable[[], str],
    compute: Callable[[], pd.DataFrame],
    life: Life = OF_A_BATCH,
) -> Query:
    return clients().query(function, args, parameters, version, compute, life)


def about_now(name: str, compute: Callable[[Settings], pd.DataFrame]) -> Query:
    """Return a query about this minute: ``compute(settings)``.

    Its version needs no store, so it works when one is down.
    """
    known = clients()
    return Query(name, known.of_stores({}), lambda: "now", lambda: compute(known.settings), OF_NOW)
