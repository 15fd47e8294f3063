"""Reactionary chains of real flights: those that the engine finds, against the aircraft's whole rotations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from flight_assets.contracts.reference import load_reference
from flight_assets.contracts.units import LATE_MINUTES
from flight_assets.events.engine import Engine
from flight_assets.events.model import HOUR, MINUTE, Event
from flight_assets.events.patterns import reactionary_chain
from flight_assets.events.schedule import LEAST_TURN_MINUTES
from flight_assets.sources.convert import convert
from flight_assets.sources.reading import BadLines, chunks, sources_of
from flight_assets.sources.registry import layout_of, with_header

if TYPE_CHECKING:
    from pathlib import Path

ANNOUNCED_AHEAD = 3 * HOUR
# Broker time after the event; the day's flights come as a live feed would send them.
TAKEN_AFTER_S = 2


def compare(file: Path, days: int = 3) -> dict[str, float]:
    """Return how the chains that the engine finds in the first days of a file agree with its rotations.

    The rotations are judged afterwards, with all delays known. A chain is two legs in a row that arrive
    15 minutes late or more. The slack before the next leg is smaller than the delay.

    ``file``: flights in a layout that ``sources`` can read.
    """
    flights = flights_of(file, days)
    true = chains_of(flights)
    engine = Engine([reactionary_chain.PATTERN])
    events = events_of_flights(flights)
    changes = engine.feed(events, max(event.taken for event in events) + 12 * HOUR)
    found = {(each.finding.key, day_of(each.at)) for each in changes if each.kind == "raised"}
    near = {(tail, day + step) for tail, day in true for step in (-1, 0, 1)}
    near_found = {(tail, day + step) for tail, day in found for step in (-1, 0, 1)}
    return {
        "flights": len(flights),
        "aircraft": flights["tail_number"].nunique(),
        "chains_by_rotation": len(true),
        "chains_found": len(found),
        "precision": len(found & near) / max(1, len(found)),
        "recall": len(true & near_found) / max(1, len(true)),
    }


def flights_of(file: Path, days: int) -> pd.DataFrame:
    """Return the flights of a file's first days, by aircraft and planned departure; times UTC."""
    source = sources_of(file)[0]
    layout = layout_of(source)
    source, found = with_header(source, layout), []
    last: pd.Timestamp | None = None
    for chunk in chunks(source, layout, BadLines({})):
        raw = layout.rows(chunk)
        rows = chunk.row[raw.index.to_numpy()]
        converted = convert(raw.reset_index(drop=True), rows, load_reference(), layout.name, layout.time_zone)
        found.append(converted.flights)
        first = found[0]["flight_date"].min()
        last = first + pd.Timedelta(days=days)
        if converted.flights["flight_date"].max() >= last:
            break
    flights = pd.concat(found, ignore_index=True)
    is_wanted = (flights["flight_date"] < last) & flights["tail_number"].fillna("").str.len().gt(3)
    ordered = flights[is_wanted & flights["scheduled_arrival"].notna()].sort_values(
        ["tail_number", "scheduled_departure"]
    )
    number = ordered["airline"] + ordered["flight_number"].astype(int).astype(str)
    return ordered.assign(flight_id=number + "-" + ordered["origin"] + "-" + ordered["row"].astype(str))


def events_of_flights(flights: pd.DataFrame) -> list[Event]:
    """Return the events of flights as a live feed sends them, two seconds after each happened."""
    events: list[Event] = []
    for row in flights.to_dict("records"):
        departure, arrival = (
            int(row[name].timestamp()) for name in ("scheduled_departure", "scheduled_arrival")
        )
        late_out, late_in = row["departure_delay_minutes"], row["arrival_delay_minutes"]
        moments = [(departure - ANNOUNCED_AHEAD, "scheduled")]
        if row["cancelled"]:
            moments.append((departure, "cancelled"))
        if pd.notna(late_out):
            moments.append((departure + int(late_out * MINUTE), "departed"))
        if pd.notna(late_in):
            moments.append((arrival + int(late_in * MINUTE), "arrived"))
        for at, kind in moments:
            order = (at * 1_000_000, (at + TAKEN_AFTER_S) * 1_000_000, 0, len(events))
            events.append(
                Event(
                    order, kind, row["flight_id"], row["airline"], row["origin"], row["destination"],
                    departure, arrival,
                    row["tail_number"], late_out if kind in ("departed", "arrived") else None,
                    late_in if kind == "arrived" else None,
                )
            )  # fmt: skip
    return events


def day_of(seconds: int) -> int:
    """Return the number of a day in UTC."""
    return seconds // (24 * HOUR)


def chains_of(flights: pd.DataFrame) -> set[tuple[str, int]]:
    """Return aircraft and day of each leg that passes on a delay after two late legs."""
    found: set[tuple[str, int]] = set()
    for tail, legs in flights[~flights["cancelled"]].groupby("tail_number"):
        rows = legs.to_dict("records")
        for first, second, following in zip(rows, rows[1:], rows[2:], strict=False):
            if (
                first["arrival_delay_minutes"] >= LATE_MINUTES
                and second["arrival_delay_minutes"] >= LATE_MINUTES
                and _connects(first, second)
                and _connects(second, following)
                and _slack_minutes(second, following) < second["arrival_delay_minutes"]
            ):
                found.add((str(tail), day_of(int(second["scheduled_departure"].timestamp()))))
    return found


def _connects(before: dict[str, Any], after: dict[str, Any]) -> bool:
    apart = (after["scheduled_departure"] - before["scheduled_arrival"]).total_seconds()
    return bool(before["destination"] == after["origin"] and apart <= 8 * HOUR)


def _slack_minutes(before: dict[str, Any], after: dict[str, Any]) -> float:
    apart = (after["scheduled_departure"] - before["scheduled_arrival"]).total_seconds() / MINUTE
    return max(0.0, float(apart) - LEAST_TURN_MINUTES)
