"""What the tables hold of the batch at hand, read once for all the steps, checks and previews of a run that ask for it.

Each reading of a table costs Spark a look at its log, its files' statistics and a plan, whatever the batch's size.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from flight_assets.contracts.tables import FACT, PREDICTIONS, STAGING, Table
from flight_assets.stores.warehouse import computed
from flight_assets.transforms.flights import flight_states

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    from pyspark.sql import DataFrame

    from flight_assets.provenance import BatchRecord
    from flight_assets.stores.warehouse import Warehouse


class BatchRows:
    """Rows of a batch as computed frames. Those of the batch asked for last are kept, so ask for a table's only once they are written."""

    def __init__(self, house: Warehouse) -> None:
        self.house = house
        self._batch_id: int | None = None
        self._frames: dict[str, DataFrame] = {}
        self._dates: list[date] | None = None

    def events(self, record: BatchRecord) -> DataFrame:
        """The rows of ``staging_flight_events`` that the batch has brought."""
        return self._kept(record, "events", lambda: rows_of_batch(self.house, STAGING, record))

    def flight_dates(self, record: BatchRecord) -> list[date]:
        """The days of the batch's flights. As literals in a condition they let Delta skip the files of all others."""
        events = self.events(record)
        if self._dates is None:
            self._dates = sorted(row.flight_date for row in events.select("flight_date").distinct().collect())
        return self._dates

    def predictions(self, record: BatchRecord) -> DataFrame:
        """What this batch and earlier ones have predicted for flights of its days, as rows of ``predictions``.

        Predictions of later batches may be there already when several batches wait; which run took them must not show.
        """
        return self._kept(record, "predictions", lambda: self._of_its_days(PREDICTIONS, record).where(f"batch_id <= {record.batch_id}"))

    def states(self, record: BatchRecord) -> DataFrame:
        """The newest state of each flight that the batch touched, as rows of ``fact_flight_events``."""
        return self._kept(record, "states", lambda: flight_states(self.events(record), self.predictions(record)))

    def flights(self, record: BatchRecord) -> DataFrame:
        """The rows of ``fact_flight_events`` of the flights that the batch touched, whichever batch they are from."""
        touched = F.broadcast(self.states(record).select("flight_id", "flight_date"))
        return self._kept(
            record, "flights", lambda: self._of_its_days(FACT, record).join(touched, ["flight_id", "flight_date"], "left_semi")
        )

    def _of_its_days(self, table: Table, record: BatchRecord) -> DataFrame:
        return self.house.read(table).where(F.col("flight_date").isin(self.flight_dates(record)))

    def _kept(self, record: BatchRecord, name: str, frame: Callable[[], DataFrame]) -> DataFrame:
        if self._batch_id != record.batch_id:
            self._batch_id, self._frames, self._dates = record.batch_id, {}, None
        if name not in self._frames:
            self._frames[name] = computed(frame())
        return self._frames[name]


def rows_of_batch(house: Warehouse, table: Table, record: BatchRecord) -> DataFrame:
    """The rows of a batch in a table partitioned by processing_date; only its own dates are read."""
    dates = ", ".join(f"DATE'{day.isoformat()}'" for day in record.processing_dates())
    return house.read(table).where(f"batch_id = {record.batch_id}" + (f" AND processing_date IN ({dates})" if dates else ""))
