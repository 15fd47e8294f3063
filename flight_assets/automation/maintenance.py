"""Jobs that maintain the warehouse beside the batches: rollups, compaction, vacuum, backfill."""

from datetime import UTC, date, timedelta

from dagster import (
    AssetKey,
    AssetSelection,
    Config,
    DefaultScheduleStatus,
    OpExecutionContext,
    RunConfig,
    RunRequest,
    ScheduleDefinition,
    ScheduleEvaluationContext,
    SkipReason,
    define_asset_job,
    job,
    op,
    schedule,
)

from flight_assets.assets.maintenance import DAYS, VacuumConfig
from flight_assets.pipeline.backfill import rebuild_days
from flight_assets.settings import get_settings
from flight_assets.stores.hdfs import Hdfs
from flight_assets.stores.warehouse import open_warehouse

# A platform that was off for some nights catches up with so many.
NIGHTS_BACK = 7
# Dagster does not see a run's process die; a run without end would keep its pool for ever.
MAX_RUNTIME = "dagster/max_runtime"

update_rollups = define_asset_job(
    "update_rollups",
    selection=AssetSelection.groups("rollups"),
    tags={MAX_RUNTIME: "900"},
    description="Brings flights_hourly and flights_daily up to the fact table.",
)
maintain_day = define_asset_job(
    "maintain_day",
    selection=AssetSelection.assets("warehouse_files", "raw_files"),
    tags={MAX_RUNTIME: "14400"},
    description="Compacts the warehouse's partitions and the raw directories of a day that is over.",
)
maintain_tables = define_asset_job(
    "maintain_tables",
    selection=AssetSelection.assets("table_files"),
    tags={MAX_RUNTIME: "14400"},
    description=(
        "Compacts every table where it has small files, and removes files that no recent version names."
    ),
)

update_rollups_often = ScheduleDefinition(
    job=update_rollups, cron_schedule="*/5 * * * *", default_status=DefaultScheduleStatus.RUNNING
)
maintain_tables_every_night = ScheduleDefinition(
    job=maintain_tables, cron_schedule="47 3 * * *", default_status=DefaultScheduleStatus.RUNNING
)
# A batch a minute leaves 1,440 files in each table by the night, and every one costs each look of the batches
# after it.
compact_tables_every_hour = ScheduleDefinition(
    name="compact_tables_every_hour",
    job=maintain_tables,
    cron_schedule="13 * * * *",
    run_config=RunConfig({"table_files": VacuumConfig(vacuum=False)}),
    default_status=DefaultScheduleStatus.RUNNING,
)


@schedule(job=maintain_day, cron_schedule="47 2 * * *", default_status=DefaultScheduleStatus.RUNNING)
def maintain_days_every_night(context: ScheduleEvaluationContext) -> list[RunRequest] | SkipReason:
    """Start one run for each of the last days that has not been maintained.

    The newest is yesterday (UTC).
    """
    today = context.scheduled_execution_time.astimezone(UTC).date()
    done = context.instance.get_materialized_partitions(AssetKey("raw_files"))
    days = [(today - timedelta(days=back)).isoformat() for back in range(NIGHTS_BACK, 0, -1)]
    missing = [day for day in days if day not in done and DAYS.has_partition_key(day)]
    return [RunRequest(run_key=None, partition_key=day) for day in missing] or SkipReason(
        f"the days up to {days[-1]} are maintained"
    )


class BackfillConfig(Config):
    """Days to rebuild together: UTC dates of ingestion, as YYYY-MM-DD."""

    days: list[str]


@op
def rebuild(context: OpExecutionContext, config: BackfillConfig) -> None:
    """Rebuild the days; see ``stores.backfill``."""
    settings = get_settings()
    warehouse = open_warehouse(settings)
    done = rebuild_days(
        warehouse,
        Hdfs(settings),
        settings,
        {date.fromisoformat(day) for day in config.days},
        context.log.info,
    )
    context.log.info("%s: %s", ", ".join(config.days), done)


@job(
    description=(
        "Rebuilds days of staging, quarantine, predictions and fact from the raw layer, to the same rows."
    )
)
def backfill_days() -> None:
    """One step."""
    rebuild()
