"""Answers of queries, kept in Redis: Arrow frames keyed by query, parameters and data version, fresh before anybody has to wait.

Redis being down makes answers slower, never wrong: every failure of it counts as a miss, and for a while it is not asked again.
Written here rather than taken from dogpile.cache, whose waiting callers each compute again in turn when its backend is down.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Literal, NamedTuple
from uuid import uuid4

import pandas as pd

from flight_assets.contracts.tables import FLIGHTS_DAILY
from flight_assets.errors import StoreUnavailable
from flight_assets.provenance import STEPS, Ledger
from flight_assets.stores import outage
from flight_assets.stores import redis as redis_store
from flight_assets.stores.hdfs import Hdfs

if TYPE_CHECKING:
    from redis import Redis

    from flight_assets.settings import Settings


class Life(NamedTuple):
    """How long an answer lives; with less than ``refresh_below_s`` left it is computed again, if somebody still asks for it."""

    ttl_s: int
    refresh_below_s: int


OF_A_BATCH = Life(300, 60)
OF_NOW = Life(60, 20)  # windows that end now, states of services
WANTED_S = 150  # an answer counts as asked for this long: two refreshes of a page and some slack
MAX_WANTED = 200
WATCH_S = 2.0
LOCK_S = 60.0  # a computation that takes longer lets another process start its own
POLL_S = 0.05
KEPT = 300  # decoded answers in this process
KEPT_BYTES = 250_000  # an encoded answer larger than this is decoded each time
BREAKER_S = 5.0
REDIS_TIMEOUT_S = 0.5
PREFIX = "flights:result:"
COUNTERS = "flights:cache:counters"
_COMPUTED_AT = b"computed_at"
_TOKEN_BYTES = 32
# For each key: its token if the asker has that answer already, else all of it. Counts hits and misses on the way.
_LOOK = f"""
local found = {{}}
for i = 2, #KEYS do
  local token = redis.call('GETRANGE', KEYS[i], 0, {_TOKEN_BYTES - 1})
  redis.call('HINCRBY', KEYS[1], token == '' and 'misses' or 'hits', 1)
  found[i - 1] = token ~= '' and token == ARGV[i - 1] and token or redis.call('GET', KEYS[i])
end
return found
"""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Query:
    """A question: ``name`` and ``parameters`` say which, ``version`` of which data, ``compute`` asks the store."""

    name: str
    parameters: Mapping[str, Any]
    version: Callable[[], str] = field(compare=False)
    compute: Callable[[], pd.DataFrame] = field(compare=False)
    life: Life = OF_A_BATCH

    def key(self) -> str:
        """The Redis key: equal for equal questions to equal data, in every process."""
        text = json.dumps([self.parameters, self.version()], sort_keys=True, default=str)
        return f"{PREFIX}{self.name}:{sha256(text.encode()).hexdigest()[:32]}"

    def identity(self) -> str:
        """The question without the data's version."""
        return json.dumps([self.name, self.parameters], sort_keys=True, default=str)


@dataclass(frozen=True)
class Answer:
    """A frame, the moment at which the store was asked (UTC), and where it came from now. Others have the same frame: leave it as it is.

    ``token`` names what the store said at that moment: answers with the same token hold the same.
    """

    frame: pd.DataFrame
    as_of: datetime
    source: Literal["redis", "store"]
    token: str = field(default_factory=lambda: uuid4().hex)


