"""Assets ``warehouse_files``, ``raw_files`` and ``table_files``: compact tables and the raw layer."""

from dagster import AssetExecutionContext, Config, DailyPartitionsDefinition, MaterializeResult, asset

from flight_assets.assets.pipeline import OWNERS
from flight_assets.contracts.tables import FACT, QUARANTINE, STAGING, TABLES
from flight_assets.pipeline import maintenance
from flight_assets.settings import get_settings
from flight_assets.stores.hdfs import Hdfs
from flight_assets.stores.warehouse import open_warehouse

GROUP = "maintenance"
POOL = "maintenance"
# UTC dates of ingestion, from the earliest possible one.
DAYS = DailyPartitionsDefinition(start_date="2026-01-01")


@asset(
    deps=["hive_fact"],
    partitions_def=DAYS,
    group_name=GROUP,
    kinds={"deltalake"},
    owners=OWNERS,
    pool=POOL,
    code_version="1",
)
def warehouse_files(context: AssetExecutionContext) -> MaterializeResult[None]:
    """One row per table in its metadata: data files before and after the day's partition was compacted."""
    settings = get_settings()
    warehouse = open_warehouse(settings)
    condition = f"processing_date = DATE'{context.partition_key}'"
    changes = {
        table.name: maintenance.optimize(warehouse, settings, table, condition)
        for table in (STAGING, QUARANTINE, FACT)
    }
    return MaterializeResult(metadata=_counts(changes))


@asset(
    deps=["hive_fact"],
    partitions_def=DAYS,
    group_name=GROUP,
    kinds={"parquet", "hdfs"},
    owners=OWNERS,
    pool=POOL,
    code_version="1",
)
def raw_files(context: AssetExecutionContext) -> MaterializeResult[None]:
    """One row per Kafka message: the raw directories of a day merged into one.

    The old ones are removed later.
    """
    settings = get_settings()
    warehouse, hdfs = open_warehouse(settings), Hdfs(settings)
    change = maintenance.compact_raw(warehouse, hdfs, settings, context.partition_time_window.start.date())
    removed = maintenance.remove_compacted(warehouse, hdfs, settings)
    return MaterializeResult(metadata=_counts({"raw": change}) | {"directories_removed": removed})


class VacuumConfig(Config):
    """Options of a run."""

    vacuum: bool = True


@asset(deps=["hive_fact"], group_name=GROUP, kinds={"deltalake"}, owners=OWNERS, pool=POOL, code_version="1")
def table_files(config: VacuumConfig) -> MaterializeResult[None]:
    """One row per table in its metadata: small files compacted, files that no kept version uses removed."""
    settings = get_settings()
    warehouse, hdfs = open_warehouse(settings), Hdfs(settings)
    changes = {table.name: maintenance.optimize(warehouse, settings, table) for table in TABLES}
    if config.vacuum:
        changes |= {f"{table.name} on disk": maintenance.vacuum(warehouse, hdfs, table) for table in TABLES}
    return MaterializeResult(metadata=_counts(changes))


def _counts(changes: dict[str, maintenance.FileChange]) -> dict[str, int]:
    before = {f"{name}: files before": change.before for name, change in changes.items()}
    return before | {f"{name}: files after": change.after for name, change in changes.items()}
