"""Trust state: what outcomes so far say about the model, the baseline and their intervals.

``advance`` takes the flights of a batch in the order of their events. It makes each forecast from the outcomes
known before it, and returns the state after all outcomes. A pure function of state and flights: no I/O, no
clock. Batches and live processing make forecasts with ``forecasts``, so the same state gives the same ones.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from flight_assets.contracts.tables import SIDE_COLUMNS
from flight_assets.delay_model.serving.adaptive import Tails
from flight_assets.delay_model.serving.baseline import HIGH, LATE_SHARE, LOW, MEAN, MEDIAN, Baseline
from flight_assets.delay_model.serving.domain import OUT_OF_DOMAIN
from flight_assets.delay_model.serving.scores import Scores

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
MODEL, BASELINE = "model", "baseline"
MAKERS = (MODEL, BASELINE)
# Forecasts of one step have the same state, and its outcomes count for the next step.
STEP_S = 600
MOST_STEPS = 400
# Switches that a state remembers.
MOST_SWITCHES = 50


@dataclass
class TrustState:
    """State after a batch. ``model_version``: the champion that it is about."""

    model_version: str | None = None
    baseline: Baseline = field(default_factory=Baseline)
    tails: dict[str, Tails] = field(default_factory=lambda: {maker: Tails() for maker in MAKERS})
    scores: Scores = field(default_factory=Scores)
    serving: str = MODEL
    switches: list[dict[str, Any]] = field(default_factory=list)

    def turn_to(self, version: str) -> None:
        """Make the state be about a champion. A new one serves, and what was known of the old one is dropped."""
        if self.model_version != version:
            self.model_version, self.serving = version, MODEL
            self.tails[MODEL], self.scores = Tails(), Scores()

    def makers(self, marks: Sequence[str]) -> npt.NDArray[np.object_]:
        """Return who makes each flight's forecast.

        Without enough outcomes to compare, the model makes those of flights like its training flights, and the
        baseline the others.
        """
        if self.scores.are_enough:
            return np.full(len(marks), self.serving, dtype=object)
        is_unlike = np.asarray(marks, dtype=object) == OUT_OF_DOMAIN
        return np.where(is_unlike, BASELINE, self.serving).astype(object)

    def to_json(self) -> str:
        """Return the state as JSON, rounded, so that the next batch begins with exactly this."""
        return json.dumps(
            {
                "model_version": self.model_version,
                "serving": self.serving,
                "switches": self.switches[-MOST_SWITCHES:],
                "scores": self.scores.to_plain(),
                "tails": {maker: tails.to_plain() for maker, tails in self.tails.items()},
                "baseline": self.baseline.to_plain(),
            },
            sort_keys=True,
            allow_nan=False,
        )

    @classmethod
    def from_json(cls, text: str) -> TrustState:
        """Return the state of ``to_json``."""
        values = json.loads(text)
        return cls(
            values["model_version"],
            Baseline.from_plain(values["baseline"]),
            {maker: Tails.from_plain(values["tails"][maker]) for maker in MAKERS},
            Scores.from_plain(values["scores"]),
            values["serving"],
            values["switches"],
        )


def forecasts(state: TrustState, asked: pd.DataFrame) -> pd.DataFrame:
    """Return the forecasts of flights with the state as it is: one row per flight, same index.

    Args:
        state: the state; it does not change.
        asked: airline, origin, hour (local, may be missing), PREDICTION_COLUMNS of the model,
            typical_width_minutes, and MARK_COLUMNS.

    Returns:
        PREDICTION_COLUMNS of the maker, maker, domain_mark, domain_reasons, and SIDE_COLUMNS. The confidence is
        the model's completeness × t / (t + w) × domain_likeness, with the width w of the interval made here.
    """
    airlines, origins, hours = _groups(asked)
    guess = state.baseline.predict(airlines, origins, hours)
    sides = {
        MODEL: [
            asked[name].to_numpy(float)
            for name in ("interval_low_minutes", "predicted_delay_minutes", "interval_high_minutes")
        ],
        BASELINE: [guess[:, column] for column in (LOW, MEDIAN, HIGH)],
    }
    ends = {maker: state.tails[maker].interval(airlines, *sides[maker]) for maker in MAKERS}
    maker = state.makers(asked["domain_mark"].to_numpy(object))
    is_model = maker == MODEL
    low, high = (np.where(is_model, ends[MODEL][tail], ends[BASELINE][tail]) for tail in (0, 1))
    typical, confidence = asked["typical_width_minutes"].to_numpy(float), asked["confidence"].to_numpy(float)
    was_wide = sides[MODEL][2] - sides[MODEL][0]
    likeness = asked["domain_likeness"].to_numpy(float)
    made: dict[str, Any] = {
        "predicted_delay_minutes": np.where(is_model, sides[MODEL][1], sides[BASELINE][1]),
        "predicted_mean_delay_minutes": np.where(
            is_model, asked["predicted_mean_delay_minutes"].to_numpy(float), guess[:, MEAN]
        ),
        "interval_low_minutes": low,
        "interval_high_minutes": high,
        "probability_delayed_15": np.where(
            is_model, asked["probability_delayed_15"].to_numpy(float), guess[:, LATE_SHARE]
        ),
        "confidence": confidence * (typical + was_wide) / (typical + high - low) * likeness,
        "maker": maker,
        "domain_mark": asked["domain_mark"].to_numpy(object),
        "domain_reasons": asked["domain_reasons"].to_numpy(object),
    }
    columns = [side for maker_ in MAKERS for side in sides[maker_]]
    made |= dict(zip(SIDE_COLUMNS, columns, strict=True))
    return pd.DataFrame(made, index=asked.index)


def advance(
    state: TrustState, version: str, asked: pd.DataFrame, outcomes: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Make forecasts and learn outcomes, in the order of their events. Changes ``state``.

    Args:
        state: the state before; the state after when this returns.
        version: the champion.
        asked: flights to forecast, as ``forecasts`` takes them, with ``at``: seconds since 1970 of the
            announcement. The index is flight_id.
        outcomes: flight_id, ``at`` (seconds since 1970 of the arrival), ``taken`` (when the broker took it),
            actual_delay_minutes, airline, origin, hour, model_version, and SIDE_COLUMNS; these are NaN for a
            flight that is in ``asked``.

    Returns:
        The forecasts, in the order of ``asked``; the outcomes in the order in which they were learned, complete.
    """
    state.turn_to(version)
    outcomes = outcomes.sort_values(["at", "flight_id"], kind="stable", ignore_index=True)
    of_asked, of_outcomes = _steps(asked["at"].to_numpy(np.int64), outcomes["at"].to_numpy(np.int64))
    order = np.argsort(of_asked, kind="stable")
    ordered, made = asked.iloc[order], [forecasts(state, asked.iloc[:0])]
    sides, versions, missing = _known_sides(ordered.index, outcomes, version)
    filled = np.full((len(asked), len(SIDE_COLUMNS)), np.nan)
    ended = _Ended.of(outcomes, sides, versions)
    for step in np.unique(np.concatenate([of_asked, of_outcomes])):
        first, last = np.searchsorted(of_asked[order], [step, step + 1])
        if last > first:
            made.append(forecasts(state, ordered.iloc[first:last]))
            filled[first:last] = made[-1][list(SIDE_COLUMNS)].to_numpy(float)
        begin, end = np.searchsorted(of_outcomes, [step, step + 1])
        if end > begin:
            now = slice(begin, end)
            from_here = missing[now] >= 0
            sides[now][from_here] = filled[missing[now][from_here]]
            _learn(state, ended.part(now))
    is_learned = ~np.isnan(sides).any(axis=1)
    learned = outcomes.assign(model_version=versions, **dict(zip(SIDE_COLUMNS, sides.T, strict=True)))
    forecast = pd.concat(made[1:] or made).loc[asked.index]
    return forecast, learned[is_learned].reset_index(drop=True)


