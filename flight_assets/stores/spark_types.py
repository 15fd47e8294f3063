"""Arrow's types in the words of Spark's SQL: what functions over Arrow have to declare."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterable

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


def ddl(fields: Iterable[pa.Field]) -> str:
    """Return Arrow fields as the columns of a Spark schema. Raises KeyError for a type that none of our tables has."""
    return ", ".join(f"`{field.name}` {sql_type(field.type)}" for field in fields)


def sql_type(kind: pa.DataType) -> str:
    """Return an Arrow type in the words of Spark's SQL. Raises KeyError as ``ddl``."""
    if pa.types.is_struct(kind):
        return f"STRUCT<{', '.join(f'{inner.name}: {sql_type(inner.type)}' for inner in kind)}>"
    return f"ARRAY<{sql_type(kind.value_type)}>" if pa.types.is_list(kind) else _PLAIN[kind]
