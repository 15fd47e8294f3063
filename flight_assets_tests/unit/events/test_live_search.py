"""Findings of live processing: ahead of batches, confirmed or taken back by them, and never in the way."""

import time
from contextlib import contextmanager
from threading import Lock

import msgspec
import pyarrow as pa
import pytest
from pymongo import ReplaceOne, UpdateOne

from flight_assets.events import live as searching
from flight_assets.events import publish
from flight_assets.events.engine import Engine
from flight_assets.events.live import FAILED, SEARCHING, WAITING, LiveSearch
from flight_assets.events.model import Pattern, Raise
from flight_assets.events.planted import FIRST_DAY
from flight_assets.events.publish import CLEARED_AHEAD, Shown, write_open
from flight_assets.events.rows import COLUMNS, TIMES
from flight_assets.events.store import EventStore, Head
from flight_assets.settings import Settings
from flight_assets.stores import lease, mongo
from flight_assets.stores.mongo_documents import UNCONFIRMED
from flight_assets_tests.unit.events.test_engine import event
from flight_assets_tests.unit.events.test_store import Files

LATE = 60.0
WAIT_S = 30.0


class Collection:
    """As much of a collection as findings need."""

    def __init__(self):
        self.documents, self.writes = {}, 0

    def find(self, query=None, _shown=None):
        def meets(each):
            for name, wanted in (query or {}).items():
                allowed = wanted["$in"] if isinstance(wanted, dict) else [wanted]
                if each.get(name) not in allowed:
                    return False
            return True

        return [dict(each) for each in self.documents.values() if meets(each)]

    def count_documents(self, _query):
        return len(self.documents)

    def bulk_write(self, writes, ordered):
        self.writes += len(writes)
        for write in writes:
            if isinstance(write, ReplaceOne):
                self.documents[write._filter["_id"]] = write._doc
            elif isinstance(write, UpdateOne) and write._filter["_id"] in self.documents:
                self.documents[write._filter["_id"]].update(write._doc["$set"])

    def delete_many(self, query):
        asked = query["_id"]
        gone = [
            name for name in self.documents
            if (name in asked["$in"] if "$in" in asked else name not in asked["$nin"])
        ]  # fmt: skip
        for name in gone:
            del self.documents[name]


@pytest.fixture
def db(monkeypatch):
    found = {mongo.FINDINGS: Collection(), CLEARED_AHEAD: Collection(), mongo.FLIGHTS: Collection()}

    @contextmanager
    def database(_settings):
        yield found

    monkeypatch.setattr(mongo, "database", database)
    return found


def late(event, _schedule, values):
    if event.kind == "departed" and (event.departure_delay or 0) >= LATE:
        yield Raise(
            event.flight_id, event.at, "Late. Very.", {"minutes": event.departure_delay}, (event.flight_id,)
        )


OWN = Pattern("very_late", "", "warning", (), (), "", on_event=late)


def departure(number, at=FIRST_DAY + 100, late=90.0, offset=0):
    departed = event("departed", at, f"UA{number}-EWR-20260601", departure_delay=late)
    return msgspec.structs.replace(departed, order=(*departed.order[:3], offset))


def findings_of(engine):
    return [found for by_key in engine.state.open.values() for found in by_key.values()]


def fed(*events, now=FIRST_DAY + 200):
    engine = Engine([OWN])
    changes = engine.feed(events, now)
    return engine, changes


def batches(settings, engine, number=0):
    """Write as the search in batches does."""
    write_open(settings, findings_of(engine), number, engine.state.clock, True)


def ids(db, **wanted):
    return {each["key"] for each in db[mongo.FINDINGS].find(wanted)}


def test_the_batch_confirms_what_live_has_shown_and_takes_back_what_it_does_not_find(db):
    settings = Settings()
    both, _ = fed(departure(1), departure(2))
    Shown(db).write(findings_of(both), both.state.clock, lambda: None)
    assert len(ids(db, batch_id=UNCONFIRMED)) == 2
    one, _ = fed(departure(1))
    batches(settings, one, 7)
    assert ids(db) == ids(db, batch_id=7) == {"UA1-EWR-20260601"}


def test_what_live_has_done_after_the_state_of_the_batch_stays(db):
    settings = Settings()
    first, _ = fed(departure(1))
    batches(settings, first)
    later, _ = fed(departure(1), departure(2, FIRST_DAY + 150, offset=1))
    shown = Shown(db)
    assert shown.write(findings_of(later), later.state.clock, lambda: None) == 1
    first, _ = fed(departure(1), now=FIRST_DAY + 120)
    batches(settings, first, 1)
    assert ids(db, batch_id=UNCONFIRMED) == {"UA2-EWR-20260601"}
    assert ids(db, batch_id=1) == {"UA1-EWR-20260601"}
    # It clears the first: the batch that has not come so far does not show it again.
    shown = Shown(db)
    shown.write([each for each in findings_of(later) if "UA2" in each.key], FIRST_DAY + 180, lambda: None)
    batches(settings, first, 2)
    assert ids(db) == {"UA2-EWR-20260601"}
    both, _ = fed(departure(1), departure(2, FIRST_DAY + 150, offset=1), now=FIRST_DAY + 300)
    batches(settings, both, 3)
    assert ids(db, batch_id=3) == {"UA1-EWR-20260601", "UA2-EWR-20260601"}
    assert not db[CLEARED_AHEAD].documents


