"""dim_airline and dim_airport: what the codes in messages mean."""

from dagster import MaterializeResult, asset

from flight_assets.assets.pipeline import OWNERS, table_schema
from flight_assets.contracts.tables import DIM_AIRLINE, DIM_AIRPORT, Table
from flight_assets.settings import get_settings
from flight_assets.stores import dimensions, warehouse


@asset(group_name="dimensions", kinds={"deltalake", "hive"}, owners=OWNERS, code_version="1")
def dim_airline() -> MaterializeResult[None]:
    """One row per airline (flight_dw.dim_airline). Key: code."""
    return _load(DIM_AIRLINE)


@asset(group_name="dimensions", kinds={"deltalake", "hive"}, owners=OWNERS, code_version="1")
def dim_airport() -> MaterializeResult[None]:
    """One row per airport (flight_dw.dim_airport), with its place and time zone. Key: code."""
    return _load(DIM_AIRPORT)


def _load(table: Table) -> MaterializeResult[None]:
    settings = get_settings()
    rows, changed = dimensions.load(warehouse.open_warehouse(settings), table)
    return MaterializeResult(metadata={"dagster/row_count": rows, "changed": changed, "dagster/column_schema": table_schema(table)})
