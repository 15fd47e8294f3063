"""Mix bad and awkward messages into good ones, to exercise rejection, deduplication and ordering.

Bad messages and duplicates are added between good ones. No good message is lost or changed. Late and
out-of-order
messages are good ones that are held back.
"""

from __future__ import annotations

import json
import random
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

from flight_assets.contracts.message import CHECKED_REASONS, MAX_MESSAGE_BYTES, MESSAGE_FIELDS, Reason
from flight_assets.producer.events import Message

DUPLICATE, LATE, OUT_OF_ORDER = "duplicate", "late", "out_of_order"
AWKWARD = (DUPLICATE, LATE, OUT_OF_ORDER)
# Range of messages that a held one waits for: neighbours if out of order, those of the next minutes if late.
HELD_BACK = {OUT_OF_ORDER: (1, 20), LATE: (200, 2_000)}

UNKNOWN_AIRLINE, UNKNOWN_AIRPORT = "Z?", "Q?Q"
RECENT_MESSAGES = 1_000
_EACH_ROUND = tuple(reason.value for reason in CHECKED_REASONS if reason is not Reason.TOO_LARGE) + AWKWARD

Event = dict[str, Any]


def mixed_messages(
    good: Callable[[int], Iterable[Message]], total: int, share: float, seed: int
) -> Iterator[Message]:
    """Yield ``total`` messages, of which about ``share`` are bad or awkward.

    ``good(n)`` makes n good messages. If it makes fewer, fewer come out.

    Raises:
        ValueError: share is not from 0 up to, but not including, 1.
    """
    added = sum(kind is not None and kind not in HELD_BACK for kind in islice(_plan(share, seed), total))
    return islice(with_bad_messages(good(total - added), share, seed), total)


def with_bad_messages(messages: Iterable[Message], share: float, seed: int) -> Iterator[Message]:
    """Yield all messages with bad and awkward ones among them, about ``share`` of the output.

    It is endless if ``messages`` is. The same messages, share and seed give the same bytes. Each kind comes
    once, in random order, before any comes again; too_large comes only once. ``defect`` of a message names
    its kind. A bad message has an event_id of its own, if it has one.

    Raises:
        ValueError: share is not from 0 up to, but not including, 1.
    """
    return _mix(iter(messages), _plan(share, seed), random.Random(f"content {seed}"))  # noqa: S311 - a seed, no secret


def _plan(share: float, seed: int) -> Iterator[str | None]:
    """Yield the kind of each outgoing message without end, None for an ordinary one.

    The first is ordinary.
    """
    if not 0 <= share < 1:
        raise ValueError(
            f"The share of bad messages must be from 0 up to, but not including, 1; got {share}."
        )
    return _endless_plan(share, random.Random(f"plan {seed}"))  # noqa: S311 - a seed, no secret


def _endless_plan(share: float, chance: random.Random) -> Iterator[str | None]:
    kinds = [*_EACH_ROUND, Reason.TOO_LARGE.value]
    round_left = chance.sample(kinds, len(kinds))
    yield None
    while True:
        if chance.random() >= share:
            yield None
            continue
        round_left = round_left or chance.sample(_EACH_ROUND, len(_EACH_ROUND))
        yield round_left.pop()


def _mix(messages: Iterator[Message], plan: Iterator[str | None], chance: random.Random) -> Iterator[Message]:
    """Yield the messages in the order of the plan, until all are out."""
    held: list[tuple[int, Message]] = []
    recent: deque[Message] = deque(maxlen=RECENT_MESSAGES)
    for position, kind in enumerate(plan):
        if kind is not None and kind not in HELD_BACK:
            yield _added(kind, recent, position, chance)
            continue
        if kind is not None:
            _hold_next(messages, held, kind, position, chance)
        message = _next_message(messages, held, position)
        if message is None:
            return
        recent.append(message)
        yield message


def _hold_next(
    messages: Iterator[Message],
    held: list[tuple[int, Message]],
    kind: str,
    position: int,
    chance: random.Random,
) -> None:
    """Take the next message, if there is one, and keep it for a while."""
    message = next(messages, None)
    if message is not None:
        held.append((position + chance.randint(*HELD_BACK[kind]), replace(message, defect=kind)))
        held.sort(key=lambda entry: entry[0])


