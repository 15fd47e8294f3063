"""Sources of the metrics: for each store, a function that reads its samples."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pandas as pd

from flight_assets.delay_model.serving.trust import MODEL
from flight_assets.events.live import FAILED
from flight_assets.events.patterns import PATTERNS
from flight_assets.events.store import EventStore, Head
from flight_assets.monitoring.metrics import Sample, Source
from flight_assets.pipeline.trust import state_before
from flight_assets.provenance import STEPS, Ledger
from flight_assets.queries import dagster, events, flight_latency, operations
from flight_assets.stores import mongo
from flight_assets.stores.hdfs import Hdfs

if TYPE_CHECKING:
    from flight_assets.settings import Settings

SECONDS_PER_MINUTE = 60.0

# Sources with most flights that have a figure of their own, so that a label stays bounded.
MAX_SOURCES = 20
NO_SOURCE = "not named"
SITUATIONS_AT_MOST = 50
NO_SITUATION = ("none", "none", "critical")


def _flags(values: dict[str, float], metric: str, names: dict[str, str]) -> Iterator[Sample]:
    for label, key in names.items():
        yield Sample(metric, values[key], (label,))


def from_kafka(settings: Settings) -> Iterator[Sample]:
    """Throughput and lag per partition."""
    lag = operations.topic_lag(settings)
    for row in lag.itertuples():
        partition = (str(row.partition),)
        yield Sample("flights_kafka_messages_total", float(row.end_offset), partition)
        yield Sample("flights_landed_messages_total", float(row.next_offset), partition)
        yield Sample("flights_topic_lag_messages", float(row.lag), partition)
        yield Sample("flights_topic_held_messages", float(row.held), partition)
    yield Sample("flights_lag_messages", float(lag["lag"].sum()))


class LedgerTotals:
    """Sums over all finished batches. Each record is read once, a bounded number per call.

    So a long history fits in a scrape.
    """

    RECORDS_PER_CALL = 2_000

    def __init__(self) -> None:
        self._next = 0
        self._sums = dict.fromkeys(("staged", "duplicate", "quarantined"), 0)

    def __call__(self, settings: Settings) -> Iterator[Sample]:
        """Yield the newest batches and, once every record has been read, the totals."""
        yield from _from_batches(settings)
        ledger = Ledger(Hdfs(operations.patient(settings)))
        finished = ledger.last_done(STEPS[-1]) + 1
        yield Sample("flights_batches_total", float(finished))
        for batch_id in range(self._next, min(finished, self._next + self.RECORDS_PER_CALL)):
            record = ledger.record(batch_id)
            for outcome in self._sums:
                self._sums[outcome] += getattr(record, outcome) or 0
            self._next = batch_id + 1
        if self._next >= finished:
            for outcome, total in self._sums.items():
                yield Sample("flights_events_total", float(total), (outcome,))


def _from_batches(settings: Settings) -> Iterator[Sample]:
    progress = operations.step_progress(settings)
    for row in progress.itertuples():
        yield Sample("flights_pending_batches", float(row.pending), (str(row.step),))
    recent = operations.batches(settings)
    if recent.empty:
        return
    newest = recent.iloc[-1]
    yield Sample("flights_batch_messages", float(newest["messages"]))
    for step in STEPS:
        yield Sample("flights_batch_duration_seconds", float(newest[f"seconds_{step}"] or 0), (step,))
    if recent["messages"].sum():
        yield Sample("flights_rejected_ratio", float(recent["quarantined"].sum() / recent["messages"].sum()))


def from_hdfs(settings: Settings) -> Iterator[Sample]:
    """Capacity from the NameNode's JMX, and who makes the forecasts, from the newest trust state."""
    found = operations.hdfs_capacity(settings)
    yield from _flags(
        found,
        "flights_hdfs_bytes",
        {"capacity": "capacity_bytes", "used": "used_bytes", "remaining": "remaining_bytes"},
    )
    yield from _flags(found, "flights_hdfs_datanodes", {"live": "live_datanodes", "dead": "dead_datanodes"})
    for name in ("used_ratio", "files", "under_replicated_blocks", "missing_blocks"):
        yield Sample(f"flights_hdfs_{name}", found[name])
    state = state_before(Hdfs(operations.patient(settings)))
    yield Sample("flights_model_up", float(state.serving == MODEL))
    if state.scores.outcomes:
        for maker, minutes in state.scores.errors_minutes().items():
            yield Sample("flights_maker_error_seconds", SECONDS_PER_MINUTE * minutes, (maker,))


