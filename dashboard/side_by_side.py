"""Airlines or airports side by side: one line and one row of figures for each."""

from dataclasses import replace
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from dashboard import charts, data, data_tables, render_cache
from dashboard import components as ui
from flight_assets.queries import history
from flight_assets.queries.filters import Filters

DIMENSIONS: tuple[history.Dimension, ...] = ("airline", "origin", "destination")
MOST = 6
# Codes with most flights are offered. The page's filters reach all others.
OFFERED = 30
# Codes compared at first: those with most flights.
FIRST = 2
FIGURES = ("flights", "mean_departure_delay", "mean_arrival_delay", "late_share", "cancelled_share")


def show(filters: Filters, measure: tuple[str, str]) -> None:
    """Show a measure of some codes by day, and their figures over the range."""
    with ui.section("Side by side", "The same measure of several airlines or airports."):
        with st.container(horizontal=True, vertical_alignment="bottom"):
            dimension = (
                st.segmented_control("Compare", DIMENSIONS, default=DIMENSIONS[0], key="history_sides_by")
                or DIMENSIONS[0]
            )
            ranking = ui.answer(ui.gather(rows=data.history(history.by, filters, dimension, 400))["rows"])
            listed = list(ranking.frame[dimension])
            picked = st.pills(
                f"Codes, the first {MOST} count",
                listed[:OFFERED],
                default=listed[:FIRST],
                key=f"history_sides_{dimension}",
                selection_mode="multi",
            )[:MOST]
        if not picked:
            ui.empty("Choose the codes to compare.")
            return
        codes: dict[str, Any] = {f"{dimension}s": tuple(sorted(picked))}
        query = data.history(history.side_by_side, replace(filters, **codes), dimension)
        days = ui.answer(ui.gather(days=query)["days"])
        figure = render_cache.figure(by_day, days, tuple(picked), measure)
        ui.chart(figure, "history_sides_chart", f"Lines: {measure[1]} by day of {', '.join(picked)}")
        rows = ranking.frame.set_index(dimension).reindex(picked).reset_index()
        data_tables.table(rows[[dimension, *FIGURES]], key="history_sides_table")
        ui.stamp(ranking, days, source="flights_daily")


def by_day(frame: pd.DataFrame, codes: tuple[str, ...], measure: tuple[str, str]) -> go.Figure:
    """Return one line per code, over the days that any of them has."""
    wide = frame.pivot(index="flight_date", columns="code", values=measure[0]).reindex(columns=list(codes))
    return charts.lines(
        wide.reset_index(), "flight_date", {code: code for code in codes}, "flight date", measure[1]
    )
