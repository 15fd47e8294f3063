"""When each message leaves, on a clock that only sleeping moves."""

from __future__ import annotations

import pytest

from flight_assets.producer.events import Message
from flight_assets.producer.pace import at_rate, when_due


class Clock:
    """A clock that moves by what is slept."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


def messages(*times_s: int) -> list[Message]:
    return [Message(None, b"", time_s) for time_s in times_s]


def test_a_rate_spreads_the_messages() -> None:
    clock = Clock()
    left_at = [clock() for _ in at_rate(messages(0, 0, 0), 2.0, clock, clock.sleep)]
    assert left_at == [1_000.0, 1_000.5, 1_001.0]


def test_a_high_rate_holds_on_average() -> None:
    clock = Clock()
    assert len(list(at_rate(messages(*range(10_000)), 5_000.0, clock, clock.sleep))) == 10_000
    assert clock() == pytest.approx(1_002.0, abs=0.01)


def test_rate_zero_never_waits() -> None:
    clock = Clock()
    assert len(list(at_rate(messages(0, 0, 0), 0.0, clock, clock.sleep))) == 3
    assert clock() == 1_000.0


def test_a_negative_rate_is_refused() -> None:
    with pytest.raises(ValueError, match="must not be negative"):
        next(at_rate(messages(0), -1.0))


def test_messages_leave_when_they_are_due_and_those_of_the_past_at_once() -> None:
    clock = Clock()
    left_at = [clock() for _ in when_due(messages(900, 1_000, 1_030, 1_010), clock, clock.sleep)]
    assert left_at == [1_000.0, 1_000.0, 1_030.0, 1_030.0]