def test_nothing_new_writes_nothing_and_a_lost_lease_writes_nothing(db):
    engine, _ = fed(departure(1))

    def lost():
        raise lease.LeaseLost("lost")

    with pytest.raises(lease.LeaseLost):
        Shown(db).write(findings_of(engine), engine.state.clock, lost)
    assert not db[mongo.FINDINGS].documents
    batches(Settings(), engine)
    written = db[mongo.FINDINGS].writes
    assert Shown(db).write(findings_of(engine), engine.state.clock, lost) == 0
    write_open(Settings(), findings_of(engine), 1, engine.state.clock, False)
    assert db[mongo.FINDINGS].writes == written


def table(*events):
    """Events as the lane hands them over."""
    rows = [
        {
            **dict(zip(("timestamp", "ingestion_timestamp"), each.order[:2], strict=True)),
            **dict(zip(("kafka_partition", "kafka_offset"), each.order[2:], strict=True)),
            "scheduled_departure": each.planned_departure * 1_000_000,
            "scheduled_arrival": each.planned_arrival * 1_000_000,
            "event_type": each.kind,
            "departure_delay_minutes": each.departure_delay,
            **{name: getattr(each, name) for name in ("flight_id", "airline", "origin", "destination")},
        }
        for each in events
    ]
    kinds = {name: pa.timestamp("us", "UTC") if name in TIMES else None for name in COLUMNS}
    return pa.table({name: pa.array([row.get(name) for row in rows], kinds[name]) for name in COLUMNS})


@pytest.fixture
def world(db, monkeypatch):
    """A search without services; ``hdfs`` has its states."""
    hdfs, taken = Files(), Lock()

    @contextmanager
    def hold(_settings, _purpose, _wait_s, _name):
        if not taken.acquire(blocking=False):
            raise lease.LeaseBusy("another")
        try:
            yield lambda: None
        finally:
            taken.release()

    monkeypatch.setattr(searching, "Hdfs", lambda _settings: hdfs)
    monkeypatch.setattr(lease, "hold", hold)
    monkeypatch.setattr(searching, "all_patterns", lambda _settings: [OWN])
    for name in ("EVERY_S", "STATE_EVERY_S", "LEASE_EVERY_S", "FIRST_PAUSE_S"):
        monkeypatch.setattr(searching, name, 0.01)
    return hdfs


def until(holds):
    deadline = time.monotonic() + WAIT_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_finding_is_shown_once_its_tick_has_ended_and_has_the_id_of_the_batch(db, world):
    with LiveSearch(Settings(), {}) as search:
        until(lambda: search.status()["state"] == SEARCHING)
        search.add(table(departure(1)), {}, {0: 1})
        search.complete(FIRST_DAY + 200)
        until(lambda: db[mongo.FINDINGS].documents)
        assert search.status()["open"] == 1
    _, changes = fed(departure(1))
    assert set(db[mongo.FINDINGS].documents) == {changes[0].finding.finding_id}


def test_one_of_several_processes_searches_and_another_takes_over(db, world):
    with LiveSearch(Settings(), {}) as first:
        until(lambda: first.status()["state"] == SEARCHING)
        with LiveSearch(Settings(), {}) as second:
            until(lambda: second.status()["state"] == searching.ELSEWHERE)
            second.add(table(departure(1)), {}, {0: 1})
            first.__exit__()
            # It has not kept the event, so it waits for a state that has it.
            until(lambda: second.status()["state"] == WAITING)
            assert not db[mongo.FINDINGS].documents


def test_an_error_is_told_once_and_the_search_begins_again_without_stopping_anything(db, world, monkeypatch):
    told, tries = [], []

    def broken(_settings):
        tries.append(1)
        if len(tries) < 4:
            raise RuntimeError("the folder of patterns is gone")
        return [OWN]

    monkeypatch.setattr(searching, "all_patterns", broken)
    with LiveSearch(Settings(), {}, told.append) as search:
        until(lambda: search.status()["state"] in (FAILED, SEARCHING))
        search.add(table(departure(1)), {}, {0: 1})
        until(lambda: len(tries) >= 4 and search.status()["state"] in (SEARCHING, WAITING))
    assert len(told) == 1
    assert "folder of patterns" in told[0]


def test_a_newer_state_begins_the_search_again(db, world):
    with LiveSearch(Settings(), {0: 5}) as search:
        until(lambda: search.status()["state"] == WAITING)
        EventStore(world).mark(Head(0, -1))
        time.sleep(0.1)
        assert search.status()["state"] == WAITING


def test_forecasts_are_those_of_the_lane_or_of_other_processes():
    events = searching.with_forecasts(
        table(departure(1), departure(2)),
        {"UA1-EWR-20260601": {"predicted_delay_minutes": 3.0, "interval_low_minutes": -9.0,
                              "interval_high_minutes": 12.0}, "UA2-EWR-20260601": None},
    )  # fmt: skip
    assert events["predicted_delay_minutes"].to_pylist() == [3.0, None]
    assert events["interval_high_minutes"].to_pylist() == [12.0, None]


def test_documents_say_what_has_confirmed_them():
    engine, _ = fed(departure(1))
    assert publish.document(findings_of(engine)[0], "EWR", 4)["batch_id"] == 4


def process_in(state, problem=""):
    return {"search": {"state": state, "problem": problem}}


@pytest.mark.parametrize(
    ("processes", "state"),
    [
        ([process_in(searching.ELSEWHERE), process_in(SEARCHING)], SEARCHING),
        ([process_in(searching.ELSEWHERE), process_in(FAILED, "no folder")], "failed: no folder"),
        ([process_in(searching.ELSEWHERE)], WAITING),
        ([], WAITING),
    ],
)
def test_the_state_of_the_search_is_that_of_the_process_that_searches(processes, state):
    assert searching.search_of(processes) == state
