"""Assets ``flights_hourly`` and ``flights_daily``: sums that history pages read instead of the fact table."""

from dagster import MaterializeResult, asset

from flight_assets.assets.pipeline import OWNERS, table_schema
from flight_assets.contracts.tables import FLIGHTS_DAILY, FLIGHTS_HOURLY, Table
from flight_assets.pipeline import rollups
from flight_assets.settings import get_settings
from flight_assets.stores import warehouse

# Both have a run of their own, so that batches do not wait for them.
POOL = "rollups"


@asset(
    deps=["hive_fact"],
    group_name="rollups",
    kinds={"spark", "deltalake", "hive"},
    owners=OWNERS,
    pool=POOL,
    code_version="1",
)
def flights_hourly() -> MaterializeResult[None]:
    """One row per flight date, local hour, airline, origin and destination: sums over its flights.

    The table is flight_dw.flights_hourly.
    """
    return _update(FLIGHTS_HOURLY)


@asset(
    deps=["hive_fact"],
    group_name="rollups",
    kinds={"spark", "deltalake", "hive"},
    owners=OWNERS,
    pool=POOL,
    code_version="1",
)
def flights_daily() -> MaterializeResult[None]:
    """One row per flight date, airline, origin and destination: sums over its flights.

    The table is flight_dw.flights_daily.
    """
    return _update(FLIGHTS_DAILY)


def _update(table: Table) -> MaterializeResult[None]:
    settings = get_settings()
    done = rollups.update_rollup(warehouse.open_warehouse(settings), settings, table)
    name = f"{settings.warehouse_database}.{table.name}"
    return MaterializeResult(
        metadata={
            "days_recomputed": len(done.days),
            "first_day": str(min(done.days, default=None)),
            "last_day": str(max(done.days, default=None)),
            "newest_batch": done.newest_batch,
            "location": name,
            "dagster/table_name": name,
            "dagster/column_schema": table_schema(table),
        }
    )
