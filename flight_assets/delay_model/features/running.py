"""Past events that grow, with the features of ``build_features`` at any moment.

Adding events and building features cost what the new events and the asked flights cost, whatever the history.
The features have the same bits as ``build_features`` over all events that were added.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from flight_assets.contracts.message import EventType
from flight_assets.delay_model.features.context import NO_ROW, FeatureContext, planned_times
from flight_assets.delay_model.features.events import (
    Events,
    columns_of,
    content_of,
    first_of_each,
    numbers,
    with_delays,
)
from flight_assets.delay_model.features.growing import GrowingArray, GrowingSpans, GrowingTimeline
from flight_assets.delay_model.features.running_keys import RunningKeys
from flight_assets.delay_model.features.running_pending import RunningPending
from flight_assets.delay_model.features.timeline import FloatArray, IntArray, Spans, Timeline

_TIMES = ("time_s", "departure_s", "block_s", "departure_delay_s", "arrival_delay_s")
_SUMS = ("delay", "arrival_delay", "lateness", "late", "gain")
_Arrays = dict[str, npt.NDArray[Any]]


class _Table:
    """First event of each flight of one type. Unusable ones are kept, since they too hide later ones."""

    def __init__(self) -> None:
        whole = {name: GrowingArray(np.int64) for name in (*_TIMES, *_SUMS, *RunningKeys.COLUMNS)}
        real = {name: GrowingArray(np.float64) for name in ("distance", "departure_rank", "arrival_rank")}
        hashes = {name: GrowingArray(np.uint64) for name in ("flight", "content")}
        self.columns = whole | real | hashes | {"usable": GrowingArray(np.bool_)}
        self._row_of: dict[int, int] = {}

    def __getitem__(self, column: str) -> npt.NDArray[Any]:
        return self.columns[column].values

    def __len__(self) -> int:
        return len(self._row_of)

    def add(self, new: _Arrays) -> bool:
        """Add events, one per flight; the earlier of two counts. Returns whether one took another's place."""
        fresh, replaces = [], False
        for index, flight in enumerate(new["flight"].tolist()):
            row = self._row_of.get(flight)
            if row is None:
                self._row_of[flight] = len(self._row_of)
                fresh.append(index)
            elif row < len(self.columns["flight"]) and _rank(new, index) < _rank(self, row):
                for name, column in self.columns.items():
                    column.values[row] = new[name][index]
                replaces = True
        for name, column in self.columns.items():
            column.extend(new[name][fresh])
        return replaces

    def rows_of(self, flights: npt.NDArray[np.uint64]) -> IntArray:
        """Return the row of each flight's usable event, NO_ROW without one."""
        rows = np.array([self._row_of.get(flight, NO_ROW) for flight in flights.tolist()], np.int64)
        if not len(self):
            return rows
        return np.where((rows != NO_ROW) & self["usable"][rows], rows, NO_ROW)

    def keep(self, is_kept: npt.NDArray[np.bool_]) -> None:
        """Drop all other rows."""
        kept = {name: self[name][is_kept] for name in self.columns}
        self.__init__()  # type: ignore[misc]
        self.add(kept)

    def events(self) -> Events:
        """Return the rows as the features read them."""
        return Events(pd.DataFrame(), self["flight"], *(self[name] for name in _TIMES))


def _rank(rows: _Arrays | _Table, row: int) -> tuple[int, float, float, int]:
    """Return what decides between two events of one flight and type: the least counts."""
    return tuple(rows[name][row] for name in ("time_s", "departure_rank", "arrival_rank", "content"))


