"""Times at which messages leave: at a steady rate, or when their event happens."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator

from flight_assets.producer.events import Message

# A shorter sleep costs more than it waits. The rate holds over many messages, not between two.
SHORTEST_SLEEP_S = 0.005


def at_rate(
    messages: Iterable[Message],
    rate_per_s: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Message]:
    """Yield the messages, on average at most ``rate_per_s`` a second since the first; 0 means no limit.

    Raises:
        ValueError: rate_per_s is negative.
    """
    if rate_per_s < 0:
        raise ValueError(f"rate_per_s must not be negative; got {rate_per_s}.")
    started = clock()
    for position, message in enumerate(messages):
        if rate_per_s:
            _sleep_until(started + position / rate_per_s, clock, sleep)
        yield message


def when_due(
    messages: Iterable[Message],
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Message]:
    """The messages, each no sooner than its event happens; those of the past at once.

    ``clock`` gives seconds since 1970.
    """
    for message in messages:
        _sleep_until(message.event_time_s, clock, sleep)
        yield message


def _sleep_until(due_s: float, clock: Callable[[], float], sleep: Callable[[float], None]) -> None:
    """Sleep, if the remaining time is worth a sleep."""
    ahead_s = due_s - clock()
    if ahead_s >= SHORTEST_SLEEP_S:
        sleep(ahead_s)
