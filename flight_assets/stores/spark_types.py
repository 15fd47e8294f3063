"""Arrow's types in the words of Spark's SQL: what functions over Arrow have to declare."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterable

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


def ddl(fields: Iterable[pa.Field]) -> str:
    """Return Arrow fields as the columns of a Spark schema. Raises KeyError for a type that none of our tables has."""
    return ", ".join(f"`{field.name}` {_sql(field.type)}" for field in fields)


def _sql(kind: pa.DataType) -> str:
    if pa.types.is_struct(kind):
        return f"STRUCT<{', '.join(f'{inner.name}: {_sql(inner.type)}' for inner in kind)}>"
    return f"ARRAY<{_sql(kind.value_type)}>" if pa.types.is_list(kind) else _PLAIN[kind]
