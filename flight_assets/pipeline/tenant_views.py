"""Views of one tenant over the warehouse, in a database of its own, for clients that speak SQL.

They show the tenant's flights only. They are no protection: a client that may read them may read the tables.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from flight_assets.archive.files import UNITED
from flight_assets.contracts.tables import (
    DIM_AIRLINE,
    DIM_AIRPORT,
    FACT,
    FLIGHTS_DAILY,
    FLIGHTS_HOURLY,
    PREDICTIONS,
    STAGING,
)

if TYPE_CHECKING:
    from flight_assets.stores.warehouse import Warehouse

OF_AIRLINES = (STAGING.name, FACT.name, UNITED, FLIGHTS_HOURLY.name, FLIGHTS_DAILY.name)
WHOLE = (DIM_AIRLINE.name, DIM_AIRPORT.name)
_HASH_CHARACTERS = 8


def database_of(warehouse_database: str, tenant: str) -> str:
    """Return the name of a tenant's database, such as ``flight_dw_tenant_united``.

    Hive allows no hyphen in it. A name with one gets a hash, so that two tenants never share a database.
    """
    plain = tenant.replace("-", "_")
    mark = f"_{sha256(tenant.encode()).hexdigest()[:_HASH_CHARACTERS]}" if plain != tenant else ""
    return f"{warehouse_database}_tenant_{plain}{mark}"


def create(warehouse: Warehouse, tenant: str, condition: str) -> tuple[str, list[str]]:
    """Create a tenant's views, or replace them. Return the database and the names of the views.

    ``condition``: SQL on the column ``airline`` that holds for the tenant's flights.
    """
    source, own = warehouse.database, database_of(warehouse.database, tenant)
    flights = f"SELECT flight_id FROM {source}.{STAGING.name} WHERE {condition}"  # noqa: S608 - names of the contract, and codes
    conditions = {
        **dict.fromkeys(OF_AIRLINES, condition),
        **dict.fromkeys(WHOLE, "TRUE"),
        PREDICTIONS.name: f"flight_id IN ({flights})",
    }
    warehouse.spark.sql(f"CREATE DATABASE IF NOT EXISTS {own}").collect()
    for name, each in conditions.items():
        statement = f"CREATE OR REPLACE VIEW {own}.{name} AS SELECT * FROM {source}.{name} WHERE {each}"  # noqa: S608 - as above
        warehouse.spark.sql(statement).collect()
    return own, sorted(conditions)


def drop(warehouse: Warehouse, tenant: str) -> bool:
    """Drop a tenant's database of views. Return False if there is none."""
    own = database_of(warehouse.database, tenant)
    is_there = bool(warehouse.spark.sql(f"SHOW DATABASES LIKE '{own}'").collect())
    warehouse.spark.sql(f"DROP DATABASE IF EXISTS {own} CASCADE").collect()
    return is_there
