"""Announced flights that have not left, by the rules of ``context.Pending``, one event at a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from flight_assets.contracts.message import EventType
from flight_assets.delay_model.features.context import OUTCOMES, PENDING_LIMIT_S
from flight_assets.delay_model.features.events import NO_TIME
from flight_assets.delay_model.features.growing import GrowingArray


class Rows(Protocol):
    """Table of events of one type."""

    def __getitem__(self, column: str) -> npt.NDArray[Any]: ...

    def __len__(self) -> int: ...


class _Span(NamedTuple):
    """Entry of the log: an announced flight, times in seconds, 1 for a new span, −1 for one taken back."""

    row: int
    announced_s: int
    due_s: int
    end_s: int
    departure: int
    sign: int


class RunningPending:
    """Log of the spans from announcement or planned departure to the end of each announced flight.

    A flight that leaves gets another end: its span is taken back, and a new one added.
    """

    def __init__(self) -> None:
        self.log = {name: GrowingArray(np.int64) for name in _Span._fields}
        self.planned = {name: GrowingArray(np.int64) for name in ("row", "due_s")}
        self._seen = dict.fromkeys((EventType.SCHEDULED, *OUTCOMES), 0)
        self._left_s: dict[int, int] = {}
        self._pending: dict[int, _Span] = {}

    def take(self, tables: Mapping[EventType, Rows]) -> None:
        """Take the rows that were added to the tables."""
        spans: list[_Span] = []
        for kind in OUTCOMES:
            for row in self._new(tables, kind):
                self._leave(int(tables[kind]["flight"][row]), int(tables[kind]["time_s"][row]), spans)
        scheduled, announced = tables[EventType.SCHEDULED], []
        for row in self._new(tables, EventType.SCHEDULED):
            span = self._announced(scheduled, row)
            if span:
                self._pending[int(scheduled["flight"][row])] = span
                announced.append(span)
        for name, array in self.log.items():
            array.extend(np.array([getattr(span, name) for span in [*spans, *announced]], np.int64))
        for name, array in self.planned.items():
            array.extend(np.array([getattr(span, name) for span in announced], np.int64))

    def _new(self, tables: Mapping[EventType, Rows], kind: EventType) -> list[int]:
        begin, self._seen[kind] = self._seen[kind], len(tables[kind])
        rows: list[int] = (begin + np.flatnonzero(tables[kind]["usable"][begin:])).tolist()
        return rows

    def _leave(self, flight: int, left_s: int, spans: list[_Span]) -> None:
        if left_s >= self._left_s.get(flight, left_s + 1):
            return
        self._left_s[flight] = left_s
        before = self._pending.get(flight)
        if before and left_s < before.end_s:
            after = before._replace(end_s=left_s)
            spans += [before._replace(sign=-1), after]
            self._pending[flight] = after

    def _announced(self, scheduled: Rows, row: int) -> _Span | None:
        departure_s, announced_s = int(scheduled["departure_s"][row]), int(scheduled["time_s"][row])
        # A flight announced earlier than this is given up before it is due.
        if departure_s == NO_TIME or departure_s - announced_s > PENDING_LIMIT_S:
            return None
        given_up_s = announced_s + PENDING_LIMIT_S
        end_s = min(self._left_s.get(int(scheduled["flight"][row]), given_up_s), given_up_s)
        return _Span(row, announced_s, max(departure_s, announced_s), end_s, departure_s, 1)
