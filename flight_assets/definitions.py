"""Assembly of the Dagster code location; nothing is decided here."""

from __future__ import annotations

from dagster import AssetSpec, Definitions, in_process_executor
from dagster_pyspark import LazyPySparkResource

from flight_assets.assets.complex_events import complex_events
from flight_assets.assets.current_forecasts import current_forecasts
from flight_assets.assets.dashboard import dashboard_pages
from flight_assets.assets.delay_model import delay_model
from flight_assets.assets.dimensions import dim_airline, dim_airport
from flight_assets.assets.hdfs_archive import expire_archives, hdfs_archive, restore_archive, verify_archive
from flight_assets.assets.hive_fact import hive_fact
from flight_assets.assets.maintenance import raw_files, table_files, warehouse_files
from flight_assets.assets.model_monitoring import model_monitoring
from flight_assets.assets.mongo_hot import mongo_hot
from flight_assets.assets.pipeline import OWNERS, PipelineResource
from flight_assets.assets.predictions import predictions
from flight_assets.assets.raw_kafka_batch import raw_kafka_batch
from flight_assets.assets.rollups import flights_daily, flights_hourly
from flight_assets.assets.staged_events import staged_events
from flight_assets.automation.alerts import watch
from flight_assets.automation.archive_sensor import archive_flights, mongo_size_sensor
from flight_assets.automation.backlog import process_backlog
from flight_assets.automation.events import events_sensor, find_events
from flight_assets.automation.maintenance import (
    backfill_days,
    compact_tables_every_hour,
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
    own_model_sensor,
    retrain_delay_model,
    retrain_every_week,
    train_delay_model,
)
from flight_assets.automation.retention import prune_every_night, prune_history
from flight_assets.automation.schedules import (
    load_dimensions,
    process_every_minute,
    process_flights,
    process_in_parts,
)
from flight_assets.checks.nightly import check_every_night, check_warehouse
from flight_assets.settings import Settings, get_settings

kafka_flight_events = AssetSpec(
    "kafka_flight_events",
    description=(
        "One message per thing that happened to a flight: the topic that producers write to. Not made here."
    ),
    group_name="sources",
    kinds={"kafka"},
    owners=OWNERS,
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
            *(complex_events, current_forecasts),
            *(hdfs_archive, warehouse_files, raw_files, table_files),
            *dashboard_pages,
        ],
        jobs=[
            *(process_flights, load_dimensions, prune_history, check_warehouse),
            *process_in_parts,
            *(train_delay_model, retrain_delay_model, monitor_delay_model),
            *(archive_flights, verify_archive, restore_archive, expire_archives),
            find_events,
            *(update_rollups, maintain_day, maintain_tables, backfill_days),
        ],
        schedules=[
            *(process_every_minute, prune_every_night, check_every_night),
            *(monitor_every_hour, retrain_every_week),
            *(
                update_rollups_often,
                compact_tables_every_hour,
                maintain_days_every_night,
                maintain_tables_every_night,
            ),
        ],
        sensors=[
            watch,
            process_backlog,
            drift_sensor,
            own_model_sensor,
            mongo_size_sensor,
            events_sensor,
        ],
        resources={"pipeline": PipelineResource(spark=spark)},
        # One process for all steps of a run: they share the lease and the Spark session, and start in a tenth
        # of the time.
        executor=in_process_executor,
    )


defs = build_defs(get_settings())
