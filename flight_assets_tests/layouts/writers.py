"""Write the same flights in each layout that can hold them."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from flight_assets.sources.bts import DATA_EXPO_COLUMNS
from flight_assets_tests.layouts.flights import expected, icao_codes

# A file as the loader gets it, and the line of each row.
Written = tuple[Path, np.ndarray]
KM_PER_MILE = 1.609344


@dataclass(frozen=True)
class Format:
    """A layout as it is written: what the loader calls it, and which values it cannot hold."""

    name: str
    layout: str
    write: Callable[[pd.DataFrame, Path], Written]
    lacks: frozenset[str] = frozenset()
    mapping: str = ""
    # Files are read as a whole, so each has one day.
    by_day: bool = False

    def files(self, frames: list[tuple[str, pd.DataFrame]]) -> Iterator[tuple[str, pd.DataFrame]]:
        """Yield the name and rows of each file."""
        for name, rows in frames:
            if not self.by_day:
                yield name, rows
                continue
            for day, some in rows.groupby("DayofMonth"):
                yield f"{name}-{day:02d}", some.reset_index(drop=True)


def _numbers(values: pd.Series, form: str = "{:.0f}", nothing: str = "") -> pd.Series:
    """Return numbers as texts: one formatting for each distinct value."""
    distinct = values.drop_duplicates()
    texts = {value: nothing if pd.isna(value) else form.format(value) for value in distinct}
    return values.map(texts).astype(object).where(values.notna(), nothing)


def _csv(columns: dict[str, object], count: int, delimiter: str = ",", header: bool = True) -> bytes:
    frame = pd.DataFrame(columns, index=pd.RangeIndex(count)).astype(object)
    table = pa.Table.from_pandas(frame.where(frame.notna(), "").astype(str), preserve_index=False)
    sink = io.BytesIO()
    options = pa_csv.WriteOptions(include_header=header, delimiter=delimiter, quoting_style="needed")
    pa_csv.write_csv(table, sink, options)
    return sink.getvalue()


def _lines(rows: pd.DataFrame, first: int = 2) -> np.ndarray:
    return np.arange(first, first + len(rows))


def _dates(rows: pd.DataFrame, form: str) -> pd.Series:
    keys = rows["Year"] * 10_000 + rows["Month"] * 100 + rows["DayofMonth"]
    texts = {
        key: form.format(year=key // 10_000, month=key // 100 % 100, day=key % 100) for key in keys.unique()
    }
    return keys.map(texts)


def _prezip(names: dict[str, str]) -> Callable[[pd.DataFrame, Path], Written]:
    """Return the writer of the Bureau's monthly zip, with newer or older headings."""

    def write(rows: pd.DataFrame, path: Path) -> Written:
        delay, late = rows["DepDelay"].astype(float), rows["ArrDelay"].astype(float)
        columns = {
            "Year": rows["Year"],
            "FlightDate": _dates(rows, "{year}-{month:02d}-{day:02d}"),
            "Reporting_Airline": rows["UniqueCarrier"],
            "IATA_CODE_Reporting_Airline": rows["UniqueCarrier"],
            "Tail_Number": rows["TailNum"],
            "Flight_Number_Reporting_Airline": rows["FlightNum"],
            "Origin": rows["Origin"],
            "Dest": rows["Dest"],
            "CRSDepTime": _numbers(rows["CRSDepTime"], "{:04d}"),
            "DepDelay": _numbers(delay, "{:.2f}"),
            "DepDelayMinutes": _numbers(delay.clip(lower=0), "{:.2f}"),
            "CRSArrTime": _numbers(rows["CRSArrTime"], "{:04d}"),
            "ArrDelay": _numbers(late, "{:.2f}"),
            "ArrDelayMinutes": _numbers(late.clip(lower=0), "{:.2f}"),
            "Cancelled": _numbers(rows["Cancelled"], "{:.2f}"),
            "Diverted": _numbers(rows["Diverted"], "{:.2f}"),
            "CRSElapsedTime": _numbers(rows["CRSElapsedTime"].astype(float), "{:.2f}"),
            "Distance": _numbers(rows["Distance"], "{:.2f}"),
            "": "",
        }
        content = _csv({names.get(name, name): values for name, values in columns.items()}, len(rows))
        path = path.with_suffix(".zip")
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            archive.writestr("readme.html", "<html>")
            archive.writestr(f"On_Time_{path.stem}.csv", content)
        return path, _lines(rows)

    return write


