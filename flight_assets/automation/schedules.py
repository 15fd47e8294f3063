"""Schedule of the batches, and the jobs that process them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from dagster import (
    AssetSelection,
    DagsterInstance,
    DagsterRunStatus,
    DefaultScheduleStatus,
    RunRecord,
    RunRequest,
    RunsFilter,
    ScheduleEvaluationContext,
    SkipReason,
    define_asset_job,
    schedule,
)

from flight_assets.provenance import PART_JOBS, PIPELINE_JOBS, STEPS, WHOLE_JOB
from flight_assets.settings import get_settings
from flight_assets.stores import lease

UNFINISHED = [
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]

# From a run's start to its lease, and from the lease's end to the run's.
START_GRACE = timedelta(seconds=120)

process_flights = define_asset_job(
    WHOLE_JOB,
    selection=AssetSelection.assets(*STEPS),
    description=(
        "Takes what is new in the topic through every step, and finishes what an earlier run left unfinished."
    ),
)
# Jobs of their own, so that the success of one part does not hide the failure of another from whoever counts
# failures per job.
process_in_parts = [
    define_asset_job(
        name,
        selection=AssetSelection.assets(*steps),
        description=(
            f"The part of {WHOLE_JOB} that makes {', '.join(steps)}, for another orchestrator; each holds the"
            " lease for itself."
        ),
    )
    for name, steps in PART_JOBS.items()
]
load_dimensions = define_asset_job(
    "load_dimensions",
    selection=AssetSelection.groups("dimensions"),
    description="Airlines and airports into the warehouse.",
)


@schedule(job=process_flights, cron_schedule="* * * * *", default_status=DefaultScheduleStatus.RUNNING)
def process_every_minute(context: ScheduleEvaluationContext) -> RunRequest | SkipReason:
    """Start one run a minute, unless one is unfinished, in parts or as a whole."""
    return under_way(context.instance) or RunRequest()


def under_way(instance: DagsterInstance) -> SkipReason | None:
    """Return which run of the pipeline is unfinished, or None. Runs whose process has died become failed."""
    unfinished = [
        record
        for name in PIPELINE_JOBS
        for record in instance.get_run_records(RunsFilter(job_name=name, statuses=UNFINISHED))
    ]
    for record in unfinished:
        if not _has_died(record):
            return SkipReason(f"run {record.dagster_run.run_id} is still {record.dagster_run.status.value}")
    for record in unfinished:
        instance.report_run_failed(
            record.dagster_run, "The run's process died: nobody holds the processing lease."
        )
    return None


def _has_died(record: RunRecord) -> bool:
    """Return True if a started run neither holds the lease nor waits for it: its process has died."""
    if (
        record.dagster_run.status is not DagsterRunStatus.STARTED
        or datetime.now(UTC) - record.create_timestamp < START_GRACE
    ):
        return False
    return not lease.is_held(get_settings())
