"""Airlines, airports and the versions of the message contract: into the warehouse, and the dimensions into Redis as well.

In Redis, ``dim:airline:<code>`` and ``dim:airport:<code>`` are hashes with a row's columns (a null is left out), ``dim:airline:codes`` and
``dim:airport:codes`` are the sets of codes, and ``dim:airline`` and ``dim:airport`` are hashes with the ``version`` and number of ``rows``.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

from flight_assets.contracts import dimensions
from flight_assets.contracts.message import SCHEMA_VERSIONS, TAKEN_SINCE, WEATHER_FIELDS, fields_of
from flight_assets.contracts.tables import DIM_AIRLINE, DIM_AIRPORT, SCHEMA_METADATA, Table
from flight_assets.errors import StoreUnavailable
from flight_assets.stores import redis

if TYPE_CHECKING:
    import pandas as pd

    from flight_assets.settings import Settings
    from flight_assets.stores.warehouse import Warehouse

SOURCES = {DIM_AIRLINE.name: dimensions.airlines, DIM_AIRPORT.name: dimensions.airports}
VERSION_DIGITS = 12


def source_rows(table: Table) -> pd.DataFrame:
    """The rows that a dimension should have, in the order of its columns; ``version`` is the same in each."""
    rows = SOURCES[table.name]()
    return rows.assign(version=fingerprint(rows))[list(table.column_names)]


def fingerprint(rows: pd.DataFrame) -> str:
    """A version that is the same for the same content: the start of the SHA-256 of the rows as CSV."""
    return sha256(rows.to_csv(index=False, lineterminator="\n").encode()).hexdigest()[:VERSION_DIGITS]


def load(house: Warehouse, table: Table) -> tuple[int, bool]:
    """Make a dimension equal to its source, in one commit. Returns its number of rows, and whether anything had to be written.

    Delta keeps the versions before (``VERSION AS OF``); a row's ``version`` says which one it is of.
    """
    source = source_rows(table)
    return len(source), _make_equal(house, table, [tuple(row) for row in source.itertuples(index=False)])


def load_contract(house: Warehouse) -> bool:
    """Make ``schema_metadata`` equal to the message contract: one row per version and field. Returns whether it had to be written."""
    rows = [
        (version, f"{group}{field.name}", field.json_type, field.unit, field.required, field.description, TAKEN_SINCE[version], field.since)
        for version in SCHEMA_VERSIONS
        for group, fields in (("", fields_of(version)), ("weather.", WEATHER_FIELDS))
        for field in fields
    ]
    return _make_equal(house, SCHEMA_METADATA, rows)


def _make_equal(house: Warehouse, table: Table, rows: list[tuple[Any, ...]]) -> bool:
    wanted = house.rows(table, [dict(zip(table.column_names, row, strict=True)) for row in rows])
    present = house.read(table).select(*table.column_names)
    is_same = present.count() == len(rows) and wanted.exceptAll(present).isEmpty()
    if not is_same:
        house.replace(wanted, table)
    return not is_same


def publish(settings: Settings, table: Table) -> bool:
    """Make a dimension in Redis equal to its source, all at once. Returns whether anything had to be written.

    Raises:
        StoreUnavailable: Redis does not answer.
    """
    from redis.exceptions import ConnectionError as Disconnected
    from redis.exceptions import TimeoutError as TimedOut

    rows = source_rows(table)
    prefix = _prefix(table)
    wanted = {"version": rows["version"].iloc[0], "rows": str(len(rows))}
    try:
        with redis.connect(settings) as client:
            if client.hgetall(prefix) == wanted:
                return False
            gone = client.smembers(f"{prefix}:codes") - set(rows["code"])
            with client.pipeline(transaction=True) as together:
                together.delete(f"{prefix}:codes", *(f"{prefix}:{code}" for code in gone | set(rows["code"])))
                for row in rows.to_dict("records"):
                    present = {name: str(value) for name, value in row.items() if value is not None}
                    together.hset(f"{prefix}:{row['code']}", mapping=present)
                together.sadd(f"{prefix}:codes", *rows["code"])
                together.hset(prefix, mapping=wanted)
                together.execute()
    except (Disconnected, TimedOut) as error:
        address = settings.redis_url.rsplit("@", 1)[-1]
        raise StoreUnavailable("Redis", address, f"see `flights status` and `flights logs redis` ({error})") from error
    return True


def look_up(settings: Settings, table: Table, code: str) -> dict[str, str]:
    """A row of a dimension from Redis, values as text; empty if there is no such code."""
    with redis.connect(settings) as client:
        return dict(client.hgetall(f"{_prefix(table)}:{code}"))


def _prefix(table: Table) -> str:
    return table.name.replace("dim_", "dim:")