def from_mongodb(settings: Settings) -> Iterator[Sample]:
    """Sizes, and quality and prediction error of the newest flights."""
    found = operations.mongodb_size(settings)
    yield from _flags(found, "flights_mongodb_size_bytes", {"data": "data_bytes", "index": "index_bytes"})
    yield Sample("flights_mongodb_storage_bytes", found["storage_bytes"])
    yield Sample("flights_mongodb_documents", found["documents"])
    yield Sample("flights_archive_threshold_bytes", found["threshold_bytes"])
    yield Sample("flights_archive_threshold_used_ratio", found["threshold_used_ratio"])
    newest = operations.newest_flights(settings)
    if len(newest):
        yield Sample(
            "flights_newest_ingestion_timestamp_seconds", newest["ingestion_timestamp"].max().timestamp()
        )
        yield Sample("flights_quality_score_ratio", float(newest["quality_score"].mean()))
        scores = newest.groupby(newest["source"].fillna(NO_SOURCE))["quality_score"]
        by_source = scores.agg(["size", "mean"]).nlargest(MAX_SOURCES, "size")
        for row in by_source.itertuples():
            yield Sample("flights_source_quality_score_ratio", float(row.mean), (str(row.Index),))
            yield Sample("flights_source_flights", float(row.size), (str(row.Index),))
    error = operations.prediction_error(operations.newest_flights(settings, with_outcome=True))
    if error:
        for statistic in ("mae", "rmse", "bias"):
            yield Sample(
                "flights_prediction_error_seconds",
                SECONDS_PER_MINUTE * getattr(error, statistic),
                (statistic,),
            )
        yield Sample("flights_prediction_interval_coverage_ratio", error.coverage)


def from_events(settings: Settings) -> Iterator[Sample]:
    """Complex events: raised ones, open ones, and their situations.

    Metrics of alerts have a sample also when nothing is wrong: without one, an alert would never end.
    """
    hdfs = Hdfs(operations.patient(settings))
    head = EventStore(hdfs).head() or Head(-1, -1)
    last = Ledger(hdfs).last_done(STEPS[-1])
    yield Sample("flights_events_pending_batches", float(max(0, last - head.batch_id)))
    for pattern, count in head.raised.items():
        yield Sample("flights_findings_total", float(count), (pattern,))
    for pattern in sorted({*head.failures, *(each.name for each in PATTERNS)}):
        yield Sample("flights_pattern_failed", float(pattern in head.failures), (pattern,))
    with mongo.database(operations.patient(settings)) as db:
        found = events.open_findings(db)
    for (pattern, severity), count in found.groupby(["pattern", "severity"]).size().items():
        yield Sample("flights_open_findings", float(count), (str(pattern), str(severity)))
    yield Sample("flights_situation_findings", 0.0, NO_SITUATION)
    for row in events.situations_of(found).head(SITUATIONS_AT_MOST).itertuples():
        labels = (str(row.group), str(row.pattern), str(row.severity))
        yield Sample("flights_situation_findings", float(row.findings), labels)


def from_redis(settings: Settings) -> Iterator[Sample]:
    """Hits, misses and memory."""
    found = operations.redis_info(settings)
    yield Sample("flights_redis_hits_total", found["hits"])
    yield Sample("flights_redis_misses_total", found["misses"])
    yield Sample("flights_redis_evicted_total", found["evicted"])
    for name in ("hit_ratio", "memory_bytes", "keys"):
        yield Sample(f"flights_redis_{name}", found[name])


def from_dagster(settings: Settings) -> Iterator[Sample]:
    """Runs, daemons and the age of the data."""
    quick = operations.patient(settings)
    runs = dagster.runs(quick, operations.RECENT_RUNS)
    for (job, status), count in runs.groupby(["job", "status"]).size().items():
        yield Sample("flights_dagster_runs", float(count), (str(job), str(status)))
    for job, failures in dagster.failed_since_success(runs).items():
        yield Sample("flights_dagster_failed_since_success", float(failures), (job,))
    for row in dagster.daemons(quick).itertuples():
        yield Sample("flights_dagster_daemon_up", float(row.healthy), (str(row.daemon),))
    age, _ = operations.pipeline_runs(runs, datetime.now(UTC))
    if age is not None:
        yield Sample("flights_data_age_seconds", age)


def from_latency(settings: Settings) -> Iterator[Sample]:
    """Return the latency, which needs MongoDB and Dagster; nothing if one of them is down."""
    found = operations.latencies(operations.newest_flights(settings), operations.visible_at(settings))
    for quantile in ("0.5", "0.95") if len(found) else ():
        yield Sample("flights_visible_latency_seconds", float(found.quantile(float(quantile))), (quantile,))


