"""Rows become flights or are named: ids that never merge, reasons with line numbers, distances, order, and
what resuming needs.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from datetime import date

import pytest

from flight_assets.producer.loaded import weeks_until
from flight_assets.sources import reading
from flight_assets_tests.unit.sources.conftest import Loaded
from flight_assets_tests.unit.sources.layout_files import DATA_EXPO_HEADER, PREZIP

Load = Callable[..., Loaded]


def row(number: int = 7, time: str = "1200", destination: str = "BOS", **changes: str) -> str:
    """A row of Data Expo 2009: UA from Newark on 1 July 2008."""
    values = {
        "Year": "2008", "Month": "7", "DayofMonth": "1", "CRSDepTime": time, "CRSArrTime": "1330",
        "UniqueCarrier": "UA",
        "FlightNum": str(number), "TailNum": "N1", "CRSElapsedTime": "90", "ArrDelay": "1", "DepDelay": "2",
        "Origin": "EWR",
        "Dest": destination, "Distance": "200", "Cancelled": "0", "Diverted": "0",
    } | changes  # fmt: skip
    return ",".join(values.get(name, "NA") for name in DATA_EXPO_HEADER.split(","))


def load_rows(load: Load, *rows: str) -> Loaded:
    return load({"a.csv": "\n".join([DATA_EXPO_HEADER, *rows]) + "\n"})


def test_a_second_flight_of_a_number_keeps_apart_by_its_time(load: Load) -> None:
    found = load_rows(load, row(time="2355"), row(time="0010"), row(time="0010", destination="IAH"))
    assert set(found.flights()) == {"UA7-EWR-20080701", "UA7-EWR-20080701T0010", "UA7-EWR-20080701T2355"}
    assert found.flights()["UA7-EWR-20080701T0010"]["destination"] == "IAH"


def test_the_order_of_the_rows_changes_no_id(load: Load) -> None:
    rows = [row(time="2355"), row(time="0010"), row(number=8)]
    forwards, backwards = load_rows(load, *rows).events(), load_rows(load, *reversed(rows)).events()
    assert forwards == backwards


def test_two_aircraft_under_one_number_at_one_time_are_two_flights(load: Load) -> None:
    """As Frontier's 240 from Denver on 13 January 2008."""
    found = load_rows(load, row(TailNum="N908FR", CRSElapsedTime="330"), row(TailNum="N918FR"))
    tails = {name: event["tail_number"] for name, event in found.flights().items()}
    assert tails == {"UA7-EWR-20080701": "N918FR", "UA7-EWR-20080701T1200": "N908FR"}
    assert found.survey.unusable == {}


def test_a_third_flight_that_the_time_does_not_tell_apart_is_named(load: Load) -> None:
    found = load_rows(load, *(row(destination=code) for code in ("BOS", "IAH", "ORD")))
    assert len(found.flights()) == 2
    assert found.survey.unusable == {"indistinct": 1}


def test_a_row_that_repeats_a_flight_is_named_with_the_line_that_it_repeats(load: Load) -> None:
    found = load_rows(load, row(), row(number=8), row())
    assert found.survey.examples == [("a.csv", 4, "repeated", "the same flight as row 2")]
    assert found.survey.flights == 2


def test_events_have_ids_of_their_own_that_a_second_load_repeats(load: Load) -> None:
    rows = [row(number) for number in range(1, 400)]
    ids = [event["event_id"] for event in load_rows(load, *rows).events()]
    assert len(set(ids)) == len(ids) == 3 * 399
    assert ids == [event["event_id"] for event in load_rows(load, *rows).events()]
    assert ids[0].endswith(":scheduled")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"CRSDepTime": "2561"}, "no_departure"),
        ({"CRSDepTime": "NA"}, "no_departure"),
        ({"DayofMonth": "31", "Month": "6"}, "no_departure"),
        ({"UniqueCarrier": "NA"}, "no_airline"),
        ({"FlightNum": "0"}, "no_flight_number"),
        ({"FlightNum": "12.5"}, "no_flight_number"),
        ({"Origin": "12345"}, "no_origin"),
        ({"Dest": "?"}, "no_destination"),
        ({"Origin": "QQQ"}, "unknown_airport"),
        ({"Dest": "EWR"}, "same_airport"),
        ({"DepDelay": "-1500", "ArrDelay": "NA"}, "out_of_range"),
        ({"ArrDelay": "20161"}, "out_of_range"),
        ({"DepDelay": "300", "ArrDelay": "1"}, "inconsistent_times"),
    ],
)
def test_a_row_that_is_no_flight_is_named_by_line_and_reason(
    load: Load, changes: dict[str, str], reason: str
) -> None:
    found = load_rows(load, row(number=1), row(**changes), row(number=2))
    assert found.reasons == [(3, reason)]
    assert len(found.flights()) == 2


