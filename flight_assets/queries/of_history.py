"""Cached answers about the warehouse, valid until the next batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flight_assets.queries.cache import OF_A_BATCH, Answer, Query

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from flight_assets.queries.cache import Life
    from flight_assets.queries.clients import Clients
    from flight_assets.stores.warehouse import Warehouse


def of_history(
    clients: Clients,
    function: Callable[..., pd.DataFrame],
    *args: Any,  # noqa: ANN401
    life: Life = OF_A_BATCH,
) -> Answer:
    """Return the cached answer of ``function(warehouse, *args)``."""

    def compute(warehouse: Warehouse) -> pd.DataFrame:
        return function(warehouse, *args)

    query: Query = clients.query(
        function, args, {}, clients.versions.history, lambda: clients.on_warehouse(compute), life
    )
    return clients.cache.ask(query)
