"""Write airlines, airports and the message contract to the warehouse, and the two dimensions also to Redis.

The warehouse's tables hold the packaged rows and those a user added (``origin`` is ``user``), which survive
every upgrade. In Redis, ``dim:airline`` and ``dim:airport`` are hashes from a code to its newest row as JSON,
and ``dim:versions`` names the version of each.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from datetime import date, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from zoneinfo import available_timezones

import msgspec
import pandas as pd

from flight_assets.contracts import dimensions
from flight_assets.contracts.message import SCHEMA_VERSIONS, TAKEN_SINCE, WEATHER_FIELDS, fields_of
from flight_assets.contracts.reference import USER, Reference
from flight_assets.contracts.tables import DIM_AIRLINE, DIM_AIRPORT, SCHEMA_METADATA, Table
from flight_assets.errors import FlightsError, StoreUnavailable
from flight_assets.stores import redis

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from redis import Redis

    from flight_assets.contracts.message import Field
    from flight_assets.settings import Settings
    from flight_assets.stores.warehouse import TableFiles, Warehouse

PACKAGED_ROWS = {DIM_AIRLINE.name: dimensions.airline_rows, DIM_AIRPORT.name: dimensions.airport_rows}
VERSION_DIGITS = 12
_PERIOD = ["code", "icao", "since", "until", "origin"]
_REFERENCE_COLUMNS = {
    DIM_AIRLINE.name: _PERIOD,
    DIM_AIRPORT.name: [*_PERIOD, "time_zone", "latitude", "longitude"],
}
VERSIONS = "dim:versions"
Row = dict[str, Any]


def rows_with(table: Table, users: Iterable[Row]) -> pd.DataFrame:
    """Return the rows of a dimension: packaged ones, replaced by a user's of the same code and beginning.

    The columns are the table's, in order; ``version`` is the same in each row.
    """
    packaged = PACKAGED_ROWS[table.name]()
    names = [name for name in table.column_names if name != "version"]
    added = pd.DataFrame(
        [{name: row.get(name) for name in names} for row in users], columns=names, dtype=object
    )
    both = (
        pd.concat([packaged[names].astype(object), added], ignore_index=True)
        if len(added)
        else packaged[names]
    )
    rows = both.drop_duplicates(list(table.key), keep="last").reset_index(drop=True)
    return rows.assign(version=fingerprint(rows))[list(table.column_names)]


def fingerprint(rows: pd.DataFrame) -> str:
    """Return a version that is the same for the same content: the start of the SHA-256 of the rows as CSV."""
    return sha256(rows.to_csv(index=False, lineterminator="\n").encode()).hexdigest()[:VERSION_DIGITS]


def users_rows(warehouse: Warehouse, table: Table) -> list[Row]:
    """Return the rows of a dimension that a user added."""
    found = warehouse.read(table).where(f"origin = '{USER}'").select(*table.column_names)
    return [row.asDict() for row in found.collect()]


def rows_of(warehouse: Warehouse, code: str) -> list[Row]:
    """Return the rows of both dimensions that have this IATA or ICAO code, oldest first.

    ``kind`` is airline or airport.
    """
    found = []
    for table in (DIM_AIRLINE, DIM_AIRPORT):
        known = warehouse.read(table)
        rows = known.where((known["code"] == code) | (known["icao"] == code)).collect()
        found += [{"kind": table.name.removeprefix("dim_"), **row.asDict()} for row in rows]
    return sorted(found, key=lambda row: (row["kind"], str(row["since"] or "")))


def checked_row(table: Table, values: Mapping[str, Any]) -> Row:
    """Return a user's row of a dimension from texts or values by column.

    A later row of the same code and beginning replaces it.

    Raises:
        FlightsError: a column is not the table's, or a value is missing or cannot be right.
    """
    row = {name: value for name, value in values.items() if value not in (None, "")}
    unknown = set(row) - set(table.column_names) | set(row) & {"version"}
    if unknown:
        raise FlightsError(
            f"{table.name} has no column {', '.join(sorted(unknown))}: it has {', '.join(table.column_names)}"
        )
    row["code"] = str(row.get("code", "")).upper()
    if not re.fullmatch(_CODES[table.name], row["code"]):
        raise FlightsError(f"{row['code'] or 'nothing'} is no code of an {table.name.removeprefix('dim_')}")
    if "icao" in row:
        row["icao"] = str(row["icao"]).upper()
    for name in ("since", "until"):
        row[name] = _date(row.get(name), f"{name} of {row['code']}")
    if table is DIM_AIRPORT:
        row |= _place(row)
    if "name" not in row:
        raise FlightsError(f"{row['code']} has no name: give it one")
    return row | {"origin": USER}


_CODES = {DIM_AIRLINE.name: "[A-Z0-9]{2}|[A-Z]{3}", DIM_AIRPORT.name: "[A-Z]{3}|[A-Z][A-Z0-9]{3}"}


def _date(value: object, what: str) -> date | None:
    if isinstance(value, datetime):
        return value.date()
    try:
        return date.fromisoformat(str(value)) if value else None
    except ValueError as error:
        raise FlightsError(f"the {what} is no date: write it as 2026-01-31") from error


def _place(row: Row) -> Row:
    """Return place and zone of an airport. Local times and distances need them."""
    try:
        place = {name: float(row[name]) for name in ("latitude", "longitude")}
    except (KeyError, ValueError) as error:
        raise FlightsError(f"airport {row['code']} needs latitude and longitude in degrees") from error
    if row.get("time_zone") not in available_timezones():
        raise FlightsError(f"airport {row['code']} needs an IANA time zone, such as Europe/Berlin")
    return place


def load(warehouse: Warehouse, table: Table, added: Iterable[Row] = ()) -> tuple[pd.DataFrame, bool]:
    """Make a dimension equal to the packaged rows, the user's, and those ``added`` now, in one commit.

    Returns its rows, and whether anything had to be written. Delta keeps the versions before (``VERSION AS
    OF``); a row's ``version`` says which one it is of.
    """
    rows = rows_with(table, [*users_rows(warehouse, table), *({**row, "origin": USER} for row in added)])
    return rows, _make_equal(warehouse, table, [tuple(row) for row in rows.itertuples(index=False)])


def read_reference(warehouse: TableFiles) -> Reference:
    """Return the warehouse's airlines and airports, a user's additions included, for checks and loaders.

    Reads the tables' files without Spark.
    """
    logs = {table.name: warehouse.log(table) for table in (DIM_AIRLINE, DIM_AIRPORT)}
    airlines, airports = (
        log.read(log.snapshot(), _REFERENCE_COLUMNS[name]).to_pylist() for name, log in logs.items()
    )
    return Reference.from_rows(airlines, airports)


def present_reference(settings: Settings) -> Reference:
    """Return the packaged reference with a user's additions as Redis has them.

    Without them where Redis does not answer.
    For programs that need no Spark: a loader tells the user which codes it does not know.
    """
    rows: dict[str, list[Row]] = {}
    for table in (DIM_AIRLINE, DIM_AIRPORT):
        packaged = PACKAGED_ROWS[table.name]().to_dict("records")
        try:
            added = [row for row in look_up(settings, table).values() if row["origin"] == USER]
        except StoreUnavailable:
            added = []
        for row in added:
            row |= {end: date.fromisoformat(row[end]) if row[end] else None for end in ("since", "until")}
        rows[table.name] = [*packaged, *added]
    return Reference.from_rows(rows[DIM_AIRLINE.name], rows[DIM_AIRPORT.name])


def load_contract(warehouse: Warehouse) -> bool:
    """Make ``schema_metadata`` equal to the message contract: one row per version and field.

    Returns whether it had to be written.
    """
    rows = [
        (
            version,
            f"{group}{field.name}",
            field.json_type,
            field.unit,
            field.required,
            field.description,
            TAKEN_SINCE[version],
            field.since,
        )
        for version in SCHEMA_VERSIONS
        for group, fields in _groups(version)
        for field in fields
    ]
    return _make_equal(warehouse, SCHEMA_METADATA, rows)


def _groups(version: int) -> Iterator[tuple[str, tuple[Field, ...]]]:
    """Yield the fields of a version, and those of each of its objects with the object's name before them."""
    yield "", fields_of(version)
    for field in fields_of(version):
        if field.json_type == "object":
            yield f"{field.name}.", WEATHER_FIELDS