class DataVersion:
    """How far the pipeline has come, read from its progress on HDFS at most every two seconds.

    While HDFS does not answer, the version known last stays: an entry made under it lives out its time at most.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[str, tuple[float, str]] = {}

    def after(self, step: str) -> str:
        """The last batch that a step of the pipeline has finished, as text; 'unknown' if HDFS never answered."""
        return self._known_of(step, lambda hdfs: str(Ledger(hdfs).last_done(step)))

    def history(self) -> str:
        """Changes with each batch that has reached the warehouse, and when the rollups have followed it some minutes later."""
        return f"{self.after(STEPS[-1])}+{self._known_of('rollups', self._rolled_up)}"

    def live(self) -> str:
        """Changes with each batch that has reached MongoDB. That live windows end now is for ``OF_NOW`` to heed."""
        return self.after("mongo_hot")

    def _rolled_up(self, hdfs: Hdfs) -> str:
        """When the last commit to the daily rollup was written; 'never' where there is none."""
        log = f"{self._settings.warehouse_dir}/{self._settings.warehouse_database}.db/{FLIGHTS_DAILY.name}/_delta_log"
        try:
            return f"{hdfs.modified(log):%Y%m%d%H%M%S%f}"
        except FileNotFoundError:
            return "never"

    def _known_of(self, name: str, read: Callable[[Hdfs], str]) -> str:
        with self._lock:
            read_at, version = self._known.get(name, (float("-inf"), "unknown"))
            if self._clock() - read_at < WATCH_S:
                return version
            # One asks HDFS; while it waits for the answer the others go on with what was known.
            self._known[name] = (self._clock(), version)
        version = self._read(read, version)
        with self._lock:
            self._known[name] = (self._clock(), version)
        return version

    def _read(self, read: Callable[[Hdfs], str], otherwise: str) -> str:
        try:
            outage.refuse_silent(self._settings, "HDFS NameNode")
            return read(Hdfs(self._settings))
        except StoreUnavailable as error:
            _log.warning("data version unknown: %s", error)
            return otherwise


def encode(frame: pd.DataFrame, computed_at: datetime) -> bytes:
    """A frame as an Arrow stream with zstd, and when it was computed. Of its ``attrs`` the plain values stay, not Spark's own objects."""
    import pyarrow as pa

    plain = frame.copy(deep=False)
    plain.attrs = {name: value for name, value in frame.attrs.items() if isinstance(value, (str, int, float))}
    table = pa.Table.from_pandas(plain, preserve_index=False)
    table = table.replace_schema_metadata({**(table.schema.metadata or {}), _COMPUTED_AT: computed_at.isoformat().encode()})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def decode(content: bytes | memoryview) -> tuple[pd.DataFrame, datetime]:
    """What ``encode`` took. Raises ValueError or KeyError for anything else."""
    import pyarrow as pa

    with pa.ipc.open_stream(content) as reader:
        table = reader.read_all()
    return table.to_pandas(), datetime.fromisoformat(table.schema.metadata[_COMPUTED_AT].decode())


