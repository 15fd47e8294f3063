"""How the platform does: services, topic, batches, storage, machine, Spark, latency and the one score over all.

Each function asks one source, gives up after ``monitoring_timeout_s``, and raises when its source is down; none hides it.
Dagster's own figures are in ``queries/dagster.py``.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pandas as pd
import psutil

from flight_assets.errors import StoreUnavailable
from flight_assets.platform import health, launcher
from flight_assets.platform.services import services as service_table
from flight_assets.provenance import PIPELINE_JOBS, PLANS, STEPS, STORING_JOBS, Ledger
from flight_assets.queries import dagster
from flight_assets.queries.archive import archive_status
from flight_assets.queries.cache import COUNTERS
from flight_assets.stores import kafka, mongo, redis
from flight_assets.stores.hdfs import Hdfs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flight_assets.platform.services import Service
    from flight_assets.provenance import BatchRecord
    from flight_assets.settings import Settings
    from flight_assets.stores.warehouse import Warehouse

BYTES_PER_MB = 1_000_000
# Newest flights that latency, quality and prediction error are taken over: recent, and read in tens of milliseconds.
NEWEST_FLIGHTS = 5_000
RECENT_BATCHES = 20
RECENT_RUNS = 100
MONGO_QUERY_MS = 4_000
REFUSED = (401, 403)
CPU_SAMPLE_S = 0.2
SERVICE_COLUMNS = ("service", "state", "works", "problem", "port", "rss_mb", "uptime_s", "version")
BATCH_COLUMNS = ("batch_id", "timestamp", "messages", "staged", "duplicate", "quarantined", "seconds", "messages_per_s")
LAG_COLUMNS = ("partition", "end_offset", "next_offset", "lag")
JOB_COLUMNS = ("job_id", "name", "status", "submitted", "seconds", "tasks", "failed_tasks")
FLIGHT_COLUMNS = ("batch_id", "ingestion_timestamp", "quality_score", "error_minutes", "actual_delay_minutes", "low", "high")


def patient(settings: Settings) -> Settings:
    """The settings with the timeout of monitoring: a page or a scrape must not wait as long as a batch may."""
    return settings.model_copy(update={"timeout_s": settings.monitoring_timeout_s})


def archive_threshold_bytes(settings: Settings) -> int:
    """The size of MongoDB (data and indexes) at which the archive starts, in bytes."""
    return int(settings.archive_threshold_mb * BYTES_PER_MB)


def get_json(settings: Settings, url: str, store: str) -> Any:  # noqa: ANN401 - whatever the JSON holds
    """What a REST address answers. Raises StoreUnavailable naming the store."""
    import requests

    try:
        reply = requests.get(url, timeout=settings.monitoring_timeout_s)
        reply.raise_for_status()
        return reply.json()
    except requests.RequestException as error:
        raise StoreUnavailable(store, url.split("?", 1)[0], f"see `flights status` ({type(error).__name__})") from error


# --- services and machine


def services(settings: Settings) -> pd.DataFrame:
    """One row per service of the table: ``SERVICE_COLUMNS``; ``works`` is whether its own check passed just now."""
    rows = launcher.status(settings)
    table = {service.name: service for service in service_table(patient(settings))}
    with ThreadPoolExecutor(len(rows)) as pool:
        problems = list(pool.map(lambda row: _problem(settings, table[row.name]) if row.state == "running" else row.state, rows))
    values = [
        (row.name, row.state, problem is None, problem or "", row.port, row.rss_mb, row.uptime_s, row.version)
        for row, problem in zip(rows, problems, strict=True)
    ]
    return pd.DataFrame(values, columns=list(SERVICE_COLUMNS))


def _problem(settings: Settings, service: Service) -> str | None:
    light = {"spark": _refuse_silent_spark, "metrics": _refuse_silent_metrics}
    return launcher.problem_of(patient(settings), replace(service, check=light.get(service.name, service.check)))


def _refuse_silent_spark(settings: Settings) -> None:
    """Spark's own check keeps a session; this one asks its REST interface, so that it bears a restart and costs no session."""
    spark_application(settings)
    for address in (settings.spark_remote, settings.hiveserver2_address):
        health.answers(address)


