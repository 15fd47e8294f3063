"""The one record of a batch: from it come the JSON on HDFS, the metadata in Dagster and the row of ``batch_metadata``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import AwareDatetime, BaseModel, Field

from flight_assets.errors import FlightsError

if TYPE_CHECKING:
    from flight_assets.stores.hdfs import Hdfs

RAW_ROOT = "/archive/flight_data"
METADATA_ROOT = "/metadata"
CHECKPOINT = "/checkpoints/flight_events"
STEPS = ("raw_kafka_batch", "staged_events", "predictions", "mongo_hot", "hive_fact")
_UNPREDICTED = f"{METADATA_ROOT}/unpredicted"
BYTES_PER_MB = 1_000_000


class OffsetRange(BaseModel):
    """Offsets of one partition in a batch, both ends included."""

    first: int
    last: int


class ColumnType(BaseModel):
    """Name and type of a column."""

    name: str
    type: str


class BatchRecord(BaseModel):
    """What is known about a batch. Counts that a step has not reached yet are null. Sizes in MB (10⁶ bytes), times UTC."""

    batch_id: int
    archive_id: str
    timestamp: AwareDatetime | None = Field(description="ingestion time of the newest message; null if the batch has none")
    record_count: int
    file_size_mb: float
    storage_location: str
    schema_: list[ColumnType] = Field(alias="schema")
    offsets: dict[str, OffsetRange] = Field(description="per partition of the topic")
    lost: dict[str, OffsetRange] = Field(
        default_factory=dict,
        description="per partition, offsets that the topic's retention deleted before this batch could take them",
    )
    next_offsets: dict[str, int] = Field(description="per partition, the first offset that no batch up to this one has taken")
    staged: int | None = None
    duplicate: int | None = None
    quarantined: int | None = None
    quarantined_by_reason: dict[str, int] = Field(default_factory=dict)
    to_predict: int | None = Field(default=None, description="flights that the batch announced, whether a model could predict them or not")
    predicted: int | None = None
    seen_too_late: int | None = Field(default=None, description="flights whose first event came after departure: no prediction")
    upserted: int | None = None
    out_of_order: int | None = None
    merged: int | None = None
    model_version: str | None = None
    challenger_version: str | None = None
    seconds: dict[str, float] = Field(default_factory=dict, description="duration of each step that has run, the last time it ran")
    versions: dict[str, str] = Field(default_factory=dict)

    model_config = {"populate_by_name": True, "protected_namespaces": ()}

    def to_json(self) -> str:
        """The record as the JSON file holds it."""
        return self.model_dump_json(by_alias=True, indent=1)

    def row(self) -> dict[str, Any]:
        """The record as a row of ``batch_metadata``."""
        counts = ("record_count", "staged", "duplicate", "quarantined", "predicted", "upserted", "out_of_order", "merged")
        values = {name: getattr(self, name) for name in ("batch_id", "timestamp", *counts, "file_size_mb", "storage_location")}
        return values | {"record": self.to_json()}


def archive_id(batch_id: int) -> str:
    """Name of a batch's raw directory."""
    return f"archive_{batch_id:08d}"


def raw_path(batch_id: int) -> str:
    """HDFS directory of a batch's raw files."""
    return f"{RAW_ROOT}/{archive_id(batch_id)}"


class Ledger:
    """The records of all batches on HDFS, and how far each step has come.

    Steps take batches in order, so one number per step, its last batch, says all. It is written after the step's data is
    durable; a crash between the two makes the step repeat a batch, which every sink bears.
    """

    def __init__(self, hdfs: Hdfs) -> None:
        self._hdfs = hdfs

    def record(self, batch_id: int) -> BatchRecord:
        """The record of a batch. Raises FlightsError if there is none."""
        path = self.path(batch_id)
        try:
            return BatchRecord.model_validate_json(self._hdfs.read(path))
        except FileNotFoundError:
            raise FlightsError(f"there is no record of batch {batch_id} at {path}: materialise raw_kafka_batch") from None

    def save(self, record: BatchRecord) -> None:
        """Write the record's JSON file."""
        self._hdfs.write(self.path(record.batch_id), record.to_json().encode())

    def path(self, batch_id: int) -> str:
        """HDFS path of a batch's record."""
        return f"{METADATA_ROOT}/batch_{batch_id:08d}.json"

    def last_done(self, step: str) -> int:
        """The last batch that a step has finished; -1 if none."""
        try:
            return int(self._hdfs.read(_progress_path(step)))
        except FileNotFoundError:
            return -1

    def mark_done(self, step: str, batch_id: int) -> None:
        """Note that a step has finished a batch and all before it."""
        self._hdfs.write(_progress_path(step), f"{batch_id}\n".encode())

    def unpredicted(self) -> list[int]:
        """Batches whose flights had no usable model, in order: to be predicted as soon as there is one."""
        return [int(name) for name in self._hdfs.list(_UNPREDICTED)]

    def add_unpredicted(self, batch_id: int) -> None:
        """Note that a batch had no usable model."""
        self._hdfs.write(f"{_UNPREDICTED}/{batch_id:08d}", b"")

    def remove_unpredicted(self, batch_id: int) -> None:
        """Note that a batch has got its predictions."""
        self._hdfs.delete(f"{_UNPREDICTED}/{batch_id:08d}")

    def pending(self, step: str) -> range:
        """Batches that the step before has finished and this one has not, in order."""
        before = STEPS[STEPS.index(step) - 1]
        return range(self.last_done(step) + 1, self.last_done(before) + 1)

    def landed(self) -> range:
        """Raw directories that are complete on HDFS and have no record yet, in order."""
        first = end = self.last_done("raw_kafka_batch") + 1
        while self._hdfs.exists(f"{raw_path(end)}/_SUCCESS"):
            end += 1
        return range(first, end)

    def next_offsets(self) -> dict[str, int]:
        """Per partition of the topic, the first offset that has not landed yet; empty before the first batch."""
        last = self.last_done(STEPS[0])
        return self.record(last).next_offsets if last >= 0 else {}

    def records(self) -> list[BatchRecord]:
        """Every batch's record, in order."""
        return [self.record(batch_id) for batch_id in range(self.last_done("raw_kafka_batch") + 1)]


def _progress_path(step: str) -> str:
    return f"{METADATA_ROOT}/progress/{step}"
