"""Steps and jobs of the pipeline, and where a batch is on HDFS."""

from __future__ import annotations

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


def archive_id(batch_id: int) -> str:
    """Return the name of a batch's raw directory."""
    return ARCHIVE_ID % batch_id


def raw_path(batch_id: int) -> str:
    """Return the HDFS directory of a batch's raw files."""
    return f"{RAW_ROOT}/{archive_id(batch_id)}"
