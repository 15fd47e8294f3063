"""Local times to the minute: both changes of clocks, places without them, and midnight written as 2400."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from flight_assets.sources.clock import to_utc
from flight_assets.sources.planned import arrival_on_clock
from flight_assets_tests.unit.sources.conftest import Loaded
from flight_assets_tests.unit.sources.layout_files import DATA_EXPO_HEADER

Load = Callable[..., Loaded]


def row(
    day: str, departure: str, arrival: str, elapsed: str, origin: str, destination: str, delays: str = "0,0"
) -> str:
    """A row of Data Expo 2009, with arrival and departure delay."""
    year, month, number = day.split("-")
    return (
        f"{year},{int(month)},{int(number)},1,{departure},{departure},{arrival},{arrival},UA,7,N1,{elapsed},{elapsed},1,{delays},"
        f"{origin},{destination},500,1,1,0,,0,NA,NA,NA,NA,NA"
    )


@pytest.mark.parametrize(
    ("values", "departure", "arrival"),
    [
        pytest.param(
            ("2008-03-08", "2359", "330", "151", "EWR", "MIA"),
            "04:59",
            "07:30",
            id="the night before the clocks go forward",
        ),
        pytest.param(
            ("2008-03-09", "0130", "0430", "120", "EWR", "MIA"),
            "06:30",
            "08:30",
            id="clocks go forward on the way",
        ),
        pytest.param(
            ("2008-03-09", "0230", "0530", "120", "EWR", "MIA"),
            "07:30",
            "09:30",
            id="an hour that there was not",
        ),
        pytest.param(
            ("2008-11-02", "0130", "0230", "120", "EWR", "MIA"), "05:30", "07:30", id="the first 1:30 of two"
        ),
        pytest.param(
            ("2008-11-02", "0130", "0330", "120", "EWR", "MIA"), "06:30", "08:30", id="the second 1:30 of two"
        ),
        pytest.param(
            ("2008-03-09", "1200", "1300", "120", "EWR", "PHX"), "16:00", "18:00", id="to Arizona, summer"
        ),
        pytest.param(
            ("2008-03-08", "1200", "1300", "180", "EWR", "PHX"), "17:00", "20:00", id="to Arizona, winter"
        ),
        pytest.param(("2008-07-01", "1200", "1700", "360", "HNL", "PHX"), "22:00", "04:00", id="from Hawaii"),
        pytest.param(("2008-07-01", "1200", "1245", "45", "GUM", "SPN"), "02:00", "02:45", id="Guam"),
        pytest.param(
            ("2008-07-01", "2400", "130", "90", "EWR", "BOS"),
            "04:00",
            "05:30",
            id="2400 is the end of the day",
        ),
        pytest.param(
            ("2008-07-01", "2230", "2400", "90", "EWR", "BOS"), "02:30", "04:00", id="arrival at 2400"
        ),
        pytest.param(
            ("2008-07-01", "0", "130", "90", "EWR", "BOS"), "04:00", "05:30", id="0 is its beginning"
        ),
        pytest.param(
            ("2008-07-01", "2359", "130", "NA", "EWR", "BOS"),
            "03:59",
            "05:30",
            id="arrival by its clock alone",
        ),
        pytest.param(
            ("2008-07-01", "1755", "1735", "-20", "SFO", "BOS", "60,0"),
            "00:55",
            None,
            id="planned to arrive before it departs",
        ),
        pytest.param(
            ("2008-07-01", "0600", "2400", "NA", "GSP", "DTW"), "10:00", None, id="2400 in place of unknown"
        ),
    ],
)
def test_planned_times(load: Load, values: tuple[str, ...], departure: str, arrival: str | None) -> None:
    [event] = [
        event
        for event in load({"a.csv": f"{DATA_EXPO_HEADER}\n{row(*values)}\n"}).events()
        if event["event_type"] == "scheduled"
    ]
    assert event["scheduled_departure"][11:16] == departure
    assert (event["scheduled_arrival"] or "")[11:16] == (arrival or "")


def test_the_date_of_a_flight_is_that_of_its_local_departure(load: Load) -> None:
    rows = [
        row("2008-07-01", "2400", "130", "90", "EWR", "BOS"),
        row("2008-07-01", "2355", "130", "90", "HNL", "OGG"),
    ]
    assert set(load({"a.csv": "\n".join([DATA_EXPO_HEADER, *rows])}).flights()) == {
        "UA7-EWR-20080702",
        "UA7-HNL-20080701",
    }


def test_every_hour_of_a_year_agrees_with_zoneinfo() -> None:
    names = [
        "America/New_York",
        "America/Phoenix",
        "Pacific/Honolulu",
        "Pacific/Guam",
        "Australia/Lord_Howe",
        "Asia/Kathmandu",
    ]
    start = datetime(2008, 1, 1)  # noqa: DTZ001 - a local time
    local = np.arange(0, 366 * 86_400, 1_800) + int(np.datetime64(start, "s").astype(np.int64))
    for name in names:
        first, second = to_utc(local, np.zeros(len(local), dtype=np.intp), [name])
        zone = ZoneInfo(name)
        for position in range(0, len(local), 7):
            moment = datetime.fromtimestamp(int(local[position]), UTC).replace(
                tzinfo=None
            )  # local, as it is written
            expected = [int(moment.replace(tzinfo=zone, fold=fold).timestamp()) for fold in (0, 1)]
            assert [int(first[position]), int(second[position])] == expected, (name, moment)


def test_a_delay_moves_actual_times_and_never_planned_ones(load: Load) -> None:
    text = f"{DATA_EXPO_HEADER}\n{row('2008-07-01', '1200', '1330', '90', 'EWR', 'BOS', '-12,1500')}\n"
    departed = load({"a.csv": text}).times("departed")
    assert departed == {}, "it would arrive before it departs"
    text = text.replace("-12,1500", "1490,1500")
    found = load({"b.csv": text})
    assert found.times("departed") == {"UA7-EWR-20080701": "2008-07-02T17:00:00Z"}
    assert found.times("arrived") == {"UA7-EWR-20080701": "2008-07-02T18:20:00Z"}


def test_an_arrival_by_the_clock_is_the_one_nearest_to_a_typical_flight() -> None:
    departure = np.array([np.datetime64("2013-07-02T01:00", "s").astype(np.int64)])
    zone = np.zeros(1, dtype=np.intp)
    arrival = arrival_on_clock(
        departure, np.array([23 * 60 + 59.0]), zone, ["America/Los_Angeles"], np.array([2475.0])
    )
    assert arrival.astype("datetime64[s]")[0] == np.datetime64("2013-07-02T06:59")


def test_flights_moved_to_now_keep_their_local_time_and_weekday(load: Load) -> None:
    found = load(
        {"a.csv": f"{DATA_EXPO_HEADER}\n{row('2008-07-01', '1200', '1330', '90', 'EWR', 'BOS', '5,5')}\n"}
    )
    [flight] = {event["flight_id"]: event for event in found.events(weeks=24)}.values()
    # 24 weeks later it is winter: noon in Newark is an hour later in UTC.
    assert flight["flight_id"] == "UA7-EWR-20081216"
    assert flight["scheduled_departure"] == "2008-12-16T17:00:00Z"
    assert flight["timestamp"] == "2008-12-16T18:35:00Z"
    assert date(2008, 12, 16).weekday() == date(2008, 7, 1).weekday()
