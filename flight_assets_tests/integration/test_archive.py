"""Hot to cold and back on real services: what leaves is verified, nothing is lost or doubled, and a crash
anywhere is resumed.
"""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from flight_assets.archive import files
from flight_assets.archive.record import NEXT_STEP, READABLE, State
from flight_assets.archive.removal import expire
from flight_assets.archive.restore import Selection, restore, verify
from flight_assets.archive.steps import Archiver, Paused
from flight_assets.bench.hot_flights import fact_rows, now
from flight_assets.contracts.tables import ARCHIVE_METADATA, FACT
from flight_assets.errors import FlightsError, StoreUnavailable
from flight_assets.queries.archive import archive_status
from flight_assets.queries.flights import FlightFinder
from flight_assets.stores import lease, mongo_documents
from flight_assets.stores.hdfs import Hdfs
from flight_assets_tests.factories import merge_flights
from flight_assets_tests.integration.cold_store import OLD, OWN, Crash, Store

pytestmark = pytest.mark.integration


@pytest.mark.core
def test_a_crash_after_any_step_is_resumed_and_loses_and_doubles_nothing(archive_store) -> None:
    """Documents are updated, inserted and deleted meanwhile, and every flight is found at every step, once,
    in its newest state.
    """
    store = archive_store
    ids = store.fill(60) + store.fill(5, age=timedelta(days=1))
    before = store.hot()
    updated, deleted = set(ids[3:6]), ids[7]
    finder = FlightFinder(store.settings)
    reached: list[State] = []

    def crash(record) -> None:
        reached.append(record.state)
        if record.state is State.PLANNED:
            store.update(ids[3])
            store.flights.delete_one({"_id": deleted})
        if record.state is State.EXPORTED:
            store.update(ids[4])
        if record.state is State.RECORDED:
            store.update(ids[5])
        for flight_id in (ids[0], ids[4], ids[5], ids[62]):
            found = finder.find(flight_id)
            assert found is not None, f"{flight_id} is nowhere while {record.state}"
            changed = (flight_id == ids[4] and State.EXPORTED in reached) or (
                flight_id == ids[5] and State.RECORDED in reached
            )
            assert found.document["event_id"] == (
                f"{flight_id}:late" if changed else before[flight_id]["event_id"]
            )
        raise Crash

    for _ in range(8):
        with pytest.raises(Crash):
            store.archiver(crash).run()
    finder.close()
    assert reached == list(NEXT_STEP)[:8]
    record = store.archives.records()[-1]
    assert set(store.hot()) == set(ids[60:]) | updated
    assert set(store.archived(record)) == set(ids[:60]) - {ids[3], deleted}
    assert (record.record_count, record.deleted, record.left_newer) == (58, 56, 2)
    assert store.archiver().run() is None, "the updated ones are young again"
    row = store.house.read(ARCHIVE_METADATA).where(f"archive_id = '{record.archive_id}'").collect()
    assert [(each.state, each.record_count) for each in row] == [("done", 58)]
    verify(store.archiver(), record.archive_id)


def test_the_view_of_hot_and_cold_has_each_flight_once_at_every_step(archive_store) -> None:
    """With the archive that holds its newest state as soon as one is published.

    A flight updated since is hot again.
    """
    store = archive_store
    files.create_views(store.house, store.settings)
    ids = sorted(store.fill_both(days=1, a_day=6))
    seen: list[State] = []

    def look(record) -> None:
        seen.append(record.state)
        archived = record.archive_id if record.state in READABLE else None
        assert store.united(ids) == [(flight_id, archived) for flight_id in ids], record.state

    done = store.archiver(look).run()
    assert seen == list(NEXT_STEP)[:8]
    newer = next(fact_rows(1, now() - timedelta(hours=2), now())) | {"flight_id": ids[0]}
    old = store.house.read(FACT).where(f"flight_id = '{ids[0]}'").collect()[0].asDict(recursive=True)
    changed = (
        old
        | {name: newer[name] for name in ("timestamp", "ingestion_timestamp")}
        | {"kafka_offset": old["kafka_offset"] + 1}
    )
    merge_flights(store.house, [changed])
    assert store.united(ids) == [(ids[0], None)] + [(flight_id, done.archive_id) for flight_id in ids[1:]]


