"""Group codes that stay the same while events come: equal codes mean equal columns, as in ``ScopeKeys``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from flight_assets.contracts.feature_windows import MEETING_SCOPES
from flight_assets.delay_model.features.events import numbers
from flight_assets.delay_model.features.keys import ALL_SCOPES, TEXT_COLUMNS, distance_bands
from flight_assets.delay_model.features.timeline import NO_KEY, IntArray

# A code of several columns is made of pairs of codes; none reaches this.
PAIR_BASE = 1 << 31


class Coded(Protocol):
    """Rows with columns of codes."""

    def __getitem__(self, column: str) -> npt.NDArray[Any]: ...


class RunningKeys:
    """Codes of the columns that group events, and of their combinations."""

    COLUMNS = (*TEXT_COLUMNS, "distance_band")

    def __init__(self) -> None:
        self._texts: dict[str, dict[object, int]] = {name: {} for name in TEXT_COLUMNS}
        # One code per airport, so that an origin can meet a destination.
        self._texts["destination"] = self._texts["origin"]
        self._pairs: dict[tuple[str, ...], dict[int, int]] = {}
        # Codes of texts are given out once, so that a dropped text never gets another's code.
        self._given = 0

    def columns(self, events: pd.DataFrame) -> dict[str, IntArray]:
        """Return the code of each row by column: 1, 2, 3 … for distinct values, NO_KEY for missing ones."""
        codes = {name: self._coded(self._texts[name], events[name]) for name in TEXT_COLUMNS}
        return codes | {"distance_band": distance_bands(numbers(events["distance_miles"]))}

    def _coded(self, known: dict[object, int], values: pd.Series) -> IntArray:
        places, distinct = pd.factorize(values.to_numpy(dtype=object))
        codes = np.array([*(self._code(known, value) for value in distinct), NO_KEY], np.int64)
        coded: IntArray = codes[places]
        return coded

    def _code(self, known: dict[Any, int], value: object) -> int:
        if value not in known:
            self._given += 1
            known[value] = self._given
        return known[value]

    def scope(self, scope: str, columns: Mapping[str, IntArray], of_flights: bool = False) -> IntArray:
        """Return the code of each row for a scope; NO_KEY if a column is missing.

        ``of_flights``: the rows are flights to predict, and not past events.
        """
        mine, parts = MEETING_SCOPES.get(scope) or (ALL_SCOPES[scope],) * 2
        if not parts:
            return np.ones(len(columns["distance_band"]), np.int64)
        of_row = [columns[name] for name in (mine if of_flights else parts)]
        combined, names = of_row[0], parts[:1]
        for name, codes_of in zip(parts[1:], of_row[1:], strict=True):
            names = (*names, name)
            both = np.where(
                (combined == NO_KEY) | (codes_of == NO_KEY), NO_KEY, combined * PAIR_BASE + codes_of
            )
            distinct, places = np.unique(both, return_inverse=True)
            known = self._pairs.setdefault(names, {})
            codes = [NO_KEY if pair == NO_KEY else self._code(known, pair) for pair in distinct.tolist()]
            combined = np.array(codes, np.int64)[places]
        return combined

    def keep(self, tables: Iterable[Coded]) -> None:
        """Forget the texts that no row has any more. Codes of combinations are derived again."""
        tables = list(tables)
        used = {
            name: set().union(*(np.unique(table[name]).tolist() for table in tables)) for name in self._texts
        }
        used["origin"] |= used["destination"]
        for name in set(self._texts) - {"destination"}:
            self._texts[name] = {
                value: code for value, code in self._texts[name].items() if code in used[name]
            }
        self._texts["destination"] = self._texts["origin"]
        self._pairs.clear()
