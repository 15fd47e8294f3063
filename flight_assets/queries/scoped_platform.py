"""Queries of the API about the whole platform. Only a scope of everything gets an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flight_assets.errors import FlightsError, StoreUnavailable
from flight_assets.queries import archive, ledger, live, operations, quality
from flight_assets.queries.cache import OF_A_BATCH, OF_NOW, Answer
from flight_assets.queries.of_history import of_history

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    import pandas as pd

    from flight_assets.provenance import BatchRecord
    from flight_assets.queries.cache import Life
    from flight_assets.queries.clients import Clients
    from flight_assets.tenancy import Scope


class OutOfScope(FlightsError):
    """Question about the whole platform by a caller that sees a part of it."""


def batches(scope: Scope, clients: Clients, limit: int) -> Answer:
    """Return the newest batches, oldest first. Raises OutOfScope."""
    return _of_platform(scope, clients, quality.batches, limit)


def batch_record(scope: Scope, clients: Clients, batch_id: int) -> BatchRecord | None:
    """Return the record of a batch, or None if there is none. Raises OutOfScope."""
    refuse_part(scope)
    clients.hdfs()
    return ledger.find_record(clients.settings, batch_id)


def check_results(scope: Scope, clients: Clients, since: date) -> Answer:
    """Return one row per asset check and day. Raises OutOfScope."""
    return _of_platform(scope, clients, quality.check_trend, since)


def quarantine(scope: Scope, clients: Clients) -> Answer:
    """Return the rejected messages by reason. Raises OutOfScope."""
    return _of_platform(scope, clients, quality.quarantine_by_reason)


def quarantine_samples(scope: Scope, clients: Clients, reason: str, limit: int) -> Answer:
    """Return the newest rejected messages of a reason. Raises OutOfScope."""
    return _of_platform(scope, clients, quality.quarantine_samples, reason, limit)


def archives(scope: Scope, clients: Clients, limit: int) -> Answer:
    """Return the archives of MongoDB's documents, newest first. Raises OutOfScope."""
    return _of_platform(scope, clients, quality.archives, limit)


def archive_status(scope: Scope, clients: Clients) -> dict[str, Any]:
    """Return the hot store against its threshold, and what archiving does next. Raises OutOfScope."""
    refuse_part(scope)
    clients.hdfs()
    clients.mongo()
    status = archive.archive_status(clients.settings)
    return {
        name: getattr(status, name)
        for name in ("hot_mb", "threshold_mb", "hot_documents", "running", "paused", "next")
    }


def freshness(scope: Scope, clients: Clients) -> Answer:
    """Return rows and newest moment of each table. Raises OutOfScope."""
    return _of_platform(scope, clients, quality.freshness, life=OF_NOW)


def hot_store(scope: Scope, clients: Clients) -> Answer:
    """Return documents, size and newest ingestion of MongoDB. Raises OutOfScope."""
    refuse_part(scope)
    return clients.cache.ask(
        clients.query(
            live.hot_store, (), {}, clients.versions.live, lambda: live.hot_store(clients.mongo()), OF_NOW
        )
    )


def lag(scope: Scope, clients: Clients) -> pd.DataFrame:
    """Return one row per partition: the topic's end, what batches have taken, and what waits.

    Raises OutOfScope.
    """
    refuse_part(scope)
    clients.hdfs()
    return operations.topic_lag(clients.kafka())


def stores_up(scope: Scope, clients: Clients) -> dict[str, str]:
    """Return ``up`` or the problem of each store. Every caller may know which answers to expect."""
    return {
        name: _state(look)
        for name, look in (
            ("mongodb", lambda: clients.mongo().command("ping")),
            ("kafka", clients.kafka),
            ("hdfs", clients.hdfs),
            ("warehouse", lambda: clients.refuse_silent("Spark Connect")),
            ("redis", clients.cache.counters),
        )
    }


def _state(look: Callable[[], object]) -> str:
    from pymongo.errors import PyMongoError

    try:
        look()
    except (StoreUnavailable, PyMongoError) as error:
        return f"down: {str(error).splitlines()[0]}"
    return "up"


def refuse_part(scope: Scope) -> None:
    """Return if the scope has every flight. Raises OutOfScope."""
    if not scope.is_everything:
        raise OutOfScope(
            f"this is about the whole platform, and the tenant {scope.tenant} sees a part of it: "
            "use a key of the default tenant"
        )


def _of_platform(
    scope: Scope,
    clients: Clients,
    function: Callable[..., pd.DataFrame],
    *args: Any,  # noqa: ANN401
    life: Life = OF_A_BATCH,
) -> Answer:
    refuse_part(scope)
    return of_history(clients, function, *args, life=life)
