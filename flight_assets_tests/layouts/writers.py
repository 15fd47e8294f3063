"""Write flights as the tables that bureaus and others publish."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv

from flight_assets.sources.bts import DATA_EXPO_COLUMNS
from flight_assets_tests.layouts.flights import expected, icao_codes

# A file as the loader gets it, and the line of each row.
Written = tuple[Path, np.ndarray]


def numbers(values: pd.Series, form: str = "{:.0f}", nothing: str = "") -> pd.Series:
    """Return numbers as texts: one formatting for each distinct value."""
    distinct = values.drop_duplicates()
    texts = {value: nothing if pd.isna(value) else form.format(value) for value in distinct}
    return values.map(texts).astype(object).where(values.notna(), nothing)


def csv(columns: dict[str, object], count: int, delimiter: str = ",", header: bool = True) -> bytes:
    frame = pd.DataFrame(columns, index=pd.RangeIndex(count)).astype(object)
    table = pa.Table.from_pandas(frame.where(frame.notna(), "").astype(str), preserve_index=False)
    sink = io.BytesIO()
    options = pa_csv.WriteOptions(include_header=header, delimiter=delimiter, quoting_style="needed")
    pa_csv.write_csv(table, sink, options)
    return sink.getvalue()


def lines(rows: pd.DataFrame, first: int = 2) -> np.ndarray:
    return np.arange(first, first + len(rows))


def dates(rows: pd.DataFrame, form: str) -> pd.Series:
    keys = rows["Year"] * 10_000 + rows["Month"] * 100 + rows["DayofMonth"]
    texts = {
        key: form.format(year=key // 10_000, month=key // 100 % 100, day=key % 100) for key in keys.unique()
    }
    return keys.map(texts)


def prezip(names: dict[str, str]) -> Callable[[pd.DataFrame, Path], Written]:
    """Return the writer of the Bureau's monthly zip, with newer or older headings."""

    def write(rows: pd.DataFrame, path: Path) -> Written:
        delay, late = rows["DepDelay"].astype(float), rows["ArrDelay"].astype(float)
        columns = {
            "Year": rows["Year"],
            "FlightDate": dates(rows, "{year}-{month:02d}-{day:02d}"),
            "Reporting_Airline": rows["UniqueCarrier"],
            "IATA_CODE_Reporting_Airline": rows["UniqueCarrier"],
            "Tail_Number": rows["TailNum"],
            "Flight_Number_Reporting_Airline": rows["FlightNum"],
            "Origin": rows["Origin"],
            "Dest": rows["Dest"],
            "CRSDepTime": numbers(rows["CRSDepTime"], "{:04d}"),
            "DepDelay": numbers(delay, "{:.2f}"),
            "DepDelayMinutes": numbers(delay.clip(lower=0), "{:.2f}"),
            "CRSArrTime": numbers(rows["CRSArrTime"], "{:04d}"),
            "ArrDelay": numbers(late, "{:.2f}"),
            "ArrDelayMinutes": numbers(late.clip(lower=0), "{:.2f}"),
            "Cancelled": numbers(rows["Cancelled"], "{:.2f}"),
            "Diverted": numbers(rows["Diverted"], "{:.2f}"),
            "CRSElapsedTime": numbers(rows["CRSElapsedTime"].astype(float), "{:.2f}"),
            "Distance": numbers(rows["Distance"], "{:.2f}"),
            "": "",
        }
        content = csv({names.get(name, name): values for name, values in columns.items()}, len(rows))
        path = path.with_suffix(".zip")
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            archive.writestr("readme.html", "<html>")
            archive.writestr(f"On_Time_{path.stem}.csv", content)
        return path, lines(rows)

    return write


