"""Figures from frames: pure functions, no stores, no Streamlit.

One template gives all of them one look, in light and in dark.
"""

from dashboard.charts.bars import bars, contributions, counts, ranking, shares, stacked_batches
from dashboard.charts.distributions import (
    WEEKDAYS,
    check_heatmap,
    distributions,
    predicted_against_actual,
    week_heatmap,
)
from dashboard.charts.finding_map import add_findings, findings_by_airport
from dashboard.charts.look import local_on_hover
from dashboard.charts.maps import airport_delays, delay_map, on_the_map
from dashboard.charts.over_time import (
    COVERED,
    coverage,
    latency_over_batches,
    lines,
    messages_over_time,
    periods_compared,
    series_with_bands,
)

__all__ = [
    "COVERED",
    "WEEKDAYS",
    "add_findings",
    "airport_delays",
    "bars",
    "check_heatmap",
    "contributions",
    "counts",
    "coverage",
    "delay_map",
    "distributions",
    "findings_by_airport",
    "latency_over_batches",
    "lines",
    "local_on_hover",
    "messages_over_time",
    "on_the_map",
    "periods_compared",
    "predicted_against_actual",
    "ranking",
    "series_with_bands",
    "shares",
    "stacked_batches",
    "week_heatmap",
]
