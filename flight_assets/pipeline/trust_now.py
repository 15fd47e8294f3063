"""Forecasts of this moment, with the trust state of the newest batch: live, on demand, and refreshed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa

from flight_assets.contracts.tables import PREDICTED_COLUMNS, SIDE_COLUMNS
from flight_assets.delay_model.serving.trust import BASELINE, TrustState, forecasts
from flight_assets.pipeline.trust import newest_batch, state_before

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flight_assets.stores.hdfs import Hdfs


class NewestState:
    """The newest trust state, read again only when a batch has made a newer one. Live processing uses it."""

    def __init__(self, hdfs: Hdfs) -> None:
        self._hdfs = hdfs
        self._batch: int | None = None
        self._state = TrustState()

    def forecasts(
        self, version: str, events: pa.Table, said: pa.StructArray, by_baseline: Sequence[bool] = ()
    ) -> list[dict[str, Any]]:
        """Return the forecasts of a batch with this state: rows of PREDICTED_COLUMNS and SIDE_COLUMNS.

        Args:
            version: the champion.
            events: the scheduled events of the flights, columns of ``staging_flight_events``.
            said: the champion's forecasts for them, from ``predictions_of``.
            by_baseline: flights that the baseline forecasts in any case; by default none.
        """
        newest = newest_batch(self._hdfs)
        if newest != self._batch:
            self._batch, self._state = newest, state_before(self._hdfs)
        self._state.turn_to(version)
        asked = pa.Table.from_struct_array(said).to_pandas()
        about = events.select(["airline", "origin", "hour"]).to_pandas()
        asked = asked.assign(**{name: about[name] for name in about})
        made = forecasts(self._state, asked)
        if any(by_baseline):
            guessed = forecasts(replace(self._state, serving=BASELINE), asked)
            made = made.mask(pd.Series(by_baseline, made.index), guessed)
        columns = [*PREDICTED_COLUMNS, *SIDE_COLUMNS]
        rows: list[dict[str, Any]] = pa.Table.from_pandas(
            made.assign(model_version=version)[columns], preserve_index=False
        ).to_pylist()
        return rows
