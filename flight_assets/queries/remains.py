"""Rows of a tenant's airlines that stay in each store after the tenant is deleted, and until when."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flight_assets.contracts.tables import FACT, STAGING, Table
from flight_assets.queries.filters import Filters
from flight_assets.stores import mongo
from flight_assets.stores.warehouse import open_warehouse

if TYPE_CHECKING:
    from flight_assets.settings import Settings
    from flight_assets.tenancy import Scope


def remains_of(settings: Settings, scope: Scope) -> list[tuple[str, int, str]]:
    """Return (place, rows, until when) for MongoDB and the warehouse. Raises StoreUnavailable."""
    filters = Filters(scope=scope)
    with mongo.database(settings) as db:
        hot = db[mongo.FLIGHTS].count_documents(filters.mongo())
    warehouse = open_warehouse(settings)

    def count(table: Table) -> int:
        return int(warehouse.read(table).where(filters.sql()).count())

    return [
        ("MongoDB", hot, "until they are archived"),
        ("staged events", count(STAGING), "for good"),
        ("fact table", count(FACT), "for good"),
    ]
