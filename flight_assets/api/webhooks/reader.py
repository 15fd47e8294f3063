"""Reader of MongoDB's changes: each change that a subscription waits for becomes a delivery in the outbox.

The position is saved after the deliveries are stored. After a crash, the changes since then are read again.
The ids of deliveries are the same then, so nothing is lost and nothing is there twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from flight_assets import logs
from flight_assets.api.models import flight_row
from flight_assets.api.webhooks import matching
from flight_assets.api.webhooks.matching import Index
from flight_assets.queries import changes
from flight_assets.stores import access, mongo, outbox
from flight_assets.stores.subscriptions import SUBSCRIPTIONS

if TYPE_CHECKING:
    import threading

    from flight_assets.stores.outbox import Delivery

    Document = dict[str, Any]

# Collections that are followed, with the kinds of changes. Deliveries do not update a subscription's wish.
FOLLOWED = {
    mongo.FLIGHTS: changes.WRITES,
    mongo.FINDINGS: changes.WRITES,
    SUBSCRIPTIONS: ("insert", "delete"),
    access.TENANTS: ("insert", "delete", "replace", "update"),
}
AT_ONCE = 500
IDLE_S = 1.0
# Position saved at least so often, so that it stays in MongoDB's log while nothing changes.
SAVED_EVERY_S = 10.0
# A change waits for others no longer than this.
GATHERED_S = 0.5
# Changes without a new event, such as a forecast that is filled in, come within this time of their event.
LATE_BY = timedelta(hours=1)
_log = logs.get_logger("api")


class Reader:
    """Reader for one holder of the lease."""

    def __init__(
        self,
        db: Any,  # noqa: ANN401 - pymongo's Database
        refuse_lost: Callable[[], None],
        over: threading.Event,
        clock: Callable[[], float],
    ) -> None:
        """``refuse_lost`` raises if another process delivers now; ``over`` ends ``run``."""
        self._db, self._refuse_lost, self._over, self._clock = db, refuse_lost, over, clock
        self._index = Index((), {})

    def run(self) -> None:
        """Follow the changes until it is over. Without a subscription, look for one each second."""
        while not self._over.is_set():
            self._load()
            if not self._index.subscriptions:
                outbox.forget_position(self._db)
                self._over.wait(IDLE_S)
                continue
            place = outbox.position(self._db)
            try:
                self._follow(place.token if place else None)
            except changes.TokenLost as lost:
                _log.warning("changes for webhooks are gone, flights are read again", problem=str(lost))
                outbox.lose_token(self._db)

    def _load(self) -> None:
        self._index = Index(*outbox.subscribed(self._db))

    def _follow(self, token: str | None) -> None:
        """Read changes until there is no subscription left. Without a token, catch up first."""
        pending: list[changes.Told] = []
        begun = self._clock()
        for told in changes.follow_all(self._db, FOLLOWED, token):
            if self._over.is_set():
                return
            if token is None:
                # The stream is open from here on, so what is read now overlaps with it and has no gap.
                self._catch_up()
                token = told.token
                outbox.save_position(self._db, token)
            if told.collection:
                begun = begun if pending else self._clock()
                pending.append(told)
            waited_s = self._clock() - begun
            is_full = len(pending) >= AT_ONCE or not told.collection or waited_s >= GATHERED_S
            if (pending and is_full) or waited_s >= SAVED_EVERY_S:
                self._take(pending)
                outbox.save_position(self._db, told.token)
                pending, begun = [], self._clock()
                if not self._index.subscriptions:
                    return

    def _take(self, told: Iterable[changes.Told]) -> None:
        """Store the deliveries of changes, in order. Subscriptions change in the same order."""
        found: list[Delivery] = []
        for each in told:
            if each.collection in (SUBSCRIPTIONS, access.TENANTS):
                self._load()
            elif each.document is not None:
                found += self._deliveries(each.collection, each.document)
        self._refuse_lost()
        outbox.add(self._db, found)
        self._refuse_lost()

    def _deliveries(self, collection: str, document: Document) -> list[Delivery]:
        if collection == mongo.FLIGHTS:
            return matching.of_flights(self._index, changes.row(document), flight_row)
        names = ("flight_id", "airline", "route", "tail_number")
        flights = self._db[mongo.FLIGHTS].find(
            {"_id": {"$in": document["flight_ids"]}}, dict.fromkeys(names, 1)
        )
        rows = [{name: each.get(name) for name in names} for each in flights]
        return matching.of_findings(self._index, document, rows)

    def _catch_up(self) -> None:
        """Store the deliveries of flights that changed since the saved time, and of all open findings."""
        place, since = outbox.position(self._db), self._index.since
        assert since is not None  # noqa: S101 - there is a subscription
        if place:
            since = max(since, place.at - LATE_BY)
        for told in self._newer(since):
            self._take(told)

    def _newer(self, since: datetime) -> Iterable[list[changes.Told]]:
        sources: tuple[tuple[str, Document], ...] = (
            (mongo.FLIGHTS, {"ingestion_timestamp": {"$gte": since}}), (mongo.FINDINGS, {})
        )  # fmt: skip
        for collection, match in sources:
            chunk: list[changes.Told] = []
            for document in self._db[collection].find(match):
                chunk.append(changes.Told("", collection, document))
                if len(chunk) >= AT_ONCE:
                    yield chunk
                    chunk = []
            yield chunk
