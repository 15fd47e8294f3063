"""Rows of the current batch, computed once for all steps, checks and writes of a run.

Each read of a table costs Spark the same fixed time for the log, file statistics and a plan, even for a small
batch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from flight_assets.contracts.message import EventType
from flight_assets.contracts.ranges import date_ranges
from flight_assets.contracts.tables import STAGING, Table
from flight_assets.pipeline.flights import Scope, flights
from flight_assets.pipeline.predictors import Predictors
from flight_assets.stores.warehouse import computed

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame

    from flight_assets.provenance import BatchRecord
    from flight_assets.stores.warehouse import Warehouse

NO_MODEL = Predictors(None)


class BatchRows:
    """Computed frames of one batch. Another batch replaces them."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.warehouse = warehouse
        self._batch_id: int | None = None
        self._events: DataFrame | None = None
        self._flights: DataFrame | None = None

    def keep_events(self, record: BatchRecord, events: DataFrame) -> None:
        """Keep the staged events of a batch; the step that has just written them calls this."""
        self._turn_to(record)
        self._events = events

    def events(self, record: BatchRecord) -> DataFrame:
        """Return the rows of ``staging_flight_events`` that the batch added."""
        self._turn_to(record)
        if self._events is None:
            self._events = computed(rows_of_batch(self.warehouse, STAGING, record))
        return self._events

    def scope(self, record: BatchRecord, state_upto: int | None = None) -> Scope:
        """Return the batch and its days.

        If an older version wrote the record, the days are computed from the events.
        """
        if record.flight_dates is None or record.announced_dates is None:
            is_scheduled = F.col("event_type") == EventType.SCHEDULED.value
            days = self.events(record).agg(
                F.collect_set("flight_date").alias("dates"),
                F.collect_set(F.when(is_scheduled, F.to_date("timestamp"))).alias("asked"),
            )
            row = days.collect()[0]
            record.flight_dates, record.announced_dates = date_ranges(row.dates), date_ranges(row.asked)
        return Scope(record.batch_id, record.flight_dates, record.announced_dates, state_upto)

    def flights(
        self, record: BatchRecord, predictors: Predictors = NO_MODEL, early: pa.Table | None = None
    ) -> DataFrame:
        """Return the computed result of ``flights`` for the batch.

        Only the first call for a batch uses the other arguments.
        """
        self._turn_to(record)
        if self._flights is None:
            self._flights = computed(
                flights(self.warehouse, self.events(record), self.scope(record), predictors, early)
            )
        return self._flights

    def _turn_to(self, record: BatchRecord) -> None:
        if self._batch_id != record.batch_id:
            self._batch_id, self._events, self._flights = record.batch_id, None, None


def rows_of_batch(warehouse: Warehouse, table: Table, record: BatchRecord) -> DataFrame:
    """Return the rows of a batch in a table partitioned by processing_date; only its own dates are read."""
    dates = date_ranges(record.processing_dates())
    between = " OR ".join(f"processing_date BETWEEN DATE'{first}' AND DATE'{last}'" for first, last in dates)
    return warehouse.read(table).where(
        f"batch_id = {record.batch_id}" + (f" AND ({between})" if dates else "")
    )
