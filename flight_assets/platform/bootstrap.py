"""What must exist before the first batch: topic, tables, dimensions, collection. All of it idempotent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flight_assets.archive.files import create_views
from flight_assets.contracts.tables import DIM_AIRLINE, DIM_AIRPORT
from flight_assets.provenance import Ledger
from flight_assets.stores import dimensions, kafka, mongo, staged_ids, warehouse
from flight_assets.stores.hdfs import Hdfs

if TYPE_CHECKING:
    from collections.abc import Callable

    from flight_assets.settings import Settings


def bootstrap(settings: Settings, say: Callable[[str], None]) -> None:
    """Create what is missing in each store. This is also what warms Spark: its first statements cost most of their time once."""
    kafka.ensure_topic(settings, settings.kafka_topic, settings.kafka_partitions, settings.kafka_retention_days)
    for warning in kafka.topic_warnings(settings):
        say(f"warning: {warning}")
    mongo.ensure_collection(settings)
    house = warehouse.open_warehouse(settings)
    house.create_tables()
    staged_ids.fill_once(house, Ledger(Hdfs(settings)).last_done("staged_events") + 1)
    create_views(house, settings)
    say(f"tables of {settings.warehouse_database} are there")
    for table in (DIM_AIRLINE, DIM_AIRPORT):
        rows, changed = dimensions.load(house, table)
        in_redis = dimensions.publish(settings, table)
        say(f"{table.name}: {rows} rows{', written' if changed else ''}{', published to Redis' if in_redis else ''}")
    dimensions.load_contract(house)
