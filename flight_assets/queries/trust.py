"""Queries about trust: the maker of the forecasts, its switches, and coverage by airline and day."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pandas as pd

from flight_assets.contracts.tables import FACT
from flight_assets.pipeline.trust import newest_batch, state_before

if TYPE_CHECKING:
    from flight_assets.delay_model.serving.trust import TrustState
    from flight_assets.queries.filters import Filters
    from flight_assets.stores.hdfs import Hdfs
    from flight_assets.stores.warehouse import Warehouse

SWITCH_COLUMNS = ("at", "to", "model_version", "outcomes", "model_mae_minutes", "baseline_mae_minutes")


def trust(hdfs: Hdfs) -> dict[str, Any]:
    """Return the newest state: batch_id, model_version, serving, since, scores of the last day, and factors.

    The text ``since`` is the UTC time of the newest switch, or None. By maker, ``factors`` multiply the lower
    and the upper distance from the median.
    """
    return about(state_before(hdfs), newest_batch(hdfs))


def about(state: TrustState, batch_id: int | None) -> dict[str, Any]:
    """Return the values of ``trust`` for a state."""
    newest = state.switches[-1]["at"] if state.switches else None
    return {
        "batch_id": batch_id,
        "model_version": state.model_version,
        "serving": state.serving,
        "since": None if newest is None else datetime.fromtimestamp(newest, UTC).isoformat(),
        **{
            name: (value if state.scores.outcomes else None) for name, value in state.scores.figures().items()
        },
        "factors": {maker: tails.factors() for maker, tails in state.tails.items()},
        "switches": state.switches,
    }


def switches(hdfs: Hdfs) -> pd.DataFrame:
    """One row per switch between model and baseline, newest first: SWITCH_COLUMNS; ``at`` is UTC."""
    frame = pd.DataFrame(state_before(hdfs).switches, columns=list(SWITCH_COLUMNS))
    at = [datetime.fromtimestamp(seconds, UTC) for seconds in frame["at"]]
    return frame.assign(at=pd.to_datetime(pd.Series(at, dtype="object"), utc=True)).iloc[::-1]


def serving(hdfs: Hdfs) -> pd.DataFrame:
    """One row: serving, model_version, since (UTC text), outcomes, and the mean error of both, minutes.

    No row before the first batch with forecasts.
    """
    found = trust(hdfs)
    names = (
        *("serving", "model_version", "since"),
        *("outcomes", "model_mae_minutes", "baseline_mae_minutes"),
    )
    rows = [] if found["batch_id"] is None else [{name: found[name] for name in names}]
    return pd.DataFrame(rows, columns=list(names))


def coverage_by_airline(warehouse: Warehouse, filters: Filters) -> pd.DataFrame:
    """One row per airline and local day of departure: airline, day, flights and coverage_90.

    Over flights with a forecast that have arrived.
    """
    covered = "int(actual_delay_minutes BETWEEN interval_low_minutes AND interval_high_minutes)"
    return warehouse.ask(
        f"SELECT airline, flight_date AS day, count(*) AS flights, avg({covered}) AS coverage_90 "  # noqa: S608 - codes and dates only
        f"FROM {warehouse.name(FACT)} WHERE error_minutes IS NOT NULL AND {filters.sql()} "
        "GROUP BY airline, flight_date ORDER BY airline, flight_date"
    )
