"""Record of a batch: source of its JSON on HDFS, its Dagster metadata and its row in ``batch_metadata``."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, Literal

from pydantic import AwareDatetime, BaseModel, Field

from flight_assets.contracts.message import SCHEMA_VERSIONS
from flight_assets.contracts.ranges import DateRange
from flight_assets.contracts.tables import BATCH_METADATA
from flight_assets.errors import FlightsError

if TYPE_CHECKING:
    from flight_assets.stores.hdfs import Hdfs

RAW_ROOT = "/archive/flight_data"
ARCHIVE_ID = "archive_%08d"
METADATA_ROOT = "/metadata"
PLANS = f"{METADATA_ROOT}/plans"
STEPS = ("raw_kafka_batch", "staged_events", "predictions", "mongo_hot", "hive_fact")
# The pipeline's job, and three jobs that run its parts in order for another orchestrator. The last step of
# each ends at the stores.
WHOLE_JOB = "process_flights"
PART_JOBS = {"ingest_flights": STEPS[:1], "predict_flights": STEPS[1:3], "store_flights": STEPS[3:]}
PIPELINE_JOBS = (WHOLE_JOB, *PART_JOBS)
STORING_JOBS = (WHOLE_JOB, "store_flights")
_UNPREDICTED = f"{METADATA_ROOT}/unpredicted"
BYTES_PER_MB = 1_000_000
# Libraries that a batch's rows depend on.
LIBRARIES = ("flight-tracking-platform", "pyspark", "xgboost", "dagster")


class OffsetRange(BaseModel):
    """Offsets of one partition in a batch, both ends included."""

    first: int
    last: int


class ColumnType(BaseModel):
    """Name and type of a column."""

    name: str
    type: str


class CheckResult(BaseModel):
    """Result of a check. A failed ERROR stops the batch; a failed WARN is only reported.

    The check defines the meaning of ``value``, the measured figure, and of ``threshold``.
    """

    name: str
    asset: str
    passed: bool
    severity: Literal["ERROR", "WARN"] = "ERROR"
    value: float
    threshold: float
    detail: str

    @property
    def blocks(self) -> bool:
        """Return whether the result stops the batch."""
        return not self.passed and self.severity == "ERROR"


class BatchRecord(BaseModel):
    """Record of a batch.

    Counts of steps that have not run yet are null. Sizes in MB (10⁶ bytes), times UTC.
    """

    batch_id: int
    archive_id: str
    timestamp: AwareDatetime | None = Field(
        description="ingestion time of the newest message; null if the batch has none"
    )
    oldest: AwareDatetime | None = Field(default=None, description="ingestion time of the oldest message")
    record_count: int
    message_bytes: int | None = Field(
        default=None, description="bytes of keys and values, as Kafka holds them uncompressed"
    )
    file_size_mb: float
    storage_location: str
    schema_: list[ColumnType] = Field(alias="schema")
    offsets: dict[str, OffsetRange] = Field(description="per partition of the topic")
    lost: dict[str, OffsetRange] = Field(
        default_factory=dict,
        description=(
            "per partition, offsets that the topic's retention deleted before this batch could take them"
        ),
    )
    without_message: int = Field(
        default=0,
        description="offsets without a message: markers and aborted messages of transactions, compacted ones",
    )
    off: int = Field(
        default=0, description="messages of the topic that have not landed, and rows that are none of them"
    )
    unreadable: int = Field(
        default=0, description="rows that stand for offsets which could not be read in Kafka"
    )
    next_offsets: dict[str, int] = Field(
        description="per partition, the first offset that no batch up to this one has taken"
    )
    staged: int | None = None
    duplicate: int | None = None
    quarantined: int | None = None
    quarantined_by_reason: dict[str, int] = Field(default_factory=dict)
    to_predict: int | None = Field(
        default=None,
        description="flights that the batch announced, whether a model could predict them or not",
    )
    flights: int | None = Field(default=None, description="flights that the staged events are of")
    schema_versions: dict[str, int] = Field(
        default_factory=dict, description="staged events per version of the message contract"
    )
    unknown_fields: dict[str, int] = Field(
        default_factory=dict, description="messages per field that the contract does not have"
    )
    cleaned_values: dict[str, int] = Field(
        default_factory=dict, description="messages per optional value that could not be what it claims"
    )
    unknown_codes: dict[str, int] = Field(
        default_factory=dict, description="staged events per well-formed code that no table knows"
    )
    quality: float | None = Field(default=None, description="mean quality_score of the staged events, 0–1")
    flight_dates: list[DateRange] | None = Field(
        default=None, description="ranges that cover the local dates of its flights"
    )
    announced_dates: list[DateRange] | None = Field(
        default=None, description="ranges of UTC days on which its flights were announced"
    )
    predicted: int | None = None
    seen_too_late: int | None = Field(
        default=None, description="flights whose first event came after departure: no prediction"
    )
    upserted: int | None = None
    out_of_order: int | None = None
    merged: int | None = None
    model_version: str | None = None
    challenger_version: str | None = None
    seconds: dict[str, float] = Field(
        default_factory=dict, description="duration of each step that has run, the last time it ran"
    )
    topic_id: str = Field(
        default="", description="Kafka's id of the topic; a topic that is created again has another"
    )
    versions: dict[str, str] = Field(
        default_factory=dict, description="of the libraries and the contract, when it landed"
    )
    checks: list[CheckResult] = Field(
        default_factory=list, description="what the checks found, each the last time it ran"
    )
    accepted: dict[str, str] = Field(
        default_factory=dict, description="checks that an operator lets fail, and why"
    )
    moved: str | None = Field(
        default=None, description="why an operator moved the whole batch to quarantine; null if none did"
    )

    model_config = {"populate_by_name": True, "protected_namespaces": ()}

    def refuse_half_moved(self) -> None:
        """Raise FlightsError if a move of the batch to quarantine was interrupted."""
        if self.moved is not None and self.staged is None:
            raise FlightsError(
                f"moving batch {self.batch_id} to quarantine was interrupted: "
                f"repeat `flights ledger quarantine {self.batch_id} --reason …` to complete it"
            )

    def to_json(self) -> str:
        """Return the record as JSON text."""
        return self.model_dump_json(by_alias=True, indent=1)

    def row(self) -> dict[str, Any]:
        """Return the record as a row of ``batch_metadata``: each column is the field of the same name."""
        values = {
            name: getattr(self, name)
            for name in BATCH_METADATA.column_names
            if name not in ("offsets", "record")
        }
        return values | {
            "offsets": {name: span.model_dump() for name, span in self.offsets.items()},
            "record": self.to_json(),
        }

    def counts(self) -> dict[str, int]:
        """Return the counts known so far, by the name shared by Dagster, the JSON and the table."""
        return {name: count for name in COUNTS if (count := getattr(self, name)) is not None}

    def note_checks(self, asset: str, results: list[CheckResult]) -> list[CheckResult]:
        """Replace the results of an asset's checks. Accepted failures become warnings."""
        noted = [_softened(result, self.accepted.get(result.name)) for result in results]
        kept = [result for result in self.checks if result.asset != asset]
        self.checks = sorted(kept + noted, key=lambda result: STEPS.index(result.asset))
        return noted

    def processing_dates(self) -> list[date]:
        """Return the UTC dates from its oldest to its newest message: the partitions of its rows."""
        if self.timestamp is None:
            return []
        first, last = (
            moment.astimezone(UTC).date() for moment in (self.oldest or self.timestamp, self.timestamp)
        )
        return [first + timedelta(days=days) for days in range((last - first).days + 1)]


