"""Read files back through the loader, and compare every row with what is true of it."""

from __future__ import annotations

import csv
import resource
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd

from flight_assets.contracts.reference import Reference
from flight_assets.producer.loaded import loaded_messages
from flight_assets.producer.validation import Verdicts, verdicts
from flight_assets.sources.flight_ids import flight_ids
from flight_assets.sources.layout import Layout
from flight_assets.sources.mapping import read_mapping
from flight_assets.sources.opening import Source
from flight_assets.sources.reading import sources_of
from flight_assets.sources.registry import layout_of
from flight_assets.sources.spool import Spool
from flight_assets.sources.survey import Survey, Surveyor
from flight_assets.transforms.check import check
from flight_assets.transforms.inputs import Checks
from flight_assets_tests.layouts.flights import expected, repeated
from flight_assets_tests.layouts.formats import Format

MOST_TOLD = 5
# The hour of 17 February 2008 that the clocks of Brasília showed twice, and the one before: which one a time
# of the ANAC layout means cannot be known.
TWICE_IN_BRASILIA = pd.Timestamp("2008-02-17T01:00"), pd.Timestamp("2008-02-17T03:00")


@dataclass
class Outcome:
    """Outcome of the rows of one layout. ``faults`` are rows that differ from the truth."""

    name: str
    rows: int = 0
    flights: int = 0
    events: int = 0
    ids: int = 0
    named: Counter[str] = field(default_factory=Counter)
    unknown_codes: int = 0
    undecided: int = 0
    without_arrival: int = 0
    seconds: float = 0.0
    processor_seconds: float = 0.0
    faults: list[str] = field(default_factory=list)


def read_back(
    form: Format, frames: list[tuple[str, pd.DataFrame]], folder: Path, reference: Reference
) -> tuple[Outcome, Spool]:
    """Write the flights in a layout, load them, and compare every row."""
    folder.mkdir(parents=True)
    written = {}
    for name, rows in form.files(frames):
        path, lines = form.write(rows, folder / name)
        written[path.name] = (rows, lines)
    sources = _recognised(form, folder, sorted(written))
    spool, unusable = Spool(folder / "days"), folder / "unusable.csv"
    started, used = time.perf_counter(), _processor_s()
    survey = Surveyor(reference, spool, unusable).survey(sources, lambda _: None)
    outcome = Outcome(
        form.name, seconds=time.perf_counter() - started, processor_seconds=_processor_s() - used
    )
    _compare(form, written, spool, unusable, outcome)
    _count(survey, spool, outcome, form)
    for name in written:
        (folder / name).unlink()
    return outcome, spool


def messages_of(spool: Spool, reference: Reference) -> tuple[Verdicts, float]:
    """Return a batch's verdicts on every message of a spool, and the seconds that making them took."""
    checks, seconds = Checks(reference), 0.0

    def made() -> Iterator[tuple[int, bytes | None, bytes]]:
        nonlocal seconds
        messages = loaded_messages(spool, reference)
        place = 0
        while True:
            started = time.process_time()
            some = list(islice(messages, 20_000))
            seconds += time.process_time() - started
            if not some:
                return
            for message in some:
                place += 1
                yield place, message.key, message.value

    return verdicts(made(), lambda raw: check(raw, checks)), seconds