def _refuse_silent_metrics(settings: Settings) -> None:
    """Its own check is a scrape, and a scrape asks for this."""
    health.answers(settings.metrics_url)


def machine(settings: Settings) -> dict[str, float]:
    """Of the machine: cpu_used_ratio (of a moment now), memory and disk of ``home`` in bytes and as used share."""
    memory, disk = psutil.virtual_memory(), psutil.disk_usage(str(next(p for p in (settings.home, *settings.home.parents) if p.exists())))
    return {
        "cpu_used_ratio": psutil.cpu_percent(CPU_SAMPLE_S) / 100,
        "cpu_count": float(psutil.cpu_count() or 1),
        "memory_total_bytes": float(memory.total),
        "memory_used_bytes": float(memory.total - memory.available),
        "memory_used_ratio": 1 - memory.available / memory.total,
        "disk_total_bytes": float(disk.total),
        "disk_free_bytes": float(disk.free),
        "disk_used_ratio": disk.percent / 100,
    }


# --- topic and batches


def topic_lag(settings: Settings) -> pd.DataFrame:
    """One row per partition of the topic: ``LAG_COLUMNS``; lag = offsets from the first message that waits to the end.

    Markers and aborted messages of transactions before that message are no lag. ``next_offset``: the first that no batch has taken.
    """
    quick = patient(settings)
    with kafka.reader(quick) as topic:
        landed, clock = Ledger(Hdfs(quick)).next_offsets(), kafka.clock(quick)
        ends = sorted(topic.ends().items())
        nexts = [max(landed.get(str(number), 0), topic.oldest([number])[number]) for number, _ in ends]
        firsts = [topic.first_message(number, first, end, clock) for (number, end), first in zip(ends, nexts, strict=True)]
    rows = [(number, end, taken, end - first) for (number, end), taken, first in zip(ends, nexts, firsts, strict=True)]
    return pd.DataFrame(rows, columns=list(LAG_COLUMNS))


def step_progress(settings: Settings) -> pd.DataFrame:
    """One row per step of the pipeline, in order: step, last_batch (−1: none), pending (batches that wait for it)."""
    ledger = Ledger(Hdfs(patient(settings)))
    last = [ledger.last_done(step) for step in STEPS]
    pending = [0, *(before - own for before, own in pairwise(last))]
    return pd.DataFrame({"step": STEPS, "last_batch": last, "pending": pending})


def batch_records(settings: Settings, last: int = RECENT_BATCHES) -> list[BatchRecord]:
    """The records of the newest batches that have passed every step, oldest first."""
    ledger = Ledger(Hdfs(patient(settings)))
    end = ledger.last_done(STEPS[-1]) + 1
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(ledger.record, range(max(0, end - last), end)))


def batches(settings: Settings, last: int = RECENT_BATCHES) -> pd.DataFrame:
    """One row per finished batch, oldest first: ``BATCH_COLUMNS`` and ``seconds_<step>``; timestamp is its newest message's, UTC.

    ``messages_per_s`` is of the landing stream: an availableNow query lives for seconds and Spark's REST interface lists no
    structured stream, so its progress is read from what it left.
    """
    rows = []
    for record in batch_records(settings, last):
        landing = record.seconds.get(STEPS[0], 0.0)
        rate = record.record_count / landing if landing else None
        counts = (record.record_count, record.staged, record.duplicate, record.quarantined)
        durations = [record.seconds.get(step) for step in STEPS]
        rows.append((record.batch_id, record.timestamp, *counts, sum(record.seconds.values()), rate, *durations))
    frame = pd.DataFrame(rows, columns=[*BATCH_COLUMNS, *(f"seconds_{step}" for step in STEPS)])
    return frame.assign(timestamp=pd.to_datetime(frame["timestamp"], utc=True))


