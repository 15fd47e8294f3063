"""Sections of the prediction page on trust: who makes the forecasts, and coverage by airline and day."""

from __future__ import annotations

import streamlit as st

from dashboard import components as ui
from dashboard import data, data_tables, render_cache, texts
from dashboard.charts import prediction as figures
from flight_assets.queries import trust
from flight_assets.queries.filters import Filters


def sections(filters: Filters) -> None:
    """Show who serves since when, the errors of both makers, and coverage by airline and day."""
    found = ui.gather(
        serving=data.other(trust.serving, lambda known: (known.hdfs(),)),
        switches=data.other(trust.switches, lambda known: (known.hdfs(),)),
        coverage=data.history(trust.coverage_by_airline, filters),
    )
    with ui.section(
        "Who makes the forecasts",
        "The model serves unless the running baseline was better on the last day's outcomes.",
    ):
        serving = ui.answer(found["serving"])
        if serving.frame.empty:
            ui.empty("No batch has made a forecast yet.")
        else:
            row = serving.frame.iloc[0]
            with st.container(horizontal=True):
                ui.metric("Serving", str(row.serving), f"since {row.since or 'the beginning'}")
                ui.metric("Model", texts.number(row.model_mae_minutes, 1, "min"), f"MAE, {row.model_version}")
                ui.metric("Baseline", texts.number(row.baseline_mae_minutes, 1, "min"), "MAE, same flights")
                ui.metric("Outcomes", texts.number(row.outcomes), "of the last day")
        switches = ui.answer(found["switches"])
        if len(switches.frame):
            data_tables.table(switches.frame, key="prediction_switches")
        ui.stamp(serving, source="the trust state on HDFS")
    with ui.section(
        "Coverage by airline and day",
        "Share of actual delays within the 90 % interval; white is as promised.",
    ):
        coverage = ui.answer(found["coverage"])
        if coverage.frame.empty or coverage.frame["flights"].max() < figures.FEW_FLIGHTS:
            ui.empty(
                f"No airline has {figures.FEW_FLIGHTS} arrived flights with a forecast on one of these days."
            )
        else:
            ui.chart(
                render_cache.figure(figures.coverage_heatmap, coverage),
                "prediction_coverage_airlines",
                "Heatmap: coverage of the 90 % interval by airline and day",
            )
        ui.stamp(coverage, source="fact_flight_events")
