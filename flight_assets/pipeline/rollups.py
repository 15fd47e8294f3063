"""Hourly and daily sums of flights, always equal to a recomputation from the fact table.

A flight's date never changes, and one MERGE per batch writes the fact table. So the days to recompute are
those of fact rows whose batch is newer than any in the rollup. Each such day is computed from one snapshot
and replaced in one commit. The newest batch counted is a column of the rollup: an update that died or ran
twice does no harm.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flight_assets.contracts.message import EventType
from flight_assets.contracts.ranges import date_ranges, in_date_ranges
from flight_assets.contracts.tables import FACT, FLIGHTS_DAILY, FLIGHTS_HOURLY, Table
from flight_assets.contracts.units import LATE_MINUTES
from flight_assets.stores import lease

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import date

    from pyspark.sql import Column, DataFrame

    from flight_assets.settings import Settings
    from flight_assets.stores.warehouse import Warehouse

ROLLUPS = (FLIGHTS_HOURLY, FLIGHTS_DAILY)
# Two updates at once could overwrite a newer snapshot's days with an older one's.
LEASE = "rollups"
LEASE_WAIT_S = 120.0


@dataclass(frozen=True)
class RollupUpdate:
    """Result of an update: the days recomputed, and the newest batch that the table counts now (-1: none)."""

    days: list[date]
    newest_batch: int


def update_rollup(
    warehouse: Warehouse, settings: Settings, table: Table, days: Collection[date] = ()
) -> RollupUpdate:
    """Update a rollup from the fact table.

    The cost depends on the flights of changed days, not on the whole history.

    Args:
        warehouse: client of the tables.
        settings: address of the store with the lease.
        table: FLIGHTS_HOURLY or FLIGHTS_DAILY.
        days: further days (flight_date) to recompute, e.g. after a backfill.
    """
    with lease.hold(settings, f"update of {table.name}", LEASE_WAIT_S, LEASE):
        return recompute_changed(warehouse, table, days)


def recompute_changed(warehouse: Warehouse, table: Table, days: Collection[date] = ()) -> RollupUpdate:
    """Update a rollup as ``update_rollup`` does, without the lease.

    The caller ensures that no other update runs.
    """
    counted = _newest_batch(warehouse.read(table))
    flights = warehouse.snapshot(FACT)
    newest = _newest_batch(flights)
    changed = {
        row.flight_date
        for row in flights.where(f"batch_id > {counted}").select("flight_date").distinct().collect()
    }
    wanted = sorted(changed | set(days))
    if wanted:
        # Days in the gaps between many ranges are recomputed too: one write is cheaper than one for each.
        condition = in_date_ranges("flight_date", date_ranges(wanted))
        warehouse.replace_where(rollup(flights.where(condition), table), table, condition)
    return RollupUpdate(wanted, newest)


def rollup(flights: DataFrame, table: Table) -> DataFrame:
    """One row per key of the table, from rows of ``fact_flight_events``. A sum over no flights is 0."""
    from pyspark.sql import functions as F

    return flights.groupBy(*table.key).agg(
        *(value.alias(name) for name, value in _measures().items()), F.max("batch_id").alias("batch_id")
    )


def _measures() -> dict[str, Column]:
    from pyspark.sql import functions as F

    departure, arrival, error = (
        F.col("departure_delay_minutes"),
        F.col("arrival_delay_minutes"),
        F.col("error_minutes"),
    )
    is_covered = F.col("actual_delay_minutes").between(
        F.col("interval_low_minutes"), F.col("interval_high_minutes")
    )
    return {
        "flights": F.count("*"),
        "departed": F.count(departure),
        "arrived": F.count_if(F.col("event_type") == EventType.ARRIVED.value),
        "cancelled": F.count_if(F.col("event_type") == EventType.CANCELLED.value),
        "departure_delayed_15": F.count_if(departure >= LATE_MINUTES),
        "arrival_delayed_15": F.count_if(arrival >= LATE_MINUTES),
        "departure_delay_sum": _sum(departure),
        "arrival_delay_sum": _sum(arrival),
        "arrival_delay_sum_squares": _sum(arrival * arrival),
        "predicted": F.count("predicted_delay_minutes"),
        "predicted_arrived": F.count(error),
        "error_sum": _sum(error),
        "absolute_error_sum": _sum(F.abs(error)),
        "squared_error_sum": _sum(error * error),
        "interval_covered": F.count_if(is_covered),
        "quality_sum": _sum(F.col("quality_score")),
    }


def _sum(value: Column) -> Column:
    from pyspark.sql import functions as F

    return F.coalesce(F.sum(value), F.lit(0.0))


def _newest_batch(rows: DataFrame) -> int:
    newest = rows.groupBy().max("batch_id").collect()[0][0]
    return -1 if newest is None else int(newest)
