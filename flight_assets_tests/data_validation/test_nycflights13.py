"""Facts of the real data that everything else builds on."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from flight_assets.contracts.dimensions import airlines, airports, source_file
from flight_assets.producer.nycflights import WEATHER_COLUMNS, load_flights


@pytest.fixture(scope="module")
def flights() -> pd.DataFrame:
    return load_flights()


@pytest.fixture(scope="module")
def by_id(flights: pd.DataFrame) -> pd.DataFrame:
    return flights.set_index("flight_id")


@pytest.fixture(scope="module")
def source() -> pd.DataFrame:
    return pd.read_csv(source_file("flights.csv.zip"))


def local_clock(times: pd.Series, zones: pd.Series) -> pd.Series:
    """HHMM on the clock of each zone, converted by pandas: another way than that of the code under test."""
    distinct = {zone: times[zones == zone].dt.tz_convert(ZoneInfo(zone)) for zone in zones.unique()}
    return pd.concat([local.dt.hour * 100 + local.dt.minute for local in distinct.values()]).reindex(
        times.index
    )


def test_no_flight_is_missing(flights: pd.DataFrame) -> None:
    assert len(flights) == 336_776
    assert flights["cancelled"].sum() == 8_255


def test_diverted_flights_departed_and_have_no_arrival_delay(flights: pd.DataFrame) -> None:
    assert (
        flights["departure_delay_minutes"].notna() & flights["arrival_delay_minutes"].isna()
    ).sum() == 1_175


def test_cancelled_flights_have_no_delays(flights: pd.DataFrame) -> None:
    delays = flights.loc[flights["cancelled"], ["departure_delay_minutes", "arrival_delay_minutes"]]
    assert delays.isna().all(axis=None)


def test_flight_ids_are_unique_and_follow_from_the_flight(flights: pd.DataFrame) -> None:
    parts = flights["flight_id"].str.extract(
        r"^(?P<airline>[A-Z0-9]{2})(?P<number>\d{1,4})-(?P<origin>[A-Z]{3})-(?P<date>\d{8})$"
    )
    assert flights["flight_id"].is_unique
    assert parts["airline"].eq(flights["airline"]).all()
    assert parts["number"].astype(int).eq(flights["flight_number"]).all()
    assert parts["origin"].eq(flights["origin"]).all()
    assert pd.to_datetime(parts["date"]).eq(flights["flight_date"]).all()


def test_departures_show_the_sources_time_on_the_clocks_of_new_york(
    flights: pd.DataFrame, source: pd.DataFrame
) -> None:
    local = flights["scheduled_departure"].dt.tz_convert(ZoneInfo("America/New_York"))
    assert (local.dt.hour * 100 + local.dt.minute).eq(source["sched_dep_time"]).all()
    assert local.dt.tz_localize(None).dt.normalize().eq(flights["flight_date"]).all()


def test_arrivals_show_the_sources_time_on_the_clocks_of_the_destination(
    flights: pd.DataFrame, source: pd.DataFrame
) -> None:
    zones = flights["destination"].map(airports().set_index("code")["time_zone"])
    assert local_clock(flights["scheduled_arrival"], zones).eq(source["sched_arr_time"]).all()


def test_planned_durations_are_plausible(flights: pd.DataFrame) -> None:
    minutes = (flights["scheduled_arrival"] - flights["scheduled_departure"]).dt.total_seconds() / 60
    assert minutes.min() == 50
    assert minutes.max() == 700  # to Honolulu
    assert (minutes - flights["distance_miles"] / 480 * 60).between(0, 155).all()


def test_every_flight_arrives_after_it_departs(flights: pd.DataFrame) -> None:
    flown = flights[flights["arrival_delay_minutes"].notna()]
    departed = flown["scheduled_departure"] + pd.to_timedelta(flown["departure_delay_minutes"], unit="min")
    arrived = flown["scheduled_arrival"] + pd.to_timedelta(flown["arrival_delay_minutes"], unit="min")
    minutes = (arrived - departed).dt.total_seconds() / 60
    assert len(minutes) == 327_346
    assert minutes.min() == 33


@pytest.mark.parametrize(
    ("flight_id", "departure", "arrival"),
    [
        ("UA1545-EWR-20130101", "2013-01-01T10:15Z", "2013-01-01T14:19Z"),
        (
            "HA51-JFK-20130309",
            "2013-03-09T14:00Z",
            "2013-03-10T01:40Z",
        ),  # 9:00 in New York, 15:40 in Honolulu
        (
            "HA51-JFK-20130310",
            "2013-03-10T14:00Z",
            "2013-03-11T01:30Z",
        ),  # 10:00 and 15:30, after the clocks of New York went forward
    ],
)
def test_known_flights(by_id: pd.DataFrame, flight_id: str, departure: str, arrival: str) -> None:
    assert by_id.loc[flight_id, "scheduled_departure"] == pd.Timestamp(departure)
    assert by_id.loc[flight_id, "scheduled_arrival"] == pd.Timestamp(arrival)


def test_missing_tail_numbers_are_none(flights: pd.DataFrame) -> None:
    missing = flights.loc[flights["tail_number"].isna(), "tail_number"]
    assert len(missing) == 2_512
    assert set(missing) == {None}


def test_weather_is_that_of_the_scheduled_hour_at_the_origin(by_id: pd.DataFrame) -> None:
    weather = by_id.loc["UA1545-EWR-20130101", list(WEATHER_COLUMNS)]
    assert weather["temperature_f"] == 39.02
    assert weather["wind_direction_deg"] == 260
    assert weather["pressure_mb"] == 1011.9
    assert pd.isna(weather["wind_gust_mph"])


def test_weather_is_missing_for_few_flights(flights: pd.DataFrame) -> None:
    assert flights[list(WEATHER_COLUMNS)].isna().all(axis=1).sum() == 1_556


def test_dimensions_know_every_code_of_the_flights(flights: pd.DataFrame) -> None:
    assert set(flights["airline"]) <= set(airlines()["code"])
    served = airports().set_index("code").loc[sorted({*flights["origin"], *flights["destination"]})]
    assert served["city"].notna().all()
    assert served["state"].str.fullmatch("[A-Z]{2}").all()


def test_airports_have_a_code_a_real_zone_and_a_place_on_earth() -> None:
    known = airports()
    assert known["code"].is_unique
    assert known["code"].str.fullmatch("[A-Z]{3}").all()
    assert all(ZoneInfo(zone) for zone in known["time_zone"].unique())
    assert known["latitude"].between(-90, 90).all()
    assert known["longitude"].between(-180, 180).all()


def test_places_agree_with_those_of_the_source(flights: pd.DataFrame) -> None:
    """The source lacks the Caribbean airports and has its places from another publisher."""
    theirs = pd.read_csv(source_file("airports.csv")).set_index("faa")
    ours = airports().set_index("code")
    both = sorted({*flights["origin"], *flights["destination"]} & set(theirs.index))
    assert len(both) > 95
    for name, their_name in (("latitude", "lat"), ("longitude", "lon")):
        assert (ours.loc[both, name] - theirs.loc[both, their_name]).abs().max() < 0.1
    zones = ours["time_zone"]
    assert zones[["BQN", "PSE", "SJU"]].eq("America/Puerto_Rico").all()
    assert zones["STT"] in ("America/St_Thomas", "America/Puerto_Rico")
