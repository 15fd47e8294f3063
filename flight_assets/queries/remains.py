"""Rows of a tenant's airlines that stay in each store after the tenant is deleted, and until when."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flight_assets.archive.files import VIEW
from flight_assets.contracts.tables import (
    COMPLEX_EVENTS,
    FACT,
    FLIGHTS_DAILY,
    FLIGHTS_HOURLY,
    PREDICTIONS,
    STAGING,
)
from flight_assets.queries.filters import Filters
from flight_assets.stores import mongo
from flight_assets.stores.warehouse import open_warehouse

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from flight_assets.settings import Settings
    from flight_assets.tenancy import Scope

FOR_GOOD = "for good"


def remains_of(settings: Settings, scope: Scope) -> list[tuple[str, int | None, str]]:
    """Return (place, rows, until when) for each store that has flights of a scope.

    Rows are None where a message's airline is known only after it is read. Raises StoreUnavailable.
    """
    filters = Filters(scope=scope)
    with mongo.database(settings) as db:
        hot = db[mongo.FLIGHTS].count_documents(filters.mongo())
    warehouse = open_warehouse(settings)

    def count(frame: DataFrame) -> int:
        return int(frame.where(filters.sql()).count())

    staged = warehouse.read(STAGING)
    flights = staged.where(filters.sql()).select("flight_id").distinct()
    predicted = warehouse.read(PREDICTIONS).join(flights, "flight_id", "left_semi")
    days = settings.archive_retention_days
    return [
        ("MongoDB", hot, "until they are archived"),
        ("staged events", count(staged), FOR_GOOD),
        ("predictions", int(predicted.count()), FOR_GOOD),
        ("fact table", count(warehouse.read(FACT)), FOR_GOOD),
        (
            "sums by hour and day",
            sum(count(warehouse.read(each)) for each in (FLIGHTS_HOURLY, FLIGHTS_DAILY)),
            FOR_GOOD,
        ),
        ("complex events", count(warehouse.read(COMPLEX_EVENTS)), FOR_GOOD),
        (
            "archives",
            count(warehouse.spark.table(f"{warehouse.database}.{VIEW}")),
            f"until they are {days} days old and `flights archive expire` runs" if days else FOR_GOOD,
        ),
        ("raw messages in HDFS and quarantine", None, FOR_GOOD),
        ("messages in Kafka", None, f"for {settings.kafka_retention_days} days"),
        ("cached answers in Redis", None, "for 5 minutes"),
    ]
