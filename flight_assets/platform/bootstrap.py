"""Creation of what the first batch needs: topic, tables, dimensions, collection. Idempotent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flight_assets.archive.files import create_views
from flight_assets.contracts.tables import DIM_AIRLINE, DIM_AIRPORT
from flight_assets.pipeline import event_dedup
from flight_assets.provenance import Ledger
from flight_assets.stores import dimensions, kafka, mongo
from flight_assets.stores.hdfs import Hdfs
from flight_assets.stores.warehouse import open_warehouse

if TYPE_CHECKING:
    from collections.abc import Callable

    from flight_assets.settings import Settings


def bootstrap(settings: Settings, say: Callable[[str], None]) -> None:
    """Create what is missing in each store.

    This is also what warms Spark: its first statements cost most of their time once.
    """
    kafka.ensure_topic(
        settings, settings.kafka_topic, settings.kafka_partitions, settings.kafka_retention_days
    )
    for warning in kafka.topic_warnings(settings):
        say(f"warning: {warning}")
    mongo.ensure_collection(settings)
    warehouse = open_warehouse(settings)
    warehouse.create_tables()
    event_dedup.fill_once(warehouse, Ledger(Hdfs(settings)).last_done("staged_events") + 1)
    create_views(warehouse, settings)
    say(f"tables of {settings.warehouse_database} are there")
    for table in (DIM_AIRLINE, DIM_AIRPORT):
        rows, changed = dimensions.load(warehouse, table)
        in_redis = dimensions.publish(settings, table, rows)
        say(
            f"{table.name}: {len(rows)}"
            f" rows{', written' if changed else ''}{', published to Redis' if in_redis else ''}"
        )
    dimensions.load_contract(warehouse)
