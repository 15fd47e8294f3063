"""Sections of the prediction page on trust: makers of the forecasts, champions, reliability, coverage."""

from __future__ import annotations

import streamlit as st

from dashboard import components as ui
from dashboard import data, data_tables, render_cache, texts
from dashboard.charts import prediction as figures
from dashboard.charts import risk as risk_figures
from flight_assets.queries import calibration, champions, trust
from flight_assets.queries.cache import Answer
from flight_assets.queries.filters import Filters


def sections(filters: Filters) -> None:
    """Show who serves since when, the errors of both makers, reliability, and coverage by airline and day."""
    found = ui.gather(
        serving=data.other(trust.serving, lambda known: (known.hdfs(),)),
        switches=data.other(trust.switches, lambda known: (known.hdfs(),)),
        champions=data.registry(champions.champions),
        reliability=data.history(calibration.reliability, filters),
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
    left, right = st.columns(2)
    with left:
        _champions(found["champions"])
    with right:
        _reliability(found["reliability"])
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


def _champions(found: Answer | Exception) -> None:
    with ui.section("Champions", "Versions of the model that served, and why each took over; newest first."):
        served = ui.answer(found)
        if served.frame.empty:
            ui.empty("No model has been promoted yet.")
        else:
            times = {
                name: st.column_config.DatetimeColumn(
                    f"{name} (UTC)", format="YYYY-MM-DD HH:mm", timezone="UTC"
                )
                for name in ("since", "until")
            }
            data_tables.table(
                served.frame, key="prediction_champions", height=300,
                column_config={"model_version": "model", **times},
            )  # fmt: skip
        ui.stamp(served, source="the registry on HDFS")


def _reliability(found: Answer | Exception) -> None:
    with ui.section(
        "Reliability of the probabilities",
        "Flights by predicted probability. On the dashed line as many were late as predicted.",
    ):
        bins = ui.answer(found)
        if bins.frame.empty:
            ui.empty("No flight of this range with a probability has arrived yet.")
            ui.stamp(bins, source="fact_flight_events")
            return
        ui.chart(
            render_cache.figure(risk_figures.reliability, bins),
            "prediction_reliability",
            "Lines: observed over predicted share of late flights with a 95 % band; bars: flights by bin",
        )
        away = texts.percent(calibration.calibration_error(bins.frame))
        ui.stamp(bins, source="fact_flight_events", note=f"mean distance from the line {away}")
