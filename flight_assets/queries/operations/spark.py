"""Spark's own figures, from its REST interface."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pandas as pd

from flight_assets.errors import StoreUnavailable
from flight_assets.queries.operations.common import get_json

if TYPE_CHECKING:
    from flight_assets.settings import Settings

JOB_COLUMNS = ("job_id", "name", "status", "submitted", "seconds", "tasks", "failed_tasks")


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
    """One row per job of the Spark application, newest first: ``JOB_COLUMNS``.

    Times UTC, duration in seconds (null while running).
    """
    found = get_json(
        settings, f"{spark_ui(settings)}/applications/{spark_application(settings)}/jobs", "Spark"
    )[:limit]
    rows = []
    for job in found:
        began, ended = _spark_time(job.get("submissionTime")), _spark_time(job.get("completionTime"))
        seconds = (ended - began).total_seconds() if began and ended else None
        described = (job.get("description") or "").split("\n")[0]
        # Connect's own description is its session; the place in the code says more.
        name = job["name"] if "Spark Connect - session_id" in described else described or job["name"]
        rows.append(
            (job["jobId"], name, job["status"], began, seconds, job["numTasks"], job["numFailedTasks"])
        )
    return pd.DataFrame(rows, columns=list(JOB_COLUMNS))


def _spark_time(text: str | None) -> datetime | None:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fGMT").replace(tzinfo=UTC) if text else None


def spark_memory(settings: Settings) -> dict[str, float]:
    """Return storage memory used and available in bytes, running tasks and cores of all executors."""
    found = get_json(
        settings, f"{spark_ui(settings)}/applications/{spark_application(settings)}/executors", "Spark"
    )
    names = {
        "memory_used_bytes": "memoryUsed",
        "memory_limit_bytes": "maxMemory",
        "active_tasks": "activeTasks",
        "cores": "totalCores",
    }
    return {name: float(sum(executor[key] for executor in found)) for name, key in names.items()}