COUNTS = (
    *("record_count", "staged", "duplicate", "quarantined", "flights"),
    *("to_predict", "predicted", "seen_too_late", "upserted", "out_of_order", "merged"),
)


def _softened(result: CheckResult, why: str | None) -> CheckResult:
    if result.passed or why is None:
        return result
    return result.model_copy(update={"severity": "WARN", "detail": f"{result.detail} (accepted: {why})"})


@cache
def versions_in_use() -> dict[str, str]:
    """Return the versions of the libraries behind a batch's rows, and of the newest message contract."""
    found = {"message_contract": str(max(SCHEMA_VERSIONS))}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def archive_id(batch_id: int) -> str:
    """Return the name of a batch's raw directory."""
    return ARCHIVE_ID % batch_id


def raw_path(batch_id: int) -> str:
    """Return the HDFS directory of a batch's raw files."""
    return f"{RAW_ROOT}/{archive_id(batch_id)}"


class TopicStart(BaseModel):
    """Where the topic that is read now begins in the ledger.

    Batches before ``first_batch`` are of another topic, deleted or left. ``offsets_before``: offsets
    that they had taken, all partitions.
    """

    first_batch: int = 0
    offsets_before: int = 0
    reason: str = ""
    at: AwareDatetime | None = None


class Ledger:
    """Records of all batches on HDFS, and the progress of each step.

    Steps take batches in order, so the last batch of each step is enough. It is written after the step's data
    is durable. After a crash between the two, the step repeats a batch, and every write is idempotent.
    """

    def __init__(self, hdfs: Hdfs) -> None:
        self._hdfs = hdfs

    @property
    def hdfs(self) -> Hdfs:
        """Client of HDFS for the records."""
        return self._hdfs

    def record(self, batch_id: int) -> BatchRecord:
        """Return the record of a batch. Raises FlightsError if there is none."""
        path = self.path(batch_id)
        try:
            return BatchRecord.model_validate_json(self._hdfs.read(path))
        except FileNotFoundError:
            raise FlightsError(
                f"there is no record of batch {batch_id} at {path}: materialise raw_kafka_batch"
            ) from None

    def accepted(self, batch_id: int) -> dict[str, str]:
        """Return the accepted checks of a batch with their reasons; empty without a record.

        Raises:
            FlightsError: a move of the batch to quarantine is not complete.
        """
        if not self._hdfs.exists(self.path(batch_id)):
            return {}
        record = self.record(batch_id)
        record.refuse_half_moved()
        return record.accepted

    def save(self, record: BatchRecord) -> None:
        """Write the record's JSON file."""
        self._hdfs.write(self.path(record.batch_id), record.to_json().encode())

    def path(self, batch_id: int) -> str:
        """Return the HDFS path of a batch's record."""
        return f"{METADATA_ROOT}/batch_{batch_id:08d}.json"

    def last_done(self, step: str) -> int:
        """Return the last batch that a step has finished; -1 if none."""
        try:
            return int(self._hdfs.read(_progress_path(step)))
        except FileNotFoundError:
            return -1

    def mark_done(self, step: str, batch_id: int) -> None:
        """Record that a step has finished a batch and all before it."""
        self._hdfs.write(_progress_path(step), f"{batch_id}\n".encode())

    def unpredicted(self) -> list[int]:
        """Return the batches that had no usable model, in order. They are predicted when there is one."""
        return [int(name) for name in self._hdfs.list(_UNPREDICTED)]

    def add_unpredicted(self, batch_id: int) -> None:
        """Record that a batch had no usable model."""
        self._hdfs.write(f"{_UNPREDICTED}/{batch_id:08d}", b"")

    def remove_unpredicted(self, batch_id: int) -> None:
        """Record that a batch has its predictions."""
        self._hdfs.delete(f"{_UNPREDICTED}/{batch_id:08d}")

    def pending(self, step: str) -> range:
        """Return the batches that the previous step has finished and this one has not, in order."""
        before = STEPS[STEPS.index(step) - 1]
        return range(self.last_done(step) + 1, self.last_done(before) + 1)

    def landed(self) -> range:
        """Return the batches whose raw directory is complete and that have no record, in order."""
        first = end = self.last_done("raw_kafka_batch") + 1
        while self._hdfs.exists(f"{raw_path(end)}/_SUCCESS"):
            end += 1
        return range(first, end)

    def next_offsets(self, step: str = STEPS[0]) -> dict[str, int]:
        """Return by partition the first offset that a step, by default landing, has not finished.

        Empty before the first batch of the topic.
        """
        last = self.last_done(step)
        return self.record(last).next_offsets if last >= self.topic_start().first_batch else {}

    def topic_start(self) -> TopicStart:
        """Return where the topic that is read now begins; at batch 0 unless ``start_topic`` was called."""
        try:
            return TopicStart.model_validate_json(self._hdfs.read(_TOPIC))
        except FileNotFoundError:
            return TopicStart()

    def start_topic(self, reason: str, now: datetime) -> TopicStart:
        """Read the topic from its beginning with the next batch: it is another one than before."""
        before = self.topic_start().offsets_before + sum(self.next_offsets().values())
        first = self.last_done(STEPS[0]) + 1
        start = TopicStart(first_batch=first, offsets_before=before, reason=reason, at=now)
        self._hdfs.write(_TOPIC, start.model_dump_json().encode())
        return start

    def records(self, last: int | None = None) -> list[BatchRecord]:
        """Return the records of all batches, or of the ``last`` ones, in order."""
        end = self.last_done(STEPS[0]) + 1
        return [
            self.record(batch_id) for batch_id in range(max(0, end - last) if last is not None else 0, end)
        ]

    def accept(self, batch_id: int, check: str, why: str) -> BatchRecord:
        """Let a failed check of a batch pass as a warning from the next run on. Returns the batch's record.

        Raises:
            FlightsError: there is no such batch, or the check has not failed in it.
        """
        record = self.record(batch_id)
        failed = [result.name for result in record.checks if result.blocks]
        if check not in failed:
            raise FlightsError(
                f"no check named {check} holds up batch {batch_id}; there are: {', '.join(failed) or 'none'}"
            )
        record.accepted[check] = why
        self.save(record)
        return record


_TOPIC = f"{METADATA_ROOT}/progress/topic.json"


def _progress_path(step: str) -> str:
    return f"{METADATA_ROOT}/progress/{step}"
