"""Client of Redis, for dimensions and cached results."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from redis import Redis

    from flight_assets.settings import Settings


def connect(settings: Settings) -> Redis:
    """Return a client that gives up after ``timeout_s``; it connects at its first command."""
    from redis import Redis

    return Redis.from_url(
        settings.redis_url,
        socket_timeout=settings.timeout_s,
        socket_connect_timeout=settings.timeout_s,
        decode_responses=True,
    )


def connect_binary(settings: Settings, timeout_s: float) -> Redis:
    """Return a client for bytes that gives up after ``timeout_s`` without a retry: a cache must not wait."""
    from redis import Redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    return Redis.from_url(
        settings.redis_url,
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        retry=Retry(NoBackoff(), 0),
    )
