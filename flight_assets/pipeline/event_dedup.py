"""Search for events that were staged before, through a small table of hashes instead of every staged event.

A hash only names the batches to search; ``staging_flight_events`` decides. A surplus hash, or one that two
events share, costs one search and changes no result. No hash may be missing: a nightly check compares the two
tables.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pyspark.sql import functions as F

from flight_assets.contracts.ranges import in_ranges, merged
from flight_assets.contracts.tables import STAGED_IDS, STAGING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    from pyspark.sql import DataFrame

    from flight_assets.stores.warehouse import Warehouse

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


def recent_hashes(warehouse: Warehouse) -> npt.NDArray[np.int64]:
    """Return the hashes of the events staged in the newest month and the month before, 8 bytes each."""
    rows = warehouse.read(STAGED_IDS)
    newest = rows.agg(F.max("processing_month").alias("month")).collect()[0].month
    since = F.add_months(F.lit(newest), -1)
    return np.asarray(
        rows.where(F.col("processing_month") >= since).select("event_hash").toArrow()["event_hash"], np.int64
    )


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