def _t_ontime(rows: pd.DataFrame, path: Path) -> Written:
    columns = {
        "FL_DATE": _dates(rows, "{month}/{day}/{year} 12:00:00 AM"),
        "OP_UNIQUE_CARRIER": rows["UniqueCarrier"],
        "TAIL_NUM": rows["TailNum"],
        "OP_CARRIER_FL_NUM": rows["FlightNum"],
        "ORIGIN": rows["Origin"],
        "DEST": rows["Dest"],
        "CRS_DEP_TIME": _numbers(rows["CRSDepTime"], "{:04d}"),
        "DEP_DELAY": _numbers(rows["DepDelay"].astype(float), "{:.2f}"),
        "CRS_ARR_TIME": _numbers(rows["CRSArrTime"], "{:04d}"),
        "ARR_DELAY": _numbers(rows["ArrDelay"].astype(float), "{:.2f}"),
        "CANCELLED": _numbers(rows["Cancelled"], "{:.2f}"),
        "DIVERTED": _numbers(rows["Diverted"], "{:.2f}"),
        "CRS_ELAPSED_TIME": _numbers(rows["CRSElapsedTime"].astype(float), "{:.2f}"),
        "DISTANCE": _numbers(rows["Distance"], "{:.2f}"),
    }
    path = path.with_suffix(".csv.gz")
    path.write_bytes(gzip.compress(_csv(columns, len(rows)), 1, mtime=0))
    return path, _lines(rows)


def _data_expo(header: bool) -> Callable[[pd.DataFrame, Path], Written]:
    def write(rows: pd.DataFrame, path: Path) -> Written:
        numbers = ("CRSElapsedTime", "ArrDelay", "DepDelay")
        there = {name: rows[name] for name in rows} | {
            name: _numbers(rows[name].astype(float), nothing="NA") for name in numbers
        }
        there["TailNum"] = rows["TailNum"].fillna("NA")
        path = path.with_suffix(".csv")
        path.write_bytes(
            _csv({name: there.get(name, "NA") for name in DATA_EXPO_COLUMNS}, len(rows), header=header)
        )
        return path, _lines(rows, 2 if header else 1)

    return write


def _kaggle(rows: pd.DataFrame, path: Path) -> Written:
    columns = {
        "YEAR": rows["Year"],
        "MONTH": rows["Month"],
        "DAY": rows["DayofMonth"],
        "AIRLINE": rows["UniqueCarrier"],
        "FLIGHT_NUMBER": rows["FlightNum"],
        "TAIL_NUMBER": rows["TailNum"],
        "ORIGIN_AIRPORT": rows["Origin"],
        "DESTINATION_AIRPORT": rows["Dest"],
        "SCHEDULED_DEPARTURE": _numbers(rows["CRSDepTime"], "{:04d}"),
        "DEPARTURE_DELAY": _numbers(rows["DepDelay"].astype(float)),
        "SCHEDULED_TIME": _numbers(rows["CRSElapsedTime"].astype(float)),
        "DISTANCE": rows["Distance"],
        "SCHEDULED_ARRIVAL": _numbers(rows["CRSArrTime"], "{:04d}"),
        "ARRIVAL_DELAY": _numbers(rows["ArrDelay"].astype(float)),
        "DIVERTED": rows["Diverted"],
        "CANCELLED": rows["Cancelled"],
    }
    path = path.with_suffix(".csv")
    path.write_bytes(_csv(columns, len(rows)))
    return path, _lines(rows)


def _nycflights(rows: pd.DataFrame, path: Path) -> Written:
    columns = {
        "year": rows["Year"],
        "month": rows["Month"],
        "day": rows["DayofMonth"],
        "sched_dep_time": rows["CRSDepTime"],
        "dep_delay": _numbers(rows["DepDelay"].astype(float), nothing="NA"),
        "sched_arr_time": rows["CRSArrTime"],
        "arr_delay": _numbers(rows["ArrDelay"].astype(float), nothing="NA"),
        "carrier": rows["UniqueCarrier"],
        "flight": rows["FlightNum"],
        "tailnum": rows["TailNum"].fillna("NA"),
        "origin": rows["Origin"],
        "dest": rows["Dest"],
        "distance": rows["Distance"],
    }
    path = path.with_suffix(".csv")
    path.write_bytes(_csv(columns, len(rows)))
    return path, _lines(rows)


