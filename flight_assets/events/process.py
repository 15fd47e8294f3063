"""Search for complex events in finished batches: read them, feed the engine, save, publish, mark."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flight_assets.contracts.ranges import DateRange, in_date_ranges
from flight_assets.contracts.tables import COMPLEX_EVENTS, PREDICTIONS, STAGING
from flight_assets.events import publish
from flight_assets.events.engine import Engine
from flight_assets.events.own import all_patterns
from flight_assets.events.rows import COLUMNS, FORECAST, events_of
from flight_assets.events.store import EventStore, Head, Saved, path
from flight_assets.provenance import STEPS, BatchRecord, Ledger
from flight_assets.stores import kafka

if TYPE_CHECKING:
    from flight_assets.events.model import Change, Event, Pattern
    from flight_assets.settings import Settings
    from flight_assets.stores.hdfs import Hdfs
    from flight_assets.stores.warehouse import Warehouse

LEASE = "searching events"
# The broker may make a message visible so much later than the time that it gave it.
BROKER_GRACE_S = 2


@dataclass
class Done:
    """Result of a run: batches and events fed, and the changes of findings."""

    batches: int = 0
    events: int = 0
    changes: list[Change] = field(default_factory=list)
    head: Head | None = None


@dataclass
class Stores:
    """Stores of a run.

    ``warehouse`` connects when it is first needed, so that an empty run asks Spark nothing.
    """

    settings: Settings
    hdfs: Hdfs
    warehouse: Callable[[], Warehouse]
    still_held: Callable[[], None]


def has_work(settings: Settings, hdfs: Hdfs, now: int) -> bool:
    """Return whether a batch or a timer waits. ``now``: seconds since 1970.

    Reads two small files. Only if a timer is due, it asks Kafka too: timers stand still while messages wait.
    """
    head, ledger = EventStore(hdfs).head(), Ledger(hdfs)
    if ledger.last_done(STEPS[-1]) > (head.batch_id if head else -1):
        return True
    return head is not None and _is_due(head, now) and _everything_is_processed(settings, ledger)


def process(stores: Stores, now: int, from_batch: int | None = None) -> Done:
    """Feed every finished batch that waits to the engine, in order, and publish what was found.

    Args:
        stores: clients, and the check that the lease is still held.
        now: clock, seconds since 1970. Without messages that wait in the topic, timers fire up to it.
        from_batch: begin anew with this batch: the older state is dropped, and its findings are found again.
    """
    store, ledger, done = EventStore(stores.hdfs), Ledger(stores.hdfs), Done()
    patterns = all_patterns(stores.settings)
    head = store.head() or Head(-1, -1)
    # Asked before the batches are read: nothing that comes later is before ``now``.
    caught_up = _everything_is_processed(stores.settings, ledger)
    if from_batch is not None:
        head = _begin_anew(stores, store, head, from_batch)
    saved = store.load(head.number + 1)
    if saved is not None:
        head = _publish(stores, store, saved, patterns)
    else:
        saved = store.load(head.number)
    engine = Engine.restored(saved.engine, patterns) if saved else Engine(patterns)
    reached = saved.now if saved else 0
    last = ledger.last_done(STEPS[-1])
    while (first := head.batch_id + 1) <= last:
        records = _some(ledger, first, last, stores.settings.events_per_feed)
        events = (
            events_of_batches(stores.warehouse(), records) if any(each.staged for each in records) else []
        )
        is_newest = records[-1].batch_id == last
        reached = max(
            reached, now - BROKER_GRACE_S if caught_up and is_newest else complete_until(records[-1], events)
        )
        changes = engine.feed(events, reached)
        head = _commit(
            stores, store, engine, Saved(head.number + 1, records[-1].batch_id, reached, b"", changes)
        )
        done.batches, done.events = done.batches + len(records), done.events + len(events)
        done.changes += changes
    if not done.batches and caught_up and _is_due(head, now):
        changes = engine.feed([], now - BROKER_GRACE_S)
        head = _commit(
            stores, store, engine, Saved(head.number + 1, head.batch_id, now - BROKER_GRACE_S, b"", changes)
        )
        done.changes += changes
    done.head = head
    return done


def replayed(
    settings: Settings,
    hdfs: Hdfs,
    warehouse: Warehouse,
    first: int,
    last: int | None,
    values_of: Mapping[str, Mapping[str, float]],
) -> list[Change]:
    """Return the changes that a new engine finds in finished batches, with other parameters if given.

    Writes nothing. If it ends with the newest batch, timers fire up to the time that the search has reached.
    """
    ledger, engine = Ledger(hdfs), Engine(all_patterns(settings), values_of=values_of)
    newest = ledger.last_done(STEPS[-1])
    last, found, reached = newest if last is None else min(last, newest), [], 0
    while first <= last:
        records = _some(ledger, first, last, settings.events_per_feed)
        events = events_of_batches(warehouse, records) if any(each.staged for each in records) else []
        reached = max(reached, complete_until(records[-1], events))
        found += engine.feed(events, reached)
        first = records[-1].batch_id + 1
    store = EventStore(hdfs)
    head = store.head()
    saved = store.load(head.number) if head and head.batch_id <= last else None
    return found + engine.feed([], saved.now) if saved and saved.now > reached else found


def complete_until(record: BatchRecord, events: list[Event]) -> int:
    """Return the broker time up to which no later batch has messages, seconds.

    Each partition is complete up to its newest message; partitions without one in the batch had none waiting.
    """
    newest: dict[int, int] = {}
    for event in events:
        newest[event.order[2]] = max(newest.get(event.order[2], 0), event.taken)
    if record.timestamp is None:
        return 0
    return min(newest.values(), default=int(record.timestamp.timestamp()))


def events_of_batches(warehouse: Warehouse, records: list[BatchRecord]) -> list[Event]:
    """Return the staged events of consecutive batches with the forecasts made by then, in one Spark call."""
    from pyspark.sql import functions as F

    first, last = records[0].batch_id, records[-1].batch_id
    dates = sorted({day for record in records for day in record.processing_dates()})
    rows = warehouse.read(STAGING).where(
        (F.col("batch_id").between(first, last)) & F.col("processing_date").between(dates[0], dates[-1])
    )
    forecasts = warehouse.read(PREDICTIONS).where(F.col("batch_id") <= last)
    days = [span for record in records for span in record.flight_dates or []]
    if days and all(record.flight_dates is not None for record in records):
        forecasts = forecasts.where(in_date_ranges("flight_date", _hull(days)))
    joined = rows.select(*COLUMNS).join(forecasts.select("flight_id", *FORECAST), "flight_id", "left")
    return events_of(joined.toArrow())


def _hull(days: list[DateRange]) -> list[DateRange]:
    """Return one range from the first to the last of these days, so that the condition stays small."""
    return [DateRange(min(each.first for each in days), max(each.last for each in days))]


def _is_due(head: Head, now: int) -> bool:
    """Return whether a timer is due, with the broker's grace."""
    return head.next_due is not None and head.next_due + BROKER_GRACE_S <= now


