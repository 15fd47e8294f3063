"""Convert each field of a message to its typed value, or say why the value cannot be used.

No JSON value raises an error here.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from functools import lru_cache
from math import inf
from typing import TYPE_CHECKING, Any

from flight_assets.contracts.message import (
    MAX_EVENT_ID_CHARACTERS,
    MESSAGE_FIELDS,
    REQUIRED_DELAYS,
    SCHEMA_VERSIONS,
    WEATHER_FIELDS,
    WEATHER_PREFIXES,
    Field,
    fields_of,
)
from flight_assets.contracts.units import FLIGHT_SUFFIX, GATE, REGISTRATION, SOURCE
from flight_assets.transforms.messages import printable

if TYPE_CHECKING:
    from collections.abc import Callable

# RFC 3339. The unknown offset (-00:00) and more than nine fractional digits are refused; so is the hour 24,
# which only newer versions of Python read.
_TIME = re.compile(
    r"(?:19|20)\d\d-\d\d-\d\dT(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?"
    r"(?:Z|\+(?:0\d|1[0-4]):[0-5]\d|-(?!00:00)(?:0\d|1[0-4]):[0-5]\d)",
    re.ASCII,
)
# Years, UTC, that every store can hold.
_YEARS = range(1900, 2100)
_KINDS = {str: "string", int: "integer", float: "number", bool: "boolean", list: "array", dict: "object"}
_UPPER = frozenset(
    ("airline", "origin", "destination", "diverted_to", "tail_number", "gate", "flight_suffix")
)
# Patterns of optional texts. A text that does not match is dropped and counted.
_PATTERNS = {
    "tail_number": re.compile(REGISTRATION, re.ASCII),
    "gate": re.compile(GATE, re.ASCII),
    "flight_suffix": re.compile(FLIGHT_SUFFIX, re.ASCII),
    "source": re.compile(SOURCE, re.ASCII),
}
WEATHER_NAMES = tuple(field.name for field in WEATHER_FIELDS)
_WEATHER_SET = frozenset(WEATHER_NAMES)
UNKNOWN_REPORTED = 10
UNKNOWN_LENGTH = 64


def kind_of(member: object) -> str:
    """Return the JSON type of a value that is not null."""
    return _KINDS[type(member)]


@lru_cache(maxsize=1 << 16)
def moment(text: str) -> datetime | None:
    """Return the UTC time of an RFC 3339 text, cut to microseconds; None if it is invalid."""
    if _TIME.fullmatch(text) is None:
        return None
    try:
        found = datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return found if found.year in _YEARS else None


@lru_cache(maxsize=1 << 14)
def day(text: str) -> date | None:
    """Return the date of eight digits, YYYYMMDD; None if there is no such date."""
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:8]))
    except ValueError:
        return None


def _text(member: object) -> str | None:
    return (member.strip(" ") or None) if type(member) is str else None


def _code(member: object) -> str | None:
    """Return a text in capitals. Letters beyond ASCII stay: some, such as ﬁ and ı, have ASCII capitals."""
    text = _text(member)
    return text.upper() if text is not None and text.isascii() else text


def _event_id(member: object) -> str | None:
    text = _text(member)
    return text if text is not None and len(text) <= MAX_EVENT_ID_CHARACTERS and text.isprintable() else None


def _time(member: object) -> datetime | None:
    return moment(member) if type(member) is str else None


def _integer(member: object) -> int | None:
    return member if type(member) is int and -(2**31) <= member < 2**31 else None


def number(member: object) -> float | None:
    """Return a JSON number as a double, ±inf beyond its range; None for any other value."""
    if type(member) is int:
        try:
            return float(member)
        except OverflowError:
            return inf if member > 0 else -inf
    return member if type(member) is float else None


def _object(member: object) -> object:
    return member if type(member) is dict else None


_BY_TYPE: dict[str, Callable[[Any], Any]] = {
    "string": _text,
    "time": _time,
    "integer": _integer,
    "number": number,
    "object": _object,
}


def _converter(field: Field) -> Callable[[Any], Any]:
    if field.name == "event_id":
        return _event_id
    return _code if field.name in _UPPER else _BY_TYPE[field.json_type]


# In a message older than the version that added a field, the name counts as unknown and its value is ignored.
_FIELDS = {
    version: tuple(
        (field, field.name, _converter(field), _PATTERNS.get(field.name)) for field in fields_of(version)
    )
    for version in SCHEMA_VERSIONS
}
_NAMES = {version: frozenset(field.name for field in fields_of(version)) for version in SCHEMA_VERSIONS}
# Fields that an event of a type needs besides those of every message.
_NEEDED = {kind.value: names for kind, names in REQUIRED_DELAYS.items()}
ABSENT = dict.fromkeys((field.name for field in MESSAGE_FIELDS), None)


class Typed:
    """Fields of one message.

    - ``values``: typed value by name; None if it is absent
    - ``missing``: names of required fields that are absent
    - ``wrong``: a phrase for each value that cannot be used
    - ``cleaned``: names of optional values that were dropped as impossible
    - ``unknown``: names that the message's version does not have; None if the version is not supported
    """

    __slots__ = ("cleaned", "missing", "unknown", "values", "version", "wrong")

    def __init__(self, message: dict[str, Any]) -> None:
        version = message.get("schema_version")
        self.version = version if type(version) is int and version in _FIELDS else None
        self.values: dict[str, Any] = ABSENT.copy()
        self.missing: list[str] = []
        self.wrong: list[str] = []
        self.cleaned: list[str] = []
        values, get = self.values, message.get
        for field, name, convert, pattern in _FIELDS[self.version or SCHEMA_VERSIONS[0]]:
            member = get(name)
            if member is None:
                if field.required:
                    self.missing.append(name)
                continue
            value = convert(member)
            if value is None:
                self._note_unusable(field, member)
            elif pattern is not None and pattern.fullmatch(value) is None:
                self.cleaned.append(name)
            else:
                values[name] = value
        known = _NAMES[self.version or SCHEMA_VERSIONS[0]]
        self.missing += [
            name for name in _NEEDED.get(values["event_type"], ()) if get(name) is None and name in known
        ]
        for name in WEATHER_PREFIXES:
            if values[name] is not None:
                values[name] = self._weather(name, values[name])
        self.unknown = self._unknown(message)

    def _note_unusable(self, field: Field, member: object) -> None:
        """Note why a value cannot be used. An optional text that is empty counts as absent."""
        kind = kind_of(member)
        if kind == "string" and field.json_type == "string":
            if not str(member).strip(" "):
                if field.required:
                    self.wrong.append(f"{field.name} is empty")
            else:
                self.wrong.append(
                    f"{field.name} has more than {MAX_EVENT_ID_CHARACTERS} characters or unprintable ones"
                )
        elif kind == field.json_type == "integer":
            self.wrong.append(f"{field.name} is beyond 32 bits")
        else:
            self.wrong.append(f"{field.name} is not {field.json_type} but {kind}")

    def _weather(self, place: str, member: dict[str, Any]) -> tuple[float | None, ...]:
        """Return the values of WEATHER_FIELDS as doubles; note those of another type."""
        found = []
        for name in WEATHER_NAMES:
            value = member.get(name)
            if value is not None and (value := number(value)) is None:
                self.cleaned.append(f"{place}.{name}")
            found.append(value)
        return tuple(found)

    def _unknown(self, message: dict[str, Any]) -> list[str] | None:
        if self.version is None:
            return None
        known = _NAMES[self.version]
        found = (
            [name for name in message if name not in known]
            if len(message) > len(known) or message.keys() - known
            else []
        )
        for place in WEATHER_PREFIXES:
            weather = message.get(place) if place in known else None
            if type(weather) is dict and weather.keys() - _WEATHER_SET:
                found += [f"{place}.{name}" for name in weather if name not in _WEATHER_SET]
        return [printable(name[:UNKNOWN_LENGTH], UNKNOWN_LENGTH) for name in found[:UNKNOWN_REPORTED]]
