"""Rows of a data set in blocks, so that a file of features is never in memory as a whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
import xgboost as xgb

from flight_assets.contracts.features import AIRCRAFT_FEATURES, INBOUND_FEATURES, WEATHER_FEATURES
from flight_assets.delay_model.training.config import TrainConfig

BLOCK_ROWS = 200_000
# Distributions are estimated from about so many rows.
SAMPLE_ROWS = 200_000
# Features that a network may not tell, together.
BLOCKS = {"weather": WEATHER_FEATURES, "inbound": INBOUND_FEATURES, "aircraft": AIRCRAFT_FEATURES}
Matrix = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


class Hiding:
    """Rule by which training hides values: unused features always, whole blocks for a share of flights.

    A block stands for what a network may not tell: weather, inbound leg, or aircraft. The share is drawn by
    the seed, so a repeat hides the same values.
    """

    def __init__(self, config: TrainConfig, names: Sequence[str], rows: int) -> None:
        self._unused = [names.index(name) for name in config.unused_features]
        shares = dict(config.hidden_shares)
        self._blocks = [
            (
                np.array([names.index(name) for name in block]),
                np.random.default_rng([config.seed, nth]).random(rows) < shares[what],
            )
            for nth, (what, block) in enumerate(BLOCKS.items())
        ]

    def __call__(self, values: Matrix, rows: npt.NDArray[np.int64]) -> Matrix:
        """Return a copy of these rows with values hidden."""
        hidden = values.copy()
        hidden[:, self._unused] = np.nan
        for columns, is_hidden in self._blocks:
            hidden[np.ix_(np.flatnonzero(is_hidden[rows]), columns)] = np.nan
        return hidden


def blocks(features: pd.DataFrame, mask: Mask) -> Iterator[tuple[npt.NDArray[np.int64], Matrix]]:
    """Yield the rows of a mask: their positions, and their features as float32."""
    values = features.to_numpy(copy=False)
    rows = np.flatnonzero(mask)
    for start in range(0, len(rows), BLOCK_ROWS):
        taken = rows[start : start + BLOCK_ROWS]
        yield taken, np.ascontiguousarray(values[taken], dtype=np.float32)


def sample(features: pd.DataFrame, mask: Mask) -> pd.DataFrame:
    """Return evenly spread rows of a mask, at most SAMPLE_ROWS."""
    rows = np.flatnonzero(mask)
    step = -(-len(rows) // SAMPLE_ROWS) or 1
    return features.iloc[rows[::step]]


class BlockIterator(xgb.DataIter):
    """Rows for XGBoost's quantile matrix, which keeps one byte per value."""

    def __init__(
        self,
        features: pd.DataFrame,
        label: Matrix,
        mask: Mask,
        hide: Callable[[Matrix, npt.NDArray[np.int64]], Matrix],
    ) -> None:
        super().__init__()
        self._features, self._label, self._mask, self._hide = features, label, mask, hide
        self._names = [str(name) for name in features.columns]
        self.reset()

    def reset(self) -> None:
        """Start from the first row again."""
        self._blocks = blocks(self._features, self._mask)

    def next(self, input_data: Callable[..., None]) -> bool:
        """Give the next block; False after the last."""
        for rows, values in self._blocks:
            input_data(data=self._hide(values, rows), label=self._label[rows], feature_names=self._names)
            return True
        return False
