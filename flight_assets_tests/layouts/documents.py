"""Write flights as FlightAware's JSON, and as tables that need a mapping."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from flight_assets_tests.layouts.flights import expected, icao_codes
from flight_assets_tests.layouts.writers import Written, csv, dates, lines, numbers

KM_PER_MILE = 1.609344


def _iso(times: pd.Series) -> list[str | None]:
    return times.dt.strftime("%Y-%m-%dT%H:%M:%SZ").astype(object).where(times.notna(), None).tolist()


def aeroapi(rows: pd.DataFrame, path: Path) -> Written:
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
    return path, lines(rows, 1)


def firehose(rows: pd.DataFrame, path: Path) -> Written:
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


def mapped_csv(rows: pd.DataFrame, path: Path) -> Written:
    status = np.where(rows["Cancelled"], "X", np.where(rows["Diverted"], "U", "ok"))
    columns = {
        "Flug": rows["UniqueCarrier"] + " " + numbers(rows["FlightNum"], "{:04d}"),
        "Von": rows["Origin"],
        "Nach": rows["Dest"],
        "Tag": dates(rows, "{day:02d}.{month:02d}.{year}"),
        "Plan ab": numbers(rows["CRSDepTime"], "{:04d}").str.replace(r"^(..)", r"\1:", regex=True),
        "Plan an": numbers(rows["CRSArrTime"], "{:04d}").str.replace(r"^(..)", r"\1:", regex=True),
        "Dauer": numbers(rows["CRSElapsedTime"] / 60, "{:.6f}").str.replace(".", ","),
        "Verspätung": numbers(rows["DepDelay"] * 60.0),
        "Ankunft +/-": numbers(rows["ArrDelay"] * 60.0),
        "Status": status,
        "km": numbers(rows["Distance"] * KM_PER_MILE, "{:.5f}").str.replace(".", ","),
        "Kennzeichen": rows["TailNum"],
    }
    path = path.with_suffix(".txt")
    path.write_bytes(csv(columns, len(rows), ";").decode().encode("latin1"))
    return path, lines(rows)


def mapped_parquet(rows: pd.DataFrame, path: Path) -> Written:
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
    return path, lines(rows, 1)