def t_ontime(rows: pd.DataFrame, path: Path) -> Written:
    columns = {
        "FL_DATE": dates(rows, "{month}/{day}/{year} 12:00:00 AM"),
        "OP_UNIQUE_CARRIER": rows["UniqueCarrier"],
        "TAIL_NUM": rows["TailNum"],
        "OP_CARRIER_FL_NUM": rows["FlightNum"],
        "ORIGIN": rows["Origin"],
        "DEST": rows["Dest"],
        "CRS_DEP_TIME": numbers(rows["CRSDepTime"], "{:04d}"),
        "DEP_DELAY": numbers(rows["DepDelay"].astype(float), "{:.2f}"),
        "CRS_ARR_TIME": numbers(rows["CRSArrTime"], "{:04d}"),
        "ARR_DELAY": numbers(rows["ArrDelay"].astype(float), "{:.2f}"),
        "CANCELLED": numbers(rows["Cancelled"], "{:.2f}"),
        "DIVERTED": numbers(rows["Diverted"], "{:.2f}"),
        "CRS_ELAPSED_TIME": numbers(rows["CRSElapsedTime"].astype(float), "{:.2f}"),
        "DISTANCE": numbers(rows["Distance"], "{:.2f}"),
    }
    path = path.with_suffix(".csv.gz")
    path.write_bytes(gzip.compress(csv(columns, len(rows)), 1, mtime=0))
    return path, lines(rows)


def data_expo(header: bool) -> Callable[[pd.DataFrame, Path], Written]:
    def write(rows: pd.DataFrame, path: Path) -> Written:
        delays = ("CRSElapsedTime", "ArrDelay", "DepDelay")
        there = {name: rows[name] for name in rows} | {
            name: numbers(rows[name].astype(float), nothing="NA") for name in delays
        }
        there["TailNum"] = rows["TailNum"].fillna("NA")
        path = path.with_suffix(".csv")
        path.write_bytes(
            csv({name: there.get(name, "NA") for name in DATA_EXPO_COLUMNS}, len(rows), header=header)
        )
        return path, lines(rows, 2 if header else 1)

    return write


def kaggle(rows: pd.DataFrame, path: Path) -> Written:
    columns = {
        "YEAR": rows["Year"],
        "MONTH": rows["Month"],
        "DAY": rows["DayofMonth"],
        "AIRLINE": rows["UniqueCarrier"],
        "FLIGHT_NUMBER": rows["FlightNum"],
        "TAIL_NUMBER": rows["TailNum"],
        "ORIGIN_AIRPORT": rows["Origin"],
        "DESTINATION_AIRPORT": rows["Dest"],
        "SCHEDULED_DEPARTURE": numbers(rows["CRSDepTime"], "{:04d}"),
        "DEPARTURE_DELAY": numbers(rows["DepDelay"].astype(float)),
        "SCHEDULED_TIME": numbers(rows["CRSElapsedTime"].astype(float)),
        "DISTANCE": rows["Distance"],
        "SCHEDULED_ARRIVAL": numbers(rows["CRSArrTime"], "{:04d}"),
        "ARRIVAL_DELAY": numbers(rows["ArrDelay"].astype(float)),
        "DIVERTED": rows["Diverted"],
        "CANCELLED": rows["Cancelled"],
    }
    path = path.with_suffix(".csv")
    path.write_bytes(csv(columns, len(rows)))
    return path, lines(rows)


def nycflights(rows: pd.DataFrame, path: Path) -> Written:
    columns = {
        "year": rows["Year"],
        "month": rows["Month"],
        "day": rows["DayofMonth"],
        "sched_dep_time": rows["CRSDepTime"],
        "dep_delay": numbers(rows["DepDelay"].astype(float), nothing="NA"),
        "sched_arr_time": rows["CRSArrTime"],
        "arr_delay": numbers(rows["ArrDelay"].astype(float), nothing="NA"),
        "carrier": rows["UniqueCarrier"],
        "flight": rows["FlightNum"],
        "tailnum": rows["TailNum"].fillna("NA"),
        "origin": rows["Origin"],
        "dest": rows["Dest"],
        "distance": rows["Distance"],
    }
    path = path.with_suffix(".csv")
    path.write_bytes(csv(columns, len(rows)))
    return path, lines(rows)


def anac(rows: pd.DataFrame, path: Path) -> Written:
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
    path.write_bytes(csv(columns, len(rows), ";").decode().encode("latin1"))
    return path, lines(rows)
