"""An archive while things go wrong: steps broken off in the middle, damage, late documents, stores that are
killed or full.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, timedelta

import pytest

from flight_assets.archive import columns, files, hot, removal, steps
from flight_assets.archive.record import State
from flight_assets.archive.restore import verify
from flight_assets.archive.steps import Paused
from flight_assets.bench.hot_flights import fact_rows, now
from flight_assets.errors import FlightsError
from flight_assets.stores import lease, mongo_documents, mongo_writes
from flight_assets.stores.hdfs import Hdfs
from flight_assets_tests.integration.archive_crashes import PAUSE_S, at
from flight_assets_tests.integration.cold_store import OLD, Crash

pytestmark = pytest.mark.integration


def test_an_archive_lets_a_running_batch_end_first(archive_store) -> None:
    """The archive runs in a thread while a batch holds the lease: it is planned, and nothing is exported
    before the batch has ended.
    """
    store = archive_store
    store.fill(4, age=OLD)
    archiver = store.archiver()
    with ThreadPoolExecutor(1) as pool:
        with lease.hold(store.settings, "a batch", wait_s=0.0):
            running = pool.submit(archiver.run)
            time.sleep(PAUSE_S)
            assert not running.done()
            assert archiver.archives.unfinished().state is State.PLANNED
        record = running.result(timeout=60)
    assert record.deleted == 4


def test_a_delete_broken_off_in_the_middle_goes_on_there_and_counts_right(archive_store, monkeypatch) -> None:
    """Three files, of three days.

    The process dies after the first is deleted, and one flight of the second is updated meanwhile.
    """
    store = archive_store
    monkeypatch.setattr(steps, "FILES_AT_ONCE", 1)
    days = [store.fill(4, age=timedelta(days=day)) for day in (12, 11, 10)]
    archiver = store.archiver()
    save = archiver.archives.save

    def save_then_die(record) -> None:
        save(record)
        if record.deleted_files == 1:
            store.update(days[1][0])
            raise Crash

    monkeypatch.setattr(archiver.archives, "save", save_then_die)
    with pytest.raises(Crash):
        archiver.run()
    left = store.archives.unfinished()
    assert (left.state, left.deleted_files, left.deleted, len(left.files)) == (State.DELETING, 1, 4, 3)
    assert set(store.hot()) == {*days[1], *days[2]}
    done = store.archiver().run()
    assert (done.state, done.record_count, done.deleted, done.left_newer) == (State.DONE, 12, 11, 1)
    assert set(store.hot()) == {days[1][0]}


def test_an_archive_damaged_while_it_deletes_can_be_given_up_without_a_loss(
    archive_store, monkeypatch
) -> None:
    """Four flights have left the hot store and their file is lost: they come back from the fact table, and
    the next archive takes all.
    """
    store = archive_store
    monkeypatch.setattr(steps, "FILES_AT_ONCE", 1)
    store.fill_both(days=2, a_day=4)
    before = store.hot()
    archiver = store.archiver()
    save = archiver.archives.save

    def save_then_die(record) -> None:
        save(record)
        if record.deleted_files == 1:
            raise Crash

    monkeypatch.setattr(archiver.archives, "save", save_then_die)
    with pytest.raises(Crash):
        archiver.run()
    left = store.archives.unfinished()
    Hdfs(store.settings).delete(f"{left.directory}/{left.files[0].path}")
    with pytest.raises(FlightsError, match=f"flights archive abandon {left.archive_id}"):
        store.archiver().run()
    assert len(store.hot()) == 4
    done = removal.abandon(store.archiver(), left.archive_id, "a lost file")
    assert (done.restored, done.kept_newer) == (4, 4)
    after = store.hot()
    assert {flight_id: state | {"restored": None} for flight_id, state in after.items()} == {
        flight_id: state | {"restored": None} for flight_id, state in before.items()
    }
    assert store.archives.unfinished() is None
    assert not store.archived(left)
    with pytest.raises(FlightsError, match="nothing to give up"):
        removal.abandon(store.archiver(), left.archive_id, "again")
    again = store.archiver(archive_restore_hold_hours=0.0).run()
    assert (again.state, again.deleted) == (State.DONE, 8)


def test_a_pause_takes_effect_in_the_middle_of_deleting(archive_store, monkeypatch) -> None:
    store = archive_store
    monkeypatch.setattr(steps, "FILES_AT_ONCE", 1)
    first, second = (store.fill(3, age=timedelta(days=day)) for day in (12, 11))
    archiver = store.archiver()
    save = archiver.archives.save

    def save_then_pause(record) -> None:
        save(record)
        if record.deleted_files == 1:
            store.archives.pause("a test", now())

    monkeypatch.setattr(archiver.archives, "save", save_then_pause)
    with pytest.raises(Paused):
        archiver.run()
    assert set(store.hot()) == set(second)
    store.archives.resume()
    assert store.archiver().run().deleted == len(first) + len(second)


def test_documents_inserted_into_the_range_meanwhile_stay_hot_and_leave_with_the_next_archive(
    archive_store,
) -> None:
    """A batch that was stuck for days writes flights that Kafka took in long ago: before the export they go
    along, after it they stay.
    """
    store = archive_store
    ids = store.fill(20)
    moment = store.flights.find_one({"_id": ids[10]})["ingestion_timestamp"]
    inserted: dict[State, str] = {}

    def insert(record) -> None:
        if record.state in (State.PLANNED, State.EXPORTED, State.DELETING):
            row = next(
                fact_rows(
                    1,
                    moment,
                    moment + timedelta(seconds=1),
                    first=9_000_000 + len(inserted) + 7 * store.first,
                )
            )
            document = mongo_documents.document(row)
            assert mongo_writes.upsert_newer(store.flights, [document]) == mongo_writes.UpsertCounts(1, 0)
            inserted[record.state] = document["_id"]

    record = store.archiver(insert).run()
    assert set(store.archived(record)) == {*ids, inserted[State.PLANNED]}
    assert set(store.hot()) == {inserted[State.EXPORTED], inserted[State.DELETING]}
    following = store.archiver().run()
    assert set(store.archived(following)) == {inserted[State.EXPORTED], inserted[State.DELETING]}
    assert store.hot() == {}


def test_what_a_broken_export_left_behind_is_not_archived(archive_store) -> None:
    store = archive_store
    ids = store.fill(6)

    def leave_rubbish(record) -> None:
        day = columns.date_directory(record.slices[0].start.date())
        Hdfs(store.settings).write(f"{record.temporary}/{day}/part-09999-000.parquet", b"half a file")
        raise Crash

    with pytest.raises(Crash):
        store.archiver(at(State.PLANNED, leave_rubbish)).run()
    record = store.archiver().run()
    assert (record.record_count, len(record.files)) == (6, 1)
    assert set(store.archived(record)) == set(ids)


@pytest.mark.parametrize("damage", ["cut", "gone", "foreign"])
def test_damage_before_publishing_sends_the_archive_back_to_its_export(archive_store, damage) -> None:
    store = archive_store
    ids = store.fill(6)
    hdfs = Hdfs(store.settings)

    def harm(record) -> None:
        path = f"{record.temporary}/{record.written[0].path}"
        if damage == "cut":
            hdfs.write(path, hdfs.read(path)[:-9])
        if damage == "gone":
            hdfs.delete(path)
        if damage == "foreign":
            hdfs.write(path.replace("part-00000", "part-77777"), hdfs.read(path))

    says = {"cut": "cannot be read", "gone": "is missing", "foreign": "is not one of its files"}[damage]
    with pytest.raises(files.ArchiveDamaged, match=f"{says}.*nothing was published or deleted"):
        store.archiver(at(State.EXPORTED, harm)).run()
    assert set(store.hot()) == set(ids)
    assert not hdfs.exists(store.archives.unfinished().directory)
    record = store.archiver().run()
    assert (record.state, record.deleted) == (State.DONE, 6)
    verify(store.archiver(), record.archive_id)


def test_a_file_that_changes_between_verifying_and_deleting_costs_no_document(archive_store) -> None:
    """Same name, same length, one byte different: nothing that it held is deleted."""
    store = archive_store
    ids = store.fill(6)
    hdfs = Hdfs(store.settings)

    def harm(record) -> None:
        path = f"{record.directory}/{record.files[0].path}"
        content = hdfs.read(path)
        middle = len(content) // 3
        hdfs.write(path, content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])

    with pytest.raises(files.ArchiveDamaged, match="has changed since it was verified"):
        store.archiver(at(State.DELETING, harm)).run()
    assert set(store.hot()) == set(ids)
    record = store.archives.unfinished()
    assert "has changed since it was verified" in record.last_error
    with pytest.raises(files.ArchiveDamaged, match="bring its files back from a copy"):
        store.archiver().run()
    assert set(store.hot()) == set(ids)
    store.give_up(record)


def test_documents_held_back_once_are_not_asked_for_again_and_leave_when_they_are_mended(
    archive_store,
) -> None:
    store = archive_store
    ids = store.fill(3)
    store.flights.update_one({"_id": ids[0]}, {"$set": {"colour": "blue"}})
    assert store.archiver().preview()[1].documents == 3, "before any export met it"
    _, selection, held_back = store.archiver().preview(exact=True)
    assert (selection.documents, held_back) == (2, 1)
    assert (store.archiver().run().deleted, store.archiver().run()) == (2, None)
    assert store.archiver().preview()[2] == 1
    store.flights.update_one({"_id": ids[0]}, {"$unset": {"colour": ""}})
    assert store.archiver().run().deleted == 1


def test_a_range_with_more_documents_than_a_file_holds_is_read_page_by_page(archive_store) -> None:
    store = archive_store
    ids = store.fill(25)
    for expected, sizes in ((25, [10, 10, 5]), (10, [10, 10, 5])):
        tables = list(columns.pages(store.flights, hot.archivable(now()), 10, expected))
        assert [rows.num_rows for rows in tables] == sizes
        assert sorted(flight for rows in tables for flight in rows["flight_id"].to_pylist()) == sorted(ids)
    assert [rows.num_rows for rows in columns.pages(store.flights, hot.archivable(now()), 20, 20)] == [25]


def test_at_the_change_of_day_no_file_holds_two_days_and_none_is_left_out(archive_store) -> None:
    """Documents of both sides of midnight.

    The clock stands just before and just after the window's end passes midnight.
    """
    store = archive_store
    midnight = (now() - OLD).astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    sides = [store.fill_from(4, midnight - timedelta(hours=3)), store.fill_from(4, midnight)]
    window = timedelta(days=store.settings.archive_window_days)
    before = store.archiver()
    before.now = lambda: midnight + window - timedelta(milliseconds=1)
    first = before.run()
    assert {each.path.split("/")[0] for each in first.files} == {
        columns.date_directory((midnight - timedelta(days=1)).date())
    }
    assert set(store.hot()) == set(sides[1])
    after = store.archiver()
    after.now = lambda: midnight + window + timedelta(hours=4)
    second = after.run()
    assert second.archive_id > first.archive_id
    assert set(store.archived(second)) == set(sides[1])
    assert store.hot() == {}