@pytest.mark.core
def test_what_comes_back_is_what_left_and_a_second_restore_changes_nothing(archive_store) -> None:
    store = archive_store
    ids = store.fill(40)
    before = store.hot()
    record = store.archiver().run()
    assert store.hot() == {}
    newer = before[ids[0]] | {
        "version": {"timestamp_us": 2**52, "kafka_offset": 1},
        "event_type": "cancelled",
    }
    older = before[ids[1]] | {"version": {"timestamp_us": 1, "kafka_offset": 1}, "event_type": "scheduled"}
    store.flights.insert_many([newer, older])

    done = restore(store.archiver(), Selection(archive_id=record.archive_id), "a test")
    assert (done.restored, done.kept_newer) == (39, 1)
    hot = store.hot()
    assert hot.pop(ids[0]) == newer
    markers = [document.pop("restored") for document in hot.values()]
    assert hot == {flight_id: document for flight_id, document in before.items() if flight_id != ids[0]}
    assert {(marker["archive_id"], marker["reason"]) for marker in markers} == {(record.archive_id, "a test")}

    again = restore(store.archiver(), Selection(flight_id=ids[5]), "again")
    assert (again.restored, again.kept_newer) == (0, 1)
    none = restore(
        store.archiver(), Selection(first_date=date(2001, 1, 1), last_date=date(2001, 1, 2)), "nobody flew"
    )
    assert (none.restored, none.archives) == (0, ())
    assert [each.reason for each in store.archives.record(record.archive_id).restores] == ["a test", "again"]

    store.flights.delete_one({"_id": ids[0]})
    assert store.archiver().plan() is None, "restored documents are not archived again at once"
    assert store.archiver(archive_restore_hold_hours=0.0).preview()[1].documents == 39


def test_a_damaged_file_is_named_and_nothing_is_deleted(archive_store) -> None:
    store = archive_store
    ids = store.fill(30)

    def crash(record) -> None:
        if record.state is State.RECORDED:
            raise Crash

    with pytest.raises(Crash):
        store.archiver(crash).run()
    record = store.archives.unfinished()
    path = f"{record.directory}/{record.files[0].path}"
    hdfs = Hdfs(store.settings)
    whole = hdfs.read(path)

    hdfs.write(path, whole[:-40] + bytes(40))
    with pytest.raises(files.ArchiveDamaged, match=f"{record.files[0].path} cannot be read"):
        verify(store.archiver(), record.archive_id)
    hdfs.write(path, whole)
    verify(store.archiver(), record.archive_id)
    hdfs.delete(path)
    with pytest.raises(files.ArchiveDamaged, match=f"{record.files[0].path} is missing"):
        verify(store.archiver(), record.archive_id)
    with pytest.raises(files.ArchiveDamaged, match="nothing had been deleted"):
        store.archiver().run()
    assert set(store.hot()) == set(ids)

    anew = store.archiver().run()
    assert (anew.archive_id > record.archive_id, anew.state, anew.deleted) == (True, State.DONE, 30)


def test_documents_that_the_contract_cannot_hold_stay_hot_and_are_counted(archive_store) -> None:
    store = archive_store
    ids = store.fill(5)
    store.flights.update_one({"_id": ids[0]}, {"$set": {"colour": "blue"}})
    store.flights.update_one({"_id": ids[1]}, {"$set": {"distance_miles": "far"}})
    record = store.archiver().run()
    assert (record.record_count, record.held_back) == (3, 2)
    assert set(store.hot()) == set(ids[:2])


def test_documents_that_no_batch_has_confirmed_stay_hot_until_one_does(archive_store) -> None:
    """The batch may decide otherwise than live, and an archive holds what the batch has decided."""
    store = archive_store
    confirmed, shown = store.fill(3), store.fill(2)
    store.flights.update_many({"_id": {"$in": shown}}, {"$set": {"batch_id": mongo_documents.UNCONFIRMED}})
    record = store.archiver().run()
    assert set(store.archived(record)) == set(confirmed)
    assert set(store.hot()) == set(shown)
    store.flights.update_many({"_id": {"$in": shown}}, {"$set": {"batch_id": 7, "prediction": None}})
    assert set(store.archived(store.archiver().run())) == set(shown)


