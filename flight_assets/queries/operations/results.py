"""Results that the warehouse and HDFS keep: asset checks, model monitoring, archives."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from flight_assets.queries.archive import archive_status

if TYPE_CHECKING:
    from flight_assets.settings import Settings
    from flight_assets.stores.warehouse import Warehouse


def latest_checks(warehouse: Warehouse) -> pd.DataFrame:
    """Return the newest result of each asset check: columns of ``check_results``; empty without the table."""
    return _latest(warehouse, "check_results", ("check_name", "asset"))


def latest_monitoring(warehouse: Warehouse) -> pd.DataFrame:
    """Return the newest value of each model metric: columns of ``model_monitoring``; may be empty."""
    return _latest(warehouse, "model_monitoring", ("metric", "subject"))


def archives(settings: Settings, limit: int = 50) -> pd.DataFrame:
    """Return one row per archive, newest first; no rows without archives.

    Columns: archive_id, timestamp (UTC), state, reason, record_count, file_size_mb.
    """
    columns = ["archive_id", "timestamp", "state", "reason", "record_count", "file_size_mb"]
    rows = [record.model_dump(mode="json") for record in reversed(archive_status(settings).archives[-limit:])]
    found = pd.DataFrame([{name: row.get(name) for name in columns} for row in rows], columns=columns)
    return found.assign(timestamp=pd.to_datetime(found["timestamp"], utc=True))


def archive_state(settings: Settings) -> pd.DataFrame:
    """Return one row of texts about archiving: running, paused, unfinished, next."""
    status = archive_status(settings)
    unfinished = f"{status.current.archive_id}: {status.current.state.value}" if status.current else ""
    row = {
        "running": status.running or "",
        "paused": status.paused or "",
        "unfinished": unfinished,
        "next": status.next,
    }
    return pd.DataFrame([row])


def _latest(warehouse: Warehouse, table: str, key: tuple[str, ...]) -> pd.DataFrame:
    from pyspark.sql import functions as F

    name = f"{warehouse.database}.{table}"
    if not warehouse.spark.catalog.tableExists(name):
        return pd.DataFrame(columns=["timestamp", *key])
    newest = (
        warehouse.spark.table(name).groupBy(*key).agg(F.max_by(F.struct("*"), "timestamp").alias("newest"))
    )
    return newest.select("newest.*").toArrow().to_pandas()
