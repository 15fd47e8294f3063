"""Who makes the forecasts, and since when: the newest trust state in plain values."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pandas as pd

from flight_assets.pipeline.trust import newest_batch, state_before

if TYPE_CHECKING:
    from flight_assets.delay_model.serving.trust import TrustState
    from flight_assets.stores.hdfs import Hdfs

SWITCH_COLUMNS = ("at", "to", "model_version", "outcomes", "model_mae_minutes", "baseline_mae_minutes")


def trust(hdfs: Hdfs) -> dict[str, Any]:
    """Return the newest state: batch_id, model_version, serving, since, the scores of the last day, and factors.

    ``since``: UTC time of the newest switch as ISO text; None if there was none. ``factors``: by maker, what the
    lower and upper distances from the median are multiplied by, for all flights.
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