def streaming(settings: Settings) -> dict[str, int]:
    """Return how far landing is: planned (last batch whose offsets are fixed), committed (last one landed); −1 = none."""
    hdfs = Hdfs(patient(settings))
    planned = [int(name.removeprefix("batch_").removesuffix(".json")) for name in hdfs.list(PLANS)]
    committed = Ledger(hdfs).last_done(STEPS[0])
    return {"planned": max(planned, default=committed), "committed": committed}


# --- storage


def hdfs_capacity(settings: Settings) -> dict[str, float]:
    """From the NameNode's JMX: capacity, used, remaining in bytes, used_ratio; files, live and dead DataNodes, blocks lost or short."""
    url = f"{settings.hdfs_http_url}/jmx?qry=Hadoop:service=NameNode,name=FSNamesystem*"
    beans: dict[str, Any] = {}
    for bean in get_json(settings, url, "HDFS NameNode")["beans"]:
        beans |= bean
    total, used = float(beans["CapacityTotal"]), float(beans["CapacityUsed"])
    return {
        "capacity_bytes": total,
        "used_bytes": used,
        "remaining_bytes": float(beans["CapacityRemaining"]),
        "used_ratio": 1 - float(beans["CapacityRemaining"]) / total if total else 0.0,
        "files": float(beans["FilesTotal"]),
        "live_datanodes": float(beans["NumLiveDataNodes"]),
        "dead_datanodes": float(beans["NumDeadDataNodes"]),
        "under_replicated_blocks": float(beans["UnderReplicatedBlocks"]),
        "missing_blocks": float(beans.get("MissingBlocks", 0)),
    }


def mongodb_size(settings: Settings) -> dict[str, float]:
    """dbStats: data, index and storage in bytes, documents of the flights, the archive threshold and the share of it that is used."""
    threshold = archive_threshold_bytes(settings)
    with mongo.database(patient(settings)) as db:
        stats = db.command("dbStats", maxTimeMS=MONGO_QUERY_MS)
        documents = db[mongo.FLIGHTS].estimated_document_count(maxTimeMS=MONGO_QUERY_MS)
    used = float(stats["dataSize"] + stats["indexSize"])
    return {
        "data_bytes": float(stats["dataSize"]),
        "index_bytes": float(stats["indexSize"]),
        "storage_bytes": float(stats["storageSize"]),
        "documents": float(documents),
        "threshold_bytes": float(threshold),
        "threshold_used_ratio": used / threshold,
    }


def redis_info(settings: Settings) -> dict[str, float]:
    """The cached answers' hits, misses and errors since Redis was created, hit_ratio (NaN before the first question); of INFO the memory in
    bytes, keys, clients and evictions.
    """  # noqa: D205
    import redis as library

    client = redis.connect(patient(settings))
    try:
        info: dict[str, Any] = dict(client.info())
        asked: Any = client.hgetall(COUNTERS)
    except library.RedisError as error:
        raise StoreUnavailable("Redis", settings.redis_url.rsplit("@", 1)[-1], f"see `flights status` ({error})") from error
    finally:
        client.close()
    hits, misses, errors = (float(asked.get(name, 0)) for name in ("hits", "misses", "errors"))
    return {
        "hits": hits,
        "misses": misses,
        "errors": errors,
        "hit_ratio": hits / (hits + misses) if hits + misses else float("nan"),
        "memory_bytes": float(info["used_memory"]),
        "memory_limit_bytes": float(info["maxmemory"]),
        "keys": float(sum(value["keys"] for name, value in info.items() if name.startswith("db") and isinstance(value, dict))),
        "evicted": float(info["evicted_keys"]),
        "clients": float(info["connected_clients"]),
    }


# --- flights: latency, quality, prediction error


