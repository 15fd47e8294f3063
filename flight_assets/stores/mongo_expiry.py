"""Collections whose documents MongoDB deletes after a while, by a TTL index. Flights are not among them.

A flight leaves the hot store only by an archive that has been verified.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from flight_assets.contracts import current_forecasts

if TYPE_CHECKING:
    from pymongo.collection import Collection

    from flight_assets.stores.mongo_documents import Document

_OTHER_OPTIONS = 85  # IndexOptionsConflict: the index is there with another time


class Expiry(NamedTuple):
    """Field with the time from which a document is kept for so many days. A document without it stays."""

    field: str
    days: int


EARLY, REPLAYS, ALERTS, SILENCES = "early_predictions", "quarantine_replays", "alerts", "alert_silences"
COURSE = "service_course"
CURRENT_FORECASTS = current_forecasts.COLLECTION
DELIVERIES = "webhook_deliveries"
EXPIRING: dict[str, Expiry] = {
    # A batch takes them over within minutes. What is left is of messages that no batch has staged.
    EARLY: Expiry("kept_at", 30),
    # Longer than the topic keeps a message. If it comes again after that, its event_id makes it a duplicate.
    REPLAYS: Expiry("at", 365),
    ALERTS: Expiry("resolved_at", 90),
    SILENCES: Expiry("until", 90),
    # Page 6 shows one day.
    COURSE: Expiry("at", 2),
    # The field says when: some hours after the planned arrival.
    CURRENT_FORECASTS: Expiry(current_forecasts.EXPIRES, 0),
    # The log of webhooks. A delivery that waits for so long goes as well: its subscription is paused.
    DELIVERIES: Expiry("created", 7),
}


def ensure_expiry(db: Any) -> None:  # noqa: ANN401 - pymongo's generic type
    """Create the TTL indexes, or bring them to the days above."""
    for name, (field, days) in EXPIRING.items():
        _ensure(db[name], field, int(timedelta(days=days).total_seconds()))


def _ensure(collection: Collection[Document], field: str, seconds: int) -> None:
    from pymongo.errors import OperationFailure

    try:
        collection.create_index(field, expireAfterSeconds=seconds)
    except OperationFailure as error:
        if error.code != _OTHER_OPTIONS:
            raise
        index = {"keyPattern": {field: 1}, "expireAfterSeconds": seconds}
        collection.database.command("collMod", collection.name, index=index)
