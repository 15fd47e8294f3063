"""Group codes: which past events belong to the same origin, airline, aircraft … as a flight. One numbering for flights and events."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from flight_assets.contracts.features import DISTANCE_BAND_EDGES_MILES, SCOPES
from flight_assets.delay_model.features.events import numbers
from flight_assets.delay_model.features.timeline import NO_KEY, FloatArray, IntArray

AIRCRAFT = "aircraft"
_TEXT_COLUMNS = ("airline", "origin", "destination", "tail_number")
# The numbering depends on the rows of one call and never leaves it: only equality of codes is used.
_ALL_SCOPES: dict[str, tuple[str, ...]] = {**SCOPES, AIRCRAFT: ("tail_number",)}


class ScopeKeys:
    """For each named frame (the flights, each type of event): an integer per row and scope, equal where the scope's columns are equal.

    NO_KEY where one of the columns is missing, so that flights of unknown aircraft share nothing.
    """

    def __init__(self, frames: Mapping[str, pd.DataFrame]) -> None:
        names, lengths = list(frames), [len(frame) for frame in frames.values()]
        self._bounds = dict(zip(names, _slices(lengths), strict=True))
        columns = {name: _codes([frame[name].to_numpy(dtype=object) for frame in frames.values()]) for name in _TEXT_COLUMNS}
        columns["distance_band"] = _distance_bands(np.concatenate([numbers(frame["distance_miles"]) for frame in frames.values()]))
        ones = np.ones(sum(lengths), dtype=np.int64)
        self._keys = {scope: _combine([columns[name] for name in parts], ones) for scope, parts in _ALL_SCOPES.items()}

    def of(self, frame: str, scope: str) -> IntArray:
        """Return the codes of one frame's rows for one scope."""
        return self._keys[scope][self._bounds[frame]]


def _slices(lengths: list[int]) -> list[slice]:
    ends = np.cumsum(lengths).tolist()
    return [slice(end - length, end) for end, length in zip(ends, lengths, strict=True)]


def _codes(values: list[npt.NDArray[np.object_]]) -> IntArray:
    """1, 2, 3 … for the distinct values, NO_KEY for missing ones."""
    codes, _ = pd.factorize(np.concatenate(values))
    numbered: IntArray = codes.astype(np.int64) + 1
    return numbered


def _combine(parts: list[IntArray], ones: IntArray) -> IntArray:
    """One code for several columns."""
    if not parts:
        return ones
    combined = parts[0]
    for part in parts[1:]:
        both = np.where((combined == NO_KEY) | (part == NO_KEY), -1, combined * (part.max(initial=0) + 1) + part)
        codes, distinct = pd.factorize(both)
        missing = np.flatnonzero(distinct == -1)
        combined = np.where(np.isin(codes, missing), NO_KEY, codes.astype(np.int64) + 1)
    return combined


def _distance_bands(miles: FloatArray) -> IntArray:
    """Number of the band, from 1; NO_KEY where the distance is missing."""
    return np.where(np.isnan(miles), NO_KEY, np.digitize(miles, DISTANCE_BAND_EDGES_MILES) + 1).astype(np.int64)
