"""Trust state: what outcomes so far say about the model, the baseline and their intervals.

``forecasts`` turns the model's own forecasts into those that are served. Batches and live processing both
call it, so the same state gives the same forecasts. ``advance`` moves the state on. No I/O, no clock.
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
from flight_assets.delay_model.serving.predict import PREDICTION_COLUMNS
from flight_assets.delay_model.serving.scores import Scores

Arrays = dict[str, npt.NDArray[Any]]
MODEL, BASELINE = "model", "baseline"
MAKERS = (MODEL, BASELINE)
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
        """Make the state be about a champion. A new one serves, and the scores of the old one are dropped."""
        if self.model_version != version:
            self.model_version, self.serving = version, MODEL
            self.tails[MODEL], self.scores = Tails(), Scores()

    def makers(self, marks: Sequence[str]) -> npt.NDArray[np.object_]:
        """Return who makes each flight's forecast.

        Without enough outcomes to compare, the model makes those of flights like its training flights, and
        the baseline the others.
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
        PREDICTION_COLUMNS of the maker, maker, domain_mark, domain_reasons, and SIDE_COLUMNS. The confidence
        is the model's completeness × t / (t + w) × domain_likeness, with the width w made here.
    """
    return pd.DataFrame(forecast_arrays(state, arrays_of(asked)), index=asked.index)


def arrays_of(asked: pd.DataFrame) -> Arrays:
    """Return the columns of flights to forecast as arrays; an unknown hour is None."""
    texts = ("airline", "origin", "domain_mark", "domain_reasons")
    arrays: Arrays = {name: asked[name].to_numpy(object) for name in texts}
    arrays["hour"] = hours_of(asked)
    numbers = (*PREDICTION_COLUMNS, "typical_width_minutes", "domain_likeness")
    return arrays | {name: asked[name].to_numpy(float) for name in numbers}


def hours_of(rows: pd.DataFrame) -> npt.NDArray[np.object_]:
    """Return the local hours as integers; None where unknown."""
    return np.array([None if pd.isna(hour) else int(hour) for hour in rows["hour"]], dtype=object)


def forecast_arrays(state: TrustState, asked: Arrays) -> Arrays:
    """Return the columns of ``forecasts`` for flights as ``arrays_of`` gives them."""
    airlines = asked["airline"].tolist()
    guess = state.baseline.predict(airlines, asked["origin"].tolist(), asked["hour"].tolist())
    sides = {
        MODEL: [
            asked[name]
            for name in ("interval_low_minutes", "predicted_delay_minutes", "interval_high_minutes")
        ],
        BASELINE: [guess[:, column] for column in (LOW, MEDIAN, HIGH)],
    }
    ends = {maker: state.tails[maker].interval(airlines, *sides[maker]) for maker in MAKERS}
    maker = state.makers(asked["domain_mark"].tolist())
    is_model = maker == MODEL
    low, high = (np.where(is_model, ends[MODEL][tail], ends[BASELINE][tail]) for tail in (0, 1))
    typical, was_wide = asked["typical_width_minutes"], sides[MODEL][2] - sides[MODEL][0]
    confidence = asked["confidence"] * (typical + was_wide) / (typical + high - low)
    made: Arrays = {
        "predicted_delay_minutes": np.where(is_model, sides[MODEL][1], sides[BASELINE][1]),
        "predicted_mean_delay_minutes": np.where(
            is_model, asked["predicted_mean_delay_minutes"], guess[:, MEAN]
        ),
        "interval_low_minutes": low,
        "interval_high_minutes": high,
        "probability_delayed_15": np.where(is_model, asked["probability_delayed_15"], guess[:, LATE_SHARE]),
        "confidence": confidence * asked["domain_likeness"],
        "maker": maker,
        "domain_mark": asked["domain_mark"],
        "domain_reasons": asked["domain_reasons"],
    }
    columns = [side for each in MAKERS for side in sides[each]]
    return made | dict(zip(SIDE_COLUMNS, columns, strict=True))
