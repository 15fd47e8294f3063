"""Step ``write_fact``: write the newest state of each flight to ``fact_flight_events``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from flight_assets.contracts.tables import FACT
from flight_assets.stores.warehouse import collected, computed
from flight_assets.transforms.flights import newest_is, same_event

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import DataFrame

    from flight_assets.contracts.ranges import DateRange
    from flight_assets.pipeline.flights import Scope
    from flight_assets.stores.warehouse import Warehouse


def merge_flights(warehouse: Warehouse, flights: DataFrame, scope: Scope) -> int:
    """Update each flight to its newest state. Returns the rows written; a repeat writes none.

    A state with the same newest event replaces the old one if a later batch made it, or if it adds the
    prediction.
    """
    adds = "s.batch_id > t.batch_id OR (t.model_version IS NULL AND s.model_version IS NOT NULL)"
    newer = f"{newest_is('s', 't')} OR ({same_event('s', 't')} AND ({adds}))"
    clauses = f"WHEN MATCHED AND ({newer}) THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *"
    return sum(warehouse.merge(FACT, flights.select(*FACT.column_names), clauses, scope.flight_dates))


def replace_flights(
    warehouse: Warehouse, touched: DataFrame, states: DataFrame, days: Sequence[DateRange]
) -> None:
    """Set the rows of touched flights to these states, if newer, and delete rows of flights without a state.

    ``touched`` has flight_id and flight_date.
    """
    rows = touched.join(states.drop("flight_date"), "flight_id", "left")
    clauses = "WHEN MATCHED AND s.event_id IS NULL THEN DELETE WHEN MATCHED THEN UPDATE SET *"
    warehouse.merge(FACT, computed(rows.select(*FACT.column_names)), clauses, days)


def flights_there(warehouse: Warehouse, flights: DataFrame, scope: Scope) -> tuple[int, int]:
    """Return the number of the table's rows for these flights, and of distinct flights among them."""
    rows = (
        warehouse.read(FACT)
        .where(scope.of_its_days)
        .join(F.broadcast(flights.select("flight_id")), "flight_id", "left_semi")
    )
    row = collected(rows.agg(F.count("*").alias("rows"), F.count_distinct("flight_id").alias("keys")))[0]
    return int(row["rows"]), int(row["keys"])
