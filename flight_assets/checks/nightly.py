"""Check whole tables every night: too slow for a batch every minute."""

from dagster import (
    DefaultScheduleStatus,
    Failure,
    MetadataValue,
    OpExecutionContext,
    ScheduleDefinition,
    job,
    op,
)

from flight_assets.pipeline import check_results
from flight_assets.settings import get_settings
from flight_assets.stores.warehouse import open_warehouse


@op
def check_whole_tables(context: OpExecutionContext) -> None:
    """Check the keys of each table in full, and store the results. Raises Failure if a check fails."""
    warehouse = open_warehouse(get_settings())
    results = check_results.evaluate_tables(warehouse)
    check_results.keep_results_without_batch(warehouse, results)
    context.log.info("%s", [f"{result.name}: {result.detail}" for result in results])
    broken = [result for result in results if not result.passed]
    if broken:
        sentence = "; ".join(f"{result.name}: {result.detail}" for result in broken)
        raise Failure(
            f"{sentence}: find the rows with SQL and restore the table (`DESCRIBE HISTORY`, `RESTORE TABLE …"
            " TO VERSION AS OF …`)",
            metadata={"results": MetadataValue.json([result.model_dump() for result in broken])},
        )


@job(
    description=(
        "Keys of whole tables: no event, rejected message, prediction or flight twice, whichever batches it"
        " came by."
    )
)
def check_warehouse() -> None:
    """Run the one step of the job."""
    check_whole_tables()


check_every_night = ScheduleDefinition(
    job=check_warehouse, cron_schedule="47 2 * * *", default_status=DefaultScheduleStatus.RUNNING
)