def _make_equal(warehouse: Warehouse, table: Table, rows: list[tuple[Any, ...]]) -> bool:
    wanted = warehouse.rows(table, [dict(zip(table.column_names, row, strict=True)) for row in rows])
    present = warehouse.read(table).select(*table.column_names)
    is_same = present.count() == len(rows) and wanted.exceptAll(present).isEmpty()
    if not is_same:
        warehouse.replace(wanted, table)
    return not is_same


def publish(settings: Settings, table: Table, rows: pd.DataFrame | None = None) -> bool:
    """Make a dimension in Redis equal to these rows (the packaged ones by default), all at once.

    Returns whether it wrote anything.

    Raises:
        StoreUnavailable: Redis does not answer.
    """
    wanted = rows_with(table, ()) if rows is None else rows
    version = str(wanted["version"].iloc[0])
    with _redis(settings) as client:
        if client.hget(VERSIONS, _key(table)) == version:
            return False
        newest = dimensions.newest(wanted).to_dict("records")
        texts = {row["code"]: msgspec.json.encode(row).decode() for row in newest}
        # Older versions of the platform kept one key per code in Redis.
        old = list(client.scan_iter(f"{_key(table)}:*", count=1_000))
        with client.pipeline(transaction=True) as together:
            together.delete(_key(table), *old)
            together.hset(_key(table), mapping=texts)
            together.hset(VERSIONS, _key(table), version)
            together.execute()
    return True


def look_up(settings: Settings, table: Table, codes: Iterable[str] | None = None) -> dict[str, Row]:
    """Return the newest row of each of these codes, or of all codes, from Redis.

    Codes that it does not have are missing.

    Raises:
        StoreUnavailable: Redis does not answer.
    """
    with _redis(settings) as client:
        if codes is None:
            return {
                str(code): msgspec.json.decode(text) for code, text in client.hgetall(_key(table)).items()
            }
        wanted = list(codes)
        texts = client.hmget(_key(table), wanted) if wanted else []
    return {
        code: msgspec.json.decode(text) for code, text in zip(wanted, texts, strict=True) if text is not None
    }


def _key(table: Table) -> str:
    return table.name.replace("dim_", "dim:")


@contextmanager
def _redis(settings: Settings) -> Iterator[Redis]:
    """Yield a connection to Redis that reports a server which does not answer as StoreUnavailable."""
    from redis.exceptions import ConnectionError as Disconnected
    from redis.exceptions import TimeoutError as TimedOut

    try:
        with redis.connect(settings) as client:
            yield client
    except (Disconnected, TimedOut) as error:
        address = settings.redis_url.rsplit("@", 1)[-1]
        raise StoreUnavailable(
            "Redis", address, f"see `flights status` and `flights logs redis` ({error})"
        ) from error
