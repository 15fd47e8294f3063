"""Job that searches for complex events and refreshes forecasts, beside the pipeline, and its sensor."""

import time

from dagster import (
    AssetSelection,
    DefaultSensorStatus,
    RunRequest,
    RunsFilter,
    SensorEvaluationContext,
    SkipReason,
    define_asset_job,
    sensor,
)

from flight_assets.automation.maintenance import MAX_RUNTIME
from flight_assets.automation.schedules import UNFINISHED
from flight_assets.errors import StoreUnavailable
from flight_assets.events.process import has_work
from flight_assets.settings import get_settings
from flight_assets.stores.hdfs import Hdfs

find_events = define_asset_job(
    "find_events",
    selection=AssetSelection.assets("complex_events", "current_forecasts"),
    tags={MAX_RUNTIME: "1800"},
    description=(
        "Searches finished batches for complex events, and refreshes current forecasts, beside the pipeline."
        " It cannot hold it up."
    ),
)


@sensor(job=find_events, minimum_interval_seconds=15, default_status=DefaultSensorStatus.RUNNING)
def events_sensor(context: SensorEvaluationContext) -> RunRequest | SkipReason:
    """Start a search when a batch has been finished or a timer is due, unless one is under way."""
    if context.instance.get_run_records(RunsFilter(job_name=find_events.name, statuses=UNFINISHED), limit=1):
        return SkipReason("a search is under way")
    settings = get_settings()
    try:
        waits = has_work(settings, Hdfs(settings), int(time.time()))
    except StoreUnavailable as error:
        return SkipReason(str(error))
    return RunRequest() if waits else SkipReason("no batch and no timer waits")
