"""Steps of an archive, each repeatable, and the walk over them from the record."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from flight_assets.archive import files, hot, tasks
from flight_assets.archive.policy import HotSize, Selection, policy_of, select, slices
from flight_assets.archive.record import NEXT_STEP, ArchiveRecord, Archives, State, TimeSlice
from flight_assets.errors import FlightsError, StoreFull, StoreUnavailable
from flight_assets.provenance import ColumnType
from flight_assets.stores import lease, mongo, outage
from flight_assets.stores.hdfs import Hdfs

if TYPE_CHECKING:
    from flight_assets.settings import Settings
    from flight_assets.stores.warehouse import Warehouse

LEASE_WAIT_S = 5.0
# Files whose documents are deleted between two looks at pause, and two saves of the record: up to 200,000
# documents.
FILES_AT_ONCE = 4


class Paused(FlightsError):
    """Archiving is paused, so no step begins."""


def utc_now() -> datetime:
    """This moment, UTC."""
    return datetime.now(UTC)


@dataclass
class Archiver:
    """One walk over the steps: the stores, the clock, and whom to tell of each state that has been reached.

    ``reached`` is called after each state is saved; a test that raises in it stands for a crash there.
    """

    settings: Settings
    open_warehouse: Callable[[], Warehouse]
    now: Callable[[], datetime] = utc_now
    reached: Callable[[ArchiveRecord], None] = lambda _record: None
    purpose: str = "flights archive run"
    hdfs: Hdfs = field(init=False)
    archives: Archives = field(init=False)

    def __post_init__(self) -> None:
        self.hdfs = Hdfs(self.settings)
        self.archives = Archives(self.hdfs)

    def run(self) -> ArchiveRecord | None:
        """Finish the unfinished archive, or else make one; None if nothing is due.

        Raises:
            LeaseBusy: another archive or restore runs.
            Paused: archiving is paused.
            FlightsError: a step failed; the record says where, and the next run goes on from there.
        """
        with lease.hold(self.settings, self.purpose, LEASE_WAIT_S, lease.ARCHIVING):
            record = self.archives.unfinished()
            resumed = record is not None
            if record is None:
                self._refuse_paused()
                record = self.plan()
            if record is None:
                return None
            if resumed:
                self._recheck(record)
            while record.state in STEPS:
                self._refuse_paused()
                self._take(record)
            return record

    def preview(self, exact: bool = False) -> tuple[HotSize, Selection, int]:
        """Return the store's size, the selection, and the number of old documents held back.

        Changes nothing. Documents are compared with the contract where an earlier export met misfits, or
        everywhere if it must be ``exact``. That takes seconds per 100,000 documents. The export always
        looks at each document.
        """
        now = self.now()
        policy = policy_of(self.settings)
        with mongo.database(self.settings) as db:
            flights, before = db[mongo.FLIGHTS], now - policy.min_window
            size = hot.measure(db)
            unfit = (
                hot.days_before(flights, before)
                if exact
                else [hot.taken_between(each.start, each.end) for each in self.archives.unfit()]
            )
            bins = hot.histogram(flights, before, self._restored_since(now), unfit)
            aged = [hot.until(each, now - policy.window) for each in unfit]
            held_back = hot.held_back(flights, aged)
        return size, select(policy, size, bins, now), held_back

    def plan(self) -> ArchiveRecord | None:
        """Fix which ranges of ingestion time leave, and save that as a new record; None if nothing is due."""
        now = self.now()
        size, selection, _ = self.preview()
        if not selection.documents:
            return None
        archive_id = self.archives.next_id()
        record = ArchiveRecord(
            archive_id=archive_id,
            state=State.PLANNED,
            timestamp=now,
            reason=selection.reason,
            shortened_window=selection.shortened,
            planned_documents=selection.documents,
            planned_bytes=selection.bytes,
            restored_since=self._restored_since(now),
            slices=[
                TimeSlice(start=each.start, end=each.end, documents=each.documents)
                for each in slices(selection.bins, tasks.DOCUMENTS_PER_FILE)
            ],
            storage_location="",
            size_before=hot.sizes_of(size),
        )
        record.storage_location = self.settings.hdfs_path(record.directory)
        self._reach(record, State.PLANNED)
        return record

    def _restored_since(self, now: datetime) -> datetime:
        return now - timedelta(hours=self.settings.archive_restore_hold_hours)

    def _refuse_paused(self) -> None:
        paused = self.archives.paused()
        if paused:
            raise Paused(f"archiving is paused ({paused}): `flights archive resume`")

    def _recheck(self, record: ArchiveRecord) -> None:
        """Read an archive again before anything is deleted: it may be damaged since it was published."""
        if record.state not in (State.PUBLISHED, State.RECORDED, State.DELETING):
            return
        try:
            files.refuse_damaged(self.open_warehouse(), self.settings, self.hdfs, record)
        except files.ArchiveDamaged as error:
            if record.state is State.DELETING:
                raise files.ArchiveDamaged(
                    f"{error}; some of its documents may have left the hot store already: bring its files"
                    " back from a copy and run again, or take its documents back from the fact table with"
                    f" `flights archive abandon {record.archive_id}`"
                ) from error
            files.unregister(self.open_warehouse(), self.settings, record)
            record.last_error = str(error)
            self._reach(record, State.ABANDONED)
            raise files.ArchiveDamaged(
                f"{error}; nothing had been deleted, so it is given up and the next run archives anew"
            ) from error

    def _take(self, record: ArchiveRecord) -> None:
        name, step = STEPS[record.state]
        record.attempts[name] = record.attempts.get(name, 0) + 1
        began = time.monotonic()
        try:
            following = step(self, record)
        except Paused:
            raise
        except Exception as error:
            record.last_error = f"{name}: {outage.explain(self.settings, error)}"
            # When HDFS is what failed, the record stays as it was; the error itself goes on to the caller.
            with suppress(StoreUnavailable, StoreFull):
                self.archives.save(record)
            raise
        record.last_error = None
        record.seconds[name] = round(time.monotonic() - began, 3)
        self._reach(record, following)

    def _reach(self, record: ArchiveRecord, state: State) -> None:
        record.state = state
        self.archives.save(record)
        self.reached(record)

    def _export(self, record: ArchiveRecord) -> State:
        files.export(self.open_warehouse(), self.settings, self.hdfs, record)
        return State.EXPORTED

    def _verify(self, record: ArchiveRecord) -> State:
        """Compare what went out with what HDFS holds; a difference sends the archive back to its export."""
        if not record.written:
            record.reason += "; all of them changed, went or do not fit the contract"
            return State.ABANDONED
        warehouse = self.open_warehouse()
        try:
            found = files.verify_written(
                warehouse, self.settings, self.hdfs, record.temporary, record.written
            )
        except files.ArchiveDamaged as error:
            record.state = State.PLANNED
            raise files.ArchiveDamaged(
                f"archive {record.archive_id}: {error}; nothing was published or deleted, the next run"
                " exports again"
            ) from error
        record.note_files(found)
        schema = files.read(warehouse, self.settings.hdfs_path(record.temporary)).schema
        record.schema_ = [
            ColumnType(name=column.name, type=column.dataType.simpleString()) for column in schema.fields
        ]
        return State.VERIFIED

    def _publish(self, record: ArchiveRecord) -> State:
        """One rename makes all files of the archive visible under its name, or none."""
        if not (self.hdfs.exists(record.directory) and not self.hdfs.exists(record.temporary)):
            self.hdfs.rename(record.temporary, record.directory)
        return State.PUBLISHED

    def _record(self, record: ArchiveRecord) -> State:
        warehouse = self.open_warehouse()
        files.register(warehouse, self.settings, record)
        self._write_table(warehouse, record, State.RECORDED)
        return State.RECORDED

    def _start_deleting(self, record: ArchiveRecord) -> State:
        files.refuse_changed(self.hdfs, record)
        return State.DELETING

    def _delete(self, record: ArchiveRecord) -> State:
        """Delete file by file, some at a time.

        The record says how far it is, so that a crash or a pause continues from there.
        """
        warehouse = self.open_warehouse()
        while record.deleted_files < len(record.files):
            self._refuse_paused()
            chosen = record.files[record.deleted_files : record.deleted_files + FILES_AT_ONCE]
            left = files.delete_from_hot(warehouse, self.settings, record, chosen)
            record.left_newer += left
            record.deleted += sum(each.rows for each in chosen) - left
            record.deleted_files += len(chosen)
            if record.deleted_files < len(record.files):
                self.archives.save(record)
        return State.DELETED

    def _confirm(self, record: ArchiveRecord) -> State:
        """See that no archived state is left in the hot store; give space back to the disk.

        Write the final row.
        """
        warehouse = self.open_warehouse()
        still_hot = self._still_hot(warehouse, record)
        if still_hot:
            record.state, record.deleted_files, record.deleted, record.left_newer = State.DELETING, 0, 0, 0
            raise FlightsError(
                f"archive {record.archive_id}: {still_hot} archived documents are still hot; the next run"
                " deletes them"
            )
        with mongo.database(self.settings) as db:
            record.size_after_delete = hot.sizes_of(hot.measure(db))
            record.compaction = hot.compact(db)
            record.size_after = hot.sizes_of(hot.measure(db))
        self._write_table(warehouse, record, State.DONE)
        return State.DONE

    def _still_hot(self, warehouse: Warehouse, record: ArchiveRecord) -> int:
        """Return the number of documents that are still hot just as they were archived.

        A later batch may have confirmed or changed a document since; that one stays hot.
        """
        with mongo.database(self.settings) as db:
            if not hot.hot_in_range(db[mongo.FLIGHTS], record):
                return 0
        left = warehouse.spark.range(0, 1, 1, 1).mapInArrow(
            hot.states_between(self.settings, record),
            "flight_id string, event_id string, predicted boolean, hot_batch long",
        )
        archived = files.read(warehouse, record.storage_location).selectExpr(
            "flight_id", "event_id", "model_version IS NOT NULL AS predicted", "batch_id"
        )
        same = archived.join(left, ["flight_id", "event_id", "predicted"])
        return int(same.where("hot_batch <= batch_id").count())

    def _write_table(self, warehouse: Warehouse, record: ArchiveRecord, state: State) -> None:
        others = [each for each in self.archives.records() if each.archive_id != record.archive_id]
        files.write_metadata_table(
            warehouse,
            sorted([*others, record.model_copy(update={"state": state})], key=lambda each: each.archive_id),
        )


STEPS: dict[State, tuple[str, Callable[[Archiver, ArchiveRecord], State]]] = {
    State.PLANNED: ("export", Archiver._export),
    State.EXPORTED: ("verify", Archiver._verify),
    State.VERIFIED: ("publish", Archiver._publish),
    State.PUBLISHED: ("record", Archiver._record),
    State.RECORDED: ("check", Archiver._start_deleting),
    State.DELETING: ("delete", Archiver._delete),
    State.DELETED: ("confirm", Archiver._confirm),
}


def next_step(record: ArchiveRecord) -> str:
    """Return the next step of an archive as a sentence for people."""
    return NEXT_STEP[record.state]
