"""Dagster's own history: a run a minute fills its storage unless old runs go."""

from datetime import UTC, datetime, timedelta

from dagster import (
    DagsterInstance,
    DefaultScheduleStatus,
    OpExecutionContext,
    RunsFilter,
    ScheduleDefinition,
    job,
    op,
)

from flight_assets.automation.schedules import UNFINISHED
from flight_assets.settings import get_settings

# Deleted a page at a time, so that a long history neither fills memory nor locks the storage for long.
PAGE = 200


def prune_runs(instance: DagsterInstance, before: datetime) -> int:
    """Delete the finished runs created before a moment, with their event logs. Returns how many."""
    pruned = 0
    while records := instance.get_run_records(RunsFilter(created_before=before), limit=PAGE, ascending=True):
        old = [record.dagster_run for record in records if record.dagster_run.status not in UNFINISHED]
        for run in old:
            instance.delete_run(run.run_id)
        pruned += len(old)
        if not old:
            break
    return pruned


@op
def prune_old_runs(context: OpExecutionContext) -> None:
    """Delete runs older than ``dagster_retention_days``."""
    before = datetime.now(UTC) - timedelta(days=get_settings().dagster_retention_days)
    context.log.info("%d runs from before %s deleted", prune_runs(context.instance, before), before)


@job(description="Deletes runs, and their event logs, that are older than dagster_retention_days.")
def prune_history() -> None:
    """One step."""
    prune_old_runs()


prune_every_night = ScheduleDefinition(
    job=prune_history, cron_schedule="17 3 * * *", default_status=DefaultScheduleStatus.RUNNING
)
