"""Record of an archive: written to HDFS before and after each step, to resume it after any crash."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from pydantic import AwareDatetime, BaseModel, Field, ValidationError

from flight_assets.contracts.units import BYTES_PER_MB
from flight_assets.errors import FlightsError
from flight_assets.provenance import METADATA_ROOT, ColumnType

if TYPE_CHECKING:
    from flight_assets.stores.hdfs import Hdfs

ARCHIVE_ROOT = "/archive/mongodb_archive"
RECORD_ROOT = f"{METADATA_ROOT}/archives"
PAUSE_FILE = f"{RECORD_ROOT}/paused"
RECORD_SUFFIX = "_metadata.json"


class State(StrEnum):
    """Durable progress of an archive. The members are in the order of its life."""

    PLANNED = "planned"
    EXPORTED = "exported"
    VERIFIED = "verified"
    PUBLISHED = "published"
    RECORDED = "recorded"
    DELETING = "deleting"
    DELETED = "deleted"
    DONE = "done"
    EXPIRING = "expiring"
    EXPIRED = "expired"
    ABANDONED = "abandoned"


UNFINISHED = (
    State.PLANNED,
    State.EXPORTED,
    State.VERIFIED,
    State.PUBLISHED,
    State.RECORDED,
    State.DELETING,
    State.DELETED,
)
READABLE = (State.RECORDED, State.DELETING, State.DELETED, State.DONE)
NEXT_STEP = {
    State.PLANNED: "export to a temporary directory",
    State.EXPORTED: "read back and verify counts and checksums",
    State.VERIFIED: "publish by renaming the directory",
    State.PUBLISHED: "register its files and its row of archive_metadata",
    State.RECORDED: "delete the archived documents from the hot store",
    State.DELETING: "go on deleting the archived documents from the hot store",
    State.DELETED: "check that none of them is left, and compact the collection if it pays",
    State.DONE: "nothing: it is done",
    State.EXPIRING: "delete its files",
    State.EXPIRED: "nothing: its files are gone",
    State.ABANDONED: "nothing: it was given up, and its documents are hot",
}


class TimeSlice(BaseModel):
    """Range of ingestion time, end excluded, that becomes one file."""

    start: AwareDatetime
    end: AwareDatetime
    documents: int
    held_back: int = Field(
        default=0, description="documents met at the export whose fields do not fit the contract"
    )


class WrittenFile(BaseModel):
    """File as written to HDFS. ``checksum``: that of ``archive/checksum.py`` over its rows in any order."""

    path: str = Field(description="below the archive's directory")
    rows: int
    checksum: str


class ArchivedFile(WrittenFile):
    """One file of an archive as it was read back.

    ``sha256`` is that of its bytes: documents are deleted later according to these same bytes.
    """

    bytes: int
    sha256: str
    first_ingestion: AwareDatetime
    last_ingestion: AwareDatetime
    first_flight_id: str
    last_flight_id: str
    first_flight_date: date
    last_flight_date: date
    last_batch_id: int


class Sizes(BaseModel):
    """Hot store by dbStats, in bytes, and its documents."""

    data_bytes: int
    index_bytes: int
    storage_bytes: int
    reusable_bytes: int
    documents: int


class Restore(BaseModel):
    """One restore from the archive."""

    timestamp: AwareDatetime
    reason: str
    selection: str
    restored: int
    kept_newer: int = Field(description="flights whose hot document was as new or newer")


class ArchiveRecord(BaseModel):
    """Record of one archive. Counts of steps not yet reached are null. Times UTC, MB = 10⁶ bytes."""

    archive_id: str
    state: State
    timestamp: AwareDatetime = Field(description="when it was planned")
    reason: str
    shortened_window: bool = False
    planned_documents: int
    planned_bytes: int
    held_back: int = Field(
        default=0, description="documents of its slices whose fields do not fit the contract; they stay hot"
    )
    restored_since: AwareDatetime = Field(description="documents restored at this time or later are left out")
    slices: list[TimeSlice]
    record_count: int | None = None
    checksum: str | None = None
    file_size_mb: float | None = None
    storage_location: str
    schema_: list[ColumnType] = Field(default_factory=list, alias="schema")
    written: list[WrittenFile] = Field(default_factory=list)
    files: list[ArchivedFile] = Field(default_factory=list)
    first_ingestion: AwareDatetime | None = None
    last_ingestion: AwareDatetime | None = None
    id_range: tuple[str, str] | None = Field(
        default=None, description="least and greatest archived flight_id"
    )
    batch_id: int | None = Field(default=None, description="newest batch that wrote one of its documents")
    deleted_files: int = Field(
        default=0, description="how many of its files, in order, are deleted from the hot store"
    )
    deleted: int = Field(default=0, description="archived documents that are no longer hot")
    left_newer: int = Field(
        default=0,
        description="archived flights that changed meanwhile and so stay hot, to be archived again later",
    )
    size_before: Sizes | None = None
    size_after_delete: Sizes | None = None
    size_after: Sizes | None = None
    compaction: str | None = None
    seconds: dict[str, float] = Field(default_factory=dict)
    attempts: dict[str, int] = Field(default_factory=dict)
    last_error: str | None = None
    restores: list[Restore] = Field(default_factory=list)

    model_config = {"populate_by_name": True}

    @property
    def directory(self) -> str:
        """HDFS directory of a published archive."""
        return f"{ARCHIVE_ROOT}/{self.archive_id}"

    @property
    def temporary(self) -> str:
        """HDFS directory that the export writes to.

        Spark and listings skip names that begin with an underscore.
        """
        return f"{ARCHIVE_ROOT}/_{self.archive_id}.tmp"

    def note_files(self, found: list[ArchivedFile]) -> None:
        """Keep the verified files, and the totals that follow from them."""
        self.files = found
        self.file_size_mb = round(sum(each.bytes for each in found) / BYTES_PER_MB, 3)
        self.first_ingestion = min(each.first_ingestion for each in found)
        self.last_ingestion = max(each.last_ingestion for each in found)
        self.id_range = (
            min(each.first_flight_id for each in found),
            max(each.last_flight_id for each in found),
        )
        self.batch_id = max(each.last_batch_id for each in found)

    def to_json(self) -> str:
        """Return the record as the JSON file holds it."""
        return self.model_dump_json(by_alias=True, indent=1)

    def row(self) -> dict[str, Any]:
        """Return the record as a row of ``archive_metadata``."""
        names = (
            "archive_id",
            "timestamp",
            "reason",
            "record_count",
            "file_size_mb",
            "storage_location",
            "first_ingestion",
            "last_ingestion",
        )
        return {name: getattr(self, name) for name in names} | {
            "state": self.state.value,
            "record": self.to_json(),
        }


class Archives:
    """Records of all archives, on HDFS beside those of the batches."""

    def __init__(self, hdfs: Hdfs) -> None:
        self.hdfs = hdfs

    def ids(self) -> list[str]:
        """Names of all archives, oldest first."""
        return [
            name.removesuffix(RECORD_SUFFIX)
            for name in self.hdfs.list(RECORD_ROOT)
            if name.endswith(RECORD_SUFFIX)
        ]

    def record(self, archive_id: str) -> ArchiveRecord:
        """Return the record of an archive.

        Raises:
            FlightsError: there is none of that name, or it cannot be read.
        """
        path = record_path(archive_id)
        try:
            return ArchiveRecord.model_validate_json(self.hdfs.read(path))
        except FileNotFoundError:
            raise FlightsError(
                f"there is no archive {archive_id}: `flights archive status` lists them"
            ) from None
        except ValidationError as error:
            raise FlightsError(
                f"the record {path} is damaged: restore it from the row of archive_metadata"
                f" ({error.error_count()} errors)"
            ) from error

    def records(self) -> list[ArchiveRecord]:
        """Every archive's record, oldest first."""
        return [self.record(archive_id) for archive_id in self.ids()]

    def save(self, record: ArchiveRecord) -> None:
        """Write a record, atomically."""
        self.hdfs.write(record_path(record.archive_id), record.to_json().encode())

    def unfit(self) -> list[TimeSlice]:
        """Ranges of ingestion in which an export met documents that do not fit the contract."""
        return [each for record in self.records() for each in record.slices if each.held_back]

    def forget(self, archive_id: str) -> None:
        """Remove a record. Only for archives whose files are gone."""
        self.hdfs.delete(record_path(archive_id))

    def unfinished(self) -> ArchiveRecord | None:
        """Return the archive that waits to be resumed.

        There is one at most: a new one is not planned before it is done.
        """
        return next((record for record in reversed(self.records()) if record.state in UNFINISHED), None)

    def next_id(self) -> str:
        """Name of the next archive. Numbers, not times: a clock that jumps back must not reuse a name."""
        last = max((int(name.rsplit("_", 1)[-1]) for name in self.ids()), default=-1)
        return f"mongodb_{last + 1:06d}"

    def pause(self, reason: str, now: datetime) -> None:
        """Let no step begin until ``resume``."""
        self.hdfs.write(PAUSE_FILE, f"since {now:%Y-%m-%d %H:%M:%S} UTC: {reason}".encode())

    def resume(self) -> None:
        """Undo ``pause``."""
        self.hdfs.delete(PAUSE_FILE)

    def paused(self) -> str | None:
        """Return since when and why archiving is paused; None if it is not."""
        try:
            return self.hdfs.read(PAUSE_FILE).decode()
        except FileNotFoundError:
            return None


def record_path(archive_id: str) -> str:
    """HDFS path of an archive's record."""
    return f"{RECORD_ROOT}/{archive_id}{RECORD_SUFFIX}"
