"""Data access of the pages.

Clients belong to this process, every answer goes through the cache, and several queries run at once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any

import streamlit as st

from flight_assets.queries.cache import (
    OF_A_BATCH,
    OF_NOW,
    Answer,
    DataVersion,
    Life,
    Query,
    ResultCache,
    open_cache,
)
from flight_assets.settings import Settings, get_settings
from flight_assets.stores import mongo, outage
from flight_assets.stores.hdfs import Hdfs
from flight_assets.stores.models import ModelStore
from flight_assets.stores.warehouse import Warehouse, prepare, refuse_unreachable

if TYPE_CHECKING:
    import pandas as pd

PATIENCE_S = 5.0  # a store that takes longer to answer counts as down: people wait for the page
WORKERS = 16
_LOST_SESSION = (
    "NO_ACTIVE_SESSION",
    "INVALID_HANDLE",
    "SESSION_CLOSED",
    "SESSION_NOT_FOUND",
    "SESSION_CHANGED",
)


class Clients:
    """Connections of this process. Each connects at its first query, and again when its store comes back."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings.model_copy(update={"timeout_s": min(settings.timeout_s, PATIENCE_S)})
        self.cache = open_cache(self.settings)
        self.versions = DataVersion(self.settings)
        self.pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="query")
        self._lock = threading.Lock()
        self._mongo: Any = None
        self._warehouse: Warehouse | None = None

    def mongo(self) -> Any:  # noqa: ANN401 - pymongo's Database
        """Return the platform's database; raises StoreUnavailable at once if nothing listens."""
        outage.refuse_silent(self.settings, "MongoDB")
        with self._lock:
            if self._mongo is None:
                self._mongo = mongo.connect(self.settings)
        return self._mongo[self.settings.mongo_database]

    def hdfs(self) -> Hdfs:
        """HDFS; raises StoreUnavailable at once if nothing listens."""
        outage.refuse_silent(self.settings, "HDFS NameNode")
        return Hdfs(self.settings)

    def kafka(self) -> Settings:
        """Return the settings to reach Kafka with; raises StoreUnavailable at once if nothing listens."""
        outage.refuse_silent(self.settings, "Kafka")
        return self.settings

    def on_warehouse(self, compute: Callable[[Warehouse], pd.DataFrame]) -> pd.DataFrame:
        """Query the warehouse. A session that ended with its Spark server is opened again."""
        outage.refuse_silent(self.settings, "Spark Connect")
        warehouse = self._open_warehouse()
        try:
            return compute(warehouse)
        except Exception as error:
            if not any(sign in str(error) for sign in _LOST_SESSION):
                raise
            with self._lock:
                if self._warehouse is warehouse:
                    self._warehouse = None
            return compute(self._open_warehouse())

    def _open_warehouse(self) -> Warehouse:
        from pyspark.sql import SparkSession

        with self._lock:
            if self._warehouse is None:
                refuse_unreachable(self.settings)
                session = SparkSession.builder.remote(self.settings.spark_remote).create()
                self._warehouse = prepare(session, self.settings)
            return self._warehouse

    def close(self) -> None:
        """Stop refreshing and give the connections back."""
        self.cache.close()
        self.pool.shutdown(wait=False, cancel_futures=True)
        if self._mongo is not None:
            self._mongo.close()


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
    name = f"{function.__module__.rsplit('.', 1)[-1]}.{function.__name__}"
    asked = {"args": [repr(arg) for arg in args], **{key: repr(value) for key, value in parameters.items()}}
    return Query(name, _of_stores(asked), version, compute, life)


def about_now(name: str, compute: Callable[[Settings], pd.DataFrame]) -> Query:
    """Return a query about this minute: ``compute(settings)``.

    Its version needs no store, so it works when one is down.
    """
    settings = clients().settings
    return Query(name, _of_stores({}), lambda: "now", lambda: compute(settings), OF_NOW)


def _of_stores(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters with the names of the stores.

    Dashboards over other databases may share one Redis.
    """
    settings = clients().settings
    return {
        **parameters,
        "stores": [settings.warehouse_database, settings.mongo_database, settings.kafka_topic],
    }
