"""Redis first, then the store; one computation at a time for each key."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from flight_assets.queries.cache.query import Answer, Query
from flight_assets.queries.cache.redis_answers import RedisAnswers
from flight_assets.queries.cache.wanted import Wanted
from flight_assets.stores import redis as redis_store

if TYPE_CHECKING:
    from redis import Redis

    from flight_assets.settings import Settings

REFRESH_EVERY_S = 2.0
LOCK_S = 60.0  # after this time another process may compute the same answer
POLL_S = 0.05
REDIS_TIMEOUT_S = 0.5

_log = logging.getLogger(__name__)


class ResultCache:
    """Answers from Redis, else from the store.

    Each key is computed once at a time, in this process and among processes.
    """

    def __init__(self, client: Redis) -> None:
        """``client`` must return bytes and have a short timeout: see ``open_cache``."""
        self.answers = RedisAnswers(client)
        self._wanted = Wanted()
        self._lock = threading.Lock()
        self._running: dict[str, Future[Answer]] = {}
        self._waiting = 0
        self._refresher: threading.Thread | None = None
        self._stopped = threading.Event()

    def ask(self, query: Query) -> Answer:
        """Return the answer of a query.

        An error of ``compute`` is raised for each caller that waits for it.
        """
        return self.look([query])[0] or self.find(query)

    def look(self, queries: Sequence[Query]) -> list[Answer | None]:
        """Return the answers that Redis has, in one trip.

        None for the others, for which ``find`` reads the store.
        """
        self._wanted.add(queries)
        return self.answers.look([query.key() for query in queries])

    def find(self, query: Query) -> Answer:
        """Return an answer that ``look`` did not find.

        Compute it, or wait for the thread that computes it.
        """
        with self._lock:
            self._waiting += 1
        try:
            return self._once(query.key(), query)
        finally:
            with self._lock:
                self._waiting -= 1

    def counters(self) -> dict[str, int]:
        """Return hits, misses and errors of all processes since Redis was created.

        Raises StoreUnavailable.
        """
        return self.answers.counters()

    def missing(self, queries: Sequence[Query]) -> list[Query]:
        """Return the queries without an answer in Redis; none while it is down.

        Counts neither hits nor misses.
        """
        return [query for query, seconds in self._left(queries) if seconds < 0]

    def keep_fresh(self) -> None:
        """Start to compute wanted answers before they expire and when their data changes."""
        if self._refresher is None:
            self._refresher = threading.Thread(
                target=self._refresh_until_stopped, name="cache-refresh", daemon=True
            )
            self._refresher.start()

    def close(self) -> None:
        """Stop refreshing."""
        self._stopped.set()
        if self._refresher:
            self._refresher.join(timeout=LOCK_S)

    def refresh(self) -> int:
        """Compute the wanted answers that are missing or about to expire. Return how many were computed."""
        computed = 0
        for query in self._due(self._wanted.recent()):
            if self._waiting:  # a caller that waits goes first; the rest follows next time
                break
            computed += 1
            try:
                self._once(query.key(), query, is_refresh=True)
            except Exception as error:
                _log.warning("%s could not be refreshed: %s", query.name, error)
                self._wanted.forget(query)
        return computed

    def _refresh_until_stopped(self) -> None:
        while not self._stopped.wait(REFRESH_EVERY_S):
            try:
                self.refresh()
            except Exception:
                _log.exception("refreshing failed; trying again")

    def _due(self, queries: Sequence[Query]) -> list[Query]:
        """Return the queries whose answers are missing or about to expire; none while Redis is down."""
        return [query for query, seconds in self._left(queries) if seconds < query.life.refresh_below_s]

    def _left(self, queries: Sequence[Query]) -> list[tuple[Query, int]]:
        """Return each query with the seconds that its answer lives, negative without one.

        Nothing while Redis is down.
        """
        if not queries:
            return []
        return list(
            zip(queries, self.answers.seconds_left([query.key() for query in queries]) or [], strict=False)
        )

    def _once(self, key: str, query: Query, is_refresh: bool = False) -> Answer:
        """Compute, or wait for the thread that computes."""
        with self._lock:
            running = self._running.get(key)
            mine: Future[Answer] = Future()
            if running is None:
                self._running[key] = mine
        if running is not None:
            return running.result()
        try:
            mine.set_result(self._compute_or_wait(key, query, is_refresh))
        except BaseException as error:
            mine.set_exception(error)
        finally:
            with self._lock:
                del self._running[key]
        return mine.result()

    def _compute_or_wait(self, key: str, query: Query, is_refresh: bool) -> Answer:
        lock = self.answers.lock(key, LOCK_S)
        deadline = time.monotonic() + LOCK_S
        while not self.answers.acquire(lock) and time.monotonic() < deadline:
            time.sleep(POLL_S)
            if answer := self.answers.read(key):
                return answer
        try:
            # Another process may have finished between the look and the lock.
            must_compute = is_refresh and bool(self._due([query]))
            return (None if must_compute else self.answers.read(key)) or self._compute(key, query)
        finally:
            self.answers.release(lock)

    def _compute(self, key: str, query: Query) -> Answer:
        computed_at = datetime.now(UTC)
        answer = Answer(query.compute(), computed_at, "store")
        self.answers.write(key, answer, query.life.ttl_s)
        return answer


def open_cache(settings: Settings) -> ResultCache:
    """Return the cache in the platform's Redis. It connects at its first question."""
    return ResultCache(redis_store.connect_binary(settings, REDIS_TIMEOUT_S))
