"""Measurements of the patterns on planted days: precision and recall, false alarms, speed and memory."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from flight_assets.events.engine import Engine
from flight_assets.events.model import HOUR
from flight_assets.events.patterns import PATTERNS
from flight_assets.events.planted import DAY, FIRST_DAY, Day, events_of_day, made_day
from flight_assets.events.plants import PLANTS, chains_in, turnarounds_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flight_assets.events.model import Change

# A nationwide day has 20,000 flights: so many aircraft with five legs each.
NATIONWIDE_AIRCRAFT = 4_000
WARM_UP_DAYS = 2


@dataclass
class Score:
    """Score of a pattern at one value of a parameter, over some planted days."""

    pattern: str
    parameter: str
    value: float
    is_default: bool
    planted: int = 0
    found: int = 0
    right: int = 0
    missed: int = 0

    @property
    def recall(self) -> float:
        """Share of the planted ones that were found; 1 without any."""
        return 1 - self.missed / self.planted if self.planted else 1.0

    @property
    def precision(self) -> float:
        """Share of the findings that are right; 1 without any."""
        return self.right / self.found if self.found else 1.0

    def row(self) -> dict[str, Any]:
        """Return the score as a row for tables and JSON."""
        return asdict(self) | {"precision": self.precision, "recall": self.recall}


def scores(days: int, seed: int, only_defaults: bool = False) -> Iterator[Score]:
    """Yield the score of each pattern at each value of its varied parameter, over ``days`` planted days."""
    warm = warmed_up(seed)
    for name, (plant, parameter, tried) in PLANTS.items():
        pattern = next(each for each in PATTERNS if each.name == name)
        default = pattern.values()[parameter]
        for value in [default] if only_defaults else tried:
            score = Score(name, parameter, value, value == default)
            for nth in range(days):
                day = made_day(seed * 1_000 + nth, WARM_UP_DAYS)
                truth = plant(day)
                found = {
                    change.finding.key for change in _findings(warm, day, {name: {parameter: value}}, name)
                }
                score.planted += len(truth.must)
                score.missed += len(truth.must - found)
                score.found += len(found)
                score.right += len(found & (truth.must | truth.may))
            yield score


def false_alarms(days: int, seed: int) -> dict[str, float]:
    """Return the wrong findings per quiet day by pattern.

    Nothing is planted. Chains and turnarounds that are truly there are not counted.
    """
    warm, counts = warmed_up(seed), dict.fromkeys((pattern.name for pattern in PATTERNS), 0)
    for nth in range(days):
        day = made_day(seed * 1_000 + nth, WARM_UP_DAYS)
        true = {"reactionary_chain": chains_in(day), "infeasible_turnaround": turnarounds_in(day)}
        for change in _findings(warm, day, {}, ""):
            found = change.finding
            truth = true.get(found.pattern)
            counts[found.pattern] += truth is None or found.key not in truth.must | truth.may
    return {name: count / days for name, count in counts.items()}


def warmed_up(seed: int) -> bytes:
    """Return the state of an engine that has seen two quiet days, from which each measured day begins."""
    engine = Engine(PATTERNS)
    for number in range(WARM_UP_DAYS):
        day = made_day(seed * 1_000, number)
        engine.feed(events_of_day(day), day.begin + DAY + HOUR)
    return engine.snapshot()


def _findings(warm: bytes, day: Day, values: dict[str, dict[str, float]], name: str) -> list[Change]:
    """Return what a pattern, or every pattern, raises on a day."""
    from flight_assets.events.state import decode

    patterns = [pattern for pattern in PATTERNS if name in ("", pattern.name)]
    engine = Engine(patterns, decode(warm), values)
    changes = engine.feed(events_of_day(day), day.begin + DAY + HOUR)
    return [change for change in changes if change.kind == "raised" and change.at >= day.begin]


def speed(aircraft: int = NATIONWIDE_AIRCRAFT) -> dict[str, float]:
    """Return events per second of one engine with all patterns, and its memory, on a day of many flights.

    ``state_mb`` is the saved state, ``memory_mb`` the engine's objects at the end, MB (10⁶ bytes).
    """
    import tracemalloc

    day = made_day(7, 0, aircraft)
    events = events_of_day(day)
    engine, began = Engine(PATTERNS), time.process_time()
    engine.feed(events, FIRST_DAY + DAY)
    seconds = time.process_time() - began
    snapshot = engine.snapshot()
    del engine
    tracemalloc.start()
    again = Engine.restored(snapshot, PATTERNS)
    memory, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return {
        "flights": len(day.flights),
        "events": len(events),
        "events_per_s": len(events) / seconds,
        "state_mb": len(snapshot) / 1e6,
        "memory_mb": memory / 1e6,
        "flights_kept": len(again.state.flights),
    }