def test_rows_with_too_few_cells_keep_the_lines_of_the_others(load: Load) -> None:
    found = load_rows(
        load,
        row(number=1),
        "2008,7,1",
        "",
        row(number=2, CRSDepTime="NA"),
        row(number=3) + ",1",
        row(CRSDepTime="NA"),
    )
    assert found.reasons == [(3, "bad_row"), (5, "no_departure"), (6, "bad_row"), (7, "no_departure")]


def test_lines_keep_their_numbers_across_the_pieces_in_which_a_file_is_read(
    load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "BLOCK_BYTES", 500)
    rows = [row(number) for number in range(1, 200)]
    rows[100] = "no row"
    rows[150] = row(151, CRSDepTime="NA")
    found = load_rows(load, *rows)
    assert found.reasons == [(102, "bad_row"), (152, "no_departure")]
    assert found.survey.flights == 197


def test_every_unusable_row_is_listed_in_a_file(load: Load, tmp_path) -> None:
    load_rows(load, *(row(CRSDepTime="NA") for _ in range(30)))
    rows = list(csv.reader((tmp_path / "load" / "unusable.csv").read_text().splitlines()))
    assert rows[0] == ["file", "line", "reason", "detail"]
    assert [int(line) for _, line, _, _ in rows[1:]] == list(range(2, 32))


def test_a_distance_that_is_computed_is_told(load: Load) -> None:
    found = load_rows(load, row(1, Distance="NA"), row(2))
    assert (found.survey.flights, found.survey.as_dict()["computed_distances"]) == (2, 1)


def test_a_distance_that_is_missing_is_the_great_circle(load: Load) -> None:
    [flight] = load_rows(load, row(Distance="NA")).flights().values()
    assert flight["distance_miles"] == pytest.approx(200, abs=2)


def test_an_unknown_airline_is_loaded_and_told(load: Load) -> None:
    found = load_rows(load, row(UniqueCarrier="ZQ", Year="1999"))
    assert list(found.flights()) == ["ZQ7-EWR-19990701"]
    found = load_rows(load, row(UniqueCarrier="Q1"))
    assert found.survey.unknown_airlines == {"Q1"}


def test_a_flight_that_left_much_too_early_is_announced_before_it_left(load: Load) -> None:
    kinds = [
        (event["event_type"], event["timestamp"])
        for event in load_rows(load, row(DepDelay="-92", ArrDelay="-80")).events()
    ]
    assert kinds[:2] == [("scheduled", "2008-07-01T14:27:00Z"), ("departed", "2008-07-01T14:28:00Z")]


def test_a_cancelled_flight_has_no_delays_whatever_its_row_says(load: Load) -> None:
    kinds = [event["event_type"] for event in load_rows(load, row(Cancelled="1", DepDelay="NA")).events()]
    assert kinds == ["scheduled", "cancelled"]


def test_a_flight_about_which_nothing_is_known_yet_is_only_scheduled(load: Load) -> None:
    assert [event["event_type"] for event in load_rows(load, row(DepDelay="NA", ArrDelay="NA")).events()] == [
        "scheduled"
    ]


def test_events_come_in_order_over_days_and_files(load: Load) -> None:
    late = [
        row(number, DayofMonth=str(day), DepDelay="2000", ArrDelay="2000")
        for number in range(1, 20)
        for day in (3, 1, 2, 9)
    ]
    times = [event["timestamp"] for event in load_rows(load, *late).events()]
    assert len(times) == 19 * 4 * 3
    assert times == sorted(times)


def test_rows_of_the_spool_survive_pieces(load: Load) -> None:
    found = load({"a.csv": PREZIP, "b.csv": PREZIP.replace('"335"', '"336"')})
    assert sorted(found.times("departed")) == [
        "UA12-SFO-20080103",
        "WN335-IAD-20080103",
        "WN336-IAD-20080103",
    ]
    assert found.survey.unusable == {"repeated": 2}


def test_weeks_to_now_end_in_this_week() -> None:
    today = date(2026, 11, 30)
    for last in (date(2008, 3, 31), date(2026, 11, 30), date(2026, 11, 24), date(2026, 12, 5)):
        moved = last.toordinal() + 7 * weeks_until(last, today)
        assert 0 <= moved - today.toordinal() < 7
