"""How a document of the hot store and a row of an archive map onto each other. An archived row has the columns of the fact table."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from flight_assets.contracts.message import WEATHER_FIELDS
from flight_assets.contracts.tables import FACT, PREDICTED_COLUMNS, Column

if TYPE_CHECKING:
    import pyarrow as pa

Document = dict[str, Any]

WEATHER = tuple(field.name for field in WEATHER_FIELDS)
# Of a document's own fields; the others are in its objects `prediction` and `version`.
PLAIN = tuple(column for column in FACT.columns if column.name not in (*PREDICTED_COLUMNS, "kafka_offset"))
PREDICTED = tuple(column for column in FACT.columns if column.name in PREDICTED_COLUMNS)

_BSON_TYPES = {
    "STRING": "string",
    "DATE": "string",
    "INT": "int",
    "BIGINT": ["int", "long"],
    "DOUBLE": "double",
    "BOOLEAN": "bool",
    "TIMESTAMP": "date",
}
_ISO_DATE = r"^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$"
_NEEDED = ("_id", "flight_id", "event_id", "flight_date", "processing_date", "ingestion_timestamp", "batch_id", "version")


def archivable_schema() -> Document:
    """The ``$jsonSchema`` of documents that an archive can hold without losing anything; others stay hot, and are counted.

    They have no field that the contract does not know, and each of them has the contract's type or is null.
    """
    properties: Document = {column.name: _bson_property(column) for column in PLAIN}
    properties["weather"] = _closed_object({name: {"bsonType": ["double", "null"]} for name in WEATHER}) | {"bsonType": ["object", "null"]}
    properties["prediction"] = _closed_object({column.name: _bson_property(column) for column in PREDICTED}) | {
        "bsonType": ["object", "null"]
    }
    version = {name: {"bsonType": ["int", "long"]} for name in ("timestamp_us", "kafka_offset")}
    properties["version"] = _closed_object(version) | {"required": list(version)}
    return _closed_object(properties | {"_id": {"bsonType": "string"}, "restored": {}}) | {"required": list(_NEEDED)}


def _closed_object(properties: Document) -> Document:
    return {"bsonType": "object", "properties": properties, "additionalProperties": False}


def _bson_property(column: Column) -> Document:
    types = _BSON_TYPES.get(column.type, "object")
    allowed = types if isinstance(types, list) else [types]
    found: Document = {"bsonType": allowed if column.name in _NEEDED else [*allowed, "null"]}
    return found | ({"pattern": _ISO_DATE} if column.type == "DATE" else {})


def _arrow_type(column: Column) -> pa.DataType:
    import pyarrow as pa

    if column.name == "weather":
        return pa.struct([(name, pa.float64()) for name in WEATHER])
    types = {
        "STRING": pa.string(), "DATE": pa.string(), "INT": pa.int32(), "BIGINT": pa.int64(), "DOUBLE": pa.float64(), "BOOLEAN": pa.bool_(),
        "TIMESTAMP": pa.timestamp("ms", tz="UTC"),
    }  # fmt: skip
    return types[column.type]


def read_table(collection: Any, query: Document) -> pa.Table:  # noqa: ANN401 - pymongo's generic type
    """The documents that match, as rows of the fact table; read column by column, without a Python object per document."""
    import pyarrow as pa

    with warnings.catch_warnings():
        # Its wheel warns that pyarrow's objects have grown since; they only ever grow at their end.
        warnings.simplefilter("ignore", RuntimeWarning)
        from pymongoarrow.api import Schema, find_arrow_all

    fields: dict[str, pa.DataType] = {column.name: _arrow_type(column) for column in PLAIN}
    fields["prediction"] = pa.struct([(column.name, _arrow_type(column)) for column in PREDICTED])
    fields["version"] = pa.struct([("timestamp_us", pa.int64()), ("kafka_offset", pa.int64())])
    return _as_rows(find_arrow_all(collection, query, schema=Schema(fields)))


def _as_rows(documents: pa.Table) -> pa.Table:
    """Flatten the objects and give dates and times their types. The event's time comes from the version, which has whole microseconds."""
    import pyarrow as pa
    import pyarrow.compute as pc

    made = {}
    for column in FACT.columns:
        if column.name in PREDICTED_COLUMNS:
            made[column.name] = pc.struct_field(documents["prediction"], column.name)
        elif column.name == "kafka_offset":
            made[column.name] = pc.struct_field(documents["version"], "kafka_offset")
        elif column.name == "timestamp":
            made[column.name] = pc.struct_field(documents["version"], "timestamp_us").cast(pa.timestamp("us", tz="UTC"))
        elif column.type == "TIMESTAMP":
            made[column.name] = documents[column.name].cast(pa.timestamp("us", tz="UTC"))
        elif column.type == "DATE":
            made[column.name] = documents[column.name].cast(pa.date32())
        else:
            made[column.name] = documents[column.name]
    return pa.table(made)


def spark_schema() -> str:
    """The columns of an archived row with their Spark SQL types."""
    return ", ".join(f"{column.name} {column.type}" for column in FACT.columns)
