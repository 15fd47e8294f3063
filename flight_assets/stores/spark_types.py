"""Arrow types as Spark SQL types, for the declared results of functions over Arrow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from pyspark.sql.types import StructType

_PLAIN = {
    pa.string(): "STRING",
    pa.binary(): "BINARY",
    pa.bool_(): "BOOLEAN",
    pa.int32(): "INT",
    pa.int64(): "BIGINT",
    pa.float64(): "DOUBLE",
    pa.date32(): "DATE",
    pa.timestamp("us", "UTC"): "TIMESTAMP",
}


def struct(schema: pa.Schema) -> StructType:
    """Return an Arrow schema as Spark's type, without asking Spark: a text of it would be parsed there."""
    from pyspark.sql.pandas.types import from_arrow_schema

    return from_arrow_schema(schema)


def sql_type(kind: pa.DataType) -> str:
    """Return the Spark SQL type of an Arrow type. Raises KeyError for a type that no table has."""
    if pa.types.is_struct(kind):
        return f"STRUCT<{', '.join(f'{inner.name}: {sql_type(inner.type)}' for inner in kind)}>"
    return f"ARRAY<{sql_type(kind.value_type)}>" if pa.types.is_list(kind) else _PLAIN[kind]
