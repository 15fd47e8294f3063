"""Asset ``current_forecasts``: the newest forecast of each flight that has not ended."""

import time
from functools import partial

from dagster import AssetExecutionContext, MaterializeResult, asset

from flight_assets.assets.pipeline import OWNERS
from flight_assets.contracts.current_forecasts import COLLECTION
from flight_assets.pipeline.live import latency
from flight_assets.pipeline.live.history import EventHistory
from flight_assets.pipeline.live.lane import events_of_days
from flight_assets.pipeline.refresh_forecasts import (
    MOST_EVENTS,
    Refresher,
    look_back_rows,
    newest_event,
)
from flight_assets.pipeline.trust_now import NewestState
from flight_assets.settings import get_settings
from flight_assets.stores import mongo
from flight_assets.stores.hdfs import Hdfs
from flight_assets.stores.models import ModelStore
from flight_assets.stores.warehouse import TableFiles


@asset(
    deps=["mongo_hot"],
    group_name="events",
    kinds={"mongodb", "xgboost"},
    owners=OWNERS,
    pool="events",
    code_version="1",
)
def current_forecasts(context: AssetExecutionContext) -> MaterializeResult[None]:
    """One document per open flight (flight_tracking.current_forecasts), refreshed beside the pipeline.

    Each batch writes its own flights. This run forecasts the announced flights of the next 12 hours again,
    without Spark. While live processing runs, it does that itself.
    """
    settings, began = get_settings(), time.monotonic()
    mongo.ensure_collection(settings)
    with mongo.database(settings) as db:
        if latency.current(db):
            context.log.info("live processing refreshes the forecasts")
            return MaterializeResult(metadata={"refreshed": 0, "by": "live processing"})
        hdfs, tables = Hdfs(settings), TableFiles(settings)
        newest = newest_event(db)
        events = look_back_rows(tables, newest["timestamp"]) if newest else 0
        if events > MOST_EVENTS:
            context.log.warning("%d events to look back on are too many: start `flights up --live`", events)
            return MaterializeResult(metadata={"refreshed": 0, "look_back_events": events})
        history = EventHistory(partial(events_of_days, tables))
        refresher = Refresher(history, NewestState(hdfs), settings.pickled_model_sha256)
        refreshed = refresher.refresh(db, ModelStore(hdfs).champion())
        followed = db[COLLECTION].estimated_document_count()
    return MaterializeResult(
        metadata={
            "refreshed": refreshed,
            "open_flights": followed,
            "look_back_events": events,
            "duration_s": round(time.monotonic() - began, 2),
            "location": f"{settings.mongo_database}.{COLLECTION}",
        }
    )
