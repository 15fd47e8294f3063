"""The pages' way to the stores: clients kept for the process, every answer through the cache, several questions at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any

import streamlit as st

from flight_assets.queries.cache import OF_A_BATCH, OF_NOW, Answer, DataVersion, Life, Query, ResultCache, open_cache
from flight_assets.settings import Settings, get_settings
from flight_assets.stores import mongo, outage
from flight_assets.stores.hdfs import Hdfs
from flight_assets.stores.models import ModelStore
from flight_assets.stores.warehouse import Warehouse, prepare, refuse_unreachable

if TYPE_CHECKING:
    import pandas as pd

PATIENCE_S = 5.0  # people wait for a page: a store that takes longer to answer at all counts as down
WORKERS = 16
_LOST_SESSION = ("NO_ACTIVE_SESSION", "INVALID_HANDLE", "SESSION_CLOSED", "SESSION_NOT_FOUND", "SESSION_CHANGED")


class Clients:
    """Connections of this process. Nothing connects before the first question, and a store that comes back is used again."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings.model_copy(update={"timeout_s": min(settings.timeout_s, PATIENCE_S)})
        self.cache = open_cache(self.settings)
        self.versions = DataVersion(self.settings)
        self.pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="question")
        self._lock = threading.Lock()
        self._mongo: Any = None
        self._warehouse: Warehouse | None = None

    def mongo(self) -> Any:  # noqa: ANN401 - pymongo's Database
        """The platform's database; raises StoreUnavailable at once if nothing listens."""
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
        """The settings to reach Kafka with; raises StoreUnavailable at once if nothing listens."""
        outage.refuse_silent(self.settings, "Kafka")
        return self.settings

    def on_warehouse(self, compute: Callable[[Warehouse], pd.DataFrame]) -> pd.DataFrame:
        """Ask the warehouse; a session that ended with its Spark server is opened anew."""
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
    """All settings as text, made once for each object, which is kept so that its id stays its own."""
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
    """The clients of this process's settings."""
    return _clients(get_settings())


def live(function: Callable[..., pd.DataFrame], *args: Any, **parameters: Any) -> Query:  # noqa: ANN401
    """A question to MongoDB: ``function(database, *args, **parameters)``, of this minute's data."""
    known = clients()
    return _query(function, args, parameters, known.versions.live, lambda: function(known.mongo(), *args, **parameters), OF_NOW)


def history(function: Callable[..., pd.DataFrame], *args: Any, **parameters: Any) -> Query:  # noqa: ANN401
    """A question to the warehouse: ``function(warehouse, *args, **parameters)``, of the last finished batch's data."""
    known = clients()
    return _query(
        function,
        args,
        parameters,
        known.versions.history,
        lambda: known.on_warehouse(lambda warehouse: function(warehouse, *args, **parameters)),
    )


def judged(function: Callable[..., pd.DataFrame], *args: Any) -> Query:  # noqa: ANN401
    """A question about the model: ``function(warehouse, model store, *args)``, of the last finished batch's data."""
    known = clients()
    return _query(
        function,
        args,
        {},
        known.versions.history,
        lambda: known.on_warehouse(lambda warehouse: function(warehouse, ModelStore(known.hdfs()), *args)),
    )


def other(function: Callable[..., pd.DataFrame], make: Callable[[Clients], tuple[Any, ...]], *args: Any, **parameters: Any) -> Query:  # noqa: ANN401
    """A question to what ``make`` gives of the clients, of this minute's data."""
    known = clients()
    return _query(function, args, parameters, known.versions.live, lambda: function(*make(known), *args, **parameters), OF_NOW)


def ask(query: Query) -> Answer:
    """The answer of one question."""
    return clients().cache.ask(query)


def begin(queries: Mapping[str, Query]) -> dict[str, Future[Answer | Exception]]:
    """Ask several questions at the same time; the result of one that failed is its error. What Redis has is there at once."""
    known = clients()
    asked: dict[str, Future[Answer | Exception]] = {}
    for (name, query), answer in zip(queries.items(), known.cache.look(list(queries.values())), strict=True):
        if answer is None:
            asked[name] = known.pool.submit(_attempt, known.cache, query)
        else:
            asked[name] = Future()
            asked[name].set_result(answer)
    return asked


def ahead(*queries: Query) -> None:
    """Begin with what Redis has no answer of: parts of a page that ask later wait less. An error is for them to meet."""
    known = clients()
    for query in known.cache.missing(queries):
        known.pool.submit(_attempt, known.cache, query)


def _attempt(cache: ResultCache, query: Query) -> Answer | Exception:
    try:
        return cache.find(query)
    except Exception as error:
        return error


def are_answered(asked: Mapping[str, Future[Answer | Exception]], timeout_s: float | None = None) -> bool:
    """Wait for the answers, so long at most; whether all are there."""
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
    """A question about this minute, whose version needs no store, since it may be the one that is down: ``compute(settings)``."""
    settings = clients().settings
    return Query(name, _of_stores({}), lambda: "now", lambda: compute(settings), OF_NOW)


def _of_stores(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters with the names of what is asked: dashboards over other databases and topics may share one Redis."""
    settings = clients().settings
    return {**parameters, "stores": [settings.warehouse_database, settings.mongo_database, settings.kafka_topic]}
