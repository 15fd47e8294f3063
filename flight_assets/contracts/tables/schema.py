"""Form of a table: columns, key, partitions, and the same as an Arrow schema."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flight_assets.contracts.message import WEATHER_FIELDS

if TYPE_CHECKING:
    import pyarrow as pa

WEATHER_TYPE = "STRUCT<" + ", ".join(f"{field.name}: DOUBLE" for field in WEATHER_FIELDS) + ">"


@dataclass(frozen=True)
class Column:
    """Column: name, Spark SQL type, what it holds, and its unit."""

    name: str
    type: str
    description: str
    unit: str = ""


@dataclass(frozen=True)
class Table:
    """Table of the warehouse. ``grain`` completes the sentence 'one row per …'; ``key`` is unique."""

    name: str
    grain: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    partitioned_by: tuple[str, ...] = ()
    # Columns whose least and greatest value Delta keeps per file, so that a condition on them skips files.
    skipped_by: tuple[str, ...] = ()

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names of the columns, in order."""
        return tuple(column.name for column in self.columns)


# Order of events: the greater is the newer.
EVENT_ORDER_TYPE = (
    "STRUCT<timestamp: TIMESTAMP, ingestion_timestamp: TIMESTAMP, kafka_partition: INT, kafka_offset: BIGINT>"
)
OFFSETS_TYPE = "MAP<STRING, STRUCT<first: BIGINT, last: BIGINT>>"


def arrow_schema(table: Table) -> pa.Schema:
    """Return the columns of a table as Arrow has them, times in UTC.

    Raises KeyError for a type that none of our rows has.
    """
    import pyarrow as pa

    time = pa.timestamp("us", "UTC")
    types = {
        "STRING": pa.string(),
        "INT": pa.int32(),
        "BIGINT": pa.int64(),
        "DOUBLE": pa.float64(),
        "BOOLEAN": pa.bool_(),
        "DATE": pa.date32(),
        "TIMESTAMP": time,
        "BINARY": pa.binary(),
        "ARRAY<STRING>": pa.list_(pa.string()),
        "MAP<STRING, STRING>": pa.map_(pa.string(), pa.string()),
        "MAP<STRING, BIGINT>": pa.map_(pa.string(), pa.int64()),
        "MAP<STRING, DOUBLE>": pa.map_(pa.string(), pa.float64()),
        OFFSETS_TYPE: pa.map_(pa.string(), pa.struct([("first", pa.int64()), ("last", pa.int64())])),
        EVENT_ORDER_TYPE: pa.struct(
            [
                ("timestamp", time),
                ("ingestion_timestamp", time),
                ("kafka_partition", pa.int32()),
                ("kafka_offset", pa.int64()),
            ]
        ),
        WEATHER_TYPE: pa.struct([(field.name, pa.float64()) for field in WEATHER_FIELDS]),
    }
    return pa.schema([(column.name, types[column.type]) for column in table.columns])