def _next_message(
    messages: Iterator[Message], held: list[tuple[int, Message]], position: int
) -> Message | None:
    """Return a held message that is due, else the next one, else any held one; None when all are out."""
    if held and held[0][0] <= position:
        return held.pop(0)[1]
    message = next(messages, None)
    return message if message is not None or not held else held.pop(0)[1]


def _added(kind: str, recent: deque[Message], position: int, chance: random.Random) -> Message:
    """Return a message derived from a recent good one."""
    base = recent[chance.randrange(len(recent))]
    if kind == DUPLICATE:
        return replace(base, defect=kind)
    if kind == Reason.NOT_JSON:
        key = base.key if chance.random() < 0.5 else None
        return replace(base, key=key, value=_not_json(base.value, chance), defect=kind)
    event = json.loads(base.value)
    event["event_id"] += f":bad{position}"
    return replace(base, value=_encode(_DAMAGE[Reason(kind)](event, chance)), defect=kind)


def _encode(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _not_json(value: bytes, chance: random.Random) -> bytes:
    """Return the value cut short, with a byte that is not UTF-8, as no JSON at all, or empty."""
    cut = chance.randrange(1, len(value))
    return chance.choice([value[:cut], value[:cut] + b"\xff" + value[cut:], b"flight data unavailable", b""])


def _not_an_object(event: Event, chance: random.Random) -> object:
    return chance.choice([[event], event["event_id"], event["flight_number"], None])


def _unsupported_version(event: Event, chance: random.Random) -> Event:
    return event | {"schema_version": chance.choice([0, 99, 2**31 - 1])}


def _missing_field(event: Event, chance: random.Random) -> Event:
    """Return the event without a required field, or with null in it.

    Not schema_version, which defines them.
    """
    name = chance.choice(
        [field.name for field in MESSAGE_FIELDS if field.required and field.name != "schema_version"]
    )
    if chance.random() < 0.5:
        return event | {name: None}
    return {key: value for key, value in event.items() if key != name}


def _wrong_type(event: Event, chance: random.Random) -> Event:
    return event | chance.choice(
        [
            {"flight_number": "fifteen"},
            {"flight_number": 15.5},
            {"distance_miles": "far"},
            {"timestamp": "yesterday"},
            {"scheduled_departure": "2013-13-45T99:00:00Z"},
        ]
    )


def _unknown_airline(event: Event, chance: random.Random) -> Event:
    """Return the event with an unknown airline, consistently: the flight_id has the same carrier."""
    flight_id = UNKNOWN_AIRLINE + event["flight_id"][len(event["airline"]) :]
    return event | {"airline": UNKNOWN_AIRLINE, "flight_id": flight_id}


def _unknown_airport(event: Event, chance: random.Random) -> Event:
    return event | {"destination": UNKNOWN_AIRPORT}


def _out_of_range(event: Event, chance: random.Random) -> Event:
    """Return the event with a value beyond a bound of the contract, or on an excluded one."""
    flight_zero = event["flight_id"].replace(
        f"{event['airline']}{event['flight_number']}-", f"{event['airline']}0-", 1
    )
    return event | chance.choice(
        [
            {"distance_miles": -5.0},
            {"distance_miles": 0.0},
            {"distance_miles": 12_500.0},
            {"flight_number": 0, "flight_id": flight_zero},
        ]
    )


def _inconsistent_times(event: Event, chance: random.Random) -> Event:
    """Return the event with a planned arrival before the departure."""
    return event | {
        "scheduled_departure": event["scheduled_arrival"],
        "scheduled_arrival": event["scheduled_departure"],
    }


def _too_large(event: Event, chance: random.Random) -> Event:
    return event | {"remarks": "x" * MAX_MESSAGE_BYTES}


_DAMAGE: dict[Reason, Callable[[Event, random.Random], object]] = {
    Reason.TOO_LARGE: _too_large,
    Reason.NOT_AN_OBJECT: _not_an_object,
    Reason.UNSUPPORTED_SCHEMA_VERSION: _unsupported_version,
    Reason.MISSING_FIELD: _missing_field,
    Reason.WRONG_TYPE: _wrong_type,
    Reason.UNKNOWN_AIRLINE: _unknown_airline,
    Reason.UNKNOWN_AIRPORT: _unknown_airport,
    Reason.OUT_OF_RANGE: _out_of_range,
    Reason.INCONSISTENT_TIMES: _inconsistent_times,
}
