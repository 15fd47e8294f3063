"""Record of a batch, the ledger of all batches, and where both are on HDFS."""

from flight_assets.provenance.ledger import Ledger, TopicStart
from flight_assets.provenance.places import (
    ARCHIVE_ID,
    METADATA_ROOT,
    PART_JOBS,
    PIPELINE_JOBS,
    PLANS,
    RAW_ROOT,
    STEPS,
    STORING_JOBS,
    WHOLE_JOB,
    archive_id,
    raw_path,
)
from flight_assets.provenance.record import (
    COUNTS,
    BatchRecord,
    CheckResult,
    ColumnType,
    OffsetRange,
    versions_in_use,
)

__all__ = [
    "ARCHIVE_ID",
    "COUNTS",
    "METADATA_ROOT",
    "PART_JOBS",
    "PIPELINE_JOBS",
    "PLANS",
    "RAW_ROOT",
    "STEPS",
    "STORING_JOBS",
    "WHOLE_JOB",
    "BatchRecord",
    "CheckResult",
    "ColumnType",
    "Ledger",
    "OffsetRange",
    "TopicStart",
    "archive_id",
    "raw_path",
    "versions_in_use",
]
