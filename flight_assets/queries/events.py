"""Findings: open ones from MongoDB, and their history from the warehouse."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pandas as pd

from flight_assets.contracts.tables import COMPLEX_EVENTS
from flight_assets.errors import FlightsError
from flight_assets.stores.mongo import FINDINGS, FLIGHTS

if TYPE_CHECKING:
    from pymongo.database import Database

    from flight_assets.stores.warehouse import Warehouse

    Mongo = Database[dict[str, Any]]

FINDINGS_AT_MOST = 1_000
_SHOWN = (
    "_id",
    "severity",
    "pattern",
    "group",
    "key",
    "airport",
    "airline",
    "started",
    "raised",
    "updated",
    "explanation",
    "flight_ids",
)
OPEN_COLUMNS = tuple("finding_id" if name == "_id" else name for name in _SHOWN)
_ID_LENGTH = 16
TIMELINE_COLUMNS = (
    *("finding_id", "pattern", "severity", "key", "airport", "airline", "change_type", "change_timestamp"),
    *("started", "raised", "cleared", "explanation", "flight_ids"),
)


def open_findings(db: Mongo, flight_id: str = "") -> pd.DataFrame:
    """One row per open finding, the most severe and newest first, at most 1,000: OPEN_COLUMNS, times UTC.

    ``flight_id``: only findings that name this flight.
    """
    query = {"flight_ids": flight_id} if flight_id else {}
    found = db[FINDINGS].find(query, dict.fromkeys(_SHOWN, 1))
    rows = list(found.sort([("rank", 1), ("raised", -1)]).limit(FINDINGS_AT_MOST))
    frame = pd.DataFrame(rows, columns=list(_SHOWN)).rename(columns={"_id": "finding_id"})
    for name in ("started", "raised", "updated"):
        frame[name] = pd.to_datetime(frame[name], utc=True)
    return frame


def situations(db: Mongo) -> pd.DataFrame:
    """One row per situation, the most severe first: severity, group, pattern, findings, since, explanation.

    A stopped airport with its waiting flights is one situation.
    """
    return situations_of(open_findings(db))


def situations_of(frame: pd.DataFrame) -> pd.DataFrame:
    """Return ``situations`` of open findings."""
    if frame.empty:
        return pd.DataFrame(columns=["severity", "group", "pattern", "findings", "since", "explanation"])
    grouped = frame.groupby("group", sort=False).agg(
        severity=("severity", "first"),
        pattern=("pattern", "first"),
        findings=("finding_id", "size"),
        since=("started", "min"),
        explanation=("explanation", "first"),
    )
    return grouped.reset_index()[["severity", "group", "pattern", "findings", "since", "explanation"]]


def timeline(warehouse: Warehouse, hours: int, pattern: str = "") -> pd.DataFrame:
    """One row per finding that changed in the newest hours of event time, newest first: its newest change.

    At most 1,000 rows with TIMELINE_COLUMNS. ``pattern``: only findings of this pattern.
    """
    name, columns = warehouse.name(COMPLEX_EVENTS), ", ".join(TIMELINE_COLUMNS)
    chosen = f"AND pattern = '{pattern}'" if re.fullmatch(r"\w+", pattern) else ""
    return warehouse.ask(
        f"""SELECT {columns} FROM (
        SELECT *, row_number() OVER (PARTITION BY finding_id ORDER BY change DESC) AS nth FROM {name}
        WHERE change_timestamp >= (SELECT max(change_timestamp) FROM {name}) - INTERVAL {int(hours)} HOURS
        {chosen})
        WHERE nth = 1 ORDER BY raised DESC, finding_id LIMIT {FINDINGS_AT_MOST}"""  # noqa: S608 - names of the contract, a number and a word
    )


def history_of(warehouse: Warehouse, finding_id: str) -> pd.DataFrame:
    """One row per change of a finding, in order: columns of ``complex_events``.

    Raises FlightsError without any.
    """
    if len(finding_id) != _ID_LENGTH or not set(finding_id) <= set("0123456789abcdef"):
        raise FlightsError(
            f"{finding_id!r} is no id of a finding: it has 16 hexadecimal digits, see `flights events list`"
        )
    found = warehouse.ask(
        f"SELECT * FROM {warehouse.name(COMPLEX_EVENTS)} WHERE finding_id = '{finding_id}' ORDER BY change"  # noqa: S608 - checked above
    )
    if found.empty:
        raise FlightsError(f"there is no finding {finding_id}: see `flights events list`")
    return found.assign(numbers=found["numbers"].map(dict))


def legs_of(db: Mongo, flight_ids: list[str]) -> pd.DataFrame:
    """One row per flight of a finding that MongoDB has, by planned departure: plan, actual times and delays.

    Times are UTC, delays minutes. ``departure`` and ``arrival`` are actual or, until then, planned.
    """
    names = ["flight_id", "tail_number", "origin", "destination", "scheduled_departure", "scheduled_arrival"]
    delays = ["departure_delay_minutes", "arrival_delay_minutes"]
    rows = list(
        db[FLIGHTS].find({"_id": {"$in": flight_ids}}, dict.fromkeys((*names, *delays), 1) | {"_id": 0})
    )
    frame = pd.DataFrame(rows, columns=[*names, *delays])
    for name in ("scheduled_departure", "scheduled_arrival"):
        frame[name] = pd.to_datetime(frame[name], utc=True)
    for end in ("departure", "arrival"):
        late = pd.to_numeric(frame[f"{end}_delay_minutes"]).fillna(0.0)
        frame[end] = frame[f"scheduled_{end}"] + pd.to_timedelta(late, unit="min")
    return frame.sort_values("scheduled_departure").reset_index(drop=True)
