"""Files given by mistake, and odd quotes: a clear sentence each, and no row is lost without its line."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from flight_assets.contracts.reference import Reference
from flight_assets.errors import FlightsError
from flight_assets.sources.mapping import read_mapping
from flight_assets.sources.opening import readable
from flight_assets.sources.reading import sources_of
from flight_assets.sources.registry import layout_of
from flight_assets.sources.weather import read_weather
from flight_assets_tests.unit.sources.conftest import Loaded

Load = Callable[..., Loaded]
HEADER = (
    "FL_DATE,OP_UNIQUE_CARRIER,TAIL_NUM,OP_CARRIER_FL_NUM,ORIGIN,DEST,CRS_DEP_TIME,DEP_DELAY,ARR_DELAY,"
    "CRS_ELAPSED_TIME,CANCELLED,DIVERTED,DISTANCE,REMARK"
)


def row(number: int, tail: str = "N1", remark: str = "") -> str:
    return f"2024-03-01,AA,{tail},{number},JFK,LAX,0930,5,10,370,0,0,2475,{remark}"


def table(*rows: str) -> str:
    return "\n".join((HEADER, *rows)) + "\n"


def workbook() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("xl/worksheets/sheet1.xml", "<sheet/>")
    return packed.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.csv", bytes(range(256)) * 20, "neither text nor Parquet"),
        ("a.csv", b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR" * 9, "neither text nor Parquet"),
        ("a.xlsx", workbook(), "is a workbook: save its sheet as CSV"),
        ("a.csv", b"<!DOCTYPE html><html>403</html>", "web page"),
        ("a.json", b'[{"icao24": "abc", "firstSeen": 1, "lastSeen": 2}]', "OpenSky.*no schedules"),
        ("a.csv", b"time,icao24,lat,lon,velocity\n1,abc,1,2,3\n", "OpenSky.*no schedules"),
        ("a.csv", (HEADER + "\n" + "x" * (9 << 20)).encode(), "a.csv: a line is longer than 4 MB"),
    ],
    ids=["any bytes", "picture", "workbook", "web page", "OpenSky JSON", "OpenSky states", "huge line"],
)
def test_a_file_that_cannot_be_loaded_says_what_it_is(
    load: Load, name: str, content: bytes, told: str
) -> None:
    with pytest.raises(FlightsError, match=told):
        load({name: content})


def test_paths_that_are_no_files(tmp_path: Path) -> None:
    with pytest.raises(FlightsError, match="is a folder: name its files"):
        sources_of(tmp_path)
    with pytest.raises(FlightsError, match="is a folder"):
        read_mapping(tmp_path)
    with pytest.raises(FlightsError, match="save it as a file first"):
        sources_of(Path("-"))
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FlightsError, match="save it as a file first"):
        sources_of(tmp_path / "pipe")
    with pytest.raises(FlightsError, match="there is no file"):
        sources_of(tmp_path / "missing.csv")


def test_a_file_that_may_not_be_read_is_not_called_damaged() -> None:
    with pytest.raises(FlightsError, match="give it read permission"), readable("a.csv"):
        raise PermissionError(13, "Permission denied")


def test_an_unknown_layout_is_named_with_the_known_ones(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(table(row(1)))
    with pytest.raises(FlightsError, match="there is no layout nope: choose one of bts-prezip"):
        layout_of(sources_of(path)[0], "nope")


def test_a_mapping_in_another_encoding(tmp_path: Path) -> None:
    path = tmp_path / "m.toml"
    path.write_bytes('name = "é"'.encode("latin1"))
    with pytest.raises(FlightsError, match="not in UTF-8"):
        read_mapping(path)


@pytest.mark.parametrize("content", ["station,valid,tmpf\n", "station,valid,tmpf\n,2024-01-01 00:00,1\n"])
def test_weather_without_a_report_is_refused(tmp_path: Path, reference: Reference, content: str) -> None:
    path = tmp_path / "w.csv"
    path.write_text(content)
    with pytest.raises(FlightsError, match="no report with an airport and a time"):
        read_weather([path], reference, 60)


def test_a_quote_that_is_not_closed_costs_its_own_line_only(load: Load) -> None:
    found = load({"a.csv": table(row(1), row(2, tail='"N2'), row(3), "a,b", row(4))})
    assert found.survey.rows == 5
    assert set(found.flights()) == {f"AA{number}-JFK-20240301" for number in (1, 3, 4)}
    assert found.reasons == [(3, "bad_row"), (5, "bad_row")]


def test_line_ends_in_quoted_cells_keep_the_lines_of_later_rows_right(load: Load) -> None:
    found = load({"a.csv": table(row(1, remark='"two\nlines"'), row(2), row(0), row(3))})
    assert set(found.flights()) == {f"AA{number}-JFK-20240301" for number in (1, 2, 3)}
    assert found.reasons == [(5, "no_flight_number")]
    lines = np.sort(found.spool.read(found.spool.days()[0])["row"])
    assert lines.tolist() == [2, 4, 6]
