"""Asset ``model_monitoring``: the champion's errors on live flights, against those of its test period."""

from datetime import UTC, datetime, timedelta

import pandas as pd
from dagster import AssetExecutionContext, MaterializeResult, asset

from flight_assets.assets.pipeline import OWNERS, table_schema
from flight_assets.assets.preview import markdown
from flight_assets.contracts.tables import MODEL_MONITORING
from flight_assets.delay_model.serving.drift import psi
from flight_assets.delay_model.serving.monitor import Bounds, judged
from flight_assets.pipeline.training import recent_features
from flight_assets.queries.model_quality import newest_learnt, quality_learnt
from flight_assets.settings import get_settings
from flight_assets.stores.hdfs import Hdfs
from flight_assets.stores.models import ModelStore
from flight_assets.stores.warehouse import Warehouse, open_warehouse

SAMPLED_FLIGHTS = 20_000


@asset(
    deps=["predictions"],
    group_name="delay_model",
    kinds={"spark", "deltalake"},
    owners=OWNERS,
    code_version="1",
)
def model_monitoring(context: AssetExecutionContext) -> MaterializeResult[None]:
    """One row per metric of an evaluation (flight_dw.model_monitoring): errors, coverage and drift.

    An evaluation covers what was learnt in the newest ``monitoring_days`` days of messages. These are the
    champion's flights that arrived, and those that were announced, whatever their dates.
    """
    settings = get_settings()
    warehouse, store = open_warehouse(settings), ModelStore(Hdfs(settings))
    champion = store.champion()
    newest = newest_learnt(warehouse, champion) if champion else None
    if champion is None or newest is None:
        context.log.info(
            "there is no flight yet that the champion predicted and that has arrived: nothing to evaluate"
        )
        return MaterializeResult(metadata={"rows": 0, "breached": 0})
    since = newest - timedelta(days=settings.monitoring_days)
    rows = evaluate(warehouse, store, champion, since, newest)
    warehouse.append(rows, MODEL_MONITORING)
    breached = rows[rows["breached"]]
    for row in breached.itertuples():
        context.log.warning(
            "%s %s is %.3f, allowed is %.3f", row.metric, row.subject, row.value, row.threshold
        )
    overall = rows[rows["subject"] == ""].drop(columns=["timestamp", "subject"])
    return MaterializeResult(
        metadata={
            "rows": len(rows),
            "breached": int((breached["subject"] == "").sum()),
            "features_breached": int((breached["subject"] != "").sum()),
            "model_version": champion,
            "figures": markdown(overall),
            "dagster/column_schema": table_schema(MODEL_MONITORING),
        }
    )


def evaluate(
    warehouse: Warehouse, store: ModelStore, version: str, since: datetime, until: datetime
) -> pd.DataFrame:
    """Return rows of ``model_monitoring`` for a version over what the broker took between two times."""
    figures = quality_learnt(warehouse, store, since, until)
    live = figures[figures["model_version"] == version].iloc[0].to_dict()
    manifest = store.manifest(version)
    features = recent_features(warehouse, since, until, SAMPLED_FLIGHTS)
    rows = judged(
        live, manifest.metrics.get("test", {}), psi(manifest.reference, features), len(features), Bounds()
    )
    rows.insert(0, "model_version", version)
    rows.insert(0, "timestamp", pd.Timestamp(datetime.now(UTC)).tz_localize(None))
    return rows