def _everything_is_processed(settings: Settings, ledger: Ledger) -> bool:
    """Return whether no message of the topic waits for a batch."""
    done = ledger.next_offsets(STEPS[-1])
    return all(end <= done.get(str(partition), 0) for partition, end in kafka.end_offsets(settings).items())


def _some(ledger: Ledger, first: int, last: int, at_most: int) -> list[BatchRecord]:
    """Return records from the first batch on, until they have that many events."""
    records = [ledger.record(first)]
    while records[-1].batch_id < last and sum(each.staged or 0 for each in records) < at_most:
        records.append(ledger.record(records[-1].batch_id + 1))
    return records


def _commit(stores: Stores, store: EventStore, engine: Engine, saved: Saved) -> Head:
    saved.engine = engine.snapshot()
    stores.still_held()
    store.save(saved)
    return _publish(stores, store, saved, tuple(engine.patterns.values()), engine)


def _publish(
    stores: Stores,
    store: EventStore,
    saved: Saved,
    patterns: tuple[Pattern, ...],
    engine: Engine | None = None,
) -> Head:
    """Publish the changes of a saved state, and mark it. A repeat changes nothing."""
    engine = engine or Engine.restored(saved.engine, patterns)
    findings = [found for by_key in engine.state.open.values() for found in by_key.values()]
    if saved.changes:
        publish.write_changes(stores.warehouse, saved.changes, saved.batch_id, saved.number)
    clock = engine.state.clock
    publish.write_open(stores.settings, findings, saved.batch_id, clock, bool(saved.changes))
    stores.still_held()
    head = Head(
        saved.number, saved.batch_id, engine.next_due(), dict(engine.state.raised_total), len(findings),
        engine.state.late, dict(engine.state.failures),
    )  # fmt: skip
    store.mark(head)
    return head


def _begin_anew(stores: Stores, store: EventStore, head: Head, from_batch: int) -> Head:
    """Drop the state and its findings; the engine begins with ``from_batch``."""
    warehouse = stores.warehouse()
    stores.still_held()
    stores.hdfs.delete(path(head.number + 1))
    warehouse.delete_all(COMPLEX_EVENTS)
    publish.write_open(stores.settings, [], from_batch - 1, None, True)
    # The numbers go on: the table knows the older ones as written.
    anew = Head(head.number + 1, from_batch - 1)
    store.mark(anew)
    stores.hdfs.delete(path(head.number))
    return anew
