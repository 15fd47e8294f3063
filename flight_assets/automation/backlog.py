"""Sensor that starts the next run when one ends and messages are waiting, without waiting for the minute."""

from dagster import (
    DagsterRunStatus,
    DefaultSensorStatus,
    RunRequest,
    RunStatusSensorContext,
    SkipReason,
    run_status_sensor,
)

from flight_assets.automation.schedules import process_flights, under_way
from flight_assets.errors import FlightsError
from flight_assets.provenance import STEPS, Ledger
from flight_assets.settings import Settings, get_settings
from flight_assets.stores import kafka, topic_lag
from flight_assets.stores.hdfs import Hdfs

INTERVAL_S = 1
# Dagster gives these tags to the runs of a schedule and of a sensor.
AUTOMATIC = ("dagster/schedule_name", "dagster/sensor_name")


@run_status_sensor(
    run_status=DagsterRunStatus.SUCCESS,
    name="process_backlog",
    monitored_jobs=[process_flights],
    request_job=process_flights,
    minimum_interval_seconds=INTERVAL_S,
    default_status=DefaultSensorStatus.RUNNING,
    description="Starts the next run as soon as a run has ended while messages are waiting in the topic.",
)
def process_backlog(context: RunStatusSensorContext) -> RunRequest | SkipReason:
    """Start the next run after an automatic run, if enough messages are waiting and none is under way.

    The key of the request is the newest finished batch. Dagster starts one run per key, so a run that made no
    progress is followed by that of the schedule.
    """
    if not any(tag in context.dagster_run.tags for tag in AUTOMATIC):
        return SkipReason("the run was started by hand")
    if busy := under_way(context.instance):
        return busy
    settings = get_settings()
    try:
        waiting, batch_id = backlog(settings)
    except FlightsError as error:
        return SkipReason(str(error))
    if waiting < settings.backlog_messages:
        return SkipReason(f"{waiting} messages are waiting: the schedule takes them")
    return RunRequest(run_key=f"after batch {batch_id}", tags={"backlog/messages": str(waiting)})


def backlog(settings: Settings) -> tuple[int, int]:
    """Return how many offsets have not landed, and the newest finished batch. Raises StoreUnavailable."""
    ledger = Ledger(Hdfs(settings))
    waiting = topic_lag.waiting(kafka.end_offsets(settings), ledger.next_offsets())
    return waiting, ledger.last_done(STEPS[-1])