def _known_sides(
    flights: pd.Index, outcomes: pd.DataFrame, version: str
) -> tuple[FloatArray, npt.NDArray[np.object_], IntArray]:
    """Return for each outcome its SIDE_COLUMNS and version, and the place of its flight among those asked, or −1."""
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
        airlines, origins, hours = _groups(outcomes)
        return cls(
            np.array(airlines, dtype=object),
            np.array(origins, dtype=object),
            np.array(hours, dtype=object),
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


def _groups(rows: pd.DataFrame) -> tuple[list[str], list[str], list[int | None]]:
    hours = [None if pd.isna(hour) else int(hour) for hour in rows["hour"]]
    return rows["airline"].tolist(), rows["origin"].tolist(), hours


def _steps(asked: IntArray, outcomes: IntArray) -> tuple[IntArray, IntArray]:
    """Return the number of the step of each flight and outcome; at most MOST_STEPS in all."""
    occupied = np.unique(np.concatenate([asked // STEP_S, outcomes // STEP_S]))
    merged = np.arange(len(occupied)) * min(MOST_STEPS, len(occupied)) // max(len(occupied), 1)
    return (
        merged[np.searchsorted(occupied, asked // STEP_S)],
        merged[np.searchsorted(occupied, outcomes // STEP_S)],
    )
