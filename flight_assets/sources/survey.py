"""Content of files before anything is sent: flights, days, carriers, airports, and unusable rows."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from flight_assets.contracts.reference import Reference
from flight_assets.sources.convert import convert
from flight_assets.sources.layout import Layout
from flight_assets.sources.opening import Source
from flight_assets.sources.reading import BadLines, chunks
from flight_assets.sources.registry import with_header
from flight_assets.sources.spool import Spool

EXAMPLES = 20


@dataclass
class Survey:
    """The findings.

    ``unusable`` counts rows by reason; ``examples`` are the first of them as (file, line, reason, detail).
    """

    layouts: dict[str, str] = field(default_factory=dict)
    rows: int = 0
    flights: int = 0
    days: list[date] = field(default_factory=list)
    carriers: Counter[str] = field(default_factory=Counter)
    airports: set[str] = field(default_factory=set)
    unknown_airlines: set[str] = field(default_factory=set)
    unknown_airports: set[str] = field(default_factory=set)
    cancelled: int = 0
    diverted: int = 0
    diverted_flights: int = 0
    departed: int = 0
    arrived: int = 0
    without_planned_arrival: int = 0
    computed_distances: int = 0
    unusable: Counter[str] = field(default_factory=Counter)
    examples: list[tuple[str, int, str, str]] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Return the output of ``flights load --json``."""
        days = self.days
        return {
            "layouts": self.layouts,
            "rows": self.rows,
            "flights": self.flights,
            "first_day": str(days[0]) if days else None,
            "last_day": str(days[-1]) if days else None,
            "days": len(days),
            "carriers": dict(sorted(self.carriers.items())),
            "airports": len(self.airports),
            "unknown_airlines": sorted(self.unknown_airlines),
            "unknown_airports": sorted(self.unknown_airports),
            "events": {
                "scheduled": self.flights,
                "departed": self.departed,
                "diverted": self.diverted,
                "arrived": self.arrived,
                "cancelled": self.cancelled,
            },
            "diverted_flights": self.diverted_flights,
            "without_planned_arrival": self.without_planned_arrival,
            "computed_distances": self.computed_distances,
            "unusable_rows": sum(self.unusable.values()),
            "unusable": dict(self.unusable.most_common()),
            "examples": [
                dict(zip(("file", "line", "reason", "detail"), example, strict=True))
                for example in self.examples
            ],
        }


class Surveyor:
    """Reads sources into a spool and counts what they hold.

    ``unusable`` rows are all listed in a CSV file.
    """

    def __init__(self, reference: Reference, spool: Spool, unusable_file: Path) -> None:
        self.reference, self.spool, self.found = reference, spool, Survey()
        self.unusable_file = unusable_file
        with unusable_file.open("w", newline="") as file:
            csv.writer(file).writerow(("file", "line", "reason", "detail"))

    def survey(self, sources: Sequence[tuple[Source, Layout]], on_rows: Callable[[int], None]) -> Survey:
        """Read every source. ``on_rows`` gets the number of rows read so far."""
        for source, layout in sources:
            self.found.layouts[source.name] = layout.name
            self._read(with_header(source, layout), layout, on_rows)
        for flights, left_out in self.spool.give_ids():
            self._count_flights(flights)
            self._count(left_out)
        self.found.days = self.spool.days()
        return self.found

    def _read(self, source: Source, layout: Layout, on_rows: Callable[[int], None]) -> None:
        bad = BadLines({})
        for chunk in chunks(source, layout, bad):
            raw = layout.rows(chunk)
            # A layout may make one flight of several rows: the index then says which of them count.
            lines = chunk.row[raw.index.to_numpy()]
            converted = convert(
                raw.reset_index(drop=True), lines, self.reference, layout.name, layout.time_zone
            )
            self.spool.add(converted.flights, source.name)
            self._count(converted.unusable.assign(file=source.name))
            self.found.rows += len(chunk.row)
            on_rows(self.found.rows)
        lines = pd.DataFrame(
            {"row": list(bad.lines), "reason": list(bad.lines.values()), "file": source.name}
        )
        self.found.rows += len(lines)
        self._count(lines)

    def _count_flights(self, flights: pd.DataFrame) -> None:
        found = self.found
        found.flights += len(flights)
        found.carriers.update(flights["airline"].value_counts().to_dict())
        found.airports |= set(flights["origin"].unique()) | set(flights["destination"].unique())
        found.cancelled += int(flights["cancelled"].sum())
        found.diverted += int(flights["diverted_at"].notna().sum())
        found.diverted_flights += int(flights["diverted"].sum())
        found.departed += int(flights["departure_delay_minutes"].notna().sum())
        found.arrived += int(flights["arrived_at"].notna().sum())
        found.without_planned_arrival += int(flights["scheduled_arrival"].isna().sum())
        found.computed_distances += int(flights["computed_distance"].sum())
        self._count_unknown(flights)

    def _count_unknown(self, flights: pd.DataFrame) -> None:
        """Count codes that nobody has on the flights' date.

        The platform accepts such flights and flags them.
        """
        day = flights["local_departure"].iloc[0].date()
        for ends, known, noted in (
            (("airline",), self.reference.has_airline, self.found.unknown_airlines),
            (
                ("origin", "destination"),
                lambda code, day: self.reference.zone(code, day) is not None,
                self.found.unknown_airports,
            ),
        ):
            for end in ends:
                noted |= {code for code in flights[end].unique() if not known(code, day)}

    def _count(self, unusable: pd.DataFrame) -> None:
        """Count unusable rows (file, row, reason), and list each."""
        if not len(unusable):
            return
        parts = unusable["reason"].str.partition(": ")
        self.found.unusable.update(parts[0].value_counts().to_dict())
        rows = list(
            zip(unusable["file"], np.abs(unusable["row"]).astype(int), parts[0], parts[2], strict=True)
        )
        self.found.examples.extend(rows[: max(0, EXAMPLES - len(self.found.examples))])
        with self.unusable_file.open("a", newline="") as file:
            csv.writer(file).writerows(rows)
