"""Mapping between documents of the hot store and rows of an archive, which are rows of the fact table."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from flight_assets.contracts.message import WEATHER_FIELDS
from flight_assets.contracts.tables import FACT, PREDICTED_COLUMNS, WEATHER_TYPE, Column

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

Document = dict[str, Any]

WEATHER = tuple(field.name for field in WEATHER_FIELDS)
# Columns that are fields of the document itself; others are in its objects `prediction` and `version`.
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
# Columns that archives written by older versions do not have; they are null in their flights.
ADDED_SINCE = {
    *("gate", "flight_suffix", "diverted_to", "source", "low_quality", "destination_weather"),
    *("maker", "domain_mark", "domain_reasons"),
}
_ISO_DATE = r"^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$"
_NEEDED = (
    "_id",
    "flight_id",
    "event_id",
    "flight_date",
    "processing_date",
    "ingestion_timestamp",
    "batch_id",
    "version",
)


def archivable_schema() -> Document:
    """Return the ``$jsonSchema`` of documents that an archive holds without loss.

    Others stay hot and are counted.

    They have no field that the contract does not know, and each of them has the contract's type or is null.
    """
    properties: Document = {column.name: _bson_property(column) for column in PLAIN}
    weather = _closed_object({name: {"bsonType": ["double", "null"]} for name in WEATHER})
    properties |= {
        column.name: weather | {"bsonType": ["object", "null"]}
        for column in PLAIN
        if column.type == WEATHER_TYPE
    }
    properties["prediction"] = _closed_object(
        {column.name: _bson_property(column) for column in PREDICTED}
    ) | {"bsonType": ["object", "null"]}
    version = {name: {"bsonType": ["int", "long"]} for name in ("timestamp_us", "kafka_offset")}
    properties["version"] = _closed_object(version) | {"required": list(version)}
    return _closed_object(properties | {"_id": {"bsonType": "string"}, "restored": {}}) | {
        "required": list(_NEEDED)
    }


def _closed_object(properties: Document) -> Document:
    return {"bsonType": "object", "properties": properties, "additionalProperties": False}


def _bson_property(column: Column) -> Document:
    types = _BSON_TYPES.get(column.type, "object")
    allowed = types if isinstance(types, list) else [types]
    found: Document = {"bsonType": allowed if column.name in _NEEDED else [*allowed, "null"]}
    return found | ({"pattern": _ISO_DATE} if column.type == "DATE" else {})


def _arrow_type(column: Column) -> pa.DataType:
    import pyarrow as pa

    if column.type == WEATHER_TYPE:
        return pa.struct([(name, pa.float64()) for name in WEATHER])
    types = {
        "STRING": pa.string(), "DATE": pa.string(), "INT": pa.int32(), "BIGINT": pa.int64(),
        "DOUBLE": pa.float64(), "BOOLEAN": pa.bool_(),
        "TIMESTAMP": pa.timestamp("ms", tz="UTC"),
    }  # fmt: skip
    return types[column.type]


def pages(collection: Any, query: Document, at_once: int, expected: int) -> Iterator[pa.Table]:  # noqa: ANN401 - pymongo's generic type
    """Yield the matching documents as rows of the fact table, in tables of about ``at_once``.

    A range that was expected to fit one table is read in one go if it does, since sorting by flight costs.
    """
    if expected <= at_once:
        rows = read_table(collection, query, limit=2 * at_once)
        if rows.num_rows < 2 * at_once:
            yield from (rows,) if rows.num_rows else ()
            return
    last = ""
    while (
        rows := read_table(collection, query | {"_id": {"$gt": last}}, limit=at_once, sort=[("_id", 1)])
    ).num_rows:
        yield rows
        last = rows["flight_id"][-1].as_py()


def read_table(collection: Any, query: Document, **find: Any) -> pa.Table:  # noqa: ANN401
    """Return the matching documents as rows of the fact table, read by column without Python objects."""
    import pyarrow as pa

    with warnings.catch_warnings():
        # Its wheel warns that pyarrow's objects have grown since; they only ever grow at their end.
        warnings.simplefilter("ignore", RuntimeWarning)
        from pymongoarrow.api import Schema, find_arrow_all

    fields: dict[str, pa.DataType] = {column.name: _arrow_type(column) for column in PLAIN}
    fields["prediction"] = pa.struct([(column.name, _arrow_type(column)) for column in PREDICTED])
    fields["version"] = pa.struct([("timestamp_us", pa.int64()), ("kafka_offset", pa.int64())])
    # The library reads an object that is null as one whose fields are null.
    is_there = {
        _is_there(column): {"$eq": [{"$type": f"${column.name}"}, "object"]}
        for column in PLAIN
        if column.type == WEATHER_TYPE
    }
    schema = Schema(fields | dict.fromkeys(is_there, pa.bool_()))
    found = find_arrow_all(
        collection, query, schema=schema, projection=dict.fromkeys(fields, 1) | is_there, **find
    )
    return _as_rows(found)


def _is_there(column: Column) -> str:
    return f"{column.name}_is_there"


@dataclass(frozen=True)
class DatePart:
    """Rows of one processing date, sorted by flight, without that column: the file's directory states it."""

    processing_date: date
    rows: pa.Table