def newest_flights(settings: Settings, with_outcome: bool = False) -> pd.DataFrame:
    """The newest flights of MongoDB by ingestion, at most ``NEWEST_FLIGHTS``: ``FLIGHT_COLUMNS``. Delays in minutes, times UTC.

    ``with_outcome`` takes only those whose prediction has met its truth.
    """
    fields = ("batch_id", "ingestion_timestamp", "quality_score", "error_minutes", "actual_delay_minutes", "prediction")
    query: dict[str, Any] = {"error_minutes": {"$type": "number"}} if with_outcome else {}
    with mongo.database(patient(settings)) as db:
        cursor = db[mongo.FLIGHTS].find(query, dict.fromkeys(fields, 1), max_time_ms=MONGO_QUERY_MS)
        found = list(cursor.sort("ingestion_timestamp", -1).limit(NEWEST_FLIGHTS))
    rows = []
    for flight in found:
        prediction = flight.get("prediction") or {}
        bounds = (prediction.get("interval_low_minutes"), prediction.get("interval_high_minutes"))
        rows.append((*(flight.get(name) for name in fields[:-1]), *bounds))
    return pd.DataFrame(rows, columns=list(FLIGHT_COLUMNS))


def visible_at(settings: Settings) -> pd.DataFrame:
    """When each recent batch was in MongoDB: batch_id, visible_at (UTC), the end of the ``mongo_hot`` step as Dagster recorded it."""
    events = dagster.materializations(patient(settings), "mongo_hot")[::-1].itertuples()
    rows = {batch: event.materialized_at for event in events for batch in range(int(event.first_batch), int(event.last_batch) + 1)}
    times = pd.to_datetime(pd.Series(list(rows.values()), dtype="object"), utc=True)
    return pd.DataFrame({"batch_id": pd.Series(list(rows), dtype="int64"), "visible_at": times})


def latencies(flights: pd.DataFrame, visible: pd.DataFrame) -> pd.Series:
    """Seconds from Kafka's acknowledgement to visible in MongoDB, one per flight.

    An upper bound: a batch counts as visible when its whole step has ended. Args: ``newest_flights`` and ``visible_at``.
    """
    joined = flights.merge(visible, on="batch_id")
    return (joined["visible_at"] - pd.to_datetime(joined["ingestion_timestamp"], utc=True)).dt.total_seconds()


@dataclass(frozen=True)
class PredictionError:
    """Errors of recent predictions against the truth: mae, rmse and bias in minutes, coverage of the 90 % interval, flights."""

    mae: float
    rmse: float
    bias: float
    coverage: float
    flights: int


def prediction_error(flights: pd.DataFrame) -> PredictionError | None:
    """Of flights with an outcome (``newest_flights(with_outcome=True)``); None when there is none."""
    if flights.empty:
        return None
    error = flights["error_minutes"].astype(float)
    inside = flights["actual_delay_minutes"].between(flights["low"], flights["high"])
    return PredictionError(error.abs().mean(), (error**2).mean() ** 0.5, error.mean(), inside.mean(), len(flights))


# --- Spark


def spark_application(settings: Settings) -> str:
    """Id of the running Spark application. Raises StoreUnavailable."""
    base = spark_ui(settings)
    found = [app["id"] for app in get_json(settings, f"{base}/applications?status=running", "Spark")]
    if not found:
        raise StoreUnavailable("Spark", base, "no application runs there: see `flights logs spark`")
    return str(found[0])


def spark_ui(settings: Settings) -> str:
    """Address of the REST interface of Spark's page."""
    return f"{settings.spark_ui_url}/api/v1"


def spark_jobs(settings: Settings, limit: int = 30) -> pd.DataFrame:
    """One row per job of the Spark application, newest first: ``JOB_COLUMNS``. Times UTC, duration in seconds (null while running)."""
    found = get_json(settings, f"{spark_ui(settings)}/applications/{spark_application(settings)}/jobs", "Spark")[:limit]
    rows = []
    for job in found:
        began, ended = _spark_time(job.get("submissionTime")), _spark_time(job.get("completionTime"))
        seconds = (ended - began).total_seconds() if began and ended else None
        described = (job.get("description") or "").split("\n")[0]
        # Connect's own description is its session; the place in the code says more.
        name = job["name"] if "Spark Connect - session_id" in described else described or job["name"]
        rows.append((job["jobId"], name, job["status"], began, seconds, job["numTasks"], job["numFailedTasks"]))
    return pd.DataFrame(rows, columns=list(JOB_COLUMNS))


def _spark_time(text: str | None) -> datetime | None:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fGMT").replace(tzinfo=UTC) if text else None


