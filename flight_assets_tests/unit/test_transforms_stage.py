"""Cleaning, quality and enrichment of messages by the checks."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any

import pytest

from flight_assets.contracts.message import WEATHER_FIELDS
from flight_assets.settings import Settings
from flight_assets.transforms.check import check
from flight_assets.transforms.inputs import Checks
from flight_assets_tests.factories import TOOK_AT, WEATHER, checked, encode, message, raw_batch, reference

ALL_MISSING = {"tail_number": None, "scheduled_arrival": None, "weather": None}
BAD = {"distance_miles": -5.0}


def leaving(departure: str, day: str, origin: str = "EWR", destination: str = "IAH") -> dict[str, Any]:
    """A flight that leaves then (UTC), on that local day."""
    flight_id = f"UA1545-{origin}-{day}"
    return message(
        flight_id=flight_id,
        origin=origin,
        destination=destination,
        scheduled_departure=departure,
        scheduled_arrival=None,
        timestamp="2012-01-01T00:00:00Z",
    )


def raw_weather(text: str) -> bytes:
    """The message with a weather object that Python would not write."""
    return json.dumps(message(event_id=text, weather="@")).replace('"@"', text).encode()


EVENTS: dict[str, Any] = {
    "untidy": message(
        airline=" ua ", origin="ewr", destination=" iah", tail_number=" n14228 ", event_type=" scheduled "
    ),
    "complete": message(),
    "cancelled": message(event_type="cancelled"),
    "nothing optional": message(**ALL_MISSING),
    "no weather, no tail": message(tail_number=None, weather=None),
    "implausible temperature": message(weather=WEATHER | {"temperature_f": 200.0}),
    "some of each": message(
        scheduled_arrival=None,
        weather={"temperature_f": 66.0, "humidity_pct": 101.0, "pressure_mb": 1000.0, "wind_speed_mph": 0.0},
    ),
    "lowest weather": message(weather={field.name: field.low for field in WEATHER_FIELDS}),
    "highest weather": message(weather={field.name: field.high for field in WEATHER_FIELDS}),
    "below lowest weather": message(weather={field.name: field.low - 0.01 for field in WEATHER_FIELDS}),
    "above highest weather": message(weather={field.name: field.high + 0.01 for field in WEATHER_FIELDS}),
    "endless temperature": raw_weather('{"temperature_f": 1e400}'),
    "temperature true": raw_weather('{"temperature_f": true}'),
    "temperature as text": raw_weather('{"temperature_f": "66"}'),
    "temperature as object": raw_weather('{"temperature_f": {"value": 66}}'),
    "unknown weather": raw_weather('{"cloud_cover": 3}'),
    "before the clock goes forward": leaving("2013-03-10T06:30:00Z", "20130310"),
    "after the clock goes forward": leaving("2013-03-10T07:30:00Z", "20130310"),
    "before the clock goes back": leaving("2013-11-03T05:30:00Z", "20131103"),
    "after the clock goes back": leaving("2013-11-03T06:30:00Z", "20131103"),
    "Phoenix in summer": leaving("2013-07-01T19:05:00Z", "20130701", origin="PHX"),
    "Honolulu, the evening before": leaving("2013-01-01T08:00:00Z", "20121231", origin="HNL"),
    "Friday": leaving("2013-06-14T14:00:00Z", "20130614"),
    "Saturday": leaving("2013-06-15T14:00:00Z", "20130615"),
    "Sunday": leaving("2013-06-16T14:00:00Z", "20130616"),
    "Sunday here, Monday in UTC": leaving("2013-06-17T03:00:00Z", "20130616"),
}
# name: offset, message. Written in another order than Kafka took them.
COPIES: dict[str, tuple[int, Any]] = {
    "third copy": (1_030, message(event_id="copied")),
    "first copy": (1_010, message(event_id="copied")),
    "second copy": (1_020, message(event_id="copied", event_type="departed")),
    "blank copy": (1_040, message(event_id=" copied ")),
    "of an earlier batch": (1_050, message(event_id="earlier")),
    "bad, of an earlier batch": (1_060, message(event_id="earlier", **BAD)),
    "bad": (1_070, message(event_id="bad first", **BAD)),
    "good after bad": (1_080, message(event_id="bad first")),
    "no id": (1_090, message(event_id=None)),
    "no id either": (1_100, message(event_id=None)),
    "no JSON": (1_110, b"\xff\x00\x01"),
    "tombstone": (1_120, None),
}


@pytest.fixture(scope="module")
def staged():
    """The rows of EVENTS by name, as they are staged."""
    values = [
        value if isinstance(value, bytes) else value | {"event_id": name} for name, value in EVENTS.items()
    ]
    rows = checked(values, batch_id=3, offsets=list(range(2_000, 2_000 + len(values))))
    assert [row.detail for row in rows] == [None] * len(rows)
    return dict(zip(EVENTS, rows, strict=True))


@pytest.fixture(scope="module")
def quarantined():
    rows = checked(
        [value for _, value in COPIES.values()], batch_id=3, offsets=[offset for offset, _ in COPIES.values()]
    )
    return {row.kafka_offset: row for row in rows if row.reason}


@pytest.mark.parametrize("name", ["bad", "no id", "no JSON", "tombstone"])
def test_a_quarantined_message_is_kept_byte_for_byte_with_its_origin(quarantined, name):
    offset, sent = COPIES[name]
    row = quarantined[offset]
    assert (row.value, row.key, row.topic, row.kafka_partition, row.batch_id) == (
        encode(sent),
        b"key",
        "flight_events",
        0,
        3,
    )


def test_a_quarantined_message_says_why(quarantined):
    row = quarantined[COPIES["bad"][0]]
    assert (row.reason, row.detail) == ("out_of_range", "distance_miles = -5.0")
    assert row.processing_date == TOOK_AT.date()


def test_texts_are_trimmed_and_codes_written_in_capitals(staged):
    row = staged["untidy"]
    found = (row.airline, row.origin, row.destination, row.tail_number, row.event_type, row.route)
    assert found == ("UA", "EWR", "IAH", "N14228", "scheduled", "EWR-IAH")


def test_where_a_row_came_from_is_kept(staged):
    row = staged["complete"]
    assert (row.kafka_partition, row.kafka_offset, row.batch_id) == (0, 2_001, 3)
    assert row.ingestion_timestamp == TOOK_AT + timedelta(seconds=2_001)
    assert row.processing_date == TOOK_AT.date()


# completeness = present / 11; validity = plausible / present
@pytest.mark.parametrize(
    ("name", "score"),
    [
        ("complete", 1.0),
        ("cancelled", 1.0),
        ("nothing optional", 0.0),
        ("no weather, no tail", 0.0909),  # 1/11 × 1/1
        ("implausible temperature", 0.9091),  # 11/11 × 10/11
        ("some of each", 0.3636),  # 5/11 × 4/5
        ("below lowest weather", 0.1818),  # 11/11 × 2/11
        ("unknown weather", 0.1818),  # 2/11 × 2/2
        ("endless temperature", 0.1818),  # 3/11 × 2/3
    ],
)
def test_the_quality_score_is_completeness_times_validity(staged, name, score):
    assert staged[name].quality_score == score


@pytest.mark.parametrize("field", WEATHER_FIELDS, ids=lambda field: field.name)
def test_weather_at_the_ends_of_its_range_is_kept(staged, field):
    assert staged["lowest weather"].weather[field.name] == field.low
    assert staged["highest weather"].weather[field.name] == field.high


@pytest.mark.parametrize("field", WEATHER_FIELDS, ids=lambda field: field.name)
def test_weather_that_cannot_be_is_dropped(staged, field):
    assert staged["below lowest weather"].weather[field.name] is None
    assert staged["above highest weather"].weather[field.name] is None


def test_dropping_one_value_keeps_the_others(staged):
    assert staged["implausible temperature"].weather == WEATHER | {"temperature_f": None}


@pytest.mark.parametrize(
    "name", ["endless temperature", "temperature true", "temperature as text", "temperature as object"]
)
def test_weather_that_is_no_number_is_dropped(staged, name):
    assert staged[name].weather["temperature_f"] is None


def test_a_flight_without_weather_has_none(staged):
    assert staged["nothing optional"].weather is None


@pytest.mark.parametrize(
    ("name", "hour"),
    [
        ("before the clock goes forward", 1),
        ("after the clock goes forward", 3),
        ("before the clock goes back", 1),
        ("after the clock goes back", 1),
        ("Phoenix in summer", 12),
        ("Honolulu, the evening before", 22),
        ("complete", 10),
    ],
)
def test_the_hour_is_that_of_the_origins_clock(staged, name, hour):
    assert staged[name].hour == hour


@pytest.mark.parametrize(
    ("name", "day", "day_of_week", "is_weekend"),
    [
        ("complete", date(2013, 6, 12), 3, False),
        ("Friday", date(2013, 6, 14), 5, False),
        ("Saturday", date(2013, 6, 15), 6, True),
        ("Sunday", date(2013, 6, 16), 7, True),
        ("Sunday here, Monday in UTC", date(2013, 6, 16), 7, True),
        ("Honolulu, the evening before", date(2012, 12, 31), 1, False),
    ],
)
def test_date_weekday_and_month_are_those_of_the_scheduled_local_day(
    staged, name, day, day_of_week, is_weekend
):
    row = staged[name]
    assert (row.flight_date, row.day_of_week, row.is_weekend, row.month) == (
        day,
        day_of_week,
        is_weekend,
        day.month,
    )


@pytest.mark.parametrize(
    ("source", "changes", "score"),
    [
        ("bts-t-ontime", {}, 1.0),
        ("bts-t-ontime", {"tail_number": None}, 0.5),
        ("bts-t-ontime", {"tail_number": None, "scheduled_arrival": None}, 0.0),
        ("anac-vra", {"tail_number": None}, 1.0),
        # A value that nobody expects counts if it is there: 2 expected + 1, all plausible.
        ("bts-t-ontime", {"weather": {"temperature_f": 50.0}}, 1.0),
        ("bts-t-ontime", {"weather": {"temperature_f": 900.0}}, 0.6667),
        ("somebody", {}, 0.1818),
    ],
)
def test_a_source_is_held_against_what_it_delivers(source, changes, score):
    (row,) = checked([message(schema_version=3, source=source, **({"weather": None} | changes))])
    assert (row.quality_score, row.low_quality) == (score, score < 0.5)


def test_settings_declare_what_a_source_of_your_own_delivers():
    settings = Settings(source_delivers={"somebody": ["scheduled_arrival"]}, low_quality_below=0.3)
    checks = Checks.of(settings, reference())
    sent = message(schema_version=3, source="somebody", weather=None, tail_number=None)
    row = check(raw_batch([sent]), checks).to_pylist()[0]
    assert (row["quality_score"], checks.low_quality_below) == (1.0, 0.3)
    with pytest.raises(ValueError, match="somebody delivers moon"):
        Checks.of(Settings(source_delivers={"somebody": ["moon"]}), reference())