def test_pause_lets_no_step_begin_and_resume_goes_on(archive_store) -> None:
    store = archive_store
    store.fill(5)

    def pause(record) -> None:
        if record.state is State.VERIFIED:
            store.archives.pause("a test", now())

    with pytest.raises(Paused, match="a test"):
        store.archiver(pause).run()
    status = archive_status(store.settings)
    assert status.current.state is State.VERIFIED
    assert "paused" in status.next
    assert len(store.hot()) == 5
    store.archives.resume()
    assert store.archiver().run().state is State.DONE
    assert archive_status(store.settings).current is None


def test_two_archives_never_run_at_once_and_batches_are_not_kept_out(archive_store) -> None:
    store = archive_store
    store.fill(1)
    with lease.hold(store.settings, "another archive", 0, lease.ARCHIVING):
        with pytest.raises(lease.LeaseBusy, match="another archive"):
            store.archiver().run()
        with lease.hold(store.settings, "a batch", 0):
            assert lease.holder(store.settings, lease.ARCHIVING).startswith("another archive")
    assert lease.holder(store.settings, lease.ARCHIVING) is None


def test_a_store_that_is_down_leaves_the_record_and_the_next_run_goes_on(archive_store) -> None:
    store = archive_store
    ids = store.fill(5)

    def crash(record) -> None:
        if record.state is State.EXPORTED:
            raise Crash

    with pytest.raises(Crash):
        store.archiver(crash).run()
    nowhere = store.settings.model_copy(
        update={"timeout_s": 1.0, "mongo_uri": "mongodb://127.0.0.1:1/?replicaSet=flights"}
    )
    with pytest.raises(StoreUnavailable, match="MongoDB"):
        Archiver(nowhere, lambda: store.house).run()
    with pytest.raises(StoreUnavailable, match="HDFS"):
        Archiver(
            store.settings.model_copy(update={"timeout_s": 1.0, "hdfs_url": "hdfs://127.0.0.1:1"}),
            lambda: store.house,
        ).run()
    assert set(store.hot()) == set(ids)
    assert store.archiver().run().deleted == 5


def test_an_older_event_of_an_archived_flight_does_not_come_back_as_its_newest(archive_store) -> None:
    """Promise P4 reaches into the archives."""
    store = archive_store
    store.fill(2)
    first = Store.first
    record = store.archiver().run()
    rows = list(fact_rows(2, now() - OLD, now() - OLD + timedelta(hours=3), first=first))
    flight_ids = sorted(store.archived(record))
    late = [row | {"flight_id": name, "timestamp": row["timestamp"] + step} for row, name, step in zip(
        rows, flight_ids, (timedelta(days=-1), timedelta(days=1)), strict=True)]  # fmt: skip
    types = ", ".join(f"{column.name} {column.type}" for column in FACT.columns)
    states = store.house.spark.createDataFrame(
        [tuple(row[name] for name in FACT.column_names) for row in late], types
    )
    kept = [row.flight_id for row in files.without_archived(store.house, states).collect()]
    assert kept == flight_ids[1:], "only the newer one is written"
    assert files.archived_only(store.house, store.settings) >= 2


def test_reads_of_a_range_of_time_skip_the_other_files(archive_store) -> None:
    store = archive_store
    archived = store.house.spark.table(f"{OWN}.{files.VIEW}")
    day = (now() - OLD).date()
    some = archived.where(f"processing_date = DATE'{day + timedelta(days=30)}'")
    assert some.count() == 0
    plan = some._explain_string()
    assert "PartitionFilters" in plan
    assert "processing_date" in plan.split("PartitionFilters", 1)[1].split("PushedFilters", 1)[0]


def test_archives_expire_only_when_that_is_switched_on(archive_store) -> None:
    store = archive_store
    record = next(each for each in store.archives.records() if each.state is State.DONE)
    assert expire(store.archiver()) == []
    gone = expire(store.archiver(archive_retention_days=8))
    assert record.archive_id in gone
    assert not Hdfs(store.settings).exists(record.directory)
    assert store.archived(record) == {}
    with pytest.raises(FlightsError, match="is expired"):
        verify(store.archiver(), record.archive_id)