def spark_memory(settings: Settings) -> dict[str, float]:
    """Of the application's executors: storage memory used and available in bytes, running tasks, cores."""
    found = get_json(settings, f"{spark_ui(settings)}/applications/{spark_application(settings)}/executors", "Spark")
    names = {"memory_used_bytes": "memoryUsed", "memory_limit_bytes": "maxMemory", "active_tasks": "activeTasks", "cores": "totalCores"}
    return {name: float(sum(executor[key] for executor in found)) for name, key in names.items()}


# --- judgements that the warehouse keeps


def latest_checks(house: Warehouse) -> pd.DataFrame:
    """The newest result of each asset check: columns of ``check_results``; empty while there is no such table."""
    return _latest(house, "check_results", ("check_name", "asset"))


def latest_monitoring(house: Warehouse) -> pd.DataFrame:
    """The newest value of each metric of the delay model: columns of ``model_monitoring``; empty while there is no such table."""
    return _latest(house, "model_monitoring", ("metric", "subject"))


def archives(settings: Settings, limit: int = 50) -> pd.DataFrame:
    """One row per archive, newest first: archive_id, timestamp (UTC), state, reason, record_count, file_size_mb. Empty without archives."""
    columns = ["archive_id", "timestamp", "state", "reason", "record_count", "file_size_mb"]
    rows = [record.model_dump(mode="json") for record in reversed(archive_status(settings).archives[-limit:])]
    found = pd.DataFrame([{name: row.get(name) for name in columns} for row in rows], columns=columns)
    return found.assign(timestamp=pd.to_datetime(found["timestamp"], utc=True))


def archive_state(settings: Settings) -> pd.DataFrame:
    """One row: running (who archives now), paused (why), unfinished (archive and its state), next (what happens next), all texts."""
    status = archive_status(settings)
    unfinished = f"{status.current.archive_id}: {status.current.state.value}" if status.current else ""
    row = {"running": status.running or "", "paused": status.paused or "", "unfinished": unfinished, "next": status.next}
    return pd.DataFrame([row])


def _latest(house: Warehouse, table: str, key: tuple[str, ...]) -> pd.DataFrame:
    from pyspark.sql import functions as F

    name = f"{house.database}.{table}"
    if not house.spark.catalog.tableExists(name):
        return pd.DataFrame(columns=["timestamp", *key])
    newest = house.spark.table(name).groupBy(*key).agg(F.max_by(F.struct("*"), "timestamp").alias("newest"))
    return newest.select("newest.*").toArrow().to_pandas()


# --- Airflow


def airflow_dags(settings: Settings) -> pd.DataFrame:
    """One row per DAG of the configured Airflow: dag_id, is_paused, last_run_state, last_run_at. Empty when none is configured.

    With ``airflow_user`` it signs in anew for every look, so that no token is kept until it expires.

    Raises:
        StoreUnavailable: Airflow does not answer, or does not take the password or the token.
    """
    columns = ["dag_id", "is_paused", "last_run_state", "last_run_at"]
    if not settings.airflow_url:
        return pd.DataFrame(columns=columns)
    token = airflow_token(settings)
    rows = []
    for dag in _ask_airflow(settings, "GET", "/api/v2/dags?limit=100", token)["dags"]:
        path = f"/api/v2/dags/{dag['dag_id']}/dagRuns?limit=1&order_by=-run_after"
        newest: dict[str, Any] = next(iter(_ask_airflow(settings, "GET", path, token)["dag_runs"]), {})
        rows.append((dag["dag_id"], dag["is_paused"], newest.get("state"), newest.get("run_after")))
    return pd.DataFrame(rows, columns=columns)


def airflow_token(settings: Settings) -> str:
    """A bearer token: a new one for ``airflow_user``, or else the one of the settings, which may be empty. Raises StoreUnavailable."""
    if not settings.airflow_user:
        return settings.airflow_token.get_secret_value()
    sign_in = {"username": settings.airflow_user, "password": settings.airflow_password.get_secret_value()}
    return str(_ask_airflow(settings, "POST", "/auth/token", json=sign_in)["access_token"])


