"""Any CSV or Parquet file, described by a mapping: the column, unit and clock of each field.

docs/sources.md explains the TOML file with an example.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from zoneinfo import available_timezones

import numpy as np
import pandas as pd
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from flight_assets.errors import FlightsError
from flight_assets.sources.columns import (
    TRUE_WORDS,
    clock_times,
    dates,
    flag,
    moments,
    number,
    text,
)
from flight_assets.sources.layout import AIRPORTS_OWN, UTC, Chunk, Columns, Layout, at, raw_rows
from flight_assets.sources.mapping_checks import require_dates, require_local, require_some
from flight_assets.sources.opening import Source, require_file

MINUTES = {"minutes": 1.0, "seconds": 1 / 60, "hours": 60.0}
MILES = {"miles": 1.0, "km": 0.621371192, "nautical_miles": 1.150779448}
_FLIGHT = r"^\s*([A-Za-z]{3}|(?=.?[A-Za-z])[A-Za-z0-9]{2})\s*0*(\d{1,4})\s*([A-Za-z])?\s*$"


class Column(BaseModel):
    """Column and its form: ``unit`` of a number, ``format`` (strptime) of a date, words of ``true``."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    column: str
    unit: Literal["minutes", "seconds", "hours", "miles", "km", "nautical_miles"] | None = None
    format: str = ""
    true: tuple[str, ...] = TRUE_WORDS


class Fields(BaseModel):
    """The fields of a flight.

    ``flight`` is carrier and number in one: UA1545A. The planned departure is date + time, or both in one.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    airline: Column | None = None
    flight_number: Column | None = None
    flight_suffix: Column | None = None
    flight: Column | None = None
    tail_number: Column | None = None
    origin: Column
    destination: Column
    date: Column | None = None
    departure_time: Column | None = None
    arrival_time: Column | None = None
    scheduled_departure: Column | None = None
    scheduled_arrival: Column | None = None
    elapsed: Column | None = None
    actual_departure: Column | None = None
    actual_arrival: Column | None = None
    departure_delay: Column | None = None
    arrival_delay: Column | None = None
    cancelled: Column | None = None
    diverted: Column | None = None
    diverted_to: Column | None = None
    distance: Column | None = None

    @field_validator("*", mode="before")
    @classmethod
    def _name_alone(cls, value: Any) -> Any:  # noqa: ANN401 - what TOML has
        return {"column": value} if isinstance(value, str) else value


class File(BaseModel):
    """Format of the file. What is missing is detected."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    delimiter: str = ""
    encoding: str = ""
    # Sign before the decimals of numbers; found out for each column of a file with semicolons.
    decimal: Literal[".", ","] | None = None