def by_date(rows: pa.Table) -> list[DatePart]:
    """Return the rows divided by processing date."""
    import pyarrow.compute as pc

    rows = rows.sort_by("flight_id")
    dates = pc.unique(rows["processing_date"]).to_pylist()
    chosen = [
        (day, rows if len(dates) == 1 else rows.filter(pc.equal(rows["processing_date"], day)))
        for day in sorted(dates)
    ]
    return [DatePart(day, part.drop_columns("processing_date").combine_chunks()) for day, part in chosen]


def date_directory(day: date) -> str:
    """Name of the directory of a processing date's files; Spark takes the column from it."""
    return f"processing_date={day.isoformat()}"


def date_of(path: str) -> date:
    """Return the processing date of a file, from its path below an archive's directory."""
    return date.fromisoformat(path.split("/", 1)[0].split("=", 1)[1])


def file_schema() -> pa.Schema:
    """Return the columns of an archive's files with their Arrow types."""
    import pyarrow as pa

    return pa.schema(
        [(column.name, _row_type(column)) for column in FACT.columns if column.name != "processing_date"]
    )


def _row_type(column: Column) -> pa.DataType:
    import pyarrow as pa

    exact = {"TIMESTAMP": pa.timestamp("us", tz="UTC"), "DATE": pa.date32()}
    return exact.get(column.type) or _arrow_type(column)


def is_of_contract(schema: pa.Schema) -> bool:
    """Return whether a file has the contract's columns with their types.

    A file of an older version lacks those added since.
    """
    wanted = file_schema()
    known = [field for field in wanted if field.name in schema.names]
    missing = set(wanted.names) - set(schema.names)
    return (
        len(known) == len(schema.names)
        and missing <= ADDED_SINCE
        and all(schema.field(field.name).equals(field) for field in known)
    )


def ranges(rows: pa.Table) -> Document:
    """Return the range of ingestion times, flights and flight dates of rows, and their newest batch.

    Times and dates are ISO text.
    """
    import pyarrow.compute as pc

    found: Document = {"last_batch_id": pc.max(rows["batch_id"]).as_py()}
    for name, column in (
        ("ingestion", "ingestion_timestamp"),
        ("flight_id", "flight_id"),
        ("flight_date", "flight_date"),
    ):
        ends = pc.min_max(rows[column]).as_py()
        found |= {f"first_{name}": _text(ends["min"]), f"last_{name}": _text(ends["max"])}
    return found


def _text(value: Any) -> str:  # noqa: ANN401
    return value.isoformat() if isinstance(value, date) else str(value)


def _as_rows(documents: pa.Table) -> pa.Table:
    """Flatten the objects and give dates and times their types.

    The event's time comes from the version, which has whole microseconds.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    made = {}
    for column in FACT.columns:
        if column.name in PREDICTED_COLUMNS:
            made[column.name] = pc.struct_field(documents["prediction"], column.name)
        elif column.name == "kafka_offset":
            made[column.name] = pc.struct_field(documents["version"], "kafka_offset")
        elif column.name == "timestamp":
            made[column.name] = pc.struct_field(documents["version"], "timestamp_us").cast(
                pa.timestamp("us", tz="UTC")
            )
        elif column.type == "TIMESTAMP":
            made[column.name] = documents[column.name].cast(pa.timestamp("us", tz="UTC"))
        elif column.type == "DATE":
            made[column.name] = documents[column.name].cast(pa.date32())
        elif column.type == WEATHER_TYPE:
            nothing = pa.scalar(None, documents[column.name].type)
            made[column.name] = pc.if_else(documents[_is_there(column)], documents[column.name], nothing)
        else:
            made[column.name] = documents[column.name]
    return pa.table(made)


def documents(rows: pa.Table) -> list[Document]:
    """Return the documents of rows of the fact table: ``mongo.document`` in a quarter of the time."""
    values = {column.name: _objects(rows[column.name]) for column in FACT.columns}
    moments, offsets = rows["timestamp"].cast("int64").to_pylist(), values.pop("kafka_offset")
    predictions = [values.pop(name) for name in PREDICTED_COLUMNS]
    model = PREDICTED_COLUMNS.index("model_version")
    made = {
        "_id": values["flight_id"],
        **values,
        "prediction": [
            dict(zip(PREDICTED_COLUMNS, row, strict=True)) if row[model] is not None else None
            for row in zip(*predictions, strict=True)
        ],
        "version": [
            {"timestamp_us": moment, "kafka_offset": offset}
            for moment, offset in zip(moments, offsets, strict=True)
        ],
    }
    return [dict(zip(made, row, strict=True)) for row in zip(*made.values(), strict=True)]


def _objects(column: Any) -> list[Any]:  # noqa: ANN401 - pyarrow's array of any type
    """Return the values as MongoDB takes them.

    Times without a zone are UTC there, and made much faster than others.
    """
    import pyarrow as pa
    import pyarrow.types as types

    if types.is_timestamp(column.type):
        plain = column.cast(pa.timestamp("us")).to_numpy()
        return list(plain.tolist())
    if types.is_date(column.type):
        return list(column.cast(pa.string()).to_pylist())
    return list(column.to_pylist())


def spark_schema() -> str:
    """Return the columns of an archived row with their Spark SQL types."""
    return ", ".join(f"{column.name} {column.type}" for column in FACT.columns)