class ResultCache:
    """Redis first, then the store; one computation at a time for each key, in this process and among processes.

    Redis says at each question whether an answer holds; its frame is decoded once and kept in this process for as long as Redis has it.
    """

    def __init__(self, client: Redis) -> None:
        """``client`` must give bytes, and give up soon: see ``open_cache``."""
        self._redis = client
        self._script = client.register_script(_LOOK)
        self._kept: OrderedDict[str, Answer] = OrderedDict()
        self._open_again_at = 0.0
        self._unreported_errors = 0
        self._lock = threading.Lock()
        self._running: dict[str, Future[Answer]] = {}
        self._waiting = 0
        self._wanted: dict[str, tuple[float, Query]] = {}
        self._watcher: threading.Thread | None = None
        self._stopped = threading.Event()

    def ask(self, query: Query) -> Answer:
        """The answer of a query. What ``compute`` raises is raised here, also to those who wait for the same computation."""
        return self.look([query])[0] or self.find(query)

    def look(self, queries: Sequence[Query]) -> list[Answer | None]:
        """The answers that Redis has, in one trip; None for the others, which ``find`` then gets from the stores."""
        keys = [query.key() for query in queries]
        for query in queries:
            self._want(query)
        with self._lock:
            kept = [self._kept.get(key) for key in keys]
        tokens = [answer.token if answer else "" for answer in kept]
        found = self._ask_redis(lambda: self._script([COUNTERS, *keys], tokens, client=self._redis), None)
        if found is None:
            return [None] * len(keys)
        if self._unreported_errors:
            self._count_errors(0)
        return [self._told(key, answer, content) for key, answer, content in zip(keys, kept, found, strict=True)]

    def find(self, query: Query) -> Answer:
        """The answer of a query that ``look`` did not find: computed, or waited for where another computes it."""
        with self._lock:
            self._waiting += 1
        try:
            return self._once(query.key(), query)
        finally:
            with self._lock:
                self._waiting -= 1

    def counters(self) -> dict[str, int]:
        """hits, misses and errors since Redis was created, for all processes; raises StoreUnavailable if Redis is down.

        Errors are counted when Redis answers again, by the process that met them.
        """
        from redis.exceptions import RedisError

        try:
            found: Any = self._redis.hgetall(COUNTERS)
        except RedisError as error:
            options = self._redis.connection_pool.connection_kwargs
            raise StoreUnavailable("Redis", f"{options.get('host')}:{options.get('port')}", "see `flights status`") from error
        return {name: int(found.get(name.encode(), 0)) for name in ("hits", "misses", "errors")}

    def keep_fresh(self) -> None:
        """From now on compute answers that pages still ask for before they expire, and again when their data changes."""
        if self._watcher is None:
            self._watcher = threading.Thread(target=self._watch, name="cache-refresh", daemon=True)
            self._watcher.start()

    def close(self) -> None:
        """Stop refreshing."""
        self._stopped.set()
        if self._watcher:
            self._watcher.join(timeout=LOCK_S)

    def refresh(self) -> int:
        """Compute what is asked for and is missing or about to expire. Returns how many answers were computed."""
        now = time.monotonic()
        with self._lock:
            self._wanted = {name: entry for name, entry in self._wanted.items() if now - entry[0] < WANTED_S}
            wanted = [query for _, query in self._wanted.values()]
        computed = 0
        for query in self._due(wanted):
            if self._waiting:  # who waits for an answer comes first; the rest is for the next time
                break
            computed += 1
            try:
                self._once(query.key(), query, is_refresh=True)
            except Exception as error:
                _log.warning("%s could not be refreshed: %s", query.name, error)
                with self._lock:
                    self._wanted.pop(query.identity(), None)
        return computed

    def _watch(self) -> None:
        while not self._stopped.wait(WATCH_S):
            try:
                self.refresh()
            except Exception:
                _log.exception("refreshing failed; trying again")

    def missing(self, queries: Sequence[Query]) -> list[Query]:
        """Those that Redis has no answer of; none while it is down. Counts neither hits nor misses."""
        return [query for query, seconds in self._left(queries) if seconds < 0]

    def _due(self, queries: Sequence[Query]) -> list[Query]:
        """Those that are missing in Redis or about to expire; none while it is down."""
        return [query for query, seconds in self._left(queries) if seconds < query.life.refresh_below_s]

    def _left(self, queries: Sequence[Query]) -> list[tuple[Query, int]]:
        """Each with its seconds to live, negative without an answer; nothing while Redis is down."""

        def ask() -> list[int]:
            pipe = self._redis.pipeline(transaction=False)
            for query in queries:
                pipe.ttl(query.key())
            return list(pipe.execute())

        return list(zip(queries, self._ask_redis(ask, None) or [], strict=False)) if queries else []

    def _want(self, query: Query) -> None:
        with self._lock:
            identity = query.identity()
            self._wanted.pop(identity, None)
            self._wanted[identity] = (time.monotonic(), query)
            while len(self._wanted) > MAX_WANTED:
                self._wanted.pop(next(iter(self._wanted)))

    def _once(self, key: str, query: Query, is_refresh: bool = False) -> Answer:
        """Compute, or wait for the one who does."""
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
        lock = self._redis.lock(f"{key}:lock", timeout=LOCK_S, blocking=False, thread_local=False)
        deadline = time.monotonic() + LOCK_S
        while not self._ask_redis(lock.acquire, True) and time.monotonic() < deadline:
            time.sleep(POLL_S)
            if answer := self._read(key):
                return answer
        try:
            # Another may have finished between this one's look and its lock.
            is_wanted = is_refresh and bool(self._due([query]))
            return (None if is_wanted else self._read(key)) or self._compute(key, query)
        finally:
            if lock.local.token is not None:
                self._ask_redis(lock.release, None)

    def _compute(self, key: str, query: Query) -> Answer:
        computed_at = datetime.now(UTC)
        answer = Answer(query.compute(), computed_at, "store")
        content = answer.token.encode() + encode(answer.frame, computed_at)
        self._ask_redis(lambda: self._redis.set(key, content, ex=query.life.ttl_s), None)
        return answer

    def _read(self, key: str) -> Answer | None:
        return self._told(key, None, self._ask_redis(lambda: self._redis.get(key), None))

    def _told(self, key: str, kept: Answer | None, content: bytes | None) -> Answer | None:
        """The answer that Redis told of: the one that is kept if that has the same token, else decoded and kept."""
        if not content:
            return None
        if kept and content == kept.token.encode():
            return kept
        try:
            answer = Answer(*decode(memoryview(content)[_TOKEN_BYTES:]), "redis", content[:_TOKEN_BYTES].decode())
        except (ValueError, KeyError, OSError) as error:  # ArrowInvalid is a ValueError
            _log.warning("%s holds no answer: %s", key, error)
            self._count_errors(1)
            return None
        if len(content) <= KEPT_BYTES:
            with self._lock:
                self._kept[key] = answer
                self._kept.move_to_end(key)
                while len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
        return answer

    def _count_errors(self, more: int) -> None:
        """Count errors, with those that could not be counted while Redis was down."""
        self._unreported_errors += more
        count = self._unreported_errors
        if self._ask_redis(lambda: self._redis.hincrby(COUNTERS, "errors", count), None) is not None:
            self._unreported_errors -= count

    def _ask_redis(self, command: Callable[[], Any], otherwise: Any) -> Any:  # noqa: ANN401 - whatever the command gives
        """What Redis answers; ``otherwise`` while it is down, when it is asked again every ``BREAKER_S`` only."""
        from redis.exceptions import LockNotOwnedError, RedisError

        if time.monotonic() < self._open_again_at:
            return otherwise
        try:
            return command()
        except LockNotOwnedError:
            return otherwise
        except RedisError as error:
            _log.warning("Redis does not answer, asking the stores for %s s: %s", BREAKER_S, error)
            self._open_again_at = time.monotonic() + BREAKER_S
            self._unreported_errors += 1
            return otherwise


def open_cache(settings: Settings) -> ResultCache:
    """The cache in the platform's Redis; connects at its first question."""
    return ResultCache(redis_store.connect_binary(settings, REDIS_TIMEOUT_S))