class RunningHistory:
    """Look-back events of many days. ``add`` takes events in any order; repeated ones change nothing."""

    def __init__(self) -> None:
        self.tables = {kind: _Table() for kind in EventType}
        self.keys = RunningKeys()
        self._derive_again()

    def _derive_again(self) -> None:
        self._scopes: dict[tuple[EventType, str], GrowingArray] = {}
        self._timelines: dict[tuple[EventType, str], tuple[GrowingTimeline, list[int]]] = {}
        self.pending = RunningPending()
        self._spans: dict[tuple[str, str], tuple[GrowingSpans, list[int]]] = {}
        self._planned: dict[str, tuple[GrowingTimeline, list[int]]] = {}

    def add(self, events: pd.DataFrame) -> None:
        """Add events with PAST_COLUMNS."""
        first = first_of_each(events).reset_index(drop=True)
        kinds, replaces = first["event_type"].to_numpy(), False
        for kind, table in self.tables.items():
            mine = first[kinds == kind.value].reset_index(drop=True)
            if len(mine):
                replaces |= table.add(self._prepared(mine, kind))
        if replaces:
            # A correction that came late and happened earlier. It is rare, so all is derived again.
            self._derive_again()
        self.pending.take(self.tables)

    def _prepared(self, events: pd.DataFrame, kind: EventType) -> _Arrays:
        found = columns_of(events)
        usable = np.zeros(len(events), np.bool_)
        usable[with_delays(events, kind).index] = True
        ranks = {name: numbers(events[f"{name}_delay_minutes"]) for name in ("departure", "arrival")}
        return {
            **{name: getattr(found, name) for name in ("flight", *_TIMES)},
            **found.summable(),
            **{f"{name}_rank": np.nan_to_num(delay, nan=np.inf) for name, delay in ranks.items()},
            **self.keys.columns(events),
            "distance": numbers(events["distance_miles"]),
            "content": content_of(events),
            "usable": usable,
        }

    def keep(self, is_kept: Callable[[IntArray], npt.NDArray[np.bool_]]) -> None:
        """Drop the events at other times (seconds since 1970) than those for which ``is_kept`` is True."""
        for table in self.tables.values():
            table.keep(is_kept(table["time_s"]))
        self.keys.keep(self.tables.values())
        self._derive_again()
        self.pending.take(self.tables)

    def at(self, flights: pd.DataFrame) -> FeatureContext:
        """Return the inputs of ``features_of`` for flights with FLIGHT_COLUMNS."""
        events = {kind: table.events() for kind, table in self.tables.items()}
        nothing = cast("Any", None)  # the history answers instead of keys and pending flights
        return _RunningContext(
            flights, *planned_times(flights), events, keys=nothing, pending=nothing, history=self
        )

    def scope(self, kind: EventType, scope: str) -> IntArray:
        """Return the group codes of a type's rows."""
        codes = self._scopes.setdefault((kind, scope), GrowingArray(np.int64))
        table = self.tables[kind]
        if len(codes) < len(table):
            new = {name: table[name][len(codes) :] for name in RunningKeys.COLUMNS}
            codes.extend(self.keys.scope(scope, new))
        return codes.values

    def timeline(self, kind: EventType, scope: str) -> GrowingTimeline:
        """Return the usable events of a type by the groups of a scope."""
        table = self.tables[kind]
        timeline, seen = self._timelines.setdefault(
            (kind, scope), (GrowingTimeline(lambda name: table[name]), [0])
        )
        if seen[0] < len(table):
            rows = seen[0] + np.flatnonzero(table["usable"][seen[0] :])
            timeline.extend(self.scope(kind, scope)[rows], table["time_s"][rows], table["flight"][rows], rows)
            seen[0] = len(table)
        return timeline

    def spans(self, start: str, scope: str) -> GrowingSpans:
        """Return the spans of announced flights that begin at ``start``, by the groups of a scope."""
        log = self.pending.log
        spans, seen = self._spans.setdefault(
            (start, scope), (GrowingSpans(lambda name: log[name].values), [0])
        )
        rows = np.arange(seen[0], len(log["row"]))
        if len(rows):
            column = {name: array.values[rows] for name, array in log.items()}
            keys = self.scope(EventType.SCHEDULED, scope)[column["row"]]
            spans.extend(keys, column[start], column["end_s"], rows, column["sign"])
            seen[0] += len(rows)
        return spans

    def planned(self, scope: str) -> GrowingTimeline:
        """Return the planned departures of announced flights, by the groups of a scope."""
        planned = self.pending.planned
        timeline, seen = self._planned.setdefault(
            scope, (GrowingTimeline(lambda name: planned[name].values), [0])
        )
        rows = np.arange(seen[0], len(planned["row"]))
        if len(rows):
            keys = self.scope(EventType.SCHEDULED, scope)[planned["row"].values[rows]]
            timeline.extend(keys, planned["due_s"].values[rows], np.zeros(len(rows), np.uint64), rows)
            seen[0] += len(rows)
        return timeline


@dataclass(frozen=True, kw_only=True)
class _RunningContext(FeatureContext):
    """Inputs of the features from a history that grows."""

    history: RunningHistory

    def flight_keys(self, scope: str) -> IntArray:
        keys = self.history.keys
        return keys.scope(scope, keys.columns(self.flights), of_flights=True)

    def timeline(self, kind: EventType, scope: str) -> Timeline:
        return self.history.timeline(kind, scope)

    def overdue(self, scope: str) -> Spans:
        return self.history.spans("due_s", scope)

    def announced(self, scope: str) -> Spans:
        return self.history.spans("announced_s", scope)

    def planned(self, scope: str) -> Timeline:
        return self.history.planned(scope)

    def rows_of(self, kind: EventType, flights: npt.NDArray[np.uint64]) -> IntArray:
        return self.history.tables[kind].rows_of(flights)

    def event_keys(self, kind: EventType, scope: str) -> IntArray:
        return self.history.scope(kind, scope)

    def event_numbers(self, kind: EventType, column: str) -> FloatArray:
        if column != "distance_miles":
            raise KeyError(column)
        distance: FloatArray = self.history.tables[kind]["distance"]
        return distance
