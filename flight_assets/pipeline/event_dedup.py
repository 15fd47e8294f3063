"""Search for events that were staged before, through a small table of hashes instead of every staged event.

A hash only names the batches to search; ``staging_flight_events`` decides. A surplus hash, or one that two
events share, costs one search and changes no result. No hash may be missing: a nightly check compares the two
tables.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np
from pyspark.sql import functions as F

from flight_assets.contracts.ranges import in_ranges, merged
from flight_assets.contracts.tables import STAGED_IDS, STAGING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    from pyspark.sql import DataFrame

    from flight_assets.stores.warehouse import TableFiles, Warehouse

FIRST_FILL = "first fill"


def fill_once(warehouse: Warehouse, before_batch: int) -> None:
    """Fill the table with the events of all batches before this one. Further calls write nothing.

    An upgraded platform needs it before its first batch.
    """
    events = (
        warehouse.read(STAGING)
        .where(f"batch_id < {before_batch}")
        .withColumn("event_hash", F.xxhash64("event_id"))
    )
    warehouse.append_once(id_rows(events), STAGED_IDS, 0, FIRST_FILL)


def id_rows(events: DataFrame) -> DataFrame:
    """Return the rows of ``staged_event_ids`` for staged events that have ``event_hash``."""
    return events.select(
        "event_hash", "batch_id", F.trunc("ingestion_timestamp", "month").alias("processing_month")
    )


def recent_hashes(tables: TableFiles) -> npt.NDArray[np.int64]:
    """Return the hashes of the events staged in the newest month and the month before, 8 bytes each.

    Reads the table's files without Spark.
    """
    log = tables.log(STAGED_IDS)
    by_month: dict[str, list[str]] = {}
    for file in log.files():
        by_month.setdefault(file.partition["processing_month"] or "", []).append(file.path)
    if not by_month:
        return np.empty(0, np.int64)
    newest = date.fromisoformat(max(by_month))
    before = (newest - timedelta(days=1)).replace(day=1).isoformat()
    paths = [path for month, found in by_month.items() if month >= before for path in found]
    return np.concatenate([log.read_file(path, ["event_hash"])["event_hash"].to_numpy() for path in paths])


def batches_met(warehouse: Warehouse, messages: DataFrame, before_batch: int) -> DataFrame:
    """Return one row, ``met``: the earlier batches that may have staged some of these events.

    Mostly it is empty.
    """
    hashes = messages.select("event_hash").where("event_hash IS NOT NULL")
    met = (
        warehouse.read(STAGED_IDS)
        .where(f"batch_id < {before_batch}")
        .join(F.broadcast(hashes), "event_hash", "left_semi")
    )
    return met.agg(F.collect_set("batch_id").alias("met"))


def staged_in(warehouse: Warehouse, messages: DataFrame, batches: Sequence[int]) -> DataFrame:
    """Return the ``event_id`` of the messages that these batches have staged.

    Reads a bounded number of batch ranges.
    """
    ids = messages.select("event_id").where("event_id IS NOT NULL")
    staged = warehouse.read(STAGING).where(in_ranges("batch_id", merged(batches)))
    return staged.select("event_id").join(F.broadcast(ids), "event_id", "left_semi")


def missing(warehouse: Warehouse) -> int:
    """Return how many staged events have no hash in the table."""
    staged = warehouse.read(STAGING).select(F.xxhash64("event_id").alias("event_hash"), "batch_id")
    return int(staged.join(warehouse.read(STAGED_IDS), ["event_hash", "batch_id"], "left_anti").count())
