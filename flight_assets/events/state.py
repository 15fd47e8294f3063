"""Durable state of the engine: plain structures that are saved and restored as one block of bytes."""

from __future__ import annotations

import msgspec

from flight_assets.events.model import Event, Finding

# Raise it when the structures change: an older state is refused, and the engine begins anew.
STATE_VERSION = 1


class Flight(msgspec.Struct, array_like=True):
    """Known facts of a flight: its plan by its newest event, and what happened to it."""

    flight_id: str
    airline: str
    origin: str
    destination: str
    planned_departure: int
    planned_arrival: int | None
    order: tuple[int, int, int, int]
    tail: str | None = None
    announced: bool = False
    departed: int | None = None
    departure_delay: float | None = None
    departed_tail: str | None = None
    arrived: int | None = None
    arrival_delay: float | None = None
    cancelled: int | None = None
    cancelled_order: tuple[int, int, int, int] | None = None
    diverted: int | None = None
    predicted_delay: float | None = None
    interval_low: float | None = None
    interval_high: float | None = None

    @property
    def is_over(self) -> bool:
        """Return True if nothing more is expected: arrived, cancelled or diverted."""
        return self.arrived is not None or self.cancelled is not None or self.diverted is not None

    @property
    def known_delay(self) -> float | None:
        """Delay at arrival, or until then at departure, minutes; None before departure."""
        if self.arrived is not None and self.arrival_delay is not None:
            return self.arrival_delay
        return self.departure_delay if self.departed is not None else None


class Turns(msgspec.Struct, array_like=True):
    """Observed turnarounds at an airport: counts in bins of five minutes, and the least usual one."""

    bins: list[int]
    count: int = 0
    least: float | None = None


class Usual(msgspec.Struct, array_like=True):
    """Learnt behaviour of a key: events per hour of the day (UTC), and the days that each hour has seen."""

    per_hour: list[float]
    days: list[int]


class State(msgspec.Struct):
    """Everything that the engine remembers. Its size grows with the flights of two days, not with time."""

    version: int = STATE_VERSION
    # Clocks: event time so far, newest event time, next tick of broker time, and whether the feed is live.
    clock: int = 0
    newest_event: int = 0
    next_tick: int = 0
    live: bool = False
    waiting: dict[int, list[Event]] = msgspec.field(default_factory=dict)
    flights: dict[str, Flight] = msgspec.field(default_factory=dict)
    # Planned departure and flight_id of each aircraft's legs, in order.
    legs: dict[str, list[tuple[int, str]]] = msgspec.field(default_factory=dict)
    # Counts by measure, key and bucket of five minutes.
    counts: dict[str, dict[str, dict[int, int]]] = msgspec.field(default_factory=dict)
    turns: dict[str, Turns] = msgspec.field(default_factory=dict)
    usual: dict[str, Usual] = msgspec.field(default_factory=dict)
    # Learnt shares: events of a kind and their opportunities, both fading.
    shares: dict[str, tuple[float, float]] = msgspec.field(default_factory=dict)
    memory: dict[str, dict[str, dict[str, float]]] = msgspec.field(default_factory=dict)
    timers: list[tuple[int, str, str]] = msgspec.field(default_factory=list)
    wakes: dict[str, dict[str, int]] = msgspec.field(default_factory=dict)
    open: dict[str, dict[str, Finding]] = msgspec.field(default_factory=dict)
    raised_total: dict[str, int] = msgspec.field(default_factory=dict)
    failures: dict[str, str] = msgspec.field(default_factory=dict)
    late: int = 0
    too_old: int = 0


def encode(state: State) -> bytes:
    """Return the state as bytes, compressed."""
    import zstandard

    return bytes(zstandard.ZstdCompressor(level=3).compress(msgspec.msgpack.encode(state)))


def decode(content: bytes) -> State:
    """Return the state of ``encode``. Raises ValueError if another version wrote it."""
    import zstandard

    try:
        state = msgspec.msgpack.decode(zstandard.ZstdDecompressor().decompress(content), type=State)
    except (msgspec.MsgspecError, zstandard.ZstdError) as error:
        raise ValueError(f"the state of the event engine cannot be read: {error}") from error
    if state.version != STATE_VERSION:
        raise ValueError(
            f"the state of the event engine has version {state.version}, this release reads {STATE_VERSION}"
        )
    return state
