"""Trial of an own pattern on made days, before it runs on the stream."""

from __future__ import annotations

import time
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

import msgspec

from flight_assets.events.engine import Engine
from flight_assets.events.model import HOUR
from flight_assets.events.planted import DAY, FIRST_DAY, events_of_day, made_day
from flight_assets.events.plants import PLANTS

if TYPE_CHECKING:
    from flight_assets.events.model import Change, Event, Pattern

AIRCRAFT = 100
SPLITS = 10
EXAMPLES = 3


@dataclass
class Trial:
    """Result of a trial. ``problem`` says why the pattern does not pass; empty if it does."""

    events: int
    raised: int
    still_open: int
    microseconds_per_event: float
    examples: list[str]
    problem: str


def trial(pattern: Pattern, days: int) -> Trial:
    """Return what a pattern finds on made days with everything planted that the built-in patterns find."""
    events: list[Event] = []
    for number in range(days):
        day = made_day(11, number, AIRCRAFT)
        for plant, _, _ in PLANTS.values():
            plant(day)
        events += events_of_day(day)
    until = FIRST_DAY + days * DAY + HOUR
    engine, began = Engine([pattern]), time.process_time()
    changes = engine.feed(events, until)
    seconds = time.process_time() - began
    raised = [change.finding.explanation for change in changes if change.kind == "raised"]
    return Trial(
        len(events),
        len(raised),
        sum(len(found) for found in engine.state.open.values()),
        seconds / len(events) * 1e6,
        raised[:EXAMPLES],
        engine.state.failures.get(pattern.name, "") or _problem(pattern, events, until, changes),
    )


def _problem(pattern: Pattern, events: list[Event], until: int, expected: list[Change]) -> str:
    """Return a difference between one feed and several with restarts, or an empty text."""
    ordered = sorted(events, key=lambda each: each.order[1])
    for seed in range(SPLITS):
        random = Random(seed)  # noqa: S311 - not for secrets
        engine, found, rest = Engine([pattern]), [], ordered
        while rest:
            size = random.randrange(1, len(rest) + 1)
            some, rest = rest[:size], rest[size:]
            found += engine.feed(some, rest[0].taken if rest else until)
            engine = Engine.restored(engine.snapshot(), [pattern])
        if msgspec.json.encode(found) != msgspec.json.encode(expected):
            return "it finds something else if the batches are cut elsewhere: keep nothing outside its memory"
    return ""
