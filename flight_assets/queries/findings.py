"""Findings for programs, in the caller's scope: open ones from MongoDB, all of them from the warehouse.

A tenant gets a finding whole if it is about its own airline and names no other's flight. Of a finding that
names own and others' flights, it gets pattern, place, times and its own flights. Any other one is hidden.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from flight_assets.contracts.tables import COMPLEX_EVENTS
from flight_assets.contracts.units import AIRLINE, AIRPORT
from flight_assets.events.model import SEVERITIES
from flight_assets.stores.mongo import FINDINGS
from flight_assets.stores.mongo_documents import UNCONFIRMED
from flight_assets.tenancy import EVERYTHING, Scope

if TYPE_CHECKING:
    import pandas as pd
    from pymongo.database import Database

    from flight_assets.stores.warehouse import Warehouse

    Mongo = Database[dict[str, Any]]

Document = dict[str, Any]
Position = tuple[Any, str]
DEADLINE_MS = 10_000
PATTERN_NAME = "[A-Za-z_][A-Za-z0-9_]{0,63}"
FINDING_ID = "[0-9a-f]{16}"
PARTIAL = "This finding also concerns flights of other airlines, so its numbers are not shown."
_CARRIER = re.compile(rf"({AIRLINE})\d{{1,4}}[A-Z]?-")
_PLAIN = ("pattern", "severity", "key", "airport", "airline", "explanation")
_FORMS = {
    "patterns": PATTERN_NAME,
    "severities": "|".join(SEVERITIES),
    "airports": AIRPORT,
    "airlines": AIRLINE,
}


@dataclass(frozen=True)
class WantedFindings:
    """Findings that a list asks for. An empty tuple means all; ``since`` is the time of their raising.

    Raises:
        ValueError: a name or code that is none; so a condition made from it can hold nothing else.
    """

    state: Literal["open", "all"] = "open"
    patterns: tuple[str, ...] = ()
    severities: tuple[str, ...] = ()
    airports: tuple[str, ...] = ()
    airlines: tuple[str, ...] = ()
    since: datetime | None = None
    scope: Scope = EVERYTHING

    def __post_init__(self) -> None:
        for name, form in _FORMS.items():
            for value in getattr(self, name):
                if not re.fullmatch(form, value):
                    raise ValueError(f"{value!r} is none of {name}")
        for code in self.scope.airlines or ():
            if not re.fullmatch(AIRLINE, code):
                raise ValueError(f"{code!r} is no airline of a scope")

    def mongo(self) -> Document:
        """Return the match of MongoDB."""
        parts: list[Document] = [{name: {"$in": sorted(values)}} for name, values in self._columns()]
        if self.since:
            parts.append({"raised": {"$gte": self.since}})
        if self.scope.airlines is not None:
            flights = {"flight_ids": {"$regex": _of_airlines(self.scope.airlines)}}
            parts.append({"$or": [{"airline": {"$in": sorted(self.scope.airlines)}}, flights]})
        return {"$and": parts} if parts else {}

    def sql(self) -> str:
        """Return the same as a condition on ``complex_events``."""
        parts = [f"{name} IN ({_quoted(values)})" if values else "FALSE" for name, values in self._columns()]
        if self.since:
            parts.append(f"raised >= TIMESTAMP'{_literal(self.since)}'")
        if self.scope.airlines is not None:
            airlines = f"airline IN ({_quoted(self.scope.airlines)}) OR " if self.scope.airlines else ""
            flights = f"exists(flight_ids, each -> each RLIKE '{_of_airlines(self.scope.airlines)}')"
            parts.append(f"({airlines}{flights})")
        return " AND ".join(parts) or "TRUE"

    def _columns(self) -> list[tuple[str, tuple[str, ...]]]:
        """Return the columns that are filtered with their values. Other airlines are not even asked for."""
        asked = (
            ("pattern", self.patterns),
            ("severity", self.severities),
            ("airport", self.airports),
        )
        found = [(name, values) for name, values in asked if values]
        airlines = self.scope.narrowed(self.airlines) if self.airlines else None
        return found if airlines is None else [*found, ("airline", airlines)]


def open_page(db: Mongo, wanted: WantedFindings, limit: int, after: Position | None) -> list[Document]:
    """Return rows of open findings, newest first by (raised, finding_id), ``limit`` at most."""
    match = wanted.mongo()
    if after:
        same = {"raised": after[0], "_id": {"$lt": after[1]}}
        match = {"$and": [match, {"$or": [{"raised": {"$lt": after[0]}}, same]}]}
    found = db[FINDINGS].find(match, max_time_ms=DEADLINE_MS).sort([("raised", -1), ("_id", -1)])
    return [visible(of_document(each), wanted.scope) for each in found.limit(limit)]


def open_finding(db: Mongo, scope: Scope, finding_id: str) -> Document | None:
    """Return the row of an open finding, or None if there is none in scope."""
    match = {"$and": [{"_id": finding_id}, WantedFindings(scope=scope).mongo()]}
    found = db[FINDINGS].find_one(match, max_time_ms=DEADLINE_MS)
    return visible(of_document(found), scope) if found else None


def history_page(
    warehouse: Warehouse, wanted: WantedFindings, limit: int, after: Position | None, finding_id: str = ""
) -> pd.DataFrame:
    """One row per finding of the warehouse, newest first: its newest change, ``numbers`` as JSON.

    ``finding_id``: only this one. The columns are those that ``of_row`` reads.
    """
    conditions = [wanted.sql()]
    if after:
        at, last = _literal(after[0]), _checked_id(after[1])
        conditions.append(
            f"(raised < TIMESTAMP'{at}' OR (raised = TIMESTAMP'{at}' AND finding_id < '{last}'))"
        )
    one = f"WHERE finding_id = '{_checked_id(finding_id)}'" if finding_id else ""
    return warehouse.ask(
        f"""SELECT finding_id, {", ".join(_PLAIN)}, started, raised, change_timestamp AS updated, cleared,
        cleared_because, change AS changes, to_json(numbers) AS numbers, flight_ids, batch_id FROM (
        SELECT *, row_number() OVER (PARTITION BY finding_id ORDER BY change DESC) AS nth
        FROM {warehouse.name(COMPLEX_EVENTS)} {one})
        WHERE nth = 1 AND {" AND ".join(conditions)}
        ORDER BY raised DESC, finding_id DESC LIMIT {int(limit)}"""  # noqa: S608 - checked names, codes and times
    )


def of_document(found: Document) -> Document:
    """Return the row of a document of ``open_findings``."""
    return {
        "finding_id": found["_id"],
        **{name: found[name] for name in _PLAIN},
        **{name: found[name] for name in ("started", "raised", "updated", "changes", "numbers")},
        "cleared": None,
        "cleared_because": None,
        "flight_ids": list(found["flight_ids"]),
        "is_confirmed": found.get("batch_id", 0) != UNCONFIRMED,
        "is_partial": False,
    }


def of_row(found: Document) -> Document:
    """Return the row of a line of ``history_page``."""
    return {
        "finding_id": found["finding_id"],
        **{name: found[name] for name in _PLAIN},
        **{name: _utc(found[name]) for name in ("started", "raised", "updated")},
        "changes": int(found["changes"]),
        "numbers": json.loads(found["numbers"]),
        "cleared": _utc(found["cleared"]),
        "cleared_because": found["cleared_because"] or None,
        "flight_ids": list(found["flight_ids"]),
        "is_confirmed": True,
        "is_partial": False,
    }


def visible(row: Document, scope: Scope) -> Document:
    """Return a row of a finding in scope without what is of other airlines."""
    if scope.airlines is None:
        return row
    own = [each for each in row["flight_ids"] if scope.allows(carrier_of(each))]
    if len(own) == len(row["flight_ids"]) and scope.allows(row["airline"]):
        return row
    is_of_airport = row["key"].startswith("airport:")
    return row | {
        "key": row["key"] if is_of_airport else None,
        "airline": row["airline"] if scope.allows(row["airline"]) else "",
        "explanation": PARTIAL,
        "numbers": {},
        "cleared_because": None,
        "flight_ids": own,
        "is_partial": True,
    }


def carrier_of(flight_id: str) -> str:
    """Return the airline code of a flight_id; empty if it is none."""
    found = _CARRIER.match(flight_id)
    return found[1] if found else ""


def _of_airlines(airlines: tuple[str, ...]) -> str:
    """Return a pattern for flight ids of these airlines; without any, it matches nothing."""
    return f"^({'|'.join(sorted(airlines))})[0-9]" if airlines else "^-"


def _quoted(values: tuple[str, ...]) -> str:
    return ", ".join(f"'{value}'" for value in sorted(values))


def _literal(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f+00:00")


def _checked_id(finding_id: str) -> str:
    if not re.fullmatch(FINDING_ID, finding_id):
        raise ValueError(f"{finding_id!r} is no id of a finding")
    return finding_id


def _utc(moment: Any) -> datetime | None:  # noqa: ANN401 - pandas' time, or its missing value
    import pandas as pd

    if pd.isna(moment):
        return None
    at: datetime = pd.Timestamp(moment).to_pydatetime()
    return at if at.tzinfo else at.replace(tzinfo=UTC)
