"""Look-back events by UTC day: read from the warehouse when a day is first needed, then extended live."""

from __future__ import annotations

from collections import OrderedDict
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from flight_assets.contracts.features import LOOKBACK
from flight_assets.pipeline.inference import DAYS_BACK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import pandas as pd

# The days used last stay in memory. A dropped day is read again when it is needed.
DAYS_KEPT = 16
PIECES_AT_MOST = 64
# Days read together with a missing one: Spark takes about as long for a day as for a week, and a backlog
# reaches the next day within seconds.
DAYS_AHEAD = 6


class EventHistory:
    """Look-back events in memory, PAST_COLUMNS. ``load`` reads those of a range of days from the warehouse.

    An event may be there twice, from the warehouse and live. The features do not change by that.
    """

    def __init__(self, load: Callable[[date, date], pa.Table]) -> None:
        self._load = load
        self._days: OrderedDict[date, pa.Table] = OrderedDict()

    def add(self, events: pa.Table) -> None:
        """Add live events."""
        by_day = _by_day(events)
        self._need(by_day)
        for day, rows in by_day.items():
            joined = pa.concat_tables([self._days[day], rows])
            self._days[day] = (
                joined.combine_chunks() if joined.column(0).num_chunks > PIECES_AT_MOST else joined
            )

    def before(self, moments: pa.ChunkedArray) -> pd.DataFrame:
        """Return the events from LOOKBACK before the first moment to the last, on the needed days."""
        asked = {
            day - timedelta(days=back)
            for day in set(_days(moments).to_pylist())
            for back in range(DAYS_BACK + 1)
        }
        self._need(asked)
        events = pa.concat_tables([self._days[day] for day in sorted(asked)])
        happened, first, last = (
            events["timestamp"],
            pc.min(moments).as_py() - LOOKBACK,
            pc.max(moments).as_py(),
        )
        return events.filter(pc.and_(pc.greater_equal(happened, first), pc.less(happened, last))).to_pandas()

    def _need(self, days: Iterable[date]) -> None:
        days = sorted(days)
        for day in days:
            if day not in self._days:
                # Distant days are read one by one: there may be years between them.
                self._read(day, day + timedelta(days=DAYS_AHEAD))
        for day in days:
            self._days.move_to_end(day)
        while len(self._days) > max(DAYS_KEPT, len(days)):
            self._days.popitem(last=False)

    def _read(self, first: date, last: date) -> None:
        loaded = self._load(first, last)
        by_day = _by_day(loaded)
        read = [first + timedelta(days=nth) for nth in range((last - first).days + 1)]
        self._days.update({day: by_day.get(day, loaded.slice(0, 0)) for day in read if day not in self._days})


def _days(moments: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.cast(moments, pa.date32(), safe=False)


def _by_day(events: pa.Table) -> dict[date, pa.Table]:
    days = _days(events["timestamp"])
    return {day.as_py(): events.filter(pc.equal(days, day)) for day in days.unique()}
