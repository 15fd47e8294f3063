"""Move a trust state on: the flights of a batch in the order of their events. A pure function.

Each forecast comes from the outcomes known before it, in this batch or in earlier ones. So a batch of a
minute and a batch of days make nearly the same forecasts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from flight_assets.contracts.tables import SIDE_COLUMNS
from flight_assets.delay_model.serving.trust import (
    BASELINE,
    MAKERS,
    MODEL,
    Arrays,
    TrustState,
    arrays_of,
    forecast_arrays,
    hours_of,
)

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
# Forecasts of one step have the same state, and its outcomes count for the next step.
STEP_S = 600
MOST_STEPS = 400


def advance(
    state: TrustState, version: str, asked: pd.DataFrame, outcomes: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Make forecasts and learn outcomes, in the order of their events. Changes ``state``.

    Args:
        state: the state before; the state after when this returns.
        version: the champion.
        asked: flights to forecast, as ``forecasts`` takes them, with ``at``: seconds since 1970 of the
            announcement. The index is flight_id.
        outcomes: flight_id, airline, origin, hour, model_version, actual_delay_minutes, and SIDE_COLUMNS.
            ``at`` is the arrival and ``taken`` when the broker took it, both in seconds since 1970. A flight
            of ``asked`` has NaN in SIDE_COLUMNS.

    Returns:
        The forecasts, in the order of ``asked``; the outcomes, complete, in the order of learning.
    """
    state.turn_to(version)
    outcomes = outcomes.sort_values(["at", "flight_id"], kind="stable", ignore_index=True)
    of_asked, of_outcomes = _steps(asked["at"].to_numpy(np.int64), outcomes["at"].to_numpy(np.int64))
    order = np.argsort(of_asked, kind="stable")
    names, arrays = asked.index[order], arrays_of(asked.iloc[order])
    sides, versions, missing = _known_sides(names, outcomes, version)
    filled = np.full((len(asked), len(SIDE_COLUMNS)), np.nan)
    ended = _Ended.of(outcomes, sides, versions)
    made = [forecast_arrays(state, _part(arrays, slice(0, 0)))]
    for step in np.unique(np.concatenate([of_asked, of_outcomes])):
        now = slice(*np.searchsorted(of_asked[order], [step, step + 1]))
        if now.stop > now.start:
            made.append(forecast_arrays(state, _part(arrays, now)))
            filled[now] = np.column_stack([made[-1][name] for name in SIDE_COLUMNS])
        now = slice(*np.searchsorted(of_outcomes, [step, step + 1]))
        if now.stop > now.start:
            from_here = missing[now] >= 0
            sides[now][from_here] = filled[missing[now][from_here]]
            _learn(state, ended.part(now))
    is_learned = ~np.isnan(sides).any(axis=1)
    learned = outcomes.assign(model_version=versions, **dict(zip(SIDE_COLUMNS, sides.T, strict=True)))
    columns = {name: np.concatenate([part[name] for part in made]) for name in made[0]}
    forecast = pd.DataFrame(columns, index=names).loc[asked.index]
    return forecast, learned[is_learned].reset_index(drop=True)


def _part(arrays: Arrays, rows: slice) -> Arrays:
    return {name: values[rows] for name, values in arrays.items()}


def _known_sides(
    flights: pd.Index, outcomes: pd.DataFrame, version: str
) -> tuple[FloatArray, npt.NDArray[np.object_], IntArray]:
    """Return by outcome its SIDE_COLUMNS, version, and the place of its flight among those asked, or −1."""
    sides = outcomes[list(SIDE_COLUMNS)].to_numpy(float).copy()
    is_missing = np.isnan(sides).any(axis=1)
    place = np.where(is_missing, flights.get_indexer(outcomes["flight_id"]), -1)
    versions = outcomes["model_version"].to_numpy(object).copy()
    versions[place >= 0] = version
    return sides, versions, place


@dataclass(frozen=True)
class _Ended:
    """Outcomes as arrays. ``sides`` has SIDE_COLUMNS; rows with NaN have no forecast and are not learned."""

    airlines: npt.NDArray[np.object_]
    origins: npt.NDArray[np.object_]
    hours: npt.NDArray[np.object_]
    actual: FloatArray
    taken: IntArray
    versions: npt.NDArray[np.object_]
    sides: FloatArray

    @classmethod
    def of(cls, outcomes: pd.DataFrame, sides: FloatArray, versions: npt.NDArray[np.object_]) -> _Ended:
        return cls(
            outcomes["airline"].to_numpy(object),
            outcomes["origin"].to_numpy(object),
            hours_of(outcomes),
            outcomes["actual_delay_minutes"].to_numpy(float),
            outcomes["taken"].to_numpy(np.int64),
            versions,
            sides,
        )

    def part(self, rows: Any) -> _Ended:  # noqa: ANN401 - whatever indexes an array
        return _Ended(*(values[rows] for values in vars(self).values()))

    def of_maker(self, maker: str) -> tuple[FloatArray, ...]:
        first = MAKERS.index(maker) * 3
        return tuple(self.sides[:, first + nth] for nth in range(3))


def _learn(state: TrustState, ended: _Ended) -> None:
    """Take outcomes: intervals of both makers, scores, the switch, and the baseline itself."""
    ended = ended.part(~np.isnan(ended.sides).any(axis=1))
    if not len(ended.actual):
        return
    guesses = ended.of_maker(BASELINE)
    state.tails[BASELINE].learn(list(ended.airlines), ended.actual, *guesses)
    state.baseline.learn(list(ended.airlines), list(ended.origins), list(ended.hours), ended.actual)
    of_champion = ended.part(ended.versions == state.model_version)
    if not len(of_champion.actual):
        return
    state.tails[MODEL].learn(list(of_champion.airlines), of_champion.actual, *of_champion.of_maker(MODEL))
    errors = [np.abs(of_champion.of_maker(maker)[1] - of_champion.actual) for maker in MAKERS]
    state.scores.add(of_champion.taken, *errors)
    better = BASELINE if state.scores.prefer_baseline(state.serving == BASELINE) else MODEL
    if better != state.serving:
        state.serving = better
        about = {"at": int(of_champion.taken.max()), "to": better, "model_version": state.model_version}
        figures = state.scores.figures()
        state.switches.append(about | {name: round(value, 3) for name, value in figures.items()})


def _steps(asked: IntArray, outcomes: IntArray) -> tuple[IntArray, IntArray]:
    """Return the number of the step of each flight and outcome; at most MOST_STEPS in all."""
    occupied = np.unique(np.concatenate([asked // STEP_S, outcomes // STEP_S]))
    merged = np.arange(len(occupied)) * min(MOST_STEPS, len(occupied)) // max(len(occupied), 1)
    return (
        merged[np.searchsorted(occupied, asked // STEP_S)],
        merged[np.searchsorted(occupied, outcomes // STEP_S)],
    )