def _ask_airflow(settings: Settings, method: str, path: str, token: str = "", json: dict[str, str] | None = None) -> Any:  # noqa: ANN401
    import requests

    base, headers = settings.airflow_url.rstrip("/"), {"Authorization": f"Bearer {token}"} if token else {}
    try:
        reply = requests.request(method, base + path, timeout=settings.monitoring_timeout_s, headers=headers, json=json)
        if reply.status_code in REFUSED:
            remedy = (
                f"it refused who asks (HTTP {reply.status_code}): set FLIGHTS_AIRFLOW_USER and FLIGHTS_AIRFLOW_PASSWORD, or a new token"
            )
            raise StoreUnavailable("Airflow", base, remedy)
        reply.raise_for_status()
        return reply.json()
    except requests.RequestException as error:
        raise StoreUnavailable("Airflow", base, f"check FLIGHTS_AIRFLOW_URL and its api-server ({type(error).__name__})") from error


# --- the score


HEALTH_WEIGHTS: Mapping[str, float] = {"services": 0.35, "freshness": 0.25, "runs": 0.2, "lag": 0.1, "quality": 0.1}


def health_parts(
    settings: Settings,
    *,
    works: float | None,
    data_age_s: float | None,
    succeeded: float | None,
    lag: float | None,
    rejected: float | None,
) -> dict[str, float]:
    """The parts of the health score, each 0…1; what cannot be read counts 0.

    Args:
        settings: the limits.
        works: share of services whose check passes.
        data_age_s: seconds since a run of the pipeline last succeeded.
        succeeded: share of the recent ended runs of the pipeline that succeeded.
        lag: messages that no batch has taken.
        rejected: share of the recent batches' messages that were quarantined.
    """
    return {
        "services": works or 0.0,
        "freshness": _within(data_age_s, settings.alert_data_age_s),
        "runs": succeeded or 0.0,
        "lag": _within(lag, settings.alert_lag_messages),
        "quality": 0.0 if rejected is None else max(0.0, 1 - rejected / max(settings.alert_rejected_ratio, 1e-9)),
    }


def _within(value: float | None, limit: float) -> float:
    """1 up to the limit, then limit / value; 0 for an unknown value."""
    return 0.0 if value is None else min(1.0, limit / max(value, 1e-9))


def health_score(parts: Mapping[str, float]) -> float:
    """The pipeline's health, 0…1: Σ weight × part with the weights of ``HEALTH_WEIGHTS`` (they sum to 1).

    services 0.35 × share of services whose check passes + freshness 0.25 × min(1, age limit / age of the data)
    + runs 0.20 × share of recent runs that succeeded + lag 0.10 × min(1, lag limit / lag)
    + quality 0.10 × max(0, 1 − quarantined share / its limit). The limits are those of the alerts (settings).
    """
    return sum(weight * parts[name] for name, weight in HEALTH_WEIGHTS.items())


def pipeline_runs(runs: pd.DataFrame, now: datetime) -> tuple[float | None, float | None]:
    """Of ``dagster.runs``: seconds since a run last brought the stores up to date, and the share of the pipeline's ended runs, in parts or
    whole, that succeeded.
    """  # noqa: D205
    ended = runs[runs["job"].isin(PIPELINE_JOBS) & runs["status"].isin(dagster.ENDED)]
    good = ended[ended["status"] == "SUCCESS"]
    stored = good[good["job"].isin(STORING_JOBS)]
    age = (pd.Timestamp(now) - stored["ended"].max()).total_seconds() if len(stored) else None
    return age, (len(good) / len(ended) if len(ended) else None)


def gather(sources: dict[str, Callable[[], Any]]) -> dict[str, Any]:
    """Ask several sources at once; a source that failed has its exception as value."""

    def ask(source: Callable[[], Any]) -> Any:  # noqa: ANN401
        try:
            return source()
        except Exception as error:  # each client has errors of its own; the caller shows them
            return error

    with ThreadPoolExecutor(max(1, len(sources))) as pool:
        return dict(zip(sources, pool.map(ask, sources.values()), strict=True))
