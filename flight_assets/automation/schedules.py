"""When batches are processed, and the jobs that do it."""

from __future__ import annotations

from dagster import (
    AssetSelection,
    DagsterRunStatus,
    DefaultScheduleStatus,
    RunRequest,
    RunsFilter,
    ScheduleEvaluationContext,
    SkipReason,
    define_asset_job,
    schedule,
)

PIPELINE_ASSETS = ("raw_kafka_batch", "staged_events", "predictions", "mongo_hot", "hive_fact")
UNFINISHED = [
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]

process_flights = define_asset_job(
    "process_flights",
    selection=AssetSelection.assets(*PIPELINE_ASSETS),
    description="Takes what is new in the topic through every step, and finishes what an earlier run left unfinished.",
)
load_dimensions = define_asset_job(
    "load_dimensions", selection=AssetSelection.groups("dimensions"), description="Airlines and airports into the warehouse."
)


@schedule(job=process_flights, cron_schedule="* * * * *", default_status=DefaultScheduleStatus.RUNNING)
def process_every_minute(context: ScheduleEvaluationContext) -> RunRequest | SkipReason:
    """One run a minute, none while one is unfinished."""
    unfinished = context.instance.get_run_records(RunsFilter(job_name=process_flights.name, statuses=UNFINISHED), limit=1)
    if unfinished:
        return SkipReason(f"run {unfinished[0].dagster_run.run_id} is still {unfinished[0].dagster_run.status.value}")
    return RunRequest()
