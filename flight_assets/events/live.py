"""Search for complex events in live processing: a thread feeds a fork of the engine and shows its findings.

One live process at a time searches, by a lease. It sees the events of every partition. Nothing that happens
here stops live processing: an error is reported, and the search begins again after a pause.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from flight_assets.errors import FlightsError
from flight_assets.events.fork import HELD_AT_MOST, Fork
from flight_assets.events.own import all_patterns
from flight_assets.events.publish import Shown
from flight_assets.events.rows import COLUMNS, FORECAST, events_of
from flight_assets.events.store import EventStore, Head
from flight_assets.provenance import Ledger
from flight_assets.stores import lease, mongo, outage
from flight_assets.stores.hdfs import Hdfs

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from flight_assets.events.model import Change
    from flight_assets.settings import Settings

LEASE = "searching events live"
# The broker may make a message visible so much later than the time that it gave it. Batches wait longer.
GRACE_S = 1.0
# Pauses of the thread: between two looks, between two looks for a newer state, and while another searches.
EVERY_S, STATE_EVERY_S, LEASE_EVERY_S = 0.2, 2.0, 5.0
# After showing findings, the next ones wait so many times as long as that took.
SHOWING_PAUSE = 5.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 5.0, 60.0
SEARCHING, WAITING, ELSEWHERE, FAILED = "searching", "waiting for a batch", "in another process", "failed"

_NO_STATE = Head(-1, -1)
Forecasts = dict[str, dict[str, Any] | None]


class LiveSearch:
    """Search beside one lane. ``begins_at``: first offset that the lane reads, by partition.

    ``say`` gets one sentence for each new problem.
    """

    def __init__(
        self, settings: Settings, begins_at: Mapping[int, int], say: Callable[[str], None] = lambda _: None
    ) -> None:
        self._settings, self._say = settings, say
        self._lock, self._stop = threading.Lock(), threading.Event()
        self._reached = dict(begins_at)
        self._until = 0.0
        self._inbox: list[tuple[pa.Table, Forecasts]] | None = None
        self._waiting_rows = 0
        self._state, self._problem, self._figures = WAITING, "", {"held": 0, "open": 0}
        self._thread = threading.Thread(target=self._run, daemon=True, name="live search")

    def __enter__(self) -> LiveSearch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(self._settings.timeout_s)

    def add(self, events: pa.Table, forecasts: Forecasts, reached: Mapping[int, int]) -> None:
        """Hand over checked events of all partitions, and the forecasts of those flights that are known.

        ``reached``: first offset behind them by partition.
        """
        with self._lock:
            self._reached = dict(reached)
            if self._inbox is None:
                return
            self._waiting_rows += events.num_rows
            self._inbox.append((events.select(COLUMNS), forecasts))
            if self._waiting_rows > HELD_AT_MOST:
                self._inbox = None

    def complete(self, until: float) -> None:
        """Say that all messages are handed over that the brokers made visible before a time (since 1970)."""
        with self._lock:
            self._until = max(self._until, until)

    def status(self) -> dict[str, Any]:
        """Return state, problem, held events and open findings, for the status of live processing."""
        return {"state": self._state, "problem": self._problem, **self._figures}

    def _run(self) -> None:
        pause = FIRST_PAUSE_S
        while not self._stop.is_set():
            began = time.monotonic()
            try:
                with (
                    lease.hold(self._settings, "live processing", 0, LEASE) as still_held,
                    mongo.database(self._settings) as db,
                ):
                    self._search(db, still_held)
            except lease.LeaseBusy:
                self._tell(ELSEWHERE)
                self._stop.wait(LEASE_EVERY_S)
            except Exception as error:  # told, counted as failed, and tried again: live processing goes on
                self._tell(FAILED, outage.explain(self._settings, error))
                pause = FIRST_PAUSE_S if time.monotonic() - began > LONGEST_PAUSE_S else pause
                self._stop.wait(pause)
                pause = min(2 * pause, LONGEST_PAUSE_S)
            finally:
                with self._lock:
                    self._inbox = None

    def _tell(self, state: str, problem: str = "") -> None:
        if problem and problem != self._problem:
            self._say(f"complex events in live processing: {problem}")
        self._state, self._problem = state, problem

    def _search(self, db: Any, still_held: Callable[[], None]) -> None:  # noqa: ANN401 - pymongo's generic type
        """Search until the process ends. Every durable state is a new beginning."""
        fork, states = self._new_fork(), States(self._settings)
        shown, is_pending, free_at = Shown(db), False, 0.0
        while not self._stop.wait(EVERY_S):
            until = self._drain(fork, db)
            if (newest := states.newer()) is not None:
                state, changes, done = newest
                is_pending = fork.goes_on(changes, done) or fork.begin(state, done)
                shown = Shown(db) if is_pending else shown
            found = fork.advance(int(until - GRACE_S))
            self._figures = {"held": fork.held, "open": len(fork.findings())}
            self._tell(SEARCHING if fork.works else WAITING)
            is_pending = fork.works and (is_pending or bool(found))
            if is_pending and time.monotonic() >= free_at:
                began = time.monotonic()
                shown.write(fork.findings(), fork.clock, still_held)
                is_pending, free_at = False, time.monotonic() + SHOWING_PAUSE * (time.monotonic() - began)

    def _new_fork(self) -> Fork:
        """Return a fork of the events from now on."""
        with self._lock:
            self._inbox, self._waiting_rows = [], 0
            return Fork(all_patterns(self._settings), self._reached)

    def _drain(self, fork: Fork, db: Any) -> float:  # noqa: ANN401 - pymongo's generic type
        """Give the fork the events that were handed over. Returns the time up to which they are complete."""
        with self._lock:
            inbox, until = self._inbox, self._until
            if inbox is None:
                raise FlightsError("events come faster than they can be searched: the next batch catches up")
            self._inbox, self._waiting_rows = [], 0
        for table, forecasts in inbox:
            ids = table["flight_id"].to_pylist()
            others = {each for each in ids if each not in forecasts and not fork.has_forecast(each)}
            known = forecasts | _forecasts_of(db, others)
            fork.add(events_of(with_forecasts(table, known)))
        return until


class States:
    """Durable states as they are published, each with the offsets that it has come to."""

    def __init__(self, settings: Settings) -> None:
        hdfs = Hdfs(settings)
        self._store, self._ledger = EventStore(hdfs), Ledger(hdfs)
        self._number: int | None = None
        self._look_at = 0.0

    def newer(self) -> tuple[bytes | None, list[Change], dict[int, int]] | None:
        """Return a state that was published since the last call, or None. The first call returns the newest.

        A state is the engine's bytes, None before the first one, its changes, and ``done`` of ``Fork.begin``.
        """
        if time.monotonic() < self._look_at:
            return None
        self._look_at = time.monotonic() + STATE_EVERY_S
        head = self._store.head() or _NO_STATE
        if head.number == self._number:
            return None
        saved = self._store.load(head.number)
        if saved is None and (self._store.head() or _NO_STATE).number != head.number:
            return None  # it was replaced meanwhile
        self._number = head.number
        done = self._done(head.batch_id)
        return (saved.engine, saved.changes, done) if saved else (None, [], done)

    def _done(self, batch_id: int) -> dict[int, int]:
        if batch_id < self._ledger.topic_start().first_batch:
            return {}
        offsets = self._ledger.record(batch_id).next_offsets
        return {int(partition): end for partition, end in offsets.items()}


def with_forecasts(events: pa.Table, forecasts: Forecasts) -> pa.Table:
    """Return events with the columns FORECAST, null for flights without a forecast."""
    said = [forecasts.get(flight_id) or {} for flight_id in events["flight_id"].to_pylist()]
    for name in FORECAST:
        events = events.append_column(name, pa.array([each.get(name) for each in said], pa.float64()))
    return events


def _forecasts_of(db: Any, flight_ids: Collection[str]) -> Forecasts:  # noqa: ANN401 - pymongo's generic type
    """Return the forecasts that other live processes or batches have shown."""
    if not flight_ids:
        return {}
    found = db[mongo.FLIGHTS].find({"_id": {"$in": sorted(flight_ids)}}, {"prediction": 1})
    return {each["_id"]: each.get("prediction") for each in found}


def search_of(processes: list[dict[str, Any]]) -> str:
    """Return the state of the search, from the status of each live process: the best, with its problem."""
    states = [each.get("search", {}) for each in processes]
    for wanted in (SEARCHING, FAILED, WAITING):
        for each in states:
            if each.get("state") == wanted:
                return f"{wanted}: {each['problem']}" if each["problem"] else wanted
    return WAITING
