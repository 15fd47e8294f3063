"""Airlines and airports by code and date."""

from __future__ import annotations

import pickle
from datetime import date
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from flight_assets.contracts import dimensions
from flight_assets.contracts.reference import USER, Reference, great_circle_miles, load_reference
from flight_assets.contracts.tables import DIM_AIRLINE, DIM_AIRPORT
from flight_assets.errors import FlightsError
from flight_assets.stores.dimensions import checked_row, rows_with


@pytest.fixture(scope="module")
def reference() -> Reference:
    return load_reference()


@pytest.mark.parametrize(
    ("code", "day", "known"),
    [
        ("XE", date(2008, 1, 1), True), ("XE", date(2014, 1, 1), False), ("XE", date(2024, 1, 1), True),
        ("NW", date(2008, 1, 1), True), ("NW", date(2024, 1, 1), False), ("UAL", date(2024, 1, 1), True),
        ("Q1", date(2024, 1, 1), False),
    ],
)  # fmt: skip
def test_an_airline_has_its_code_for_a_time(reference: Reference, code: str, day: date, known: bool) -> None:
    assert reference.has_airline(code, day) is known


def test_every_us_carrier_of_a_week_of_2024_and_of_2008_is_known(reference: Reference) -> None:
    for code in "9E AA AS B6 DL F9 G4 HA MQ NK OH OO UA WN YX".split():  # noqa: SIM905 - legible
        assert reference.has_airline(code, date(2024, 6, 1)), code
    for code in "9E AA AQ AS B6 CO DL EV F9 FL HA MQ NW OH OO UA US WN XE YV".split():  # noqa: SIM905 - legible
        assert reference.has_airline(code, date(2008, 2, 1)), code


def test_a_code_moved_to_another_airport(reference: Reference) -> None:
    before, after = reference.airport("IST", date(2019, 4, 5)), reference.airport("IST", date(2019, 4, 6))
    assert before
    assert after
    assert before.longitude == pytest.approx(28.81, abs=0.01)
    assert after.longitude == pytest.approx(28.75, abs=0.01)
    assert reference.airport("ISL", date(2020, 1, 1)) != after
    assert reference.airport("LTFM", date(2020, 1, 1)) == after


@pytest.mark.parametrize(
    ("code", "day", "zone"),
    [
        ("TSE", date(2019, 6, 1), "Asia/Almaty"), ("TSE", date(2024, 6, 1), None),
        ("NQZ", date(2024, 6, 1), "Asia/Almaty"),
        ("PFN", date(2008, 1, 1), "America/Chicago"), ("GUM", date(2024, 1, 1), "Pacific/Guam"),
        ("KDEN", date(2024, 1, 1), "America/Denver"),
        ("URC", date(2024, 1, 1), "Asia/Shanghai"), ("QQQ", date(2024, 1, 1), None),
        ("XWA", date(2024, 1, 1), "America/Chicago"),
        ("STX", date(2024, 1, 1), "America/St_Thomas"), ("SPN", date(2024, 1, 1), "Pacific/Saipan"),
    ],
)  # fmt: skip
def test_the_zone_of_an_airport(reference: Reference, code: str, day: date, zone: str | None) -> None:
    found = reference.zone(code, day)
    assert found == zone or (found and zone and ZoneInfo(found).key in (zone, "America/Puerto_Rico"))


def test_the_reference_travels_to_workers(reference: Reference) -> None:
    data = pickle.dumps(reference)
    assert len(data) < 2_000_000
    assert pickle.loads(data) == reference  # noqa: S301 - our own bytes


def test_rows_have_one_code_and_beginning_and_a_zone_that_there_is() -> None:
    for rows, form in (
        (dimensions.airline_rows(), "[A-Z0-9]{2}"),
        (dimensions.airport_rows(), "[A-Z]{3}|[A-Z]{4}"),
    ):
        assert not rows.duplicated(["code", "since"]).any()
        assert rows["code"].str.fullmatch(form).all()
        ended = rows[rows["since"].notna() & rows["until"].notna()]
        assert (ended["since"] <= ended["until"]).all()
    assert all(ZoneInfo(zone) for zone in dimensions.airport_rows()["time_zone"].unique())
    assert len(dimensions.airports()) > 9_000
    assert dimensions.airports()["code"].is_unique


