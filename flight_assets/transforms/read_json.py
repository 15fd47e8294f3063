"""The bytes of messages to the fields of the contract, in Spark's Python workers: JSON as RFC 8259 has it, and what kind each value was.

Python's own parser, since Spark's tells a missing field from one of another type only by way of variants: reading each text four times,
and a hundred expressions to plan and compile. Nothing here fails on any input.
"""

from __future__ import annotations

import json
from math import inf
from typing import TYPE_CHECKING, Any

import pyarrow as pa  # not only for type checkers: Spark reads the annotations of the function it gets

from flight_assets.contracts.message import MAX_MESSAGE_BYTES, MESSAGE_FIELDS, SCHEMA_VERSIONS, WEATHER_FIELDS, fields_of

if TYPE_CHECKING:
    from collections.abc import Callable

# Of the names that the contract does not have, this many per message and characters per name are reported.
UNKNOWN_REPORTED = 10
UNKNOWN_LENGTH = 64

# What JSON calls a value of each type that Python's parser gives; null is as good as absent.
_KINDS = {str: "string", int: "integer", float: "number", bool: "boolean", list: "array", dict: "object", type(None): None}
_WEATHER_NAMES = tuple(field.name for field in WEATHER_FIELDS)
_WEATHER_TYPE = pa.struct([(name, pa.float64()) for name in _WEATHER_NAMES])
# A time stays text here: Spark knows which days there are.
_TYPES = {"string": pa.string(), "time": pa.string(), "integer": pa.int32(), "number": pa.float64(), "object": _WEATHER_TYPE}
_SQL_TYPES = {
    "string": "STRING",
    "time": "STRING",
    "integer": "INT",
    "number": "DOUBLE",
    "object": f"STRUCT<{', '.join(f'{name}: DOUBLE' for name in _WEATHER_NAMES)}>",
}
_NAMES_OF = {version: frozenset(field.name for field in fields_of(version)) for version in SCHEMA_VERSIONS}

# The type of a message that has been read, in Spark's words.
READ_TYPE = (
    "is_json BOOLEAN, is_object BOOLEAN, unknown_fields ARRAY<STRING>, "
    f"kinds STRUCT<{', '.join(f'{field.name}: STRING' for field in MESSAGE_FIELDS)}>, "
    f"fields STRUCT<{', '.join(f'{field.name}: {_SQL_TYPES[field.json_type]}' for field in MESSAGE_FIELDS)}>"
)


def read_messages(values: pa.Array) -> pa.Array:
    """Each message as READ_TYPE has it; values are the bytes of Kafka, null for a tombstone.

    ``kinds`` has the JSON kind of each field that is there and not null. ``fields`` has its value if it is of the contract's type (a time
    as text), else null. ``unknown_fields`` has the names that the message's version of the contract does not have, null if it is no
    object of a version taken. A message larger than the contract allows is not read, and so is no JSON.
    """
    rows = [_read(value) for value in values.to_pylist()]
    is_json, is_object, unknown, kinds, fields = zip(*rows, strict=True) if rows else ((),) * 5
    columns = [
        pa.array(is_json, pa.bool_()),
        pa.array(is_object, pa.bool_()),
        pa.array(unknown, pa.list_(pa.string())),
        _struct(kinds, [pa.string() for _ in MESSAGE_FIELDS]),
        _struct(fields, [_TYPES[field.json_type] for field in MESSAGE_FIELDS]),
    ]
    return pa.StructArray.from_arrays(columns, names=["is_json", "is_object", "unknown_fields", "kinds", "fields"])


def _struct(rows: tuple[tuple[Any, ...], ...], types: list[pa.DataType]) -> pa.Array:
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(types)
    arrays = [pa.array(column, kind) for column, kind in zip(columns, types, strict=True)]
    return pa.StructArray.from_arrays(arrays, names=[field.name for field in MESSAGE_FIELDS])


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object; raises ValueError if a name comes twice, since readers differ in which of the two they take."""
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a name comes twice")
    return members


_DECODER = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_refuse)
_NOTHING = (None,) * len(MESSAGE_FIELDS)


def _read(value: bytes | None) -> tuple[bool, bool, list[str] | None, tuple[str | None, ...], tuple[Any, ...]]:
    try:
        if value is None or len(value) > MAX_MESSAGE_BYTES:
            return False, False, None, _NOTHING, _NOTHING
        message = _decoded(value.decode())
    except (ValueError, RecursionError):  # what is nested deeper than the parser goes, about a thousand levels, is none to it
        return False, False, None, _NOTHING, _NOTHING
    if type(message) is not dict:
        return True, False, None, _NOTHING, _NOTHING
    version = message.get("schema_version")
    number = version if type(version) is int else 0
    members = [message.get(field.name) if number >= since else None for field, since in _SINCE]
    kinds = tuple([_KINDS[type(member)] for member in members])
    fields = tuple([convert(member) for convert, member in zip(_CONVERTERS, members, strict=True)])
    return True, True, _unknown(message, number), kinds, fields


def _decoded(text: str) -> object:
    """What a JSON text holds; raises ValueError for any other, and for half a surrogate pair, which is no text in UTF-8."""
    decoded = _DECODER.decode(text)
    if "\\ud" in text or "\\uD" in text:
        json.dumps(decoded, ensure_ascii=False).encode()
    return decoded


def _unknown(message: dict[str, Any], version: int) -> list[str] | None:
    known = _NAMES_OF.get(version)
    if known is None:
        return None
    return [name[:UNKNOWN_LENGTH] for name in message if name not in known][:UNKNOWN_REPORTED]


def _text(member: object) -> str | None:
    return member if type(member) is str else None


def _integer(member: object) -> int | None:
    return member if type(member) is int and -(2**31) <= member < 2**31 else None


def _number(member: object) -> float | None:
    if type(member) is int:
        try:
            return float(member)
        except OverflowError:
            return inf if member > 0 else -inf
    return member if type(member) is float else None


def _weather(member: object) -> tuple[float | None, ...] | None:
    return tuple([_number(member.get(name)) for name in _WEATHER_NAMES]) if type(member) is dict else None


_BY_TYPE: dict[str, Callable[[Any], Any]] = {"string": _text, "time": _text, "integer": _integer, "number": _number, "object": _weather}
_CONVERTERS = tuple(_BY_TYPE[field.json_type] for field in MESSAGE_FIELDS)
# In a message of a version before the one that brought a field, the name is unknown and its value is ignored.
_SINCE = tuple((field, field.since if field.since > min(SCHEMA_VERSIONS) else -inf) for field in MESSAGE_FIELDS)
