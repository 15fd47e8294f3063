"""Traits of real files: line ends, packings, damage, clocks, numbers and zones as people write them."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from collections.abc import Callable
from datetime import time

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flight_assets.errors import FlightsError
from flight_assets_tests.unit.sources.conftest import Loaded

Load = Callable[..., Loaded]
HEADER = (
    "FL_DATE,OP_UNIQUE_CARRIER,TAIL_NUM,OP_CARRIER_FL_NUM,ORIGIN,DEST,CRS_DEP_TIME,DEP_DELAY,CRS_ARR_TIME,ARR_DELAY,"
    "CANCELLED,DIVERTED,CRS_ELAPSED_TIME,DISTANCE"
)
ROW = "2024-03-01,AA,N1,12,JFK,LAX,{time},5,1500,10,0,0,360,2475"
ONE = f"{HEADER}\n{ROW.format(time='0930')}\n"
ZONED = """
name = "own"
time_zone = "{zone}"
[file]
{decimal}
[fields]
flight = "flight"
origin = "from"
destination = "to"
scheduled_departure = "std"
actual_departure = "atd"
distance = {{ column = "km", unit = "km" }}
"""


def zipped(members: dict[str, str]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return packed.getvalue()


@pytest.mark.parametrize(
    ("written", "departure"),
    [
        ("5", "2024-03-01T05:05:00Z"),
        ("5.0", "2024-03-01T05:05:00Z"),
        ('"0005"', "2024-03-01T05:05:00Z"),
        ("2400.0", "2024-03-02T05:00:00Z"),
        ("24:00", "2024-03-02T05:00:00Z"),
        ("09:30:00", "2024-03-01T14:30:00Z"),
        ("12:00 AM", "2024-03-01T05:00:00Z"),
        ("12:30 p.m.", "2024-03-01T17:30:00Z"),
        ("9:30 pm", "2024-03-02T02:30:00Z"),
    ],
)
def test_a_clock_time_in_any_writing(load: Load, written: str, departure: str) -> None:
    (flight,) = load({"a.csv": f"{HEADER}\n{ROW.format(time=written)}\n"}).flights().values()
    assert flight["scheduled_departure"] == departure


@pytest.mark.parametrize("written", ["2360", "-5", "13:30 PM", "noon", ""])
def test_what_is_no_clock_time_is_named(load: Load, written: str) -> None:
    assert load({"a.csv": f"{HEADER}\n{ROW.format(time=written)}\n"}).reasons == [(2, "no_departure")]


@pytest.mark.parametrize("column_type", [pa.time64("us"), pa.time32("s")])
def test_a_clock_time_as_a_time_of_parquet(load: Load, column_type: pa.DataType) -> None:
    frame = pd.read_csv(io.StringIO(ONE), dtype=str)
    table = pa.Table.from_pandas(frame.drop(columns="CRS_DEP_TIME"))
    table = table.append_column("CRS_DEP_TIME", pa.array([time(9, 30)], column_type))
    packed = io.BytesIO()
    pq.write_table(table, packed)
    (flight,) = load({"a.parquet": packed.getvalue()}).flights().values()
    assert flight["scheduled_departure"] == "2024-03-01T14:30:00Z"


@pytest.mark.parametrize(
    "content",
    [
        ("\ufeff" + ONE.replace("\n", "\r\n")).encode(),
        ONE.replace("\n", ",\n").encode(),
        ONE.replace("2475\n", "2475,\n").encode(),
        ONE.replace("DISTANCE\n", "DISTANCE,\n").encode(),
        ONE.strip().encode(),
        ONE.replace(",", ";").encode(),
        ONE.replace("2475", '"2,475.00"').encode(),
        f"{HEADER.lower()}\n{ROW.format(time='930')}\n".encode(),
        gzip.compress(ONE.encode(), mtime=0),
        zipped({"sub/a.csv": ONE, "empty.csv": "", "__MACOSX/._a.csv": "\0", "terms.txt": "Terms\nof use"}),
    ],
    ids=[
        *("byte order mark and CRLF", "comma at every end", "comma at the rows' ends"),
        *("comma at the header's end", "no last line end", "semicolons", "thousands", "small letters"),
        *("gzip by another name", "zip by another name"),
    ],
)  # fmt: skip
def test_the_same_flight_however_its_file_is_written(load: Load, content: bytes) -> None:
    found = load({"a.csv": content})
    (flight,) = found.flights().values()
    assert (flight["flight_id"], flight["scheduled_departure"]) == (
        "AA12-JFK-20240301",
        "2024-03-01T14:30:00Z",
    )
    assert (flight["distance_miles"], flight["arrival_delay_minutes"]) == (2475.0, 10.0)
    assert (found.survey.rows, found.reasons) == (1, [])


PARQUET = io.BytesIO()
pq.write_table(pa.table({"a": [1]}), PARQUET)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.csv.gz", gzip.compress((ONE * 9_000).encode(), mtime=0)[:900], "cannot be read to its end"),
        ("a.zip", zipped({"a.csv": ONE})[:90], "cannot be read to its end"),
        ("a.zip", b"hello", "cannot be read to its end"),
        ("a.zip", zipped({"a.csv": ONE}).replace(b"N1,12", b"N1,13"), "Bad CRC"),
        ("a.parquet", PARQUET.getvalue()[:200], "cannot be read to its end"),
        ("a.csv", ONE.encode("utf-16"), "UTF-16"),
        ("a.csv", ONE.replace("\n", "\r").encode(), "CR alone"),
        ("a.csv.gz", gzip.compress(b"", mtime=0), "is empty"),
        ("a.zip", zipped({"empty.csv": ""}), "holds no table"),
    ],
    # Archives hold the time they were made, which must not name a test.
    ids=[
        *("gzip cut off", "zip cut off", "no zip", "zip with a wrong sum", "Parquet cut off", "UTF-16"),
        *("CR alone", "empty gzip", "zip without a table"),
    ],
)
def test_a_damaged_file_is_refused_in_a_sentence(load: Load, name: str, content: bytes, told: str) -> None:
    with pytest.raises(FlightsError, match=told):
        load({name: content})


def test_a_file_that_stops_being_utf8_is_read_to_its_end(load: Load) -> None:
    rows = "".join(
        f"{ROW.format(time='0930').replace(',12,', f',{number},')}\n" for number in range(1, 2_001)
    )
    late = ROW.format(time="0930").replace("N1", "Né").replace(",12,", ",3000,")
    found = load({"a.csv": f"{HEADER}\n{rows}".encode() + f"{late}\n".encode("latin1")})
    assert (found.survey.flights, found.reasons) == (2_001, [])


def test_a_date_that_is_none_is_named(load: Load) -> None:
    text = ONE.replace("2024-03-01", "13/13/2024") + ROW.format(time="0930").replace(
        "2024-03-01", "2024-02-30"
    )
    assert load({"a.csv": text}).reasons == [(2, "no_departure"), (3, "no_departure")]


@pytest.mark.parametrize(
    "written",
    [
        *("1704103200", "1704103200000", "1704103200000000", "1704103200000000000"),
        *("2024-01-01T10:00:00.123456789Z", "2024-01-01 10:00", "2024-01-01T12:00:00+02:00"),
    ],
)
def test_a_moment_in_any_writing(load: Load, written: str) -> None:
    text = f"flight,from,to,std,atd,km\nLH400,FRA,JFK,{written},,\n"
    (flight,) = load({"a.csv": text}, mapping=ZONED.format(zone="UTC", decimal="")).flights().values()
    assert flight["scheduled_departure"] == "2024-01-01T10:00:00Z"


def test_times_of_parquet_with_a_zone_are_moments(load: Load) -> None:
    nanoseconds = 1_704_103_260_000_000_000
    table = pa.table(
        {
            "flight": ["LH400"],
            "from": ["FRA"],
            "to": ["JFK"],
            "std": pa.array([1_704_103_200_000_000_000], pa.timestamp("ns")),
            "atd": pa.array([nanoseconds], pa.timestamp("ns", "Europe/Berlin")),
            "km": [6_185.0],
        }
    )
    packed = io.BytesIO()
    pq.write_table(table, packed)
    found = load({"a.parquet": packed.getvalue()}, mapping=ZONED.format(zone="UTC", decimal=""))
    assert found.times("departed") == {"LH400-FRA-20240101": "2024-01-01T10:01:00Z"}


@pytest.mark.parametrize("written", ["2024-01-01T10:00:00+02:00", "2024-01-01T10:00:00Z", "1704103200"])
def test_a_moment_that_knows_its_offset_is_no_local_time(load: Load, written: str) -> None:
    text = f"flight,from,to,std,atd,km\nLH400,FRA,JFK,{written},,\n"
    with pytest.raises(FlightsError, match='column std .* set time_zone = "UTC"'):
        load({"a.csv": text}, mapping=ZONED.format(zone="local", decimal=""))


@pytest.mark.parametrize("stated", ['decimal = ","', ""])
def test_decimal_commas(load: Load, stated: str) -> None:
    rows = ("LH400;FRA;JFK;2024-01-01T10:00;;6.185,5", "LH401;FRA;JFK;2024-01-01T10:00;;6185,5")
    text = "\n".join(("flight;from;to;std;atd;km", *rows))
    flights = load({"a.csv": text}, mapping=ZONED.format(zone="UTC", decimal=stated)).flights()
    miles = 6_185.5 * 0.621371192
    assert [each["distance_miles"] for each in flights.values()] == pytest.approx([miles, miles])


AEROAPI = {
    "fa_flight_id": "UAL10-1",
    "operator_iata": "UA",
    "flight_number": "10",
    "codeshares": ["LH1", "AC2"],
    "origin": {"code_iata": "JFK"},
    "destination": {"code_iata": "LAX"},
    "scheduled_out": "2024-01-01T10:00:00Z",
    "scheduled_in": "2024-01-01T16:00:00Z",
}
OTHER = AEROAPI | {"fa_flight_id": "UAL11-1", "flight_number": "11"}


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"flights": [AEROAPI, OTHER], "links": None}),
        json.dumps({"departures": [AEROAPI], "arrivals": [OTHER]}, indent=1),
        "\n".join(map(json.dumps, (AEROAPI, OTHER))),
        "\n".join(json.dumps({"flights": [each], "num_pages": 1}) for each in (AEROAPI, OTHER)),
    ],
    ids=["an answer", "an airport's answer", "a flight a line", "an answer a line"],
)
def test_aeroapi_however_it_was_saved(load: Load, text: str) -> None:
    assert list(load({"a.json": text}).flights()) == ["UA10-JFK-20240101", "UA11-JFK-20240101"]


def test_one_flight_of_aeroapi_alone(load: Load) -> None:
    assert list(load({"a.json": json.dumps(AEROAPI, indent=1)}).flights()) == ["UA10-JFK-20240101"]


def test_a_line_of_json_that_is_no_flight_is_named(load: Load) -> None:
    text = "\n".join((json.dumps(AEROAPI), "[1]", '{"a": 1}', "x"))
    assert load({"a.json": text}).reasons == [(2, "bad_row"), (3, "no_airline"), (4, "bad_row")]
