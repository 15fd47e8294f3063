"""Connections of a process that answers people and programs, and the cached queries that it asks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from flight_assets.queries.cache import OF_A_BATCH, DataVersion, Life, Query, open_cache
from flight_assets.stores import mongo, outage
from flight_assets.stores.hdfs import Hdfs
from flight_assets.stores.spark_connection import refuse_unreachable
from flight_assets.stores.warehouse import Warehouse, prepare

if TYPE_CHECKING:
    import pandas as pd

    from flight_assets.settings import Settings

Found = TypeVar("Found")
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

    def refuse_silent(self, store: str) -> None:
        """Return if a store accepts connections; raises StoreUnavailable at once if nothing listens."""
        outage.refuse_silent(self.settings, store)

    def on_warehouse(self, compute: Callable[[Warehouse], Found]) -> Found:
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

    def query(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        parameters: Mapping[str, Any],
        version: Callable[[], str],
        compute: Callable[[], pd.DataFrame],
        life: Life = OF_A_BATCH,
    ) -> Query:
        """Return the cached query that ``compute`` answers.

        Its name and key come from the function and what it is given.
        """
        name = f"{function.__module__.rsplit('.', 1)[-1]}.{function.__name__}"
        asked = {
            "args": [repr(arg) for arg in args],
            **{key: repr(value) for key, value in parameters.items()},
        }
        return Query(name, self.of_stores(asked), version, compute, life)

    def of_stores(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters with the names of the stores.

        Platforms over other databases may share one Redis.
        """
        stores = [self.settings.warehouse_database, self.settings.mongo_database, self.settings.kafka_topic]
        return {**parameters, "stores": stores}

    def close(self) -> None:
        """Stop refreshing and give the connections back."""
        self.cache.close()
        self.pool.shutdown(wait=False, cancel_futures=True)
        if self._mongo is not None:
            self._mongo.close()
