"""Every layout that can hold the flights: how it is written, and what it lacks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from flight_assets_tests.layouts.documents import (
    CSV_MAPPING,
    PARQUET_MAPPING,
    aeroapi,
    firehose,
    mapped_csv,
    mapped_parquet,
)
from flight_assets_tests.layouts.writers import (
    Written,
    anac,
    data_expo,
    kaggle,
    nycflights,
    prezip,
    t_ontime,
)


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


_OLD = {
    "Reporting_Airline": "UniqueCarrier",
    "IATA_CODE_Reporting_Airline": "Carrier",
    "Flight_Number_Reporting_Airline": "FlightNum",
    "Tail_Number": "TailNum",
}
# Without planned minutes, the planned arrival is the clock time that suits the distance.
_BY_CLOCK = frozenset({"arrival", "arrived"})
FORMATS = (
    Format("BTS PREZIP, newer headings", "bts-prezip", prezip({})),
    Format("BTS PREZIP, older headings", "bts-prezip", prezip(_OLD)),
    Format("BTS T_ONTIME export", "bts-t-ontime", t_ontime),
    Format("Data Expo 2009 with header", "data-expo", data_expo(header=True)),
    Format("Data Expo 2009 without header", "data-expo", data_expo(header=False)),
    Format("Kaggle 2015", "kaggle-2015", kaggle),
    Format("nycflights", "nycflights", nycflights, lacks=_BY_CLOCK),
    Format("ANAC VRA", "anac-vra", anac, lacks=frozenset({"tail_number", "distance_miles", "diverted"})),
    Format("FlightAware AeroAPI", "aeroapi", aeroapi, lacks=frozenset({"distance_miles"}), by_day=True),
    Format(
        "FlightAware Firehose",
        "firehose",
        firehose,
        lacks=frozenset({"distance_miles", "diverted"}),
        by_day=True,
    ),
    Format("CSV by a mapping", "my-airline", mapped_csv, mapping=CSV_MAPPING),
    Format("Parquet by a mapping", "my-lake", mapped_parquet, mapping=PARQUET_MAPPING),
)
