"""Every metric, with its help and labels. Prometheus's conventions: base units, ``_total`` for counters."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flight_assets.settings import Settings


@dataclass(frozen=True)
class Metric:
    """One metric: ``labels`` in the order of a sample's label values.

    Counters end in ``_total``, all others are gauges.
    """

    name: str
    help: str
    labels: tuple[str, ...] = ()

    @property
    def is_counter(self) -> bool:
        """Return True if the metric only grows."""
        return self.name.endswith("_total")


@dataclass(frozen=True)
class Sample:
    """Value of a metric; ``labels`` are the values of the metric's labels."""

    metric: str
    value: float
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Source:
    """Store and its samples. ``fresh_s``: how long samples are served before the store is queried again."""

    store: str
    fresh_s: float
    collect: Callable[[Settings], Iterable[Sample]]


METRICS = (
    Metric("flights_store_up", "1 if the source of metrics answered, else 0", ("store",)),
    Metric("flights_source_duration_seconds", "how long the source took to answer", ("store",)),
    # throughput
    Metric("flights_kafka_messages_total", "messages that Kafka acknowledged (end offsets)", ("partition",)),
    Metric("flights_landed_messages_total", "messages that have landed on HDFS", ("partition",)),
    Metric("flights_batches_total", "batches that have passed every step"),
    Metric("flights_events_total", "messages of finished batches by what became of them", ("outcome",)),
    Metric("flights_batch_messages", "messages of the newest finished batch"),
    Metric("flights_batch_duration_seconds", "duration of each step of the newest finished batch", ("step",)),
    # lag, freshness, latency
    Metric("flights_topic_lag_messages", "messages in the topic that no batch has taken", ("partition",)),
    Metric(
        "flights_topic_held_messages",
        "messages that wait behind a transaction that has not ended",
        ("partition",),
    ),
    Metric("flights_lag_messages", "messages in the topic that no batch has taken, all partitions"),
    Metric("flights_pending_batches", "batches that wait for a step", ("step",)),
    Metric(
        "flights_data_age_seconds",
        "time since a run of the pipeline last succeeded: the stores are as of then",
    ),
    Metric("flights_newest_ingestion_timestamp_seconds", "when Kafka took the newest flight's message"),
    Metric(
        "flights_visible_latency_seconds",
        "from Kafka's acknowledgement to visible in MongoDB, newest flights",
        ("quantile",),
    ),
    Metric("flights_live_processes", "live processes at work"),
    Metric("flights_live_search_failed", "1 if live processing fails to search for complex events"),
    Metric("flights_live_forecasts_failed", "1 if live processing fails to write current forecasts"),
    Metric(
        "flights_live_latency_seconds",
        "from Kafka's acknowledgement to visible in MongoDB, live processing's last minute; slowest process",
        ("quantile",),
    ),
    # storage
    Metric("flights_mongodb_size_bytes", "dbStats: size of the data and of the indexes", ("part",)),
    Metric("flights_mongodb_storage_bytes", "dbStats: size on disk"),
    Metric("flights_mongodb_documents", "flights in the hot store"),
    Metric("flights_archive_threshold_bytes", "size of MongoDB at which the archive starts"),
    Metric("flights_archive_threshold_used_ratio", "size of MongoDB as a share of the archive threshold"),
    Metric("flights_hdfs_bytes", "HDFS capacity, used and remaining", ("state",)),
    Metric("flights_hdfs_used_ratio", "share of HDFS that is not free"),
    Metric("flights_hdfs_files", "files and directories on HDFS"),
    Metric("flights_hdfs_datanodes", "DataNodes", ("state",)),
    Metric("flights_hdfs_under_replicated_blocks", "blocks with fewer copies than wanted"),
    Metric("flights_hdfs_missing_blocks", "blocks without a copy"),
    # quality and model
    Metric("flights_quality_score_ratio", "mean quality score of the newest flights"),
    Metric(
        "flights_source_quality_score_ratio",
        "mean quality score of the newest flights, by source",
        ("source",),
    ),
    Metric("flights_source_flights", "how many of the newest flights come from a source", ("source",)),
    Metric("flights_rejected_ratio", "share of the newest batches' messages that were quarantined"),
    Metric("flights_check_passed", "1 if the asset check's newest result passed", ("check", "asset")),
    Metric(
        "flights_prediction_error_seconds",
        "error of the newest predictions with a known outcome",
        ("statistic",),
    ),
    Metric("flights_prediction_interval_coverage_ratio", "share of outcomes within the 90 % interval"),
    Metric(
        "flights_model_monitoring",
        "newest value of each monitored figure of the delay model, in its own unit",
        ("metric", "subject"),
    ),
    Metric(
        "flights_model_breached",
        "1 if that figure is past its threshold: drift or lost skill",
        ("metric", "subject"),
    ),
    # complex events
    Metric("flights_findings_total", "complex events that were raised", ("pattern",)),
    Metric("flights_open_findings", "complex events that are open", ("pattern", "severity")),
    Metric(
        "flights_situation_findings",
        "open findings of a situation: a stopped airport with its waiting flights is one",
        ("group", "pattern", "severity"),
    ),
    Metric("flights_pattern_failed", "1 if the pattern of complex events failed with an error", ("pattern",)),
    Metric("flights_events_pending_batches", "finished batches that wait for the search for complex events"),
    Metric(
        "flights_model_up",
        "1 if the delay model makes the forecasts, 0 if the baseline does: it was better on the last day",
    ),
    Metric(
        "flights_maker_error_seconds",
        "mean absolute error of model and baseline on the same outcomes of the last day",
        ("maker",),
    ),
    # cache
    Metric("flights_redis_hits_total", "keys found"),
    Metric("flights_redis_misses_total", "keys not found"),
    Metric("flights_redis_hit_ratio", "hits as a share of hits and misses"),
    Metric("flights_redis_memory_bytes", "memory used"),
    Metric("flights_redis_keys", "keys"),
    Metric("flights_redis_evicted_total", "keys evicted for memory"),
    # health
    Metric("flights_service_up", "1 if the service's own check passes", ("service",)),
    Metric("flights_service_memory_bytes", "resident memory of the service and its children", ("service",)),
    Metric(
        "flights_service_memory_used_ratio", "share of its memory limit that a container uses", ("service",)
    ),
    Metric("flights_dagster_daemon_up", "1 if the daemon's heartbeat is current", ("daemon",)),
    Metric("flights_dagster_runs", "recent runs by status", ("job", "status")),
    Metric(
        "flights_dagster_failed_since_success",
        "runs of the job that failed since one last succeeded",
        ("job",),
    ),
    Metric("flights_spark_active_tasks", "tasks that run in Spark"),
    Metric("flights_spark_memory_bytes", "storage memory of Spark's executors", ("state",)),
    Metric("flights_host_cpu_used_ratio", "busy share of all cores"),
    Metric("flights_host_memory_bytes", "memory of the machine", ("state",)),
    Metric("flights_disk_bytes", "each disk that the platform's data is on", ("disk", "state")),
    Metric("flights_disk_used_ratio", "full share of that disk", ("disk",)),
    Metric("flights_health_score_ratio", "pipeline health, 0 to 1; its formula is in queries/operations.py"),
    Metric("flights_health_part_ratio", "parts of the health score, 0 to 1", ("part",)),
)
