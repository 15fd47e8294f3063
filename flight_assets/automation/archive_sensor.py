"""mongo_size_sensor: asks for an archive when the hot store is over its threshold."""

from __future__ import annotations

from dagster import (
    AssetObservation,
    AssetSelection,
    DagsterRunStatus,
    DefaultSensorStatus,
    RunRequest,
    RunsFilter,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    define_asset_job,
    sensor,
)

from flight_assets.archive import hot
from flight_assets.archive.record import Archives
from flight_assets.archive.steps import Archiver
from flight_assets.archive.trigger import Cursor, Observed, decide
from flight_assets.automation.schedules import UNFINISHED
from flight_assets.errors import FlightsError
from flight_assets.settings import Settings, get_settings
from flight_assets.stores import lease, mongo, warehouse
from flight_assets.stores.hdfs import Hdfs

INTERVAL_S = 300
# A run that waits in the queue or for a worker is as good as running.
ACTIVE: list[DagsterRunStatus] = UNFINISHED

archive_flights = define_asset_job(
    "archive_flights",
    selection=AssetSelection.assets("hdfs_archive"),
    description=(
        "Moves what is due from MongoDB to verified Parquet on HDFS, or finishes an archive that was left"
        " unfinished."
    ),
)


@sensor(
    job=archive_flights,
    minimum_interval_seconds=INTERVAL_S,
    default_status=DefaultSensorStatus.RUNNING,
    description=(
        "Asks for hdfs_archive when dataSize + indexSize of MongoDB is over the threshold; warns at 80 %"
        " of it."
    ),
)
def mongo_size_sensor(context: SensorEvaluationContext) -> SensorResult:
    """Ask for an archive when one is due, or skip with the figures and the reason."""
    settings = get_settings()
    cursor = Cursor.model_validate_json(context.cursor) if context.cursor else Cursor()
    active = context.instance.get_run_records(
        RunsFilter(job_name=archive_flights.name, statuses=ACTIVE), limit=1
    )
    try:
        decision = decide(observe(settings, active[0].dagster_run.run_id if active else None), cursor)
    except FlightsError as error:
        return SensorResult(skip_reason=SkipReason(str(error)), cursor=context.cursor)
    if decision.warn:
        context.log.warning("the hot store is at %s", decision.reason)
    events = [_warning(settings, decision.cursor)] if decision.warn else []
    following = decision.cursor.model_dump_json()
    if not decision.ask:
        return SensorResult(skip_reason=SkipReason(decision.reason), cursor=following, asset_events=events)
    return SensorResult(
        run_requests=[RunRequest(tags={"archive/reason": decision.reason[:200]})],
        cursor=following,
        asset_events=events,
    )


def observe(settings: Settings, active_run: str | None) -> Observed:
    """Return what a tick needs to know of the stores. Quick unless the hot store is over its threshold."""
    archives = Archives(Hdfs(settings))
    running = f"run {active_run}" if active_run else lease.holder(settings, lease.ARCHIVING)
    unfinished = archives.unfinished()
    with mongo.database(settings) as db:
        size = hot.measure(db)
    selection = None
    if size.mb > settings.archive_threshold_mb:
        _, selection, _ = Archiver(settings, lambda: warehouse.open_warehouse(settings)).preview()
    return Observed(
        size_mb=size.mb,
        threshold_mb=settings.archive_threshold_mb,
        due_documents=selection.documents if selection else 0,
        due_reason=selection.reason if selection else "not over the threshold",
        running=running,
        unfinished=unfinished.archive_id if unfinished else None,
        paused=archives.paused(),
    )


def _warning(settings: Settings, cursor: Cursor) -> AssetObservation:
    return AssetObservation(
        asset_key="mongo_hot",
        description=f"the hot store is at {cursor.size_mb:g} MB of {settings.archive_threshold_mb:g} MB",
        metadata={
            "level": cursor.level,
            "size_mb": cursor.size_mb,
            "threshold_mb": settings.archive_threshold_mb,
        },
    )
