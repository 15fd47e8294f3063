"""Services of the platform and the machine they run on."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd
import psutil

from flight_assets.platform import health, launcher
from flight_assets.platform.services import further_services
from flight_assets.platform.services import services as service_table
from flight_assets.queries.operations.common import patient
from flight_assets.queries.operations.spark import spark_application

if TYPE_CHECKING:
    from flight_assets.platform.services import Service
    from flight_assets.settings import Settings

CPU_SAMPLE_S = 0.2
SERVICE_COLUMNS = ("service", "state", "works", "problem", "port", "rss_mb", "uptime_s", "version")


def services(settings: Settings) -> pd.DataFrame:
    """One row per service of the table: ``SERVICE_COLUMNS``.

    ``works`` is whether its own check passed just now.
    """
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
        (row.name, row.state, problem is None, problem or "", row.port, row.rss_mb, row.uptime_s, row.version)
        for row, problem in zip(rows, problems, strict=True)
    ]
    return pd.DataFrame(values, columns=list(SERVICE_COLUMNS))


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


def machine(settings: Settings) -> dict[str, float]:
    """Return cpu_used_ratio of this moment, and memory and disk of ``home`` in bytes and as used share."""
    memory, disk = (
        psutil.virtual_memory(),
        psutil.disk_usage(str(next(p for p in (settings.home, *settings.home.parents) if p.exists()))),
    )
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
