"""Operations figures: services, topic, batches, storage, machine, Spark, latency and the one score over all.

Each function reads one source, gives up after ``monitoring_timeout_s``, and raises when its source is down.
Dagster's own figures are in ``queries/dagster.py``.
"""

from flight_assets.queries.operations.airflow import airflow_dags, airflow_token
from flight_assets.queries.operations.batch_state import (
    BATCH_COLUMNS,
    LAG_COLUMNS,
    RECENT_BATCHES,
    batch_records,
    batches,
    step_progress,
    streaming,
    topic_lag,
)
from flight_assets.queries.operations.common import (
    archive_threshold_bytes,
    gather,
    get_json,
    patient,
)
from flight_assets.queries.operations.disks import DISK_COLUMNS, disks
from flight_assets.queries.operations.flights import (
    FLIGHT_COLUMNS,
    PredictionError,
    latencies,
    newest_flights,
    prediction_error,
    visible_at,
)
from flight_assets.queries.operations.results import archive_state, archives, latest_checks, latest_monitoring
from flight_assets.queries.operations.score import (
    HEALTH_WEIGHTS,
    RECENT_RUNS,
    health_parts,
    health_score,
    pipeline_runs,
)
from flight_assets.queries.operations.service_state import SERVICE_COLUMNS, machine, services
from flight_assets.queries.operations.spark import JOB_COLUMNS, spark_application, spark_jobs, spark_memory
from flight_assets.queries.operations.storage import hdfs_capacity, mongodb_size, redis_info

__all__ = [
    "BATCH_COLUMNS",
    "DISK_COLUMNS",
    "FLIGHT_COLUMNS",
    "HEALTH_WEIGHTS",
    "JOB_COLUMNS",
    "LAG_COLUMNS",
    "RECENT_BATCHES",
    "RECENT_RUNS",
    "SERVICE_COLUMNS",
    "PredictionError",
    "airflow_dags",
    "airflow_token",
    "archive_state",
    "archive_threshold_bytes",
    "archives",
    "batch_records",
    "batches",
    "disks",
    "gather",
    "get_json",
    "hdfs_capacity",
    "health_parts",
    "health_score",
    "latencies",
    "latest_checks",
    "latest_monitoring",
    "machine",
    "mongodb_size",
    "newest_flights",
    "patient",
    "pipeline_runs",
    "prediction_error",
    "redis_info",
    "services",
    "spark_application",
    "spark_jobs",
    "spark_memory",
    "step_progress",
    "streaming",
    "topic_lag",
    "visible_at",
]
