"""Services of the platform, and processor and memory of the machine they run on."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd
import psutil

from flight_assets.platform import container_state, health, launcher
from flight_assets.platform.obstacles import BYTES_PER_MB
from flight_assets.platform.services import further_services
from flight_assets.platform.services import services as service_table
from flight_assets.queries.operations.common import patient
from flight_assets.queries.operations.spark import spark_application

if TYPE_CHECKING:
    from pathlib import Path

    from flight_assets.platform.services import Service
    from flight_assets.settings import Settings

CPU_SAMPLE_S = 0.2
SERVICE_COLUMNS = (
    "service", "state", "works", "problem", "port", "rss_mb", "uptime_s", "version", "limit_mb",
)  # fmt: skip


def services(settings: Settings) -> pd.DataFrame:
    """One row per service of the table: ``SERVICE_COLUMNS``.

    - ``works``: whether its own check passed just now, or at the last health check of a container.
    - ``limit_mb``: memory limit of a container, NaN without one.
    """
    if settings.state_dir:
        return _containers(settings, settings.state_dir)
    rows = launcher.status(settings)
    slow = patient(settings)
    table = {each.name: each for each in (*further_services(slow), *service_table(slow))}
    with ThreadPoolExecutor(len(rows)) as pool:
        problems = list(
            pool.map(
                lambda row: _problem(settings, table[row.name]) if row.state == "running" else row.state, rows
            )
        )
    values = [
        (row.name, row.state, problem is None, problem or "", row.port, row.rss_mb, row.uptime_s, row.version,
         math.nan)
        for row, problem in zip(rows, problems, strict=True)
    ]  # fmt: skip
    return pd.DataFrame(values, columns=list(SERVICE_COLUMNS))


def _containers(settings: Settings, folder: Path) -> pd.DataFrame:
    """Return the rows of ``services`` from the reports of containers.

    A service of the table, or one of ``reporting_services``, that never reported does not work.
    """
    table = {each.name: each for each in (*further_services(settings), *service_table(settings))}
    found = {report.service: report for report in container_state.reports(folder)}
    also = {name.strip() for name in settings.reporting_services.split(",")} - {""}
    must = {each.name for each in service_table(settings)} | also
    rows = []
    for name in sorted(must | found.keys()):
        report = found.get(name)
        problem = report.problem if report else "its health check has never reported"
        known = table.get(name)
        rows.append(
            (
                name,
                "unknown" if report is None or report.age_s > container_state.SILENT_AFTER_S else "running",
                not problem,
                problem,
                settings.port(known.ports[0]) if known and known.ports else None,
                report.used_bytes / BYTES_PER_MB if report else math.nan,
                0,
                known.version if known else "",
                report.limit_bytes / BYTES_PER_MB if report else math.nan,
            )
        )
    return pd.DataFrame(rows, columns=list(SERVICE_COLUMNS))


def _problem(settings: Settings, service: Service) -> str | None:
    light = {"spark": _refuse_silent_spark, "metrics": _refuse_silent_metrics}
    return launcher.problem_of(
        patient(settings), replace(service, check=light.get(service.name, service.check))
    )


def _refuse_silent_spark(settings: Settings) -> None:
    """Raise if Spark's REST interface is silent.

    Spark's own check keeps a session. This one survives a restart of Spark and costs no session.
    """
    spark_application(settings)
    for address in (settings.spark_remote, settings.hiveserver2_address):
        health.answers(address)


def _refuse_silent_metrics(settings: Settings) -> None:
    """Raise if the endpoint is silent. Its own check is a scrape, and this query is part of a scrape."""
    health.answers(settings.metrics_url)


def machine(_settings: Settings) -> dict[str, float]:
    """Return cpu_used_ratio of this moment, and memory in bytes and as used share. Disks: ``disks``."""
    memory = psutil.virtual_memory()
    return {
        "cpu_used_ratio": psutil.cpu_percent(CPU_SAMPLE_S) / 100,
        "cpu_count": float(psutil.cpu_count() or 1),
        "memory_total_bytes": float(memory.total),
        "memory_used_bytes": float(memory.total - memory.available),
        "memory_used_ratio": 1 - memory.available / memory.total,
    }