def _anac(rows: pd.DataFrame, path: Path) -> Written:
    true, codes = expected(rows), icao_codes(rows, expected(rows)["date"].iloc[0].date())

    def shown(times: pd.Series) -> pd.Series:
        there = times.dt.tz_localize("UTC").dt.tz_convert("America/Sao_Paulo")
        return there.dt.strftime("%d/%m/%Y %H:%M").fillna("")

    columns = {
        "ICAO Empresa Aérea": codes["airline"],
        "Número Voo": rows["FlightNum"],
        "ICAO Aeródromo Origem": codes["origin"],
        "ICAO Aeródromo Destino": codes["destination"],
        "Partida Prevista": shown(true["departure"]),
        "Partida Real": shown(true["departed"]),
        "Chegada Prevista": shown(true["arrival"]),
        "Chegada Real": shown(true["arrived"]),
        "Situação Voo": true["cancelled"].map({True: "CANCELADO", False: "REALIZADO"}),
    }
    path = path.with_suffix(".csv")
    path.write_bytes(_csv(columns, len(rows), ";").decode().encode("latin1"))
    return path, _lines(rows)


def _iso(times: pd.Series) -> list[str | None]:
    return times.dt.strftime("%Y-%m-%dT%H:%M:%SZ").astype(object).where(times.notna(), None).tolist()


def _aeroapi(rows: pd.DataFrame, path: Path) -> Written:
    true = expected(rows)
    columns = {
        "scheduled_out": _iso(true["departure"]),
        "actual_out": _iso(true["departed"]),
        "scheduled_in": _iso(true["arrival"]),
        "actual_in": _iso(true["arrived"]),
    }
    named = [
        {
            "fa_flight_id": f"{path.stem}-{place}",
            "operator_iata": row.UniqueCarrier,
            "flight_number": str(row.FlightNum),
            "registration": row.TailNum if isinstance(row.TailNum, str) else None,
            "origin": {"code_iata": row.Origin},
            "destination": {"code_iata": row.Dest},
            "cancelled": bool(row.Cancelled),
            "diverted": bool(row.Diverted),
        }
        for place, row in enumerate(rows.itertuples())
    ]
    times = zip(*columns.values(), strict=True)
    flights = [
        flight | dict(zip(columns, some, strict=True)) for flight, some in zip(named, times, strict=True)
    ]
    path = path.with_suffix(".json")
    path.write_text(json.dumps({"flights": flights, "links": None}))
    return path, _lines(rows, 1)


def _firehose(rows: pd.DataFrame, path: Path) -> Written:
    true = expected(rows)
    codes = icao_codes(rows, true["date"].iloc[0].date())
    texts: list[str] = []
    first = np.zeros(len(rows), dtype=np.int64)
    epoch = {name: true[name].astype("datetime64[s]").astype("int64") for name in ("departure", "arrival")}
    later = {"departed": "offblock", "arrived": "onblock"}
    happened = {name: true[name].astype("datetime64[s]").astype("int64").tolist() for name in later}
    known = {name: true[name].notna().tolist() for name in (*later, "arrival")}
    for place, row in enumerate(rows.itertuples()):
        first[place] = len(texts) + 1
        about = {"id": f"{path.stem}-{place}", "ident": f"{codes['airline'].iat[place]}{row.FlightNum}"}
        plan = about | {
            "type": "flifo",
            "orig": codes["origin"].iat[place],
            "dest": codes["destination"].iat[place],
            "reg": row.TailNum if isinstance(row.TailNum, str) else "",
            "scheduled_out": str(epoch["departure"].iat[place]),
            "scheduled_in": str(epoch["arrival"].iat[place]) if known["arrival"][place] else "",
        }
        texts.append(json.dumps(plan))
        if row.Cancelled:
            texts.append(json.dumps(about | {"type": "cancellation", "trueCancel": "1"}))
        texts += [
            json.dumps(about | {"type": kind, "clock": str(happened[name][place])})
            for name, kind in later.items()
            if known[name][place]
        ]
    path = path.with_suffix(".jsonl")
    path.write_text("\n".join(texts))
    return path, first


CSV_MAPPING = """
name = "my-airline"
[file]
delimiter = ";"
encoding = "latin1"
decimal = ","
[fields]
flight = "Flug"
origin = "Von"
destination = "Nach"
date = { column = "Tag", format = "%d.%m.%Y" }
departure_time = "Plan ab"
arrival_time = "Plan an"
elapsed = { column = "Dauer", unit = "hours" }
departure_delay = { column = "Verspätung", unit = "seconds" }
arrival_delay = { column = "Ankunft +/-", unit = "seconds" }
cancelled = { column = "Status", true = ["X"] }
diverted = { column = "Status", true = ["U"] }
distance = { column = "km", unit = "km" }
tail_number = "Kennzeichen"
"""
PARQUET_MAPPING = """
name = "my-lake"
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
cancelled = "is_cancelled"
diverted = "is_diverted"
distance = { column = "nm", unit = "nautical_miles" }
tail_number = "aircraft"
"""


