"""Calibration of the forecasts: predicted probability against the observed share, by bin."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from flight_assets.contracts.tables import FACT
from flight_assets.contracts.units import LATE_MINUTES

if TYPE_CHECKING:
    from flight_assets.queries.filters import Filters
    from flight_assets.stores.warehouse import Warehouse

BINS = 10
# Standard normal quantile of a 95 % band.
Z_95 = 1.959964
COLUMNS = ("maker", "bin", "flights", "late", "predicted", "observed", "band_low", "band_high")
FloatArray = npt.NDArray[np.float64]


def reliability(warehouse: Warehouse, filters: Filters) -> pd.DataFrame:
    """One row per maker and bin of probability with arrived flights, in order: COLUMNS.

    - ``bin``: 0–9; bin k has the probabilities from k/10 to (k + 1)/10
    - ``flights``, and of them ``late``: arrived LATE_MINUTES late or more
    - ``predicted``, ``observed``: mean probability and share of late flights, 0–1
    - ``band_low``, ``band_high``: 95 % band of the observed share

    Older rows have no maker and count as the model's.
    """
    late = f"int(actual_delay_minutes >= {LATE_MINUTES})"
    found = warehouse.ask(
        f"SELECT coalesce(maker, 'model') AS maker, "  # noqa: S608 - codes and dates only
        f"least(int(probability_delayed_15 * {BINS}), {BINS - 1}) AS bin, count(*) AS flights, "
        f"sum({late}) AS late, avg(probability_delayed_15) AS predicted FROM {warehouse.name(FACT)} "
        f"WHERE error_minutes IS NOT NULL AND probability_delayed_15 IS NOT NULL AND {filters.sql()} "
        "GROUP BY 1, 2 ORDER BY 1, 2"
    )
    return with_bands(found)


def with_bands(counts: pd.DataFrame) -> pd.DataFrame:
    """Return the counts with the observed share and its band: COLUMNS."""
    late, flights = counts["late"].to_numpy(float), counts["flights"].to_numpy(float)
    low, high = wilson(late, flights)
    return counts.assign(observed=late / flights, band_low=low, band_high=high)[list(COLUMNS)]


def wilson(late: FloatArray, flights: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the ends of Wilson's 95 % interval of a share (Wilson 1927, JASA 22, 209–212).

    It holds for few flights as well, and stays within 0–1.
    """
    share, weight = late / flights, Z_95**2 / flights
    middle = (share + weight / 2) / (1 + weight)
    half = np.sqrt(share * (1 - share) * weight + weight**2 / 4) / (1 + weight)
    return np.maximum(middle - half, 0.0), np.minimum(middle + half, 1.0)


def calibration_error(bins: pd.DataFrame) -> float:
    """Return the mean distance of predicted and observed, weighted by flights, 0–1; NaN without flights."""
    if bins.empty:
        return float("nan")
    distance = (bins["predicted"] - bins["observed"]).abs()
    return float(np.average(distance, weights=bins["flights"]))
