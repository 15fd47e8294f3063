"""Changes of findings as rows of ``complex_events``, and open findings as documents of MongoDB."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from flight_assets.contracts.tables import COMPLEX_EVENTS
from flight_assets.events.groups import groups, rank
from flight_assets.events.model import Change, Finding
from flight_assets.stores import mongo, mongo_writes
from flight_assets.stores.mongo_documents import UNCONFIRMED

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flight_assets.settings import Settings
    from flight_assets.stores.warehouse import Warehouse

WRITER = "events"
# Findings that live processing has cleared ahead of their batch. Key: finding_id, with the time.
CLEARED_AHEAD = "findings_cleared_ahead"


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


def document(found: Finding, group: str, batch_id: int) -> dict[str, Any]:
    """Return an open finding as a document of ``open_findings``. Key: finding_id.

    ``batch_id``: newest batch of the search; ``UNCONFIRMED`` if live processing has found it ahead.
    """
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
        "batch_id": batch_id,
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


def write_open(
    settings: Settings, findings: Sequence[Finding], batch_id: int, clock: int | None, is_changed: bool
) -> None:
    """Make the collection of open findings equal to these, which are true at ``clock``, event time.

    Findings and clearings of live processing by then are confirmed or taken back. Later ones stay;
    without ``clock``, nothing stays. If nothing has changed on either side, nothing is written.
    """
    with mongo.database(settings) as db:
        collection, ahead = db[mongo.FINDINGS], Ahead.of(db, clock)
        wanted = [found for found in findings if found.finding_id not in ahead.cleared]
        if (
            is_changed
            or ahead.has_passed
            or collection.count_documents({}) != len({found.finding_id for found in wanted} | ahead.found)
        ):
            group_of = groups_of(findings)
            documents = [
                document(found, group_of[found.finding_id], batch_id)
                for found in wanted
                if found.finding_id not in ahead.found
            ]
            mongo_writes.replace_all(collection, documents, sorted(ahead.found))
            db[CLEARED_AHEAD].delete_many({"_id": {"$nin": sorted(ahead.cleared)}})


def groups_of(findings: Sequence[Finding]) -> dict[str, str]:
    """Return the situation of each open finding, by finding_id."""
    return {member: each.name for each in groups(findings) for member in each.members}


@dataclass(frozen=True)
class Ahead:
    """Ids of findings that live processing has found or changed, and has cleared, after a moment.

    ``has_passed``: there is also something that it has done before.
    """

    found: frozenset[str]
    cleared: frozenset[str]
    has_passed: bool

    @classmethod
    def of(cls, db: Any, clock: int | None) -> Ahead:  # noqa: ANN401 - pymongo's generic type
        """Return what is ahead of ``clock``, event time; nothing is ahead of None."""
        changed = list(db[mongo.FINDINGS].find({"batch_id": UNCONFIRMED}, {"updated": 1}))
        gone = list(db[CLEARED_AHEAD].find())
        found = frozenset(each["_id"] for each in changed if _is_later(each["updated"], clock))
        cleared = frozenset(each["_id"] for each in gone if _is_later(each["cleared"], clock))
        return cls(found, cleared, len(found) + len(cleared) < len(changed) + len(gone))


def _is_later(at: datetime, clock: int | None) -> bool:
    return clock is not None and at > moment(clock)


class Shown:
    """Open findings of MongoDB, as live processing has last read or written them."""

    def __init__(self, db: Any) -> None:  # noqa: ANN401 - pymongo's generic type
        self._db = db
        there = db[mongo.FINDINGS].find({}, {"changes": 1, "group": 1})
        self._known = {each["_id"]: (each["changes"], each["group"]) for each in there}

    def write(self, findings: Sequence[Finding], clock: int, still_held: Callable[[], None]) -> int:
        """Make the collection equal to the findings of live processing at ``clock``. Returns the writes.

        Differences are unconfirmed until the search in batches has come so far. A finding whose situation
        alone has changed stays as confirmed as it was.
        """
        group_of = groups_of(findings)
        wanted = {each.finding_id: (each.changes, group_of[each.finding_id]) for each in findings}
        gone = sorted(self._known.keys() - wanted.keys())
        changed = [each for each in findings if self._differs(each.finding_id, wanted[each.finding_id])]
        if not changed and not gone:
            return 0
        still_held()
        self._delete(gone, clock)
        self._upsert(changed, group_of)
        self._known = wanted
        return len(changed) + len(gone)

    def _differs(self, finding_id: str, wanted: tuple[int, str]) -> bool:
        return self._known.get(finding_id) != wanted

    def _upsert(self, changed: Sequence[Finding], group_of: dict[str, str]) -> None:
        from pymongo import ReplaceOne, UpdateOne

        writes = [
            UpdateOne({"_id": each.finding_id}, {"$set": {"group": group_of[each.finding_id]}})
            if self._known.get(each.finding_id, (0, ""))[0] == each.changes
            else ReplaceOne(
                {"_id": each.finding_id},
                document(each, group_of[each.finding_id], UNCONFIRMED),
                upsert=True,
            )
            for each in changed
        ]
        if writes:
            self._db[mongo.FINDINGS].bulk_write(writes, ordered=False)

    def _delete(self, gone: Sequence[str], clock: int) -> None:
        from pymongo import ReplaceOne

        if gone:
            notes = [
                ReplaceOne({"_id": each}, {"_id": each, "cleared": moment(clock)}, upsert=True)
                for each in gone
            ]
            self._db[CLEARED_AHEAD].bulk_write(notes, ordered=False)
            self._db[mongo.FINDINGS].delete_many({"_id": {"$in": list(gone)}})
