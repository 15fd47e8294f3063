"""Look-back events in memory: read from the warehouse when a day is first needed, then extended live."""

from __future__ import annotations

from collections import OrderedDict
from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from flight_assets.delay_model.features.build import features_of
from flight_assets.delay_model.features.running import RunningHistory
from flight_assets.pipeline.inference import DAYS_BACK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import pandas as pd

# The days used last stay in memory. A dropped day is read again when it is needed.
DAYS_KEPT = 16
# Days read together with a missing one: a backlog reaches the next day within seconds.
DAYS_AHEAD = 6
DAY_S = 86_400
EPOCH = date(1970, 1, 1)


class EventHistory:
    """Look-back events in memory. ``load`` reads PAST_COLUMNS of the events of some days from the warehouse.

    Adding events costs what they cost, and features what the asked flights cost, whatever is in memory.
    """

    def __init__(self, load: Callable[[set[date]], pa.Table]) -> None:
        self._load = load
        self._days: OrderedDict[date, None] = OrderedDict()
        self.events = RunningHistory()

    def add(self, events: pa.Table) -> None:
        """Add live events."""
        self._need(_days(events["timestamp"]))
        self.events.add(events.to_pandas())

    def features(self, flights: pa.Table) -> pd.DataFrame:
        """Return the features of announced flights, rows of FLAT_COLUMNS, from the events before each."""
        self._need(
            day - timedelta(days=back) for day in _days(flights["timestamp"]) for back in range(DAYS_BACK + 1)
        )
        return features_of(self.events.at(flights.to_pandas()))

    def _need(self, days: Iterable[date]) -> None:
        asked = sorted(set(days))
        missing = [day for day in asked if day not in self._days]
        if missing:
            self._read(
                {day + timedelta(days=nth) for day in missing for nth in range(DAYS_AHEAD + 1)}
                - self._days.keys()
            )
        for day in asked:
            self._days.move_to_end(day)
        if len(self._days) > max(DAYS_KEPT, len(asked)):
            while len(self._days) > max(DAYS_KEPT, len(asked)):
                self._days.popitem(last=False)
            kept = np.array([(day - EPOCH).days for day in self._days])
            self.events.keep(lambda time_s: np.isin(time_s // DAY_S, kept))

    def _read(self, days: set[date]) -> None:
        loaded = self._load(days)
        if loaded.num_rows:
            self.events.add(loaded.to_pandas())
        self._days.update(dict.fromkeys(sorted(days)))


def _days(moments: pa.ChunkedArray) -> list[date]:
    days: list[date] = pc.cast(moments, pa.date32(), safe=False).unique().to_pylist()
    return days
