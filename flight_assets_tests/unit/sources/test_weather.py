"""Own weather: units, and no report from after the moment of prediction."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from flight_assets.contracts.reference import Reference
from flight_assets.errors import FlightsError
from flight_assets.sources.weather import NAMES, Weather, read_weather

ASOS = "\n".join(
    [
        "station,valid,tmpf,dwpf,relh,drct,sknt,p01i,alti,mslp,vsby,gust",
        "EWR,2024-06-12 11:51,60.1,50.0,70.0,250.00,10.00,T,30.00,M,10.00,M",
        "EWR,2024-06-12 12:51,61.0,50.0,69.0,260.00,10.00,0.05,30.00,1015.3,10.00,20.00",
        "EWR,2024-06-12 13:51,99.0,50.0,69.0,260.00,10.00,0.05,30.00,1015.3,10.00,20.00",
        "EDDF,2024-06-12 12:50,70.0,M,M,M,M,M,M,M,M,M",
    ]
)


def flights(*rows: tuple[str, str]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "origin": [origin for origin, _ in rows],
            "destination": "LAX",
            "scheduled_departure": [pd.Timestamp(time) for _, time in rows],
        },
        index=range(5, 5 + len(rows)),
    )


@pytest.fixture
def weather(tmp_path: Path, reference: Reference) -> Weather:
    path = tmp_path / "asos.csv"
    path.write_text(ASOS)
    return read_weather([path], reference, lead_minutes=60)


def test_a_flight_has_the_last_report_from_before_it_is_announced(weather: Weather) -> None:
    found = weather.add_to(
        flights(("EWR", "2024-06-12 14:30"), ("EWR", "2024-06-12 13:00"), ("FRA", "2024-06-12 14:00"))
    )
    assert found["temperature_f"].round(1).tolist() == [61.0, 60.1, 70.0]
    assert list(found.index) == [5, 6, 7]


def test_knots_become_miles_an_hour_a_trace_is_nothing_and_altimeters_stand_in(weather: Weather) -> None:
    found = weather.add_to(flights(("EWR", "2024-06-12 13:00"))).iloc[0]
    assert found["wind_speed_mph"] == pytest.approx(11.5078, abs=0.001)
    assert found["precipitation_in"] == 0
    assert found["pressure_mb"] == pytest.approx(1015.9, abs=0.05)
    assert pd.isna(found["wind_gust_mph"])


@pytest.mark.parametrize(
    ("origin", "time"),
    [("EWR", "2024-06-12 12:30"), ("EWR", "2024-06-12 17:52"), ("JFK", "2024-06-12 14:30")],
)
def test_without_a_report_of_the_last_three_hours_there_is_none(
    weather: Weather, origin: str, time: str
) -> None:
    assert weather.add_to(flights((origin, time)))[list(NAMES)].isna().all(axis=None)


def test_the_contracts_own_columns(tmp_path: Path, reference: Reference) -> None:
    path = tmp_path / "own.csv"
    path.write_text("airport,timestamp,temperature_f,visibility_miles\nKEWR,2024-06-12T12:00:00Z,50.5,\n")
    found = read_weather([path], reference, 60).add_to(flights(("EWR", "2024-06-12 13:30"))).iloc[0]
    assert found["temperature_f"] == 50.5
    assert pd.isna(found["visibility_miles"])


def test_the_comments_above_a_file_of_iem_are_passed_over(tmp_path: Path, reference: Reference) -> None:
    path = tmp_path / "asos.csv"
    path.write_text("#DEBUG: Format Typ    -> comma\n#DEBUG: Time Zone     -> Etc/UTC\n" + ASOS)
    found = read_weather([path], reference, 60).add_to(flights(("EWR", "2024-06-12 13:00"))).iloc[0]
    assert found["temperature_f"] == pytest.approx(60.1)


def test_another_table_is_refused(tmp_path: Path, reference: Reference) -> None:
    path = tmp_path / "x.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(FlightsError, match="no file of weather"):
        read_weather([path], reference, 60)