class Mapping(BaseModel):
    """Mapping file: its name, the clock of its times, the file and its fields."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str = "mapping"
    # "local" is each airport's own clock; else an IANA zone, such as UTC.
    time_zone: str = "local"
    file: File = File()
    fields: Fields

    @field_validator("time_zone")
    @classmethod
    def _is_zone(cls, value: str) -> str:
        if value != "local" and value not in available_timezones():
            raise ValueError(
                f"{value} is neither local nor an IANA time zone, such as UTC or America/Sao_Paulo"
            )
        return value

    @field_validator("fields")
    @classmethod
    def _is_complete(cls, value: Fields) -> Fields:
        if not (value.flight or (value.airline and value.flight_number)):
            raise ValueError("fields needs flight, or airline and flight_number")
        if not (value.scheduled_departure or (value.date and value.departure_time)):
            raise ValueError("fields needs scheduled_departure, or date and departure_time")
        return value


@dataclass(frozen=True)
class Described:
    """Result of reading a mapping: options for the file, and its layout."""

    mapping: Mapping

    @property
    def reading(self) -> dict[str, str]:
        """Return the options of ``reading.sources_of``."""
        return {"delimiter": self.mapping.file.delimiter, "encoding": self.mapping.file.encoding}

    def layout_for(self, source: Source) -> Layout:
        """Return the layout for a file.

        Raises:
            FlightsError: the file lacks a column that the mapping names.
        """
        named = [spec["column"] for spec in self.mapping.fields.model_dump(exclude_none=True).values()]
        present = {name.strip().lower() for name in source.header}
        missing = [name for name in named if name.strip().lower() not in present]
        if missing:
            raise FlightsError(
                f"{source.name} has no column {', '.join(missing)}; it has {', '.join(source.header)}"
            )
        zone = AIRPORTS_OWN if self.mapping.time_zone == "local" else self.mapping.time_zone
        reads = frozenset(name.strip().lower() for name in named)
        rows = _reader(self.mapping, source)
        return Layout(
            self.mapping.name, "described by a mapping", lambda _: True, rows, time_zone=zone, reads=reads
        )


def read_mapping(path: Path) -> Described:
    """Read a mapping file.

    Raises:
        FlightsError: it is not TOML, or something in it is wrong; the sentence says where.
    """
    require_file(path)
    try:
        return Described(Mapping.model_validate(tomllib.loads(path.read_text(encoding="utf-8"))))
    except UnicodeDecodeError as error:
        raise FlightsError(f"{path} is not in UTF-8: save it so") from error
    except tomllib.TOMLDecodeError as error:
        raise FlightsError(f"{path} is not TOML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise FlightsError(
            f"{path}: {where or 'the file'}: {first['msg']}. docs/sources.md has an example"
        ) from error


def _reader(mapping: Mapping, source: Source) -> Callable[[Chunk], pd.DataFrame]:
    """Return the function that reads rows of a file with a mapping."""
    decimal = mapping.file.decimal or ("" if source.delimiter == ";" else ".")

    def rows(chunk: Chunk) -> pd.DataFrame:
        columns = Columns(chunk)
        require_dates(columns, mapping.fields, source.name)
        if mapping.time_zone != UTC:
            require_local(columns, mapping.fields, source.name)
        return raw_rows(columns.count, _Values(columns, mapping.fields, decimal).all())

    return rows


@dataclass(frozen=True)
class _Values:
    """Values of a chunk, field by field."""

    columns: Columns
    fields: Fields
    decimal: str

    def all(self) -> dict[str, Any]:
        """Return the columns of raw rows that the mapping has."""
        return {
            **self._flight(),
            **{
                name: text(self._of(name)) for name in ("tail_number", "origin", "destination", "diverted_to")
            },
            "departure": self._departure(),
            "arrival": self._moments("scheduled_arrival"),
            "arrival_minutes": clock_times(self._of("arrival_time")),
            "elapsed_minutes": self._scaled("elapsed", MINUTES),
            "departure_delay_minutes": self._scaled("departure_delay", MINUTES),
            "arrival_delay_minutes": self._scaled("arrival_delay", MINUTES),
            "actual_departure": self._moments("actual_departure"),
            "actual_arrival": self._moments("actual_arrival"),
            "cancelled": self._flag("cancelled"),
            "diverted": self._flag("diverted"),
            "distance_miles": self._scaled("distance", MILES),
        }

    def _spec(self, name: str) -> Column | None:
        spec: Column | None = getattr(self.fields, name)
        return spec

    def _of(self, name: str) -> pa.ChunkedArray:
        spec = self._spec(name)
        return self.columns.get(spec.column) if spec else self.columns.get()

    def _flight(self) -> dict[str, Any]:
        if self.fields.flight is None:
            suffix = text(self._of("flight_suffix"))
            return {
                "airline": text(self._of("airline")),
                "flight_number": number(self._of("flight_number")),
                "flight_suffix": suffix,
            }
        parts = text(self._of("flight")).str.extract(re.compile(_FLIGHT))
        return {
            "airline": parts[0],
            "flight_number": pd.to_numeric(parts[1]).to_numpy(float),
            "flight_suffix": parts[2],
        }

    def _departure(self) -> np.ndarray:
        if self.fields.scheduled_departure:
            return self._moments("scheduled_departure")
        spec = self._spec("date")
        days = dates(self._of("date"), spec.format if spec else "")
        require_some(self._of("date"), days, spec)
        return at(days, clock_times(self._of("departure_time")))

    def _moments(self, name: str) -> np.ndarray:
        spec = self._spec(name)
        times = moments(self._of(name), spec.format if spec else "")
        require_some(self._of(name), times, spec)
        return times

    def _scaled(self, name: str, units: dict[str, float]) -> np.ndarray:
        spec = self._spec(name)
        return number(self._of(name), self.decimal) * units.get(spec.unit or "" if spec else "", 1.0)

    def _flag(self, name: str) -> np.ndarray:
        spec = self._spec(name)
        return flag(self._of(name), spec.true if spec else TRUE_WORDS)
