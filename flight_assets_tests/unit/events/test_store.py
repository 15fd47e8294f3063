"""The state on HDFS: saved, then published, then marked; a crash in between changes nothing."""

import pyarrow as pa
import pytest

from flight_assets.events import process as searching
from flight_assets.events import publish
from flight_assets.events.engine import Engine
from flight_assets.events.model import HOUR, Event
from flight_assets.events.patterns import PATTERNS
from flight_assets.events.planted import DAY, FIRST_DAY, events_of_day, made_day
from flight_assets.events.plants import PLANTS
from flight_assets.events.process import Stores, has_work, process
from flight_assets.events.publish import row
from flight_assets.events.rows import events_of
from flight_assets.events.store import HEAD, EventStore, path
from flight_assets.provenance import STEPS, BatchRecord, Ledger
from flight_assets.settings import Settings
from flight_assets_tests.factories import staged

BATCHES = 6


class Files:
    """HDFS as a dictionary."""

    def __init__(self):
        self.files = {}

    def read(self, name):
        try:
            return self.files[name]
        except KeyError:
            raise FileNotFoundError(name) from None

    def write(self, name, content):
        self.files[name] = content

    def delete(self, name):
        self.files.pop(name, None)

    def exists(self, name):
        return name in self.files


class Killed(Exception):
    pass


@pytest.fixture
def world(monkeypatch):
    """Six finished batches of a planted day; what is published is kept by its number, as Delta does."""
    day = made_day(6, 0, aircraft=30)
    PLANTS["overdue"][0](day)
    events = sorted(events_of_day(day), key=lambda each: each.order[1])
    size = len(events) // BATCHES + 1
    batches = [events[start : start + size] for start in range(0, len(events), size)]
    hdfs = Files()
    ledger = Ledger(hdfs)
    for number, some in enumerate(batches):
        ledger.save(record(number, some))
    ledger.mark_done(STEPS[-1], len(batches) - 1)
    published = {}

    def write_changes(_warehouse, changes, batch_id, number):
        published.setdefault(number, [row(change, batch_id) for change in changes])

    monkeypatch.setattr(publish, "write_changes", write_changes)
    monkeypatch.setattr(publish, "write_open", lambda *_: None)
    monkeypatch.setattr(
        searching, "events_of_batches", lambda _, records: [e for r in records for e in batches[r.batch_id]]
    )
    monkeypatch.setattr(searching, "_everything_is_processed", lambda *_: True)
    stores = Stores(Settings(events_per_feed=1_000), hdfs, lambda: None, lambda: None)
    return stores, hdfs, published, events


def record(number, events):
    taken = [pa.scalar(event.taken, pa.timestamp("s", "UTC")).as_py() for event in events]
    return BatchRecord(
        batch_id=number, archive_id=f"archive_{number:08d}", timestamp=max(taken), oldest=min(taken),
        record_count=len(events), offsets={}, next_offsets={}, staged=len(events), file_size_mb=0.0,
        storage_location="/", schema=[], versions={}, message_bytes=0,
    )  # fmt: skip


def ids(published):
    return sorted((each["finding_id"], each["change"]) for rows in published.values() for each in rows)


END = FIRST_DAY + DAY + 2 * HOUR


def test_each_batch_is_fed_once_and_an_empty_run_does_nothing(world):
    stores, hdfs, published, events = world
    done = process(stores, END)
    assert done.events == len(events)
    expected = Engine(PATTERNS).feed(events, END - searching.BROKER_GRACE_S)
    assert ids(published) == sorted((each.finding.finding_id, each.finding.changes) for each in expected)
    before = dict(hdfs.files)
    assert process(stores, END).batches == 0
    assert hdfs.files == before
    assert not has_work(stores.settings, hdfs, END)
    assert len([name for name in hdfs.files if "state_" in name]) <= 2


def test_a_timer_waits_for_the_messages_that_no_batch_has_yet(world, monkeypatch):
    stores, hdfs, _, _ = world
    process(stores, END - HOUR)
    assert has_work(stores.settings, hdfs, END)
    monkeypatch.setattr(searching, "_everything_is_processed", lambda *_: False)
    assert not has_work(stores.settings, hdfs, END)
    before = dict(hdfs.files)
    process(stores, END)
    assert hdfs.files == before


@pytest.mark.parametrize("at", ["before saving", "before publishing", "before marking"])
def test_a_run_that_dies_is_repeated_to_the_same_rows(world, monkeypatch, at):
    stores, hdfs, published, events = world
    whole = sorted(
        (each.finding.finding_id, each.finding.changes)
        for each in Engine(PATTERNS).feed(events, END - searching.BROKER_GRACE_S)
    )
    broken = {
        "before saving": (EventStore, "save"),
        "before publishing": (publish, "write_changes"),
        "before marking": (EventStore, "mark"),
    }[at]
    with monkeypatch.context() as patch:

        def die(*_args, **_words):
            raise Killed

        patch.setattr(*broken, die)
        with pytest.raises(Killed):
            process(stores, END - HOUR)
    assert has_work(stores.settings, hdfs, END)
    process(stores, END)
    assert ids(published) == whole


def test_begin_anew_drops_the_older_state_and_finds_the_same(world):
    stores, hdfs, published, _ = world
    process(stores, END)
    first = ids(published)
    published.clear()

    class House:
        @staticmethod
        def delete_all(_table):
            published.clear()

    stores.warehouse = House
    process(stores, END, from_batch=0)
    assert ids(published) == first
    assert EventStore(hdfs).head().number > 1


def test_files_are_numbered_and_the_head_names_the_published_one(world):
    stores, hdfs, _, _ = world
    process(stores, END)
    head = EventStore(hdfs).head()
    assert path(head.number) in hdfs.files
    assert HEAD in hdfs.files
    assert head.batch_id == BATCHES - 1
    assert head.raised["overdue"] > 0


def seconds(at):
    return int(at.timestamp())


def expected_event(staged_row):
    """Return the event of a staged row, built by hand."""
    order = tuple(seconds(staged_row[name]) * 1_000_000 for name in ("timestamp", "ingestion_timestamp"))
    plan = [seconds(staged_row[name]) for name in ("scheduled_departure", "scheduled_arrival")]
    names = ("event_type", "flight_id", "airline", "origin", "destination")
    return Event(
        (*order, staged_row["kafka_partition"], staged_row["kafka_offset"]),
        *(staged_row[name] for name in names), *plan, staged_row["tail_number"],
        staged_row["departure_delay_minutes"], staged_row["arrival_delay_minutes"],
        staged_row["diverted_to"], staged_row["source"], 3.0, -9.0, 12.0,
    )  # fmt: skip


def test_staged_rows_are_events_unless_they_have_no_plan():
    forecast = {
        "predicted_delay_minutes": 3.0,
        "interval_low_minutes": -9.0,
        "interval_high_minutes": 12.0,
    }
    departed = staged(event_type="departed", departure_delay_minutes=4.0)
    rows = [{**each, **forecast} for each in (staged(), departed, staged(scheduled_departure=None))]
    names = ("timestamp", "ingestion_timestamp", "scheduled_departure", "scheduled_arrival")
    table = pa.table(
        {
            name: pa.array(
                [each[name] for each in rows], pa.timestamp("us", "UTC") if name in names else None
            )
            for name in rows[0]
            if name != "weather"
        }
    )
    assert events_of(table) == [expected_event(each) for each in rows[:2]]
    assert events_of(table)[1].departure_delay == 4.0
