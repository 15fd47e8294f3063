"""Conformalised quantile regression (CQR): intervals that cover what they say, whatever the model.

Romano, Patterson & Candès 2019, "Conformalized Quantile Regression", NeurIPS 32, arXiv:1905.03222.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
# (9 + 1) · 0.9 must be 9, also where floating point makes it a little more.
ROUNDING = 1e-9


def correction(actual: FloatArray, low: FloatArray, high: FloatArray, target: float) -> float:
    """Minutes by which to widen both ends (negative: narrow) so that a new flight is covered with probability ≥ ``target``.

    The ⌈(n + 1)·target⌉-th smallest score of the calibration flights, score = max(low − y, y − high). Holds on average over flights
    exchangeable with the calibration flights; a change of season breaks that, and the measured coverage shows by how much.

    Raises:
        ValueError: too few flights for the target: n + 1 < 1 / (1 − target).
    """
    scores = np.sort(np.maximum(low - actual, actual - high))
    rank = math.ceil((len(scores) + 1) * target - ROUNDING)
    if rank > len(scores):
        needed = math.ceil(target / (1 - target) - ROUNDING)
        raise ValueError(f"{len(scores)} calibration flights are too few for a coverage of {target}: at least {needed} are needed.")
    return float(scores[rank - 1])
