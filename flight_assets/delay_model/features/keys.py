"""Group codes: they link a flight to past events of its origin, airline or aircraft."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from flight_assets.contracts.feature_windows import DISTANCE_BAND_EDGES_MILES, MEETING_SCOPES, SCOPES
from flight_assets.delay_model.features.events import numbers
from flight_assets.delay_model.features.timeline import NO_KEY, FloatArray, IntArray

AIRCRAFT = "aircraft"
TEXT_COLUMNS = ("airline", "origin", "destination", "tail_number")
# The numbers depend on the rows of one call and stay inside it: only equality of codes counts.
ALL_SCOPES: dict[str, tuple[str, ...]] = {**SCOPES, AIRCRAFT: ("tail_number",)}


class ScopeKeys:
    """Integer per row and scope of each named frame: the flights, and each type of event.

    Codes are equal if the scope's columns are equal, and NO_KEY if a column is missing. So flights of unknown
    aircraft share nothing. ``flights`` names the frame of the flights to predict; all others are past events.
    """

    def __init__(self, frames: Mapping[str, pd.DataFrame], flights: str) -> None:
        names, lengths = list(frames), [len(frame) for frame in frames.values()]
        self._bounds = dict(zip(names, _slices(lengths), strict=True))
        texts = {
            name: [frame[name].to_numpy(dtype=object) for frame in frames.values()] for name in TEXT_COLUMNS
        }
        columns = {name: _codes(texts[name]) for name in ("airline", "tail_number")}
        # One code per airport, so that an origin can meet a destination.
        both = _codes([*texts["origin"], *texts["destination"]])
        columns["origin"], columns["destination"] = both[: len(both) // 2], both[len(both) // 2 :]
        columns["distance_band"] = distance_bands(
            np.concatenate([numbers(frame["distance_miles"]) for frame in frames.values()])
        )
        ones = np.ones(sum(lengths), dtype=np.int64)
        self._keys = {
            scope: _combine([columns[name] for name in parts], ones) for scope, parts in ALL_SCOPES.items()
        }
        own = np.zeros(len(ones), dtype=np.bool_)
        own[self._bounds[flights]] = True
        for scope, (of_flights, of_events) in MEETING_SCOPES.items():
            pairs = zip(of_flights, of_events, strict=True)
            parts = [np.where(own, columns[mine], columns[theirs]) for mine, theirs in pairs]
            self._keys[scope] = _combine(parts, ones)

    def of(self, frame: str, scope: str) -> IntArray:
        """Return the codes of one frame's rows for one scope."""
        return self._keys[scope][self._bounds[frame]]


def _slices(lengths: list[int]) -> list[slice]:
    ends = np.cumsum(lengths).tolist()
    return [slice(end - length, end) for end, length in zip(ends, lengths, strict=True)]


def _codes(values: list[npt.NDArray[np.object_]]) -> IntArray:
    """Return 1, 2, 3 … for distinct values, NO_KEY for missing ones."""
    codes, _ = pd.factorize(np.concatenate(values))
    numbered: IntArray = codes.astype(np.int64) + 1
    return numbered


def _combine(parts: list[IntArray], ones: IntArray) -> IntArray:
    """Return one code for several columns."""
    if not parts:
        return ones
    combined = parts[0]
    for part in parts[1:]:
        both = np.where(
            (combined == NO_KEY) | (part == NO_KEY), -1, combined * (part.max(initial=0) + 1) + part
        )
        codes, distinct = pd.factorize(both)
        missing = np.flatnonzero(distinct == -1)
        combined = np.where(np.isin(codes, missing), NO_KEY, codes.astype(np.int64) + 1)
    return combined


def distance_bands(miles: FloatArray) -> IntArray:
    """Return the number of the distance band, from 1; NO_KEY without a distance."""
    return np.where(np.isnan(miles), NO_KEY, np.digitize(miles, DISTANCE_BAND_EDGES_MILES) + 1).astype(
        np.int64
    )
