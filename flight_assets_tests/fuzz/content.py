"""Values of messages: events as JSON, changed, damaged or of other kinds; the same ones for the same seed.

Belongs here: bytes of a value and their kind. Does not: keys, headers, codecs and transactions (`traffic`).
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator

from flight_assets.contracts.message import MAX_MESSAGE_BYTES, MAX_NAMES, MAX_NESTING, MAX_NUMBER_DIGITS
from flight_assets_tests.fuzz.events import CHANGES, NAMES, ODD_TEXTS, Event, Pool, event_of

Value = bytes | None
Damage = Callable[[Event, random.Random], Value]
# So many of ten messages are events, changed at most in their fields; the others are damaged as bytes.
EVENTS_OF_TEN = 7
PLAIN_OF_TEN = 5
LONGEST_COPY = 40
ALL = Pool()


def encode(event: Event, ascii_only: bool = True, **how: object) -> bytes:
    """Return the JSON text of an event. Numbers that JSON lacks are written as Python writes them."""
    return json.dumps(event, ensure_ascii=ascii_only, **how).encode("utf-8", "surrogatepass")


def _flipped(event: Event, chance: random.Random) -> bytes:
    value = bytearray(encode(event))
    for _ in range(chance.choice((1, 1, 2, 8))):
        value[chance.randrange(len(value))] ^= 1 << chance.randrange(8)
    return bytes(value)


def _cut(event: Event, chance: random.Random) -> bytes:
    value = encode(event)
    return value[: chance.randrange(len(value))]


def _spliced(event: Event, chance: random.Random) -> bytes:
    """A piece of the message is deleted, doubled or moved."""
    value = encode(event)
    start = chance.randrange(len(value))
    piece = value[start : start + chance.randrange(LONGEST_COPY)]
    rest = value[:start] + value[start + len(piece) :]
    goal = chance.randrange(len(rest) + 1)
    return chance.choice((rest, rest[:goal] + piece + rest[goal:], value[:goal] + piece + value[goal:]))


def _inserted(event: Event, chance: random.Random) -> bytes:
    value = encode(event)
    at = chance.randrange(len(value) + 1)
    odd = (
        b'"',
        b"\\",
        b"\\u",
        b"\\ud800",
        b"\xff",
        b"\x00",
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b"/**/",
        b"'",
        b"\xed\xa0\x80",
    )
    return value[:at] + chance.choice(odd) + value[at:]


def _noise(_event: Event, chance: random.Random) -> bytes:
    return chance.randbytes(chance.choice((0, 1, 2, 20, 300, 5_000)))


def _other_encoding(event: Event, chance: random.Random) -> bytes:
    text = encode(event).decode()
    return chance.choice(
        (
            b"\xef\xbb\xbf" + encode(event),
            text.encode("utf-16"),
            text.encode("utf-32"),
            text.encode("utf-16-le"),
            encode(event | {"remarks": "é"}, ascii_only=False).decode().encode("latin-1", "replace"),
        )
    )


def _surrogates(event: Event, chance: random.Random) -> bytes:
    name = chance.choice(("remarks", "event_id", "tail_number", "\ud83d"))
    text = chance.choice(("\ud83d", "\udeeb", "\udeeb\ud83d", "\ud83d\ud83d\udeeb", "\ud83d\udeeb"))
    return encode(event | {name: text}, ascii_only=chance.random() < 0.7)


def _repeated_names(event: Event, chance: random.Random) -> bytes:
    """A name twice: plainly, escaped, in weather, with the same value or another."""
    value, name = encode(event).decode(), chance.choice(NAMES)
    escaped = f"\\u{ord(name[0]):04x}{name[1:]}"
    again = json.dumps(chance.choice((event.get(name), None, 1, "x")))
    return chance.choice(
        (
            f'{{"{name}": {again}, {value[1:]}',
            f'{{"{escaped}": {again}, {value[1:]}',
            value.replace('"temperature_f"', '"humidity_pct": 1, "humidity_pct": 2, "temperature_f"'),
            f'{value[:-1]}, "a": {{"b": 1, "b": 1}}}}',
        )
    ).encode()


def _nested(event: Event, chance: random.Random) -> bytes:
    depth = chance.choice((2, 50, MAX_NESTING - 1, MAX_NESTING, MAX_NESTING + 1, 5_000, 30_000))
    opening, closing = chance.choice((("[", "]"), ('{"a":', "}")))
    inner = chance.choice(("1", '"]]]"', '"\\"[["', ""))
    text = opening * depth + inner + closing * chance.choice((depth, depth, depth - 1))
    return f'{{"x": {text}, {encode(event).decode()[1:]}'.encode()


def _numbers(event: Event, chance: random.Random) -> bytes:
    """Numbers as JSON may or may not write them."""
    digits = chance.choice((1, 20, 400, MAX_NUMBER_DIGITS, MAX_NUMBER_DIGITS + 1, 5_000))
    long = "7" * digits
    odd = (
        "NaN", "-Infinity", "Infinity", "1e400", "-1e400", "1e-400", "1E+2", "01", "-01", "1.", ".5", "+1",
        "0x10", "1_000", "-0",
        "--1", "1e", "1e+", long, f"-{long}", f"0.{long}", f"1e{long[:5]}", f"{long}.{long}e-{long[:3]}",
        "٣", "1 2",
    )  # fmt: skip
    name = chance.choice((*NAMES, "x"))
    return encode(event | {name: "@@"}).replace(b'"@@"', chance.choice(odd).encode())


def _large(event: Event, chance: random.Random) -> bytes:
    """A value about the largest size that is allowed, and far beyond it."""
    sizes = (MAX_MESSAGE_BYTES - 1, MAX_MESSAGE_BYTES, MAX_MESSAGE_BYTES + 1, 30_000, 200_000)
    filler = chance.choice(("x", "é", "\\", '"', "[", "9"))
    value = encode(event | {"remarks": ""}, ascii_only=False)
    room = chance.choice(sizes) - len(value)
    body = json.dumps(filler, ensure_ascii=False)[1:-1].encode()
    count, left = divmod(room, len(body))
    return value.replace(b'"remarks": "', b'"remarks": "' + body * count + b"x" * left)


def _many_names(event: Event, chance: random.Random) -> bytes:
    count = chance.choice((MAX_NAMES - 30, MAX_NAMES + 1, 6_000))
    return encode(event | {f"{nth:x}": 1 for nth in range(count)}, separators=(",", ":"))


def _no_object(event: Event, chance: random.Random) -> bytes:
    odd = (
        "null",
        "true",
        "7",
        '"text"',
        "[]",
        "[{}]",
        "{}",
        "{",
        " ",
        "\t\n",
        "{}{}",
        "{} x",
        "\u00a0{}",
        "//",
        "nul",
        '"',
    )
    return chance.choice((*(each.encode() for each in odd), b"[" + encode(event) + b"]", encode(event) * 2))


def _spaces(event: Event, chance: random.Random) -> bytes:
    """White space of JSON around the tokens, and white space that JSON does not have."""
    space = chance.choice((" ", "\n", "\t", "\r", "\u00a0", "\x0b", "\u2028"))
    return (space + encode(event, separators=(f"{space},", f":{space}")).decode() + space).encode()


def _controls(event: Event, chance: random.Random) -> bytes:
    """Texts with raw control characters and unusual escapes."""
    odd = (
        "\n",
        "\x00",
        "\x1f",
        "\x7f",
        "\\x",
        "\\'",
        "\\/",
        "\\u00e9",
        "\\U0001",
        "\\u12",
        "\\ud83d\\udeeb",
        chance.choice(ODD_TEXTS),
    )
    text = encode(event | {chance.choice(("remarks", "event_id")): "@@"}).decode()
    return text.replace("@@", chance.choice(odd)).encode("utf-8", "surrogatepass")


DAMAGES: dict[str, Damage] = {
    "flipped bits": _flipped,
    "cut": _cut,
    "spliced": _spliced,
    "inserted bytes": _inserted,
    "noise": _noise,
    "another encoding": _other_encoding,
    "surrogates": _surrogates,
    "repeated names": _repeated_names,
    "nested": _nested,
    "numbers": _numbers,
    "large": _large,
    "many names": _many_names,
    "no object": _no_object,
    "white space": _spaces,
    "control characters": _controls,
    "tombstone": lambda _event, _chance: None,
    "empty": lambda _event, _chance: b"",
}
# Kinds that take long to make or to read: one in so many of those that are drawn stays.
RARE = {"large": 10, "many names": 40, "nested": 5}
KINDS = (*CHANGES, *DAMAGES)


def values(seed: int, pool: Pool = ALL) -> Iterator[tuple[str, Event, Value]]:
    """Yield kind, event and value of messages without end; ``event`` is what the value was made of."""
    chance = random.Random(f"fuzz {seed}")  # noqa: S311 - a seed, no secret
    changes, damages = tuple(CHANGES), tuple(DAMAGES)
    while True:
        event = event_of(chance, pool)
        if chance.randrange(10) < EVENTS_OF_TEN:
            kind = "plain" if chance.randrange(10) < PLAIN_OF_TEN else chance.choice(changes)
            yield kind, event, encode(CHANGES[kind](event, chance), chance.random() < 0.5)
            continue
        kind = chance.choice(damages)
        if chance.randrange(RARE.get(kind, 1)) == 0:
            yield kind, event, DAMAGES[kind](event, chance)
