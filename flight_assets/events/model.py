"""Vocabulary of complex events: the event that a pattern sees, the signals it returns, and findings.

Times are whole seconds since 1970, UTC. Delays are minutes, negative = early.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    from flight_assets.events.schedule import Schedule

Severity = Literal["critical", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = ("critical", "warning", "info")
ChangeKind = Literal["raised", "updated", "cleared"]
MINUTE, HOUR = 60, 3_600
# Flights that a finding names; its numbers count all of them.
FLIGHTS_NAMED = 50


class Event(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One staged event, as patterns see it.

    ``order`` is the order of events: event time, broker time, partition and offset. Its times are
    microseconds.

    The forecast is ``predicted_delay`` with ``interval_low`` and ``interval_high``. All are None without one.
    """

    order: tuple[int, int, int, int]
    kind: str
    flight_id: str
    airline: str
    origin: str
    destination: str
    planned_departure: int
    planned_arrival: int | None = None
    tail: str | None = None
    departure_delay: float | None = None
    arrival_delay: float | None = None
    diverted_to: str | None = None
    source: str | None = None
    predicted_delay: float | None = None
    interval_low: float | None = None
    interval_high: float | None = None

    @property
    def at(self) -> int:
        """Time of the event."""
        return self.order[0] // 1_000_000

    @property
    def taken(self) -> int:
        """Time when the broker took its message."""
        return self.order[1] // 1_000_000


class Raise(msgspec.Struct, frozen=True):
    """Signal: the pattern holds for a key since ``start``. Repeated while it holds, it updates the finding.

    ``explanation`` has two sentences with the numbers. ``airport`` and ``airline`` say where it belongs.
    """

    key: str
    start: int
    explanation: str
    numbers: dict[str, float]
    flight_ids: tuple[str, ...] = ()
    airport: str = ""
    airline: str = ""


class Clear(msgspec.Struct, frozen=True):
    """Signal: the pattern holds no longer for a key. Without an open finding it does nothing."""

    key: str
    reason: str


class Wake(msgspec.Struct, frozen=True):
    """Signal: call the pattern's ``on_wake`` with this key at that time.

    A later one for the key replaces it.
    """

    key: str
    at: int


Signal = Raise | Clear | Wake
Values = Mapping[str, float]


@dataclass(frozen=True)
class Parameter:
    """Number that a pattern depends on: default, unit and meaning."""

    name: str
    default: float
    unit: str
    meaning: str


@dataclass(frozen=True)
class Pattern:
    """Pattern: pure functions from a situation to signals, and their declaration.

    The engine calls ``on_event`` for each event, after the schedule took it in.
    It calls ``on_tick`` every five minutes, and ``on_wake`` at the times that the pattern asked for.
    """

    name: str
    meaning: str
    severity: Severity
    parameters: tuple[Parameter, ...]
    inputs: tuple[str, ...]
    clears: str
    on_event: Callable[[Event, Schedule, Values], Iterator[Signal]] | None = None
    on_tick: Callable[[Schedule, Values], Iterator[Signal]] | None = None
    on_wake: Callable[[str, Schedule, Values], Iterator[Signal]] | None = None

    def values(self, instead: Mapping[str, float] | None = None) -> dict[str, float]:
        """Return the parameters by name. Raises ValueError for a name that the pattern does not have."""
        known = {each.name: each.default for each in self.parameters}
        if unknown := set(instead or ()) - set(known):
            raise ValueError(f"{self.name} has no parameter {', '.join(sorted(unknown))}")
        return known | dict(instead or {})


class Finding(msgspec.Struct):
    """One occurrence of a pattern. ``cleared`` is None while it is open; ``changes`` counts its changes."""

    finding_id: str
    pattern: str
    severity: Severity
    key: str
    start: int
    raised: int
    updated: int
    explanation: str
    numbers: dict[str, float]
    flight_ids: tuple[str, ...] = ()
    airport: str = ""
    airline: str = ""
    cleared: int | None = None
    cleared_because: str = ""
    changes: int = 1


class Change(msgspec.Struct, frozen=True):
    """Change of a finding, with its state after the change. Key: finding_id and ``finding.changes``."""

    kind: ChangeKind
    at: int
    finding: Finding


def finding_id(pattern: str, key: str, raised: int) -> str:
    """Return the stable id of a finding: 16 hexadecimal digits of the hash of pattern, key and time raised.

    One that was cleared may be found again with the same start: that is another finding.
    """
    return sha256(f"{pattern}\n{key}\n{raised}".encode()).hexdigest()[:16]
