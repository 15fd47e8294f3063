"""What must exist before the first batch: topic, tables, dimensions, collection. All of it idempotent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flight_assets.archive.files import create_views
from flight_assets.contracts.message import MESSAGE_FIELDS, SCHEMA_VERSION
from flight_assets.contracts.tables import DIM_AIRLINE, DIM_AIRPORT, SCHEMA_METADATA
from flight_assets.stores import dimensions, kafka, mongo, warehouse

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyspark.sql import DataFrame

    from flight_assets.settings import Settings


def bootstrap(settings: Settings, say: Callable[[str], None]) -> None:
    """Create what is missing in each store. This is also what warms Spark: its first statements cost most of their time once."""
    kafka.ensure_topic(settings, settings.kafka_topic, settings.kafka_partitions, settings.kafka_retention_days)
    mongo.ensure_collection(settings)
    house = warehouse.open_warehouse(settings)
    house.create_tables()
    create_views(house, settings)
    say(f"tables of {settings.warehouse_database} are there")
    for table in (DIM_AIRLINE, DIM_AIRPORT):
        rows, changed = dimensions.load(house, table)
        say(f"{table.name}: {rows} rows{', written' if changed else ''}")
    if house.read(SCHEMA_METADATA).where(f"schema_version = {SCHEMA_VERSION}").isEmpty():
        house.replace(_contract_rows(house), SCHEMA_METADATA)


def _contract_rows(house: warehouse.Warehouse) -> DataFrame:
    rows = [(SCHEMA_VERSION, field.name, field.json_type, field.unit, field.required, field.description) for field in MESSAGE_FIELDS]
    return house.spark.createDataFrame(rows, ", ".join(f"{column.name} {column.type}" for column in SCHEMA_METADATA.columns))
