"""Changes of flights as MongoDB tells them, each with the token from which a reader can go on later."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flight_assets.queries.flight_list import row
from flight_assets.stores.mongo import FLIGHTS

if TYPE_CHECKING:
    from pymongo.database import Database

# Longest wait of one look for changes.
LOOK_MS = 500
_WRITES = [{"$match": {"operationType": {"$in": ["insert", "replace", "update"]}}}]


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
