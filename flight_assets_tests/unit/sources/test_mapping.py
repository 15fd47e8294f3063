"""Any table through a mapping file, and what a wrong mapping says."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from flight_assets.errors import FlightsError
from flight_assets_tests.unit.sources.conftest import Loaded

Load = Callable[..., Loaded]

TABLE = "\n".join(
    [
        "Flug;Von;Nach;Tag;Plan ab;Plan an;Verspätung;Ankunft +/-;Status;km;Kennzeichen",
        "LH 0400;FRA;JFK;31.03.2024;01:30;03:55;600;-120;ok;6190;D-AIXA",
        "LH2030A;MUC;TXL;30.03.2024;23:50;01:00;;;X;480;",
    ]
)
MAPPING = """
name = "my-airline"
time_zone = "local"

[file]
delimiter = ";"
encoding = "latin1"

[fields]
flight = "Flug"
origin = "Von"
destination = "Nach"
tail_number = "Kennzeichen"
date = { column = "Tag", format = "%d.%m.%Y" }
departure_time = "Plan ab"
arrival_time = "Plan an"
departure_delay = { column = "Verspätung", unit = "seconds" }
arrival_delay = { column = "Ankunft +/-", unit = "seconds" }
cancelled = { column = "Status", true = ["X"] }
distance = { column = "km", unit = "km" }
"""


def test_a_table_with_a_mapping(load: Load) -> None:
    found = load({"fluege.csv": TABLE.encode("latin1")}, mapping=MAPPING)
    assert found.layouts == ["my-airline"]
    flight = found.flights()["LH400-FRA-20240331"]
    # Clocks go forward at 2:00 on that night: 1:30 is half past midnight UTC.
    assert flight["scheduled_departure"] == "2024-03-31T00:30:00Z"
    assert (flight["departure_delay_minutes"], flight["arrival_delay_minutes"]) == (10.0, -2.0)
    assert flight["distance_miles"] == pytest.approx(3846.3, abs=0.1)
    assert found.times("cancelled") == {"LH2030A-MUC-20240330": "2024-03-30T22:50:00Z"}


def test_moments_in_one_zone(load: Load) -> None:
    mapping = """
    time_zone = "UTC"
    [fields]
    airline = "carrier"
    flight_number = "number"
    origin = "from"
    destination = "to"
    scheduled_departure = "std"
    scheduled_arrival = "sta"
    actual_departure = "atd"
    actual_arrival = "ata"
    """
    text = (
        "carrier,number,from,to,std,sta,atd,ata\nLH,400,FRA,JFK,2024-03-31T00:30:00Z,2024-03-31"
        " 09:00,2024-03-31 00:25,\n"
    )
    found = load({"a.csv": text}, mapping=mapping)
    assert found.times("departed") == {"LH400-FRA-20240331": "2024-03-31T00:25:00Z"}
    assert found.flights()["LH400-FRA-20240331"]["departure_delay_minutes"] == -5.0
    assert found.flights()["LH400-FRA-20240331"]["scheduled_arrival"] == "2024-03-31T09:00:00Z"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('origin = "Von"', ""), "fields.origin: Field required"),
        (('flight = "Flug"', ""), "needs flight, or airline and flight_number"),
        (('departure_time = "Plan ab"', ""), "needs scheduled_departure, or date and departure_time"),
        (('time_zone = "local"', 'time_zone = "Berlin"'), "Berlin is neither local nor an IANA time zone"),
        (('unit = "km"', 'unit = "leagues"'), "fields.distance.unit"),
        (('"Kennzeichen"', '"Registration"'), "has no column Registration; it has Flug"),
        (("[fields]", "[fields"), "is not TOML"),
        (
            ('tail_number = "Kennzeichen"', 'tail = "Kennzeichen"'),
            "fields.tail: Extra inputs are not permitted",
        ),
    ],
)
def test_a_wrong_mapping_says_what_and_where(load: Load, change: tuple[str, str], message: str) -> None:
    with pytest.raises(FlightsError, match=message.replace("+", r"\+")):
        load({"a.csv": TABLE.encode("latin1")}, mapping=MAPPING.replace(*change))


@pytest.mark.parametrize("field", ["scheduled_arrival", "actual_departure", "actual_arrival"])
def test_a_time_without_a_date_is_not_guessed_but_explained(load: Load, field: str) -> None:
    mapping = f"""
    [fields]
    flight = "flight"
    origin = "from"
    destination = "to"
    date = "day"
    departure_time = "std"
    {field} = "time"
    """
    text = "flight,from,to,day,std,time\nLH400,FRA,JFK,2024-03-30,1015,1022\nLH402,FRA,EWR,2024-03-30,1715,\n"
    with pytest.raises(FlightsError, match="column time has times without a date. (Use|Map)"):
        load({"a.csv": text}, mapping=mapping)


def test_a_moment_of_no_possible_year_is_nothing(load: Load) -> None:
    mapping = """
    [fields]
    flight = "flight"
    origin = "from"
    destination = "to"
    scheduled_departure = "std"
    """
    text = "flight,from,to,std\nLH400,FRA,JFK,1022\nLH402,FRA,EWR,2024-03-30 17:15\n"
    found = load({"a.csv": text}, mapping=mapping)
    assert found.reasons == [(2, "no_departure")]
    assert list(found.flights()) == ["LH402-FRA-20240330"]


@pytest.mark.parametrize("form", ["%Y-%m-%d", ""])
def test_a_date_of_another_form_is_shown(load: Load, form: str) -> None:
    mapping = MAPPING.replace('format = "%d.%m.%Y"', f'format = "{form}"')
    with pytest.raises(FlightsError, match="column Tag has values such as 31.03.2024, which .* set format"):
        load({"a.csv": TABLE.encode("latin1")}, mapping=mapping)
