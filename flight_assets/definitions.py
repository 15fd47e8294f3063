"""Assembly of the Dagster code location; nothing is decided here."""

from __future__ import annotations

from dagster import AssetSpec, Definitions, in_process_executor
from dagster_pyspark import LazyPySparkResource

from flight_assets.assets.delay_model import delay_model
from flight_assets.assets.dimensions import dim_airline, dim_airport
from flight_assets.assets.hive_fact import hive_fact
from flight_assets.assets.maintenance import raw_files, table_files, warehouse_files
from flight_assets.assets.model_monitoring import model_monitoring
from flight_assets.assets.mongo_hot import mongo_hot
from flight_assets.assets.pipeline import PipelineResource
from flight_assets.assets.predictions import predictions
from flight_assets.assets.raw_kafka_batch import raw_kafka_batch
from flight_assets.assets.rollups import flights_daily, flights_hourly
from flight_assets.assets.staged_events import staged_events
from flight_assets.automation.maintenance import (
    backfill_day,
    maintain_day,
    maintain_days_every_night,
    maintain_tables,
    maintain_tables_every_night,
    update_rollups,
    update_rollups_often,
)
from flight_assets.automation.models import (
    drift_sensor,
    monitor_delay_model,
    monitor_every_hour,
    retrain_delay_model,
    retrain_every_week,
    train_delay_model,
)
from flight_assets.automation.retention import prune_every_night, prune_history
from flight_assets.automation.schedules import load_dimensions, process_every_minute, process_flights
from flight_assets.settings import Settings, get_settings

kafka_flight_events = AssetSpec(
    "kafka_flight_events",
    description="One message per thing that happened to a flight: the topic that producers write to. Not made here.",
    group_name="sources",
    kinds={"kafka"},
)


def build_defs(settings: Settings) -> Definitions:
    """Every asset, job and schedule of the platform, against the stores of these settings."""
    spark = LazyPySparkResource(spark_config={"spark.remote": settings.spark_remote})
    return Definitions(
        assets=[
            kafka_flight_events,
            *(dim_airline, dim_airport),
            *(raw_kafka_batch, staged_events, predictions, mongo_hot, hive_fact),
            *(delay_model, model_monitoring),
            *(flights_hourly, flights_daily),
            *(warehouse_files, raw_files, table_files),
        ],
        jobs=[
            *(process_flights, load_dimensions, train_delay_model, retrain_delay_model, monitor_delay_model, prune_history),
            *(update_rollups, maintain_day, maintain_tables, backfill_day),
        ],
        schedules=[
            *(process_every_minute, monitor_every_hour, retrain_every_week, prune_every_night),
            *(update_rollups_often, maintain_days_every_night, maintain_tables_every_night),
        ],
        sensors=[drift_sensor],
        resources={"pipeline": PipelineResource(spark=spark)},
        # One process for all steps of a run: they share the lease and the Spark session, and start in a tenth of the time.
        executor=in_process_executor,
    )


defs = build_defs(get_settings())
