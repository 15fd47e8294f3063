"""Trends of a series: rolling mean, regression with its uncertainty, anomalies. Pure, on pandas."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import stdtrit

FloatArray = npt.NDArray[np.float64]

MAD_TO_SD = 1.4826  # of a normal distribution: standard deviation over median absolute deviation
ANOMALY_Z = 3.5  # Iglewicz and Hoaglin (1993), How to Detect and Handle Outliers
MIN_POINTS = 5


@dataclass(frozen=True)
class Trend:
    """Straight line through a series by least squares, in the series' unit.

    - ``slope``: per step, with its 95 % interval ``slope_low`` to ``slope_high``.
    - ``fitted``: the line; ``low`` to ``high``: the 95 % interval of the line, not of single values.
    - ``is_anomaly``: the residual's modified z-score is beyond ``ANOMALY_Z``.
    """

    slope: float
    slope_low: float
    slope_high: float
    fitted: pd.Series
    low: pd.Series
    high: pd.Series
    is_anomaly: pd.Series

    @property
    def is_clear(self) -> bool:
        """Return True if the interval of the slope leaves out zero."""
        return self.slope_low > 0 or self.slope_high < 0


def trend(values: pd.Series) -> Trend | None:
    """Return the trend of a series by its order; missing values are left out of the fit.

    Null with fewer than ``MIN_POINTS`` values.
    """
    y_all = values.to_numpy(dtype=float)
    x_all = np.arange(len(y_all), dtype=float)
    is_known = np.isfinite(y_all)
    x, y = x_all[is_known], y_all[is_known]
    if len(x) < MIN_POINTS:
        return None
    centred = x - x.mean()
    spread = float(centred @ centred)
    slope = float(centred @ y) / spread
    fitted = y.mean() + slope * (x_all - x.mean())
    residuals = y_all - fitted
    variance = float(np.nansum(residuals**2)) / (len(x) - 2)
    t = float(stdtrit(len(x) - 2, 0.975))
    half_width = t * np.sqrt(variance * (1 / len(x) + (x_all - x.mean()) ** 2 / spread))
    slope_half_width = t * float(np.sqrt(variance / spread))

    def series(numbers: FloatArray) -> pd.Series:
        return pd.Series(numbers, index=values.index)

    return Trend(
        slope=slope,
        slope_low=slope - slope_half_width,
        slope_high=slope + slope_half_width,
        fitted=series(fitted),
        low=series(fitted - half_width),
        high=series(fitted + half_width),
        is_anomaly=pd.Series(np.abs(modified_z(residuals)) > ANOMALY_Z, index=values.index),
    )


def modified_z(values: FloatArray) -> FloatArray:
    """Return the distance from the median in robust standard deviations.

    It is 0 for missing values, and where half of all values are equal.
    """
    median = np.nanmedian(values)
    deviation = float(np.nanmedian(np.abs(values - median))) * MAD_TO_SD
    if deviation == 0:
        return np.zeros_like(values)
    with np.errstate(over="ignore"):  # a distance that no float holds becomes the largest one
        distances: FloatArray = np.nan_to_num((values - median) / deviation)
    return distances


def rolling_mean(values: pd.Series, points: int) -> pd.Series:
    """Mean of each value and the ``points`` − 1 before it.

    From the first value on, of those that there are.
    """
    return values.rolling(points, min_periods=1).mean()


def without_gaps(frame: pd.DataFrame, begins: pd.DatetimeIndex, counts: tuple[str, ...]) -> pd.DataFrame:
    """Return the series with a row for each of ``begins``, in their order.

    Where ``begin`` is missing, it has 0 in ``counts`` and null in the rest.
    """
    whole = frame.set_index("begin").reindex(begins.rename("begin"))
    return whole.fillna(dict.fromkeys(counts, 0)).astype(dict.fromkeys(counts, "int64")).reset_index()
