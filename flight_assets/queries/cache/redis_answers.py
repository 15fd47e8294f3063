"""Answers in Redis.

A failure of Redis counts as a miss, and Redis is left alone for ``BREAKER_S`` seconds.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from flight_assets.errors import StoreUnavailable
from flight_assets.queries.cache.encoding import TOKEN_BYTES, decode, encode
from flight_assets.queries.cache.query import Answer

if TYPE_CHECKING:
    from redis import Redis
    from redis.lock import Lock

KEPT = 300  # decoded answers in this process
KEPT_BYTES = 250_000  # a larger encoded answer is decoded each time
BREAKER_S = 5.0
COUNTERS = "flights:cache:counters"
# For each key: its token if the caller has that answer already, else the whole answer. Counts hits and
# misses.
_LOOK = f"""
local found = {{}}
for i = 2, #KEYS do
  local token = redis.call('GETRANGE', KEYS[i], 0, {TOKEN_BYTES - 1})
  redis.call('HINCRBY', KEYS[1], token == '' and 'misses' or 'hits', 1)
  found[i - 1] = token ~= '' and token == ARGV[i - 1] and token or redis.call('GET', KEYS[i])
end
return found
"""

_log = logging.getLogger(__name__)


class RedisAnswers:
    """Encoded answers in Redis.

    A frame is decoded once and kept in this process while Redis has the answer.
    """

    def __init__(self, client: Redis) -> None:
        """``client`` must return bytes and have a short timeout: see ``open_cache``."""
        self.client = client
        self.kept: OrderedDict[str, Answer] = OrderedDict()
        self.open_again_at = 0.0
        self._script = client.register_script(_LOOK)
        self._unreported_errors = 0
        self._lock = threading.Lock()

    def look(self, keys: Sequence[str]) -> list[Answer | None]:
        """Return the answers of these keys in one trip; None where Redis has none or is down."""
        with self._lock:
            kept = [self.kept.get(key) for key in keys]
        tokens = [answer.token if answer else "" for answer in kept]
        found = self._call(lambda: self._script([COUNTERS, *keys], tokens, client=self.client), None)
        if found is None:
            return [None] * len(keys)
        if self._unreported_errors:
            self._count_errors(0)
        return [
            self._decoded(key, answer, content)
            for key, answer, content in zip(keys, kept, found, strict=True)
        ]

    def read(self, key: str) -> Answer | None:
        """Return the answer of a key without counting a hit or a miss."""
        return self._decoded(key, None, self._call(lambda: self.client.get(key), None))

    def write(self, key: str, answer: Answer, ttl_s: int) -> None:
        """Keep an answer for so many seconds."""
        content = answer.token.encode() + encode(answer.frame, answer.as_of)
        self._call(lambda: self.client.set(key, content, ex=ttl_s), None)

    def seconds_left(self, keys: Sequence[str]) -> list[int] | None:
        """Return the seconds that each answer lives, negative without an answer; None while Redis is down."""

        def ask() -> list[int]:
            pipe = self.client.pipeline(transaction=False)
            for key in keys:
                pipe.ttl(key)
            return list(pipe.execute())

        found: list[int] | None = self._call(ask, None)
        return found

    def lock(self, key: str, timeout_s: float) -> Lock:
        """Return a lock among processes, which expires by itself."""
        found: Lock = self.client.lock(f"{key}:lock", timeout=timeout_s, blocking=False, thread_local=False)
        return found

    def acquire(self, lock: Lock) -> bool:
        """Try to take a lock once. True while Redis is down: nobody can hold it then."""
        return bool(self._call(lock.acquire, True))

    def release(self, lock: Lock) -> None:
        """Give a lock back, if it was taken."""
        if lock.local.token is not None:
            self._call(lock.release, None)

    def counters(self) -> dict[str, int]:
        """Return hits, misses and errors of all processes since Redis was created.

        Each process counts its errors when Redis answers again.

        Raises:
            StoreUnavailable: Redis is down.
        """
        from redis.exceptions import RedisError

        try:
            found: Any = self.client.hgetall(COUNTERS)
        except RedisError as error:
            options = self.client.connection_pool.connection_kwargs
            address = f"{options.get('host')}:{options.get('port')}"
            raise StoreUnavailable("Redis", address, "see `flights status`") from error
        return {name: int(found.get(name.encode(), 0)) for name in ("hits", "misses", "errors")}

    def _decoded(self, key: str, kept: Answer | None, content: bytes | None) -> Answer | None:
        """Return the kept answer if Redis has the same token, else the decoded one, which is then kept."""
        if not content:
            return None
        if kept and content == kept.token.encode():
            return kept
        try:
            frame, as_of = decode(memoryview(content)[TOKEN_BYTES:])
            answer = Answer(frame, as_of, "redis", content[:TOKEN_BYTES].decode())
        except (ValueError, KeyError, OSError) as error:  # ArrowInvalid is a ValueError
            _log.warning("%s holds no answer: %s", key, error)
            self._count_errors(1)
            return None
        if len(content) <= KEPT_BYTES:
            self._keep(key, answer)
        return answer

    def _keep(self, key: str, answer: Answer) -> None:
        with self._lock:
            self.kept[key] = answer
            self.kept.move_to_end(key)
            while len(self.kept) > KEPT:
                self.kept.popitem(last=False)

    def _count_errors(self, more: int) -> None:
        """Count errors, with those of the time when Redis was down."""
        self._unreported_errors += more
        count = self._unreported_errors
        if self._call(lambda: self.client.hincrby(COUNTERS, "errors", count), None) is not None:
            self._unreported_errors -= count

    def _call(self, command: Callable[[], Any], otherwise: Any) -> Any:  # noqa: ANN401 - whatever the command returns
        """Return the result of a Redis command, or ``otherwise`` while Redis is down."""
        from redis.exceptions import LockNotOwnedError, RedisError

        if time.monotonic() < self.open_again_at:
            return otherwise
        try:
            return command()
        except LockNotOwnedError:
            return otherwise
        except RedisError as error:
            _log.warning("Redis does not answer, asking the stores for %s s: %s", BREAKER_S, error)
            self.open_again_at = time.monotonic() + BREAKER_S
            self._unreported_errors += 1
            return otherwise
