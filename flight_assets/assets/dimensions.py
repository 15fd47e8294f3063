"""Assets ``dim_airline`` and ``dim_airport``: reference data for the codes in messages."""

import pandas as pd
from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetExecutionContext,
    AssetsDefinition,
    DataVersion,
    MaterializeResult,
    asset,
)

from flight_assets.assets.pipeline import OWNERS, table_schema
from flight_assets.contracts.tables import DIM_AIRLINE, DIM_AIRPORT, Table
from flight_assets.errors import StoreUnavailable
from flight_assets.settings import get_settings
from flight_assets.stores import dimensions, warehouse

IN_REDIS = "in_redis"


def _dimension(table: Table, description: str) -> AssetsDefinition:
    """Return the asset of a dimension.

    If Redis is down, the asset succeeds and its check warns: Redis only speeds up look-ups.
    """
    told = AssetCheckSpec(
        IN_REDIS, asset=table.name, description="Redis has this version of the dimension, for look-ups."
    )

    @asset(
        name=table.name,
        description=description,
        group_name="dimensions",
        kinds={"deltalake", "hive", "redis"},
        owners=OWNERS,
        code_version="3",
        check_specs=[told],
    )
    def load(context: AssetExecutionContext) -> MaterializeResult:  # type: ignore[type-arg]
        settings = get_settings()
        rows, changed = dimensions.load(warehouse.open_warehouse(settings), table)
        version = str(rows["version"].iloc[0])
        return MaterializeResult(
            metadata={
                "dagster/row_count": len(rows),
                "changed": changed,
                "version": version,
                "dagster/column_schema": table_schema(table),
                "dagster/table_name": f"{settings.warehouse_database}.{table.name}",
            },
            data_version=DataVersion(version),
            check_results=[_publish(context, table, rows)],
        )

    return load


def _publish(context: AssetExecutionContext, table: Table, rows: pd.DataFrame) -> AssetCheckResult:
    try:
        written = dimensions.publish(get_settings(), table, rows)
    except StoreUnavailable as error:
        context.log.warning("%s", error)
        return AssetCheckResult(
            passed=False, check_name=IN_REDIS, severity=AssetCheckSeverity.WARN, description=str(error)
        )
    return AssetCheckResult(passed=True, check_name=IN_REDIS, metadata={"written": written})


dim_airline = _dimension(
    DIM_AIRLINE,
    "One row per airline code and period (flight_dw.dim_airline; Redis hash dim:airline). Key: code, since.",
)
dim_airport = _dimension(
    DIM_AIRPORT,
    "One row per airport code and period, with place and time zone (flight_dw.dim_airport; Redis hash"
    " dim:airport). Key: code, since.",
)
