"""Events of a pool of flights that fuzzing changes and damages; the same ones for the same seed."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from flight_assets.contracts.message import MESSAGE_FIELDS, REQUIRED_DELAYS, WEATHER_FIELDS
from flight_assets_tests.factories import message, z
from flight_assets_tests.flight_model import MINUTES

Event = dict[str, Any]
Change = Callable[[Event, random.Random], Event]

# Two time changes of New York and an end of a year are among the days of the largest pool.
FIRST_DAY = datetime(2024, 10, 20, 15, tzinfo=UTC)
STEPS_OF_A_FLIGHT = 8
AIRPORTS = ("IAH", "AUS", "DFW", "ORD", "LAX")
# Texts with one character more, or in another form, and texts that programs take for something else.
ODD_TEXTS = (
    "", " ", "=1+1", '=HYPERLINK("http://example.org","x")', "+1", "-1", "@SUM(A1)",
    "<script>alert(1)</script>",
    "\u202egpj.exe", "N\u0410123", "\u0000", "\x1b[31mred\x1b[0m", "caf\u00e9", "cafe\u0301", "\ufb01",
    "\u212b", "\u00c5",
    "\U0001f6eb", "\ufeffN1", "null", "NaN", "true", "1e9", "N" * 300, "\t", "\r\n", "a\u2028b",
    "[red]x[/red]", "${x}",
    "'; DROP TABLE flights; --", "%s%n", "\u00a0UA\u00a0", "\uff35\uff21", "İ", "ß", "\u0130", "N1\u200b",
)  # fmt: skip
ODD_NUMBERS = (
    0, -1, 1, 9_999, 10_000, 2**31 - 1, 2**31, -(2**31) - 1, 2**53 + 1, 2**63, 2**64, 10**400, -(10**400),
    0.0, -0.0, 1e-320,
    1e308, 1.5, -1_440, -1_441, 20_160, 20_160.5, 12_500, 0.1, 1e16, float("inf"), float("nan"), True, False,
)  # fmt: skip
ODD_TIMES = (
    "1970-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "2025-06-30T23:59:60Z",
    "2025-03-09T02:30:00-05:00",
    "2025-03-09T07:30:00-00:00", "2025-03-09t07:30:00Z", "2025-03-09T07:30:00z", "2025-03-09 07:30:00Z",
    "2025-03-09T07:30Z",
    "2025-03-09T07:30:00", "2025-03-09T24:00:00Z", "2025-02-29T00:00:00Z", "2024-02-29T00:00:00Z",
    "2025-03-09T07:30:00+14:59",
    "2025-03-09T07:30:00+15:00", "2025-03-09T07:30:00.Z", "2025-03-09T07:30:00.1234567890Z",
    "2025-03-09T07:30:00,5Z",
    "2025-W10-7T07:30:00Z", "1741505400", "\u0662\u0660\u0662\u0665-03-09T07:30:00Z",
    "2025-03-09T07:30:00Z ", "1900-01-01T00:00:00+14:00",
    "2099-12-31T23:59:59-14:00", "-2025-03-09T07:30:00Z", "2025-3-9T07:30:00Z", "2025-03-09T07:30:00+0100",
)  # fmt: skip
ODD_VALUES: tuple[Any, ...] = (None, [], {}, [[]], {"a": {"b": [1]}}, *ODD_TEXTS, *ODD_NUMBERS, *ODD_TIMES)
NAMES = tuple(field.name for field in MESSAGE_FIELDS)
TIMES = tuple(field.name for field in MESSAGE_FIELDS if field.json_type == "time")
NUMBERS = tuple(field.name for field in MESSAGE_FIELDS if field.json_type in ("number", "integer"))
TEXTS = tuple(field.name for field in MESSAGE_FIELDS if field.json_type == "string")
WEATHER = tuple(field.name for field in WEATHER_FIELDS)


@dataclass(frozen=True)
class Pool:
    """Flights that events are of: of one airline, so many numbers on each of so many days."""

    airline: str = "UA"
    numbers: int = 6
    days: int = 300

    def flight(self, chance: random.Random) -> tuple[int, datetime]:
        """Return number and planned departure of a flight."""
        return 1 + chance.randrange(self.numbers), FIRST_DAY + timedelta(days=chance.randrange(self.days))


def event_of(chance: random.Random, pool: Pool) -> Event:
    """Return a valid event of a flight of the pool.

    Its event_id is one of a few of the flight, so the same id comes again, with this content or another.
    """
    number, departs = pool.flight(chance)
    kind = chance.choice(tuple(MINUTES))
    flight_id = f"{pool.airline}{number}-EWR-{departs:%Y%m%d}"
    delays = {"departure_delay_minutes": 4.0, "arrival_delay_minutes": float(chance.randint(-30, 60))}
    return message(
        schema_version=3,
        event_id=f"{flight_id}:{chance.randrange(STEPS_OF_A_FLIGHT)}",
        event_type=kind,
        timestamp=z(departs + timedelta(minutes=chance.choice(MINUTES[kind]))),
        flight_id=flight_id,
        airline=pool.airline,
        flight_number=number,
        destination=chance.choice(AIRPORTS),
        diverted_to=chance.choice((*AIRPORTS, None)) if kind == "diverted" else None,
        scheduled_departure=z(departs),
        scheduled_arrival=z(departs + timedelta(minutes=270)),
        **{name: delays[name] if name in REQUIRED_DELAYS[kind] else None for name in delays},
    )


def _offset_times(event: Event, chance: random.Random) -> Event:
    """The same moments, in other zones and with more digits."""
    changed = {}
    for name in TIMES:
        minutes = chance.choice((-840, -300, 0, 90, 345, 899))
        moment = datetime.fromisoformat(event[name]) + timedelta(minutes=minutes)
        sign = "-" if minutes < 0 else "+"
        digits = chance.choice(("", ".0", ".000", f".{'0' * 9}"))
        zone = f"{sign}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
        changed[name] = f"{moment:%Y-%m-%dT%H:%M:%S}{digits}{zone}"
    return event | changed


def _fractions(event: Event, chance: random.Random) -> Event:
    digits = "".join(chance.choices("0123456789", k=chance.randint(1, 11)))
    return event | {"timestamp": event["timestamp"].replace("Z", f".{digits}Z")}


def _odd(names: tuple[str, ...], values: tuple[Any, ...]) -> Change:
    def change(event: Event, chance: random.Random) -> Event:
        return event | {chance.choice(names): chance.choice(values) for _ in range(chance.choice((1, 1, 2)))}

    return change


def _absent(event: Event, chance: random.Random) -> Event:
    left_out = set(chance.sample(NAMES, chance.choice((1, 1, 3))))
    return {name: value for name, value in event.items() if name not in left_out}


def _odd_weather(event: Event, chance: random.Random) -> Event:
    weather = event["weather"] | {
        chance.choice((*WEATHER, "windgust", "Temperature_F")): chance.choice(ODD_VALUES) for _ in range(3)
    }
    return event | {"weather": chance.choice((weather, weather, {}, None))}


def _other_forms(event: Event, chance: random.Random) -> Event:
    """Codes in lower case and between spaces."""
    names = ("airline", "origin", "destination", "tail_number")
    return event | {name: chance.choice((f" {event[name]} ", event[name].lower())) for name in names}


def _other_flights(event: Event, chance: random.Random) -> Event:
    """Ids in forms of other versions, with suffixes, times and codes that the reference data lacks."""
    day = event["flight_id"][-8:]
    airline, origin = (
        chance.choice((event["airline"], "9E", "ZZ", "UAL", "U", "ua", "Ü1")),
        chance.choice(("EWR", "KEWR", "QQQ", "E")),
    )
    suffix = chance.choice((None, "A", "b", "1", "AB"))
    at = chance.choice(("", "T1000", "T2355", "T1100", "T9999", "t1000"))
    flight_id = f"{airline}{event['flight_number']}{suffix or ''}-{origin}-{day}{at}"
    changed = {"airline": airline, "origin": origin, "flight_suffix": suffix, "flight_id": flight_id}
    return event | changed | {"schema_version": chance.choice((1, 2, 3)), "event_id": f"{flight_id}:x"}


def _versions(event: Event, chance: random.Random) -> Event:
    return event | {
        "schema_version": chance.choice((1, 2, 3, 4, 0, -1, 1.0, 3.0, "3", True, 10**30, [3], None))
    }


def _event_ids(event: Event, chance: random.Random) -> Event:
    """Ids that differ by normalisation, case or spaces only, and ids of the largest length."""
    base = event["event_id"]
    forms = (
        f"{base}caf\u00e9",
        f"{base}cafe\u0301",
        base.lower(),
        f" {base} ",
        base.ljust(200, "x"),
        base.ljust(201, "x"),
    )
    return event | {"event_id": chance.choice((*forms, f"{base}\u200b", f"{base}\U0001f6eb"))}


def _more_fields(event: Event, chance: random.Random) -> Event:
    count = chance.choice((1, 1, 11, 200))
    return event | {f"x{nth}{chance.choice(ODD_TEXTS)}": chance.choice(ODD_VALUES) for nth in range(count)}


def _other_case(event: Event, chance: random.Random) -> Event:
    name = chance.choice(NAMES)
    return event | {name.upper(): chance.choice(ODD_VALUES), "Weather": {}}


CHANGES: dict[str, Change] = {
    "plain": lambda event, _: event,
    "same moment in another zone": _offset_times,
    "fractions of a second": _fractions,
    "odd time": _odd(TIMES, ODD_TIMES),
    "odd number": _odd(NUMBERS, ODD_NUMBERS),
    "odd text": _odd(TEXTS, ODD_TEXTS),
    "wrong type": _odd(NAMES, ODD_VALUES),
    "absent fields": _absent,
    "odd weather": _odd_weather,
    "codes in other forms": _other_forms,
    "other flight ids": _other_flights,
    "versions": _versions,
    "odd event ids": _event_ids,
    "further fields": _more_fields,
    "names in another case": _other_case,
}
