"""Record of a batch: source of its JSON on HDFS, its Dagster metadata and its row in ``batch_metadata``."""

from __future__ import annotations

from datetime import UTC, date, timedelta
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, Field

from flight_assets.contracts.message import SCHEMA_VERSIONS
from flight_assets.contracts.ranges import DateRange
from flight_assets.contracts.tables import BATCH_METADATA
from flight_assets.errors import FlightsError
from flight_assets.provenance.places import STEPS

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
