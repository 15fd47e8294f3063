"""Conformalised quantile regression (CQR): intervals that have their stated coverage with any model.

Source: Romano, Patterson & Candès 2019, "Conformalized Quantile Regression", NeurIPS 32, arXiv:1905.03222.

- Each tail is calibrated alone (theorem 2), because delays have a long tail and early arrivals do not.
- The unit is the distance from the median (Sesia & Candès 2020, arXiv:1909.05428). So storms do not widen the
  intervals of quiet flights.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
# Least distance between the median and an end of the interval for scaling.
MIN_DISTANCE_MINUTES = 1.0
# (9 + 1) · 0.9 must be 9, although floating point gives slightly more.
ROUNDING = 1e-9


def tail_factor(beyond_minutes: FloatArray, distance_minutes: FloatArray, target: float) -> float:
    """Return how many distances to move an end outwards (negative: inwards).

    Then a new delay is not beyond it with probability ≥ ``target``.

    - ``beyond_minutes``: how far each calibration flight's delay was beyond the end (negative: inside)
    - ``distance_minutes``: how far the end was from the median

    The result is the ⌈(n + 1)·target⌉-th smallest ratio of the two. On average, a new delay is within the end
    with probability ≥ ``target``, if its flight is exchangeable with the calibration flights. A change of
    season breaks that; the measured coverage shows by how much.

    Raises:
        ValueError: too few flights for the target: n + 1 < 1 / (1 − target).
    """
    ratios = np.sort(beyond_minutes / np.maximum(distance_minutes, MIN_DISTANCE_MINUTES))
    rank = math.ceil((len(ratios) + 1) * target - ROUNDING)
    if rank > len(ratios):
        needed = math.ceil(target / (1 - target) - ROUNDING)
        raise ValueError(
            f"{len(ratios)} calibration flights are too few for a coverage of {target}: at least {needed} are"
            " needed."
        )
    return float(ratios[rank - 1])


def moved_distance(distance_minutes: npt.NDArray[np.float32], factor: float) -> npt.NDArray[np.float32]:
    """Return the distance of an end from the median, moved by ``factor`` distances; never negative."""
    scaled = np.maximum(distance_minutes, np.float32(MIN_DISTANCE_MINUTES)) * np.float32(factor)
    moved: npt.NDArray[np.float32] = np.maximum(distance_minutes + scaled, np.float32(0))
    return moved
