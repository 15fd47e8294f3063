"""Tables of reference data: the message contract, airlines, airports."""

from __future__ import annotations

from flight_assets.contracts.tables.schema import Column, Table

SCHEMA_METADATA = Table(
    name="schema_metadata",
    grain="field of a version of the message contract",
    key=("schema_version", "field"),
    columns=(
        Column("schema_version", "INT", "version of the message contract"),
        Column("field", "STRING", "name of the field; weather’s own fields as weather.<name>"),
        Column("type", "STRING", "JSON type"),
        Column("unit", "STRING", "unit of the value"),
        Column("required", "BOOLEAN", "whether a message without it is rejected"),
        Column("description", "STRING", "meaning"),
        Column("since", "DATE", "day from which messages of this version are taken"),
        Column("since_version", "INT", "version that brought the field"),
    ),
)
_VERSION = Column("version", "STRING", "fingerprint of the whole table's content; every row has the same")

_PERIOD = (
    Column("country", "STRING", "country, ISO 3166-1, two letters"),
    Column("since", "DATE", "first day on which the code means this row; null = always before"),
    Column("until", "DATE", "last day on which the code means this row; null = still"),
    Column(
        "origin",
        "STRING",
        "packaged = of the installed reference data, user = added with `flights reference`",
    ),
)

DIM_AIRLINE = Table(
    name="dim_airline",
    grain="airline code and period in which it means the same airline",
    key=("code", "since"),
    columns=(
        Column("code", "STRING", "IATA carrier code"),
        Column("name", "STRING", "name"),
        _VERSION,
        Column("icao", "STRING", "ICAO carrier code, where known"),
        *_PERIOD,
    ),
)

DIM_AIRPORT = Table(
    name="dim_airport",
    grain="airport code and period in which it means the same airport",
    key=("code", "since"),
    columns=(
        Column("code", "STRING", "IATA airport code; the ICAO code of an airport without one"),
        Column("name", "STRING", "name"),
        Column("city", "STRING", "city, where known"),
        Column("state", "STRING", "state, where known"),
        Column("latitude", "DOUBLE", "latitude", "degrees north"),
        Column("longitude", "DOUBLE", "longitude", "degrees east"),
        Column("time_zone", "STRING", "IANA time zone"),
        _VERSION,
        Column("icao", "STRING", "ICAO airport code, where known"),
        *_PERIOD,
    ),
)