def peak_mb() -> float:
    """Return the most memory that this process has had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024


def _processor_s() -> float:
    return time.process_time()


def _recognised(form: Format, folder: Path, names: list[str]) -> list[tuple[Source, Layout]]:
    if form.mapping:
        mapping = folder / "mapping.toml"
        mapping.write_text(form.mapping, encoding="utf-8")
        described = read_mapping(mapping)
        return [
            (source, described.layout_for(source))
            for name in names
            for source in sources_of(folder / name, **described.reading)
        ]
    return [(source, layout_of(source)) for name in names for source in sources_of(folder / name)]


def _count(survey: Survey, spool: Spool, outcome: Outcome, form: Format) -> None:
    outcome.rows, outcome.flights = survey.rows, survey.flights
    outcome.events = sum(survey.as_dict()["events"].values())
    outcome.named = Counter(survey.unusable)
    outcome.unknown_codes = len(survey.unknown_airlines) + len(survey.unknown_airports)
    outcome.without_arrival = survey.without_planned_arrival
    if set(survey.layouts.values()) != {form.layout}:
        outcome.faults.append(f"recognised as {set(survey.layouts.values())}")
    ids: set[str] = set()
    for day in spool.days():
        ids.update(flight_ids(spool.read(day)))
    outcome.ids = len(ids)


def _compare(
    form: Format,
    written: dict[str, tuple[pd.DataFrame, np.ndarray]],
    spool: Spool,
    unusable: Path,
    outcome: Outcome,
) -> None:
    """Compare file by file: each row is a flight as it is true, or named with a reason that holds."""
    named = _named_lines(unusable)
    if not spool.days():
        outcome.faults.append("no row is a flight")
        return
    flights = pd.concat([spool.read(day) for day in spool.days()], ignore_index=True)
    flights["file"] = flights["file"].str.split("/").str[0]
    for name, (rows, lines) in written.items():
        some = flights[flights["file"] == name]
        row_of = pd.Series(np.arange(len(rows)), index=lines)
        place = row_of.reindex(some["row"]).to_numpy()
        if np.isnan(place).any() or pd.Series(place).duplicated().any():
            outcome.faults.append(f"{name}: flights of lines that are no rows")
            continue
        true = expected(rows)
        _compare_flights(form, name, some, true.iloc[place.astype(int)], outcome)
        reasons = named.get(name, {})
        left = set(range(len(rows))) - set(place.astype(int))
        told = {int(row_of[line]) for line in reasons if line in row_of.index}
        if left != told:
            outcome.faults.append(f"{name}: {len(left ^ told)} rows are neither a flight nor named")
        _check_reasons(name, rows, true, {int(row_of[line]): why for line, why in reasons.items()}, outcome)


def _named_lines(unusable: Path) -> dict[str, dict[int, str]]:
    found: dict[str, dict[int, str]] = {}
    with unusable.open(newline="") as file:
        for row in csv.DictReader(file):
            found.setdefault(row["file"].split("/")[0], {})[int(row["line"])] = row["reason"]
    return found


def _check_reasons(
    name: str, rows: pd.DataFrame, true: pd.DataFrame, reasons: dict[int, str], outcome: Outcome
) -> None:
    """Note rows whose reason does not hold."""
    is_repeat = repeated(rows)
    holds = {
        "repeated": lambda row: is_repeat[row],
        "inconsistent_times": lambda row: true["arrived"].iat[row] < true["departed"].iat[row],
    }
    for row, reason in reasons.items():
        if reason not in holds or not holds[reason](row):
            outcome.faults.append(f"{name}: row {row} is no flight because of {reason}, which does not hold")


def _compare_flights(
    form: Format, name: str, flights: pd.DataFrame, true: pd.DataFrame, outcome: Outcome
) -> None:
    """Note how many flights differ from the truth in each value that the layout can hold."""
    true = true.reset_index(drop=True)
    undecided = np.zeros(len(true), bool)
    if form.layout == "anac-vra":
        for column in ("departure", "arrival", "departed", "arrived"):
            undecided |= true[column].between(*TWICE_IN_BRASILIA, inclusive="left").to_numpy()
    outcome.undecided += int(undecided.sum())
    planned = true["arrival"].where(true["arrival"] > true["departure"])
    landed = true["arrived"].where(~true["cancelled"])
    pairs = {
        "airline": (flights["airline"], true["airline"]),
        "flight_number": (flights["flight_number"], true["flight_number"]),
        "origin": (flights["origin"], true["origin"]),
        "destination": (flights["destination"], true["destination"]),
        "tail_number": (flights["tail_number"], true["tail_number"]),
        "date": (flights["local_departure"].dt.normalize(), true["date"]),
        "departure": (flights["scheduled_departure"], true["departure"]),
        "arrival": (flights["scheduled_arrival"], planned),
        "arrived": (flights["arrived_at"], landed),
        "departure_delay": (flights["departure_delay_minutes"], true["departure_delay"]),
        "arrival_delay": (flights["arrival_delay_minutes"], true["arrival_delay"]),
        "cancelled": (flights["cancelled"], true["cancelled"]),
        "diverted": (flights["diverted"], true["diverted"]),
        "distance_miles": (flights["distance_miles"].round(2), true["distance_miles"]),
    }
    for what, (found, wanted) in pairs.items():
        if what in form.lacks:
            continue
        # Without planned minutes there is no planned arrival that these files could be held against.
        compared = ~undecided & (
            planned.notna().to_numpy() | (what not in ("arrival", "arrived", "arrival_delay"))
        )
        differ = _differ(found.reset_index(drop=True), wanted) & compared
        if differ.any():
            first = flights["row"].to_numpy()[differ][:MOST_TOLD].tolist()
            outcome.faults.append(f"{name}: {what} differs in {int(differ.sum()):,} flights, lines {first}")


def _differ(found: pd.Series, wanted: pd.Series) -> np.ndarray:
    if pd.api.types.is_datetime64_any_dtype(wanted):
        found, wanted = (times.astype("datetime64[s]").astype("int64") for times in (found, wanted))
    if pd.api.types.is_float_dtype(wanted):
        return ~np.isclose(found.astype(float), wanted, atol=0.006, equal_nan=True)
    return np.asarray(~((found == wanted) | (found.isna() & wanted.isna())), dtype=bool)


def forget(folder: Path) -> None:
    """Delete what a comparison has written."""
    shutil.rmtree(folder, ignore_errors=True)