def test_every_airline_has_the_fields_of_our_table() -> None:
    rows = dimensions.airline_rows()
    assert rows["country"].str.fullmatch("[A-Z]{2}").all()
    assert rows["icao"].dropna().str.fullmatch("[A-Z]{3}").all()
    assert len(rows) > 700


def test_the_department_of_transportations_ids_are_known_airports() -> None:
    known = set(dimensions.airport_rows()["code"])
    ids = dimensions.dot_airports()
    assert set(ids.values()) <= known
    assert (ids["10397"], ids["12892"], ids["13930"]) == ("ATL", "LAX", "ORD")


def test_a_users_row_comes_before_the_packaged_one() -> None:
    row = checked_row(
        DIM_AIRLINE, {"code": "xe", "name": "Mine", "since": "2008-01-01", "until": "2008-12-31"}
    )
    rows = rows_with(DIM_AIRLINE, [row])
    assert list(rows.columns) == list(DIM_AIRLINE.column_names)
    assert rows["version"].nunique() == 1
    assert rows["version"].iloc[0] != rows_with(DIM_AIRLINE, [])["version"].iloc[0]
    found = Reference.from_rows(rows.to_dict("records"), [])
    mine, theirs = found.airline("XE", date(2008, 6, 1)), found.airline("XE", date(2009, 6, 1))
    assert mine
    assert theirs
    assert (mine.since, mine.until) == (date(2008, 1, 1).toordinal(), date(2008, 12, 31).toordinal())
    assert rows[(rows["code"] == "XE") & (rows["origin"] == USER)]["name"].tolist() == ["Mine"]


@pytest.mark.parametrize(
    ("table", "values", "message"),
    [
        (DIM_AIRLINE, {"code": "TOOLONG", "name": "x"}, "TOOLONG is no code of an airline"),
        (DIM_AIRLINE, {"code": "ZZ"}, "ZZ has no name"),
        (DIM_AIRLINE, {"code": "ZZ", "name": "x", "since": "1.1.2020"}, "write it as 2026-01-31"),
        (DIM_AIRLINE, {"code": "ZZ", "name": "x", "latitude": "1"}, "has no column latitude"),
        (DIM_AIRPORT, {"code": "ZZZ", "name": "x"}, "needs latitude and longitude"),
        (
            DIM_AIRPORT,
            {"code": "ZZZ", "name": "x", "latitude": "1", "longitude": "2", "time_zone": "Berlin"},
            "needs an IANA time zone",
        ),
    ],
)
def test_a_row_that_cannot_be_right_is_refused(table, values: dict[str, str], message: str) -> None:
    with pytest.raises(FlightsError, match=message):
        checked_row(table, values)


def test_distances_over_the_sphere() -> None:
    # Between antipodes it is half the circumference of the sphere; a degree of the equator is 69.09 miles.
    miles = great_circle_miles(
        np.array([0.0, 0.0]), np.array([0.0, 0.0]), np.array([0.0, 0.0]), np.array([180.0, 1.0])
    )
    assert miles == pytest.approx([np.pi * 3958.7613, 69.0934], abs=0.001)


def test_the_departments_ids_are_those_of_its_own_table() -> None:
    # L_AIRPORT_ID of the Bureau of Transportation Statistics: ids whose neighbours belong to other places.
    ids = dimensions.dot_airports()
    assert [ids[id_] for id_ in ("11988", "12094", "12129", "12156", "13121", "13127", "13829", "13830")] == [
        *("GRR", "HDN", "HIB", "HLN", "LWB", "LWS", "OGD", "OGG"),
    ]
    assert len(set(ids.values())) == len(ids)
