"""Answers of the stores that the tests of the operations page show: full ones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pandas as pd

from flight_assets.monitoring import course
from flight_assets.monitoring.alerts import Alert, Silence
from flight_assets.monitoring.history import Board
from flight_assets.provenance import STEPS
from flight_assets.queries import dagster, operations

NOW = datetime.now(UTC)
RUN_S = 120


def alert(rule: str, status: str) -> Alert:
    resolved = NOW if status == "resolved" else None
    words = {
        "severity": "critical",
        "labels": {"store": "mongodb"},
        "summary": f"{rule} fires",
        "remedy": "mend it",
        "value": 0,
        "limit": 1,
    }
    return Alert.model_validate(
        words | {"rule": rule, "status": status, "since": NOW, "last_seen": NOW, "resolved_at": resolved}
    )


SILENCE = Silence(
    rule="LagHigh", reason="upgrade of Kafka", by="ann", since=NOW, until=NOW + timedelta(hours=1)
)

BOARD = Board(
    [alert("StoreDown", "firing"), alert("LagHigh", "firing"), alert("DataStale", "resolved")],
    [SILENCE],
    {},
    NOW,
    "Dagster",
)

SERVICES = pd.DataFrame(
    [
        ("mongod", "running", True, "", 27017, 130, 60, "6.0.5", float("nan")),
        ("kafka", "failed", False, "failed", 9092, 0, 0, "4.1.1", float("nan")),
    ],
    columns=list(operations.SERVICE_COLUMNS),
)


def recent_runs() -> pd.DataFrame:
    """Four runs, the newest ended just now: of this moment, since a whole session of tests lasts longer than
    data counts as fresh.
    """
    now = datetime.now(UTC)
    return pd.DataFrame(
        [
            (f"run-{i}", "process_flights", status, now, now - timedelta(minutes=i + 1),
                now - timedelta(minutes=i), 30.0 + i, "by hand",
             "http://x/runs/1")
            for i, status in enumerate(["SUCCESS", "SUCCESS", "FAILURE", "SUCCESS"])
        ],
        columns=list(dagster.RUN_COLUMNS),
    )  # fmt: skip


BATCHES = pd.DataFrame(
    [(i, NOW, 1_000, 950, 30, 20, 25.0, 400.0, *(5.0,) * len(STEPS)) for i in range(3)],
    columns=[*operations.BATCH_COLUMNS, *(f"seconds_{step}" for step in STEPS)],
)

LAG = pd.DataFrame(
    [(0, 2_000, 1_500, 500, 0), (1, 2_000, 1_766, 234, 0)], columns=list(operations.LAG_COLUMNS)
)

AUTOMATION = pd.DataFrame(
    [("watch", "sensor", "every 60 s", "RUNNING", NOW, "SKIPPED", "firing: none", NOW)],
    columns=list(dagster.AUTOMATION_COLUMNS),
)
JOBS = pd.DataFrame([(1, "collect", "SUCCEEDED", NOW, 1.0, 2, 0)], columns=list(operations.JOB_COLUMNS))

HDFS = {
    "capacity_bytes": 1e12,
    "used_bytes": 1e9,
    "remaining_bytes": 9e11,
    "used_ratio": 0.1,
    "files": 10.0,
    "live_datanodes": 1.0,
}

MONGO = {
    "data_bytes": 2e8,
    "index_bytes": 7e7,
    "storage_bytes": 1e8,
    "documents": 5.0,
    "threshold_bytes": 3e8,
    "threshold_used_ratio": 0.9,
}

REDIS = {
    "hits": 75.0,
    "misses": 25.0,
    "errors": 2.0,
    "hit_ratio": 0.75,
    "memory_bytes": 1e6,
    "memory_limit_bytes": 1e8,
    "keys": 3.0,
    "evicted": 0.0,
}
SPARK = {"memory_used_bytes": 1e6, "memory_limit_bytes": 1e9, "active_tasks": 0.0, "cores": 2.0}

COURSE = pd.DataFrame(
    [(NOW, "up", "kafka", 0.0), (NOW, "memory_bytes", "kafka", 3e8)], columns=list(course.COURSE_COLUMNS)
)
ARCHIVED = pd.DataFrame(
    [
        (f"archive_{i}", pd.Timestamp("2026-06-01T12:00Z"), state, "size", 1_000 + i, 0.5)
        for i, state in enumerate(["done", "deleting"])
    ],
    columns=["archive_id", "timestamp", "state", "reason", "record_count", "file_size_mb"],
)

ARCHIVE_STATE = {
    "running": "",
    "paused": "since noon: disk swap",
    "unfinished": "",
    "next": "nothing until it is resumed",
}
ARCHIVES = {"archives": pd.DataFrame(), "archive_state": pd.DataFrame([ARCHIVE_STATE])}
STEPS_DONE = pd.DataFrame({"step": STEPS, "last_batch": 2, "pending": [0, 0, 1, 0, 0]})

FULL = {
    "services": SERVICES, "batches": BATCHES, "topic_lag": LAG, "automation": AUTOMATION, "spark_jobs": JOBS,
    "step_progress": STEPS_DONE, "daemons": pd.DataFrame([("SENSOR", True, NOW)],
        columns=list(dagster.DAEMON_COLUMNS)),
}  # fmt: skip
