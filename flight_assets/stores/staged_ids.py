"""Which events have been staged before, told from a table of hashes in few files instead of from every file of the staged events.

``staging_flight_events`` alone says what has been staged: a hash only tells where to look, so one too many, or one that two events share,
costs a look and nothing else. None may be missing; a check at night compares the two tables.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pyspark.sql import functions as F

from flight_assets.contracts.tables import STAGED_IDS, STAGING

if TYPE_CHECKING:
    import numpy.typing as npt
    from pyspark.sql import Column, DataFrame

    from flight_assets.stores.warehouse import Warehouse

FIRST_FILL = "first fill"


def fill_once(house: Warehouse, before_batch: int) -> None:
    """Enter what the batches before this one have staged, if the table is new to a warehouse that has events; once, however often asked.

    Comes before the first batch of a platform that has been brought up to date.
    """
    house.append_once(id_rows(house.read(STAGING).where(f"batch_id < {before_batch}")), STAGED_IDS, 0, FIRST_FILL)


def id_rows(events: DataFrame) -> DataFrame:
    """Rows of ``staged_event_ids`` for staged events."""
    month = F.trunc("ingestion_timestamp", "month")
    return events.select(event_hash().alias("event_hash"), "batch_id", month.alias("processing_month"))


def event_hash() -> Column:
    """The hash by which the table knows an event, from its ``event_id``."""
    return F.xxhash64("event_id")


def recent_hashes(house: Warehouse) -> npt.NDArray[np.int64]:
    """The hashes of the events staged in the newest month there is and the one before: 8 bytes each."""
    rows = house.read(STAGED_IDS)
    newest = rows.agg(F.max("processing_month").alias("month")).collect()[0].month
    since = F.add_months(F.lit(newest), -1)
    return np.asarray(rows.where(F.col("processing_month") >= since).select("event_hash").toArrow()["event_hash"], np.int64)


def staged_before(house: Warehouse, events: DataFrame, before_batch: int) -> DataFrame:
    """The ``event_id`` of events that batches before this one have staged, among them all that ``events`` have; most often none.

    Of the staged events only those batches are read of which a hash was met. ``events`` are read at once: hand over computed ones.
    """
    hashes = events.select(event_hash().alias("event_hash"))
    met = house.read(STAGED_IDS).where(f"batch_id < {before_batch}").join(F.broadcast(hashes), "event_hash", "left_semi")
    batches = [row.batch_id for row in met.select("batch_id").distinct().collect()]
    if not batches:
        return events.select("event_id").limit(0)
    return house.read(STAGING).where(F.col("batch_id").isin(batches)).select("event_id")


def missing(house: Warehouse) -> int:
    """How many staged events have no hash in the table."""
    return int(id_rows(house.read(STAGING)).join(house.read(STAGED_IDS), ["event_hash", "batch_id"], "left_anti").count())
