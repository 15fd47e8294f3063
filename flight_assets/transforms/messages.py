"""Read the bytes of a message as a JSON object: strict RFC 8259, within the contract's bounds.

Python's reader is exact but slow; msgspec is fast but ignores a repeated name. So msgspec reads the messages
that cannot have a repeated name, and Python's reader all others.
"""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

import msgspec

from flight_assets.contracts.message import (
    MAX_MESSAGE_BYTES,
    MAX_NAMES,
    MAX_NESTING,
    MAX_NUMBER_DIGITS,
    Reason,
)

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
SHOWN_CHARACTERS = 60
UNREADABLE = -1
Object = dict[str, Any]
_SURROGATE = re.compile("[\ud800-\udfff]")
_STRUCTURE = re.compile(r'"(?:[^"\\]|\\.)*"?|[\[\]{}]', re.DOTALL)


class Rejected(Exception):
    """Message that breaks the contract, with ``reason`` and ``detail``."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


def read_object(value: bytes | None, size: int | None = None) -> Object:
    """Return the members of a message's JSON object.

    Args:
        value: the message's bytes, or their beginning; None for a tombstone.
        size: bytes of the whole message, if ``value`` is only its beginning; UNREADABLE if it is the text of
            why there is none.

    Raises:
        Rejected: too_large, not_json or not_an_object.
    """
    size = len(value or b"") if size is None else size
    if size > MAX_MESSAGE_BYTES:
        raise Rejected(Reason.TOO_LARGE, f"{size} bytes")
    if value is None:
        _refuse("the message has no value (a tombstone)")
    if size == UNREADABLE:
        _refuse(value.decode(errors="replace"))
    found: object = _read_fast(value)
    if found is None:
        found = _read_exactly(value)
    if type(found) is not dict:
        raise Rejected(Reason.NOT_AN_OBJECT, "JSON, but not an object")
    return found


def printable(text: str, limit: int = SHOWN_CHARACTERS) -> str:
    """Return a sender's text fit to be shown: escaped if it is not printable, cut at ``limit`` characters."""
    shown = text if len(text) <= limit else f"{text[:limit]}…"
    return shown if shown.isprintable() else ascii(shown)[1:-1]


_decode = msgspec.json.Decoder().decode


def _read_fast(value: bytes) -> Object | None:
    """Return the object; None if it is not one or needs the exact reader.

    Without a backslash, every quotation mark opens or closes a string. If there are exactly two per name and
    text found, no name was repeated.
    """
    if b"\\" in value or value.count(b"[") + value.count(b"{") > MAX_NESTING:
        return None
    try:
        found = _decode(value)
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return None
    if type(found) is not dict or len(found) > MAX_NAMES:
        return None
    return found if 2 * _strings(found) == value.count(b'"') and _has_short_numbers(value) else None


# A number with too many digits is at least so long; a text of such characters goes to the exact reader too.
_LONG_NUMBER = re.compile(rb"[\d.eE+-]{%d}" % (MAX_NUMBER_DIGITS + 1))


def _has_short_numbers(value: bytes) -> bool:
    return len(value) <= MAX_NUMBER_DIGITS or _LONG_NUMBER.search(value) is None


def _strings(member: Any) -> int:  # noqa: ANN401 - any JSON value
    """Return the number of strings in a JSON value, names included."""
    kind = type(member)
    if kind is str:
        return 1
    if kind is dict:
        count = len(member)
        for each in member.values():
            inner = type(each)
            if inner is str:
                count += 1
            elif inner is dict or inner is list:
                count += _strings(each)
        return count
    return sum(map(_strings, member)) if kind is list else 0


def _refuse(why: str) -> NoReturn:
    raise Rejected(Reason.NOT_JSON, f"not a JSON text: {why}")


def _read_exactly(value: bytes) -> object:
    if value.startswith(BYTE_ORDER_MARK):
        _refuse("begins with a byte order mark")
    try:
        text = value.decode()
    except UnicodeDecodeError as error:
        _refuse(f"byte {error.start} is not UTF-8")
    if not text.strip(" \t\n\r"):
        _refuse("empty")
    _refuse_deep(text)
    try:
        found = _EXACT.decode(text)
    except json.JSONDecodeError as error:
        _refuse(f"{error.msg} at character {error.pos}")
    if "\\u" in text:
        _refuse_surrogates(found)
    return found


def _refuse_deep(text: str) -> None:
    if text.count("[") + text.count("{") <= MAX_NESTING:
        return
    depth = 0
    for token in _STRUCTURE.finditer(text):
        mark = token.group()[0]
        depth += (mark in "[{") - (mark in "]}")
        if depth > MAX_NESTING:
            _refuse(f"nested more than {MAX_NESTING} levels deep")


def _refuse_surrogates(member: object) -> None:
    texts = (
        member
        if isinstance(member, list)
        else [*member, *member.values()]
        if isinstance(member, dict)
        else []
    )
    for each in texts:
        _refuse_surrogates(each)
    if isinstance(member, str) and _SURROGATE.search(member):
        _refuse("half a surrogate pair")


def _once(pairs: list[tuple[str, Any]]) -> Object:
    members = dict(pairs)
    if len(members) != len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        _refuse(f"the name {printable(twice)} comes twice")
    if len(members) > MAX_NAMES:
        _refuse(f"an object has {len(members)} names, {MAX_NAMES} are allowed")
    return members


def _integer(text: str) -> int:
    _refuse_long(text)
    return int(text)


def _float(text: str) -> float:
    _refuse_long(text)
    return float(text)


def _refuse_long(text: str) -> None:
    digits = sum(map(str.isdigit, text)) if len(text) > MAX_NUMBER_DIGITS else 0
    if digits > MAX_NUMBER_DIGITS:
        _refuse(f"a number has {digits} digits, {MAX_NUMBER_DIGITS} are allowed")


def _refuse_constant(name: str) -> NoReturn:
    _refuse(f"{name} is no number")


_EXACT = json.JSONDecoder(
    object_pairs_hook=_once, parse_constant=_refuse_constant, parse_int=_integer, parse_float=_float
)
