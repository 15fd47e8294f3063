"""Flights of the cases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from flight_assets_tests.factories import message, without, z

pytestmark = pytest.mark.integration
NEW_YORK = ZoneInfo("America/New_York")
WEEKS, BARE, DAYS = 60, 120, 5_000
BLOCK = timedelta(hours=4, minutes=30)
Event = dict[str, Any]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def flight(number: int, departs: datetime, kind: str = "scheduled", **changes: Any) -> Event:
    """An event of a flight from Newark that leaves at a moment; it happens when an event of its kind does."""
    flight_id = f"UA{number}-EWR-{departs.astimezone(NEW_YORK):%Y%m%d}"
    happened = {"scheduled": departs - timedelta(hours=3), "departed": departs, "arrived": departs + BLOCK}
    times = {
        "scheduled_departure": z(departs),
        "scheduled_arrival": z(departs + BLOCK),
        "timestamp": z(happened[kind]),
    }
    names = {"flight_id": flight_id, "flight_number": number, "event_id": f"{flight_id}:{kind}:case"}
    return message(**{"event_type": kind} | names | times | changes)


def flight_ids(events: list[Event]) -> set[str]:
    return {event["flight_id"] for event in events}


SUMMER = at("2024-06-12T14:00:00")
WEEKLY = [flight(5001, SUMMER + timedelta(weeks=week)) for week in range(WEEKS)]
FUTURE = [flight(5002, SUMMER), flight(5002, SUMMER, "departed", timestamp="2098-06-12T14:00:00Z")]

# The aircraft arrives before it leaves: a zone mistake of five hours.
BACKWARDS = [
    flight(5003, SUMMER),
    flight(5003, SUMMER, "departed"),
    flight(
        5003, SUMMER, "arrived", timestamp=z(SUMMER - timedelta(minutes=30)), arrival_delay_minutes=-300.0
    ),
]
TIED = [flight(5004, SUMMER), flight(5004, SUMMER, "departed", departure_delay_minutes=10.0)]
CORRECTION = flight(5004, SUMMER, "departed", departure_delay_minutes=25.0, event_id="5004:corrected:case")

# 22:30 in Newark is the next day in UTC.
EVENING = at("2024-06-13T02:30:00")

DATED = {
    "local": flight(5005, EVENING),
    "utc": flight(5005, EVENING, flight_id="UA5005-EWR-20240613", event_id="5005:utc:case"),
}

LATE = [
    flight(
        5006,
        SUMMER,
        "departed",
        departure_delay_minutes=3_140.0,
        timestamp=z(SUMMER + timedelta(minutes=3_140)),
    )
]

LATE += [
    flight(
        5006, SUMMER, "arrived", departure_delay_minutes=3_140.0, arrival_delay_minutes=3_143.0,
        timestamp=z(SUMMER + BLOCK + timedelta(minutes=3_143)),
    )
]  # fmt: skip

ODD_WEATHER = {
    "temperature_f": "M",
    "precipitation_in": "T",
    "pressure_mb": "1013.2",
    "wind_speed_mph": 8.0,
    "windgust": 20.0,
}
WORDS = flight(5007, SUMMER, weather=ODD_WEATHER)

PRECISE = {
    5008: flight(5008, SUMMER, timestamp="2024-06-12T11:00:00.1234567Z"),
    5009: flight(5009, SUMMER, timestamp="2024-06-12T11:00:00.123456789Z"),
}

TAILS = {
    5010: '=HYPERLINK("http://example.org","N1")',
    5011: "<script>alert(1)</script>",
    5012: "N1\x1b[31m",
    5013: "+1-555",
    5014: "N\u0410123",
}
HOSTILE = [flight(number, SUMMER, tail_number=tail) for number, tail in TAILS.items()]
NO_WEATHER = [without("weather", flight(5100 + nth, SUMMER)) for nth in range(BARE)]

# Five thousand days of sixty years, unevenly, so that no range of days covers them.
SCATTERED = [
    flight(5015, at("1966-01-05T17:00:00") + timedelta(days=4 * day + day % 3)) for day in range(DAYS)
]
