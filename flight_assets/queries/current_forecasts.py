"""Reads of the collection ``current_forecasts``, each with the caller's scope."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flight_assets.contracts.current_forecasts import COLLECTION, EXPIRES
from flight_assets.stores import mongo

if TYPE_CHECKING:
    from flight_assets.queries.clients import Clients
    from flight_assets.tenancy import Scope


def current_forecast(scope: Scope, clients: Clients, flight_id: str) -> dict[str, Any] | None:
    """Return the newest forecast of an open flight: the fields of the collection, without its expiry.

    None if the flight has ended, has no forecast, or is not in scope. Raises StoreUnavailable.
    """
    with mongo.answering(clients.settings):
        found = clients.mongo()[COLLECTION].find_one({"_id": flight_id}, {"_id": 0, EXPIRES: 0})
    return found if found and scope.allows(found["airline"]) else None