def from_live(settings: Settings) -> Iterator[Sample]:
    """Live processes, their search and latency; no latency without messages in the last minute."""
    with mongo.database(operations.patient(settings)) as db:
        found = flight_latency.live_latency(db)
    yield Sample("flights_live_processes", float(found["processes"].sum()))
    failed = found["search"].str.startswith(FAILED).any() if len(found) else False
    yield Sample("flights_live_search_failed", float(failed))
    yield Sample("flights_live_forecasts_failed", float(found["forecasts_problem"].notna().any()))
    for row in found.dropna(subset=["p50_s"]).itertuples():
        for quantile, seconds in (("0.5", row.p50_s), ("0.95", row.p95_s), ("0.99", row.p99_s)):
            yield Sample("flights_live_latency_seconds", float(seconds), (quantile,))


def from_spark(settings: Settings) -> Iterator[Sample]:
    """Tasks and memory from Spark's REST interface."""
    found = operations.spark_memory(settings)
    yield Sample("flights_spark_active_tasks", found["active_tasks"])
    yield from _flags(
        found, "flights_spark_memory_bytes", {"used": "memory_used_bytes", "limit": "memory_limit_bytes"}
    )


def from_warehouse(settings: Settings) -> Iterator[Sample]:
    """Return check results and model monitoring, read through a session that ends with the call.

    So it bears a restart of Spark.
    """
    from pyspark.sql import SparkSession

    from flight_assets.stores.spark_connection import refuse_unreachable
    from flight_assets.stores.warehouse import prepare

    refuse_unreachable(operations.patient(settings))
    session = SparkSession.builder.remote(settings.spark_remote).create()
    try:
        warehouse = prepare(session, settings)
        checks, monitored = operations.latest_checks(warehouse), operations.latest_monitoring(warehouse)
    finally:
        session.stop()
    for row in checks.itertuples():
        yield Sample("flights_check_passed", float(row.passed), (str(row.check_name), str(row.asset)))
    for row in monitored.itertuples():
        labels = (str(row.metric), str(row.subject))
        if pd.notna(row.value):
            yield Sample("flights_model_monitoring", float(row.value), labels)
        yield Sample("flights_model_breached", float(bool(row.breached)), labels)


def from_machine(settings: Settings) -> Iterator[Sample]:
    """CPU and memory."""
    found = operations.machine(settings)
    yield Sample("flights_host_cpu_used_ratio", found["cpu_used_ratio"])
    yield from _flags(
        found, "flights_host_memory_bytes", {"used": "memory_used_bytes", "total": "memory_total_bytes"}
    )


def from_disks(settings: Settings) -> Iterator[Sample]:
    """Size and free room of each disk with data."""
    for row in operations.disks(settings).itertuples():
        yield Sample("flights_disk_bytes", row.total_bytes, (row.disk, "total"))
        yield Sample("flights_disk_bytes", row.free_bytes, (row.disk, "free"))
        yield Sample("flights_disk_used_ratio", row.used_ratio, (row.disk,))


def from_services(settings: Settings) -> Iterator[Sample]:
    """Sample whether each service works, its memory, and the used share of a container's memory limit."""
    for row in operations.services(settings).itertuples():
        labels = (str(row.service),)
        yield Sample("flights_service_up", float(row.works), labels)
        if pd.notna(row.rss_mb) and (settings.embedded or settings.state_dir):
            yield Sample("flights_service_memory_bytes", float(row.rss_mb) * 1024 * 1024, labels)
        if pd.notna(row.rss_mb) and pd.notna(row.limit_mb):
            yield Sample("flights_service_memory_used_ratio", row.rss_mb / row.limit_mb, labels)


def sources() -> tuple[Source, ...]:
    """Return every source.

    Cheap ones are read at each scrape. The checks of the services write and read, and the warehouse costs a
    Spark query.
    """
    return (
        Source("kafka", 5.0, from_kafka),
        Source("ledger", 10.0, LedgerTotals()),
        Source("hdfs", 10.0, from_hdfs),
        Source("mongodb", 10.0, from_mongodb),
        Source("events", 15.0, from_events),
        Source("redis", 5.0, from_redis),
        Source("dagster", 10.0, from_dagster),
        Source("latency", 30.0, from_latency),
        Source("live", 5.0, from_live),
        Source("spark", 10.0, from_spark),
        Source("warehouse", 300.0, from_warehouse),
        Source("machine", 5.0, from_machine),
        Source("disks", 30.0, from_disks),
        Source("services", 60.0, from_services),
    )
