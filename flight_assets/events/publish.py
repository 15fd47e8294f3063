"""Changes of findings as rows of ``complex_events``, and open findings as documents of MongoDB."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from flight_assets.contracts.tables import COMPLEX_EVENTS
from flight_assets.events.groups import groups, rank
from flight_assets.events.model import Change, Finding
from flight_assets.stores import mongo, mongo_writes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flight_assets.settings import Settings
    from flight_assets.stores.warehouse import Warehouse

WRITER = "events"


def row(change: Change, batch_id: int) -> dict[str, Any]:
    """Return a change as a row of ``complex_events``."""
    found = change.finding
    return {
        "finding_id": found.finding_id,
        "change": found.changes,
        "change_type": change.kind,
        "change_timestamp": moment(change.at),
        "pattern": found.pattern,
        "severity": found.severity,
        "key": found.key,
        "airport": found.airport,
        "airline": found.airline,
        "started": moment(found.start),
        "raised": moment(found.raised),
        "cleared": None if found.cleared is None else moment(found.cleared),
        "cleared_because": found.cleared_because,
        "explanation": found.explanation,
        "numbers": dict(found.numbers),
        "flight_ids": list(found.flight_ids),
        "batch_id": batch_id,
    }


def document(found: Finding, group: str) -> dict[str, Any]:
    """Return an open finding as a document of ``open_findings``. Key: finding_id."""
    return {
        "_id": found.finding_id,
        "pattern": found.pattern,
        "severity": found.severity,
        "key": found.key,
        "group": group,
        "rank": rank(found),
        "airport": found.airport,
        "airline": found.airline,
        "started": moment(found.start),
        "raised": moment(found.raised),
        "updated": moment(found.updated),
        "changes": found.changes,
        "explanation": found.explanation,
        "numbers": dict(found.numbers),
        "flight_ids": list(found.flight_ids),
    }


def moment(seconds: int) -> datetime:
    """Return seconds since 1970 as a time in UTC."""
    return datetime.fromtimestamp(seconds, UTC)


def write_changes(
    warehouse: Callable[[], Warehouse], changes: Sequence[Change], batch_id: int, number: int
) -> None:
    """Append the changes of a state to ``complex_events``. A repeat of the same number writes nothing."""
    if changes:
        house = warehouse()
        rows = house.rows(COMPLEX_EVENTS, [row(change, batch_id) for change in changes])
        house.append_once(rows, COMPLEX_EVENTS, number, writer=WRITER)


def write_open(settings: Settings, findings: Sequence[Finding]) -> None:
    """Make the collection of open findings equal to these."""
    group_of = {member: each.name for each in groups(findings) for member in each.members}
    documents = [document(found, group_of[found.finding_id]) for found in findings]
    with mongo.database(settings) as db:
        mongo_writes.replace_all(db[mongo.FINDINGS], documents)
