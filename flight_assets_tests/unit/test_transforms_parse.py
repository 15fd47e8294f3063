"""Every rule of the message contract, each with messages that keep it and messages that break it."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa
import pytest

from flight_assets.contracts.message import (
    CHECKED_REASONS,
    MAX_NESTING,
    Reason,
)
from flight_assets.transforms.check import check
from flight_assets.transforms.inputs import Checks
from flight_assets_tests.factories import checked, message, raw_batch, reference, verdicts
from flight_assets_tests.unit.message_cases import ACCEPTED, IMPOSSIBLE_YEARS, SEVERAL_HARMS, VALID, literal
from flight_assets_tests.unit.rejected_messages import REJECTED, UNKNOWN_CODES


@pytest.fixture(scope="module")
def found():
    """Verdicts of the checks on every message of this module, where codes must be known."""
    rejected = {name: value for name, (value, _, _) in REJECTED.items()}
    cases = {**ACCEPTED, **rejected, **SEVERAL_HARMS, **IMPOSSIBLE_YEARS}
    assert len(cases) == len(ACCEPTED) + len(rejected) + len(SEVERAL_HARMS) + len(IMPOSSIBLE_YEARS), (
        "names of cases are unique"
    )
    return verdicts(cases, reject_unknown=True)


@pytest.mark.parametrize("name", ACCEPTED)
def test_a_message_that_keeps_the_contract_is_accepted(found, name):
    assert (found[name].reason, found[name].detail) == (None, None)


@pytest.mark.parametrize("name", REJECTED)
def test_a_message_that_breaks_a_rule_is_rejected_with_its_reason(found, name):
    _, reason, word = REJECTED[name]
    assert found[name].reason == reason.value
    assert word in found[name].detail


@pytest.mark.parametrize("name", SEVERAL_HARMS)
def test_of_several_problems_the_first_in_the_contracts_order_is_the_reason(found, name):
    assert found[name].reason == name.split(" + ", 1)[0]


@pytest.mark.parametrize("name", IMPOSSIBLE_YEARS)
def test_a_year_that_the_later_steps_cannot_compute_with_is_rejected(found, name):
    assert found[name].reason in (
        Reason.OUT_OF_RANGE.value,
        Reason.WRONG_TYPE.value,
        Reason.INCONSISTENT_TIMES.value,
    )


@pytest.mark.parametrize("name", ["airline", "origin", "event_id"])
def test_the_detail_for_an_empty_text_does_not_call_a_string_no_string(found, name):
    assert "is not string but string" not in found[f"type: empty {name}"].detail


def test_an_integer_too_big_for_a_column_is_not_called_no_integer(found):
    assert "is not integer but integer" not in found["type: flight number beyond 32 bits"].detail


def test_every_reason_of_the_contract_has_a_message_that_is_rejected_for_it(found):
    assert {found[name].reason for name in REJECTED} >= {reason.value for reason in CHECKED_REASONS}


def test_all_problems_of_one_kind_are_in_the_detail(found):
    assert found["missing: empty object"].detail.endswith("scheduled_departure, distance_miles")


def test_values_of_an_accepted_message_arrive_unchanged(found):
    row = found["arrived"]
    sent = message(event_type="arrived")
    times = {
        name: datetime.fromisoformat(sent[name])
        for name in ("timestamp", "scheduled_departure", "scheduled_arrival")
    }
    plain = {name: value for name, value in sent.items() if name not in times and name != "weather"}
    assert {name: row[name] for name in plain} == plain
    assert {name: row[name] for name in times} == times
    assert row["weather"] == sent["weather"]


def test_microseconds_are_kept(found):
    assert found["time with microseconds"].timestamp == datetime(2013, 6, 12, 13, 0, 0, 123_456, tzinfo=UTC)


@pytest.mark.parametrize("name", ["time with nanoseconds", "time with seven digits"])
def test_more_digits_of_a_second_are_cut_to_microseconds(found, name):
    assert found[name].timestamp == datetime(2013, 6, 12, 13, 0, 0, 123_456, tzinfo=UTC)


@pytest.mark.parametrize("name", ["time east of UTC", "time west of UTC"])
def test_a_time_with_an_offset_is_the_moment_that_it_names(found, name):
    assert found[name].timestamp == datetime(2013, 6, 12, 13, tzinfo=UTC)


def test_numbers_with_more_digits_than_a_double_are_rounded(found):
    assert found["distance with 60 digits"].distance_miles == pytest.approx(1400.1111111)


def test_a_field_of_version_2_is_taken_from_version_2_on(found):
    assert found["version 2 with its field"].gate == "B12"
    assert found["version 2 without its field"].gate is None
    assert found["version 1 with what became a field later"].gate is None


def test_a_changed_type_is_refused_in_the_version_that_has_the_field(found):
    rejected = found["type: gate = 5"]
    assert (rejected.reason, rejected.detail) == ("wrong_type", "gate is not string but integer")


def test_names_that_the_messages_version_does_not_have_are_reported_cut_to_a_bearable_length(found):
    assert found["version 1 with what became a field later"].unknown_fields == ["gate"]
    assert found["version 2 with its field"].unknown_fields == []
    assert set(found["fields that no version has"].unknown_fields) == {"colour", "x" * 64}
    assert found["version 4"].unknown_fields is None


@pytest.mark.parametrize("name", ["empty tail number", "blank tail number"])
def test_an_empty_tail_number_is_none(found, name):
    assert found[name].tail_number is None


def test_a_text_that_cannot_be_a_registration_is_dropped_and_counted(found):
    row = found["astral character escaped as two surrogates"]
    assert (row.tail_number, row.cleaned) == (None, ["tail_number"])


TAILS = [
    "=HYPERLINK(1)",
    "@SUM(1+1)",
    "+1",
    "[/RED]",
    "<B>X</B>",
    "| X |",
    "N1\u202eGNP",
    "\x00",
    "N1\nN2",
    "Ν14228",
    "N" * 11,
]


@pytest.mark.parametrize("tail", TAILS)
def test_formulas_markup_control_characters_and_look_alike_letters_are_no_registrations(tail):
    row = checked([message(tail_number=tail)])[0]
    assert (row.reason, row.tail_number, row.cleaned) == (None, None, ["tail_number"])


@pytest.mark.parametrize("tail", ["N14228", "g-euuu", "9M-MRO", "RA-73025"])
def test_registrations_of_the_world_are_kept(tail):
    row = checked([message(tail_number=tail)])[0]
    assert (row.tail_number, row.cleaned) == (tail.upper(), [])


def test_wrong_types_in_weather_are_counted_by_field_and_the_event_is_staged():
    weather = {
        "temperature_f": "39.0",
        "dew_point_f": "M",
        "wind_speed_mph": True,
        "pressure_mb": [1],
        "humidity_pct": 60,
        "temp": 1,
    }
    row = checked([message(weather=weather)])[0]
    assert (row.reason, row.weather["humidity_pct"], row.weather["temperature_f"]) == (None, 60.0, None)
    assert sorted(row.cleaned) == [
        f"weather.{name}" for name in ("dew_point_f", "pressure_mb", "temperature_f", "wind_speed_mph")
    ]
    assert row.unknown_fields == ["weather.temp"]


@pytest.mark.parametrize(
    ("name", "codes"), [("airline", ["airline:ZZ"]), ("both airports", ["origin:QQQ", "destination:QQZ"])]
)
def test_well_formed_codes_that_nobody_knows_are_staged_and_flagged_unless_they_must_be_known(name, codes):
    row = checked([UNKNOWN_CODES[name][0]])[0]
    assert (row.reason, row.unknown_codes) == (None, codes)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"airline": "U?", "flight_id": "UA1545-EWR-20130612"}, "wrong_type"),
        ({"airline": "U?", "flight_id": "U?1545-EWR-20130612"}, "unknown_airline"),
        ({"destination": "I4H"}, "unknown_airport"),
    ],
)
def test_what_is_no_code_is_rejected_whatever_the_setting(changes, reason):
    assert [checked([message(**changes)], reject)[0].reason for reject in (False, True)] == [reason, reason]


@pytest.mark.parametrize(
    ("value", "word"),
    [
        (b"\xef\xbb\xbf" + VALID.encode(), "byte order mark"),
        (literal("distance_miles", "NaN"), "NaN is no number"),
        (f'{VALID[:-1]}, "airline": "AA"}}'.encode(), "the name airline comes twice"),
        (literal("tail_number", '"\\ud800"'), "half a surrogate pair"),
        (literal("distance_miles", "9" * 5_000), "5000 digits"),
        (f'{VALID[:-1]}, "x": {"[" * MAX_NESTING}{"]" * MAX_NESTING}}}'.encode(), "levels deep"),
        (VALID.encode() + b"\xff", "is not UTF-8"),
        (b"", "empty"),
        (None, "tombstone"),
    ],
)
def test_the_detail_names_the_exact_problem(value, word):
    row = checked([value])[0]
    assert (row.reason, word in row.detail) == ("not_json", True)


def test_a_value_that_was_cut_is_too_large_by_its_true_size():
    raw = raw_batch([b"x" * 100]).append_column("value_bytes", pa.array([200_000_000], pa.int64()))
    row = check(raw, Checks(reference())).to_pylist()[0]
    assert (row["reason"], row["detail"]) == ("too_large", "200000000 bytes")