def _mapped_csv(rows: pd.DataFrame, path: Path) -> Written:
    status = np.where(rows["Cancelled"], "X", np.where(rows["Diverted"], "U", "ok"))
    columns = {
        "Flug": rows["UniqueCarrier"] + " " + _numbers(rows["FlightNum"], "{:04d}"),
        "Von": rows["Origin"],
        "Nach": rows["Dest"],
        "Tag": _dates(rows, "{day:02d}.{month:02d}.{year}"),
        "Plan ab": _numbers(rows["CRSDepTime"], "{:04d}").str.replace(r"^(..)", r"\1:", regex=True),
        "Plan an": _numbers(rows["CRSArrTime"], "{:04d}").str.replace(r"^(..)", r"\1:", regex=True),
        "Dauer": _numbers(rows["CRSElapsedTime"] / 60, "{:.6f}").str.replace(".", ","),
        "Verspätung": _numbers(rows["DepDelay"] * 60.0),
        "Ankunft +/-": _numbers(rows["ArrDelay"] * 60.0),
        "Status": status,
        "km": _numbers(rows["Distance"] * KM_PER_MILE, "{:.5f}").str.replace(".", ","),
        "Kennzeichen": rows["TailNum"],
    }
    path = path.with_suffix(".txt")
    path.write_bytes(_csv(columns, len(rows), ";").decode().encode("latin1"))
    return path, _lines(rows)


def _mapped_parquet(rows: pd.DataFrame, path: Path) -> Written:
    true = expected(rows)
    table = {
        "carrier": rows["UniqueCarrier"].astype(object),
        "number": rows["FlightNum"],
        "from": rows["Origin"].astype(object),
        "to": rows["Dest"].astype(object),
        "std": true["departure"].dt.tz_localize("UTC"),
        "sta": true["arrival"].dt.tz_localize("UTC"),
        "atd": true["departed"].dt.tz_localize("UTC"),
        "ata": true["arrived"].dt.tz_localize("UTC"),
        "is_cancelled": true["cancelled"],
        "is_diverted": true["diverted"],
        "nm": rows["Distance"] / 1.150779448,
        "aircraft": rows["TailNum"].astype(object),
    }
    path = path.with_suffix(".parquet")
    pq.write_table(pa.Table.from_pandas(pd.DataFrame(table), preserve_index=False), path)
    return path, _lines(rows, 1)


_OLD = {
    "Reporting_Airline": "UniqueCarrier",
    "IATA_CODE_Reporting_Airline": "Carrier",
    "Flight_Number_Reporting_Airline": "FlightNum",
    "Tail_Number": "TailNum",
}
# Without planned minutes, the planned arrival is the clock time that suits the distance.
_BY_CLOCK = frozenset({"arrival", "arrived"})
FORMATS = (
    Format("BTS PREZIP, newer headings", "bts-prezip", _prezip({})),
    Format("BTS PREZIP, older headings", "bts-prezip", _prezip(_OLD)),
    Format("BTS T_ONTIME export", "bts-t-ontime", _t_ontime),
    Format("Data Expo 2009 with header", "data-expo", _data_expo(header=True)),
    Format("Data Expo 2009 without header", "data-expo", _data_expo(header=False)),
    Format("Kaggle 2015", "kaggle-2015", _kaggle),
    Format("nycflights", "nycflights", _nycflights, lacks=_BY_CLOCK),
    Format("ANAC VRA", "anac-vra", _anac, lacks=frozenset({"tail_number", "distance_miles", "diverted"})),
    Format("FlightAware AeroAPI", "aeroapi", _aeroapi, lacks=frozenset({"distance_miles"}), by_day=True),
    Format(
        "FlightAware Firehose",
        "firehose",
        _firehose,
        lacks=frozenset({"distance_miles", "diverted"}),
        by_day=True,
    ),
    Format("CSV by a mapping", "my-airline", _mapped_csv, mapping=CSV_MAPPING),
    Format("Parquet by a mapping", "my-lake", _mapped_parquet, mapping=PARQUET_MAPPING),
)
