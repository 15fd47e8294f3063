"""Changes of flights as MongoDB tells them, each with the token from which a reader can go on later."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flight_assets.queries.flight_list import row as row
from flight_assets.stores.mongo import FLIGHTS

if TYPE_CHECKING:
    from pymongo.database import Database

# Longest wait of one look for changes.
LOOK_MS = 500
WRITES = ("insert", "replace", "update")
_WRITES = [{"$match": {"operationType": {"$in": list(WRITES)}}}]
# Unauthorized and AuthenticationFailed.
_NOT_ALLOWED = frozenset({13, 18})


@dataclass(frozen=True)
class Change:
    """New state of a flight, as a row of the fact table, and the token after it."""

    token: str
    flight: dict[str, Any]


class TokenLost(Exception):
    """Token that MongoDB does not know or no longer has the changes of."""


def since(db: Database[dict[str, Any]], after: str, most: int) -> list[Change]:
    """Return the changes after a token up to now.

    Raises:
        TokenLost: they are gone, or there are more than ``most``.
    """
    found: list[Change] = []
    for change in follow(db, after):
        if change is None:
            break
        found.append(change)
        if len(found) > most:
            raise TokenLost(f"more than {most} changes")
    return found


def follow(db: Database[dict[str, Any]], after: str | None = None) -> Iterator[Change | None]:
    """Yield each change after a token, by default from now on; None when there was none for ``LOOK_MS``.

    Raises:
        TokenLost: the changes after the token are gone.
    """
    from pymongo.errors import OperationFailure

    token = {"_data": after} if after else None
    try:
        with db[FLIGHTS].watch(
            _WRITES, full_document="updateLookup", resume_after=token, max_await_time_ms=LOOK_MS
        ) as stream:
            while stream.alive:
                change = stream.try_next()
                if change is None:
                    yield None
                elif change.get("fullDocument"):
                    yield Change(change["_id"]["_data"], row(change["fullDocument"]))
    except OperationFailure as error:
        # Network failures are of other classes. This one says that the token is malformed, or older than the
        # log of changes.
        raise TokenLost(str(error)) from error


@dataclass(frozen=True)
class Told:
    """Change in one of several collections. ``collection`` is empty if nothing changed for ``LOOK_MS``.

    ``document`` is the newest state, or None if it is deleted.
    """

    token: str
    collection: str
    document: dict[str, Any] | None


def follow_all(
    db: Database[dict[str, Any]], collections: Mapping[str, Sequence[str]], after: str | None = None
) -> Iterator[Told]:
    """Yield changes of these collections after a token, by default from now on; first what says "open".

    ``collections``: kinds of changes by name.

    Raises:
        TokenLost: the changes after the token are gone, or the database was dropped.
    """
    from pymongo.errors import OperationFailure

    kinds = [
        {"ns.coll": name, "operationType": {"$in": list(operations)}}
        for name, operations in collections.items()
    ]
    token = {"_data": after} if after else None
    try:
        with db.watch(
            [{"$match": {"$or": kinds}}],
            full_document="updateLookup",
            resume_after=token,
            max_await_time_ms=LOOK_MS,
        ) as stream:
            yield Told(_token(stream.resume_token) or after or "", "", None)
            while stream.alive:
                change = stream.try_next()
                if change is None:
                    yield Told(_token(stream.resume_token), "", None)
                else:
                    yield Told(change["_id"]["_data"], change["ns"]["coll"], change.get("fullDocument"))
            raise TokenLost("the stream has ended, as when the database is dropped")
    except OperationFailure as error:
        # As in ``follow``; without a token, or without the right to read, there is none to lose.
        if after is None or error.code in _NOT_ALLOWED:
            raise
        raise TokenLost(str(error)) from error


def _token(resume_token: Mapping[str, Any] | None) -> str:
    return resume_token["_data"] if resume_token else ""
