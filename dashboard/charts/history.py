"""Figures of the history page, from its sums by day."""

from __future__ import annotations

from datetime import date
from typing import Literal

import pandas as pd
import plotly.graph_objects as go

from dashboard.charts.bars import bars
from dashboard.charts.distributions import WEEKDAYS
from dashboard.charts.over_time import lines, periods_compared
from flight_assets.queries import history

DailyPeriod = Literal["day", "week", "month"]


def totals(sums: pd.DataFrame, first: date, until: date) -> pd.DataFrame:
    """Return the one row of measures of these days."""
    return history.whole(history.part(sums, first, until))


def by_hour(frame: pd.DataFrame, column: str, name: str, title: str) -> go.Figure:
    """Return a measure over time."""
    return axis_of(lines(frame, "begin", {column: name}, "scheduled departure (local time)", title), column)


def by_period(
    sums: pd.DataFrame, first: date, until: date, period: DailyPeriod, column: str, name: str, title: str
) -> go.Figure:
    """Return a measure by day or longer period."""
    return by_hour(history.in_periods(history.part(sums, first, until), period), column, name, title)


def compared(
    sums: pd.DataFrame,
    first: date,
    until: date,
    first_before: date,
    until_before: date,
    column: str,
    title: str,
) -> go.Figure:
    """Return a measure by day of two periods."""
    now, before = (
        history.in_periods(history.part(sums, *days), "day")
        for days in ((first, until), (first_before, until_before))
    )
    return axis_of(periods_compared(now, before, column, title), column)


def by_weekday(sums: pd.DataFrame, first: date, until: date, column: str, title: str) -> go.Figure:
    """Return a measure by weekday."""
    frame = history.by_weekday(history.part(sums, first, until))
    named = frame.assign(weekday=[WEEKDAYS[number - 1] for number in frame["weekday"]])
    return axis_of(bars(named, "weekday", column, title, by_delay="delay" in column), column)


def route_days(frame: pd.DataFrame) -> go.Figure:
    """Return the delay of a route by day."""
    columns = {"mean_arrival_delay": "mean arrival delay"}
    return lines(frame.sort_values("day"), "day", columns, "day (local)", "mean arrival delay (min)")


def axis_of(figure: go.Figure, column: str) -> go.Figure:
    """Return the figure with a percent axis for shares."""
    return figure.update_yaxes(tickformat=".1%") if column.endswith("share") else figure
