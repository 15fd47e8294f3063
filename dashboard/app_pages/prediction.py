"""Prediction & Insights: errors by time, confidence and version, and the reasons of a prediction."""

from functools import partial

import pandas as pd
import streamlit as st

from dashboard import (
    charts,
    data,
    data_tables,
    filter_bar,
    findings,
    render_cache,
    risk_board,
    stage_section,
    texts,
    trust_section,
)
from dashboard import components as ui
from dashboard.charts import prediction as quality_figures
from flight_assets.queries import flight_rows, history, model_quality
from flight_assets.queries.cache import Answer, Query
from flight_assets.queries.filters import Filters

DAYS = 30  # single flights are read here, where other pages read sums by day
LARGEST = 50
BUCKETS: tuple[model_quality.Bucket, ...] = ("hour", "day")

ui.page(
    "Prediction & Insights",
    "Flights likely to be late, errors of the delay model beside plain guesses, and reasons of a prediction.",
)


def queries_of_figures(filters: Filters) -> dict[str, Query]:
    """Return the queries of ``figures``."""
    return {
        "bins": data.history(flight_rows.delay_distribution, filters),
        "dots": data.history(flight_rows.predicted_against_actual, filters, 3_000),
        "errors": data.history(flight_rows.largest_errors, filters, LARGEST),
    }


def figures(filters: Filters) -> None:
    """Show the distribution, actual against predicted, and the largest errors."""
    found = ui.gather(**queries_of_figures(filters))
    left, right = st.columns(2)
    with (
        left,
        ui.section(
            "Distribution of delays",
            "Flights with a prediction that have arrived; the end bins hold what lies beyond.",
        ),
    ):
        bins = ui.answer(found["bins"])
        if bins.frame.empty:
            ui.empty("No predicted flight of this range has arrived yet.")
        else:
            ui.chart(
                render_cache.figure(charts.distributions, bins),
                "prediction_bins",
                "Steps: flights by predicted and by actual arrival delay",
            )
        ui.stamp(bins, source="fact_flight_events")
    with (
        right,
        ui.section(
            "Actual against predicted",
            "A sample of at most 3,000 flights; on the dashed line the prediction was right.",
        ),
    ):
        dots = ui.answer(found["dots"])
        if dots.frame.empty:
            ui.empty("No predicted flight of this range has arrived yet.")
        else:
            figure = render_cache.figure(charts.predicted_against_actual, dots)
            ui.chart(figure, "prediction_dots", "Dots: actual over predicted arrival delay by flight")
        ui.stamp(dots, source="fact_flight_events")
    with ui.section(
        "Anomalies by prediction error",
        "The flights that were furthest from their prediction; z counts standard deviations of the error.",
    ):
        errors = ui.answer(found["errors"])
        if errors.frame.empty:
            ui.empty("No predicted flight of this range has arrived yet.")
        else:
            shown = errors.frame.drop(columns=["airline", "flight_date"])
            data_tables.table(
                shown, key="prediction_errors", height=280,
                column_config={"z": st.column_config.NumberColumn("z", format="%.1f"),
                    "model_version": "model"},
            )  # fmt: skip
        ui.stamp(errors, source="fact_flight_events")


def over_time(filters: Filters, bucket: model_quality.Bucket) -> None:
    """Show errors and coverage beside the baselines, the error by confidence, and model versions compared."""
    if filters.first is None or filters.until is None:
        return
    days = (filters.first, filters.until)
    found = ui.gather(
        whole=data.model(model_quality.live_quality, *days, "all"),
        quality=data.model(model_quality.live_quality, *days, bucket),
        confidence=data.history(model_quality.confidence_bins, *days),
        versions=data.model(model_quality.versions_compared, *days),
    )
    with ui.section(
        "Accuracy of the predictions",
        "All flights predicted in these days, whatever airline or airport is picked.",
    ):
        if not headline(ui.answer(found["whole"])):
            return
    quality_over_time(found["quality"])
    with ui.section("Error by confidence", "Ten bins of equally many flights, least confident first."):
        confidence = ui.answer(found["confidence"])
        ui.chart(
            render_cache.figure(quality_figures.errors_by_confidence, confidence),
            "prediction_confidence",
            "Bars: MAE by confidence",
        )
        ui.stamp(confidence, source="predictions")
    versions_compared(found["versions"])


def headline(whole: Answer) -> bool:
    """Show the figures of all days. Return whether a predicted flight has arrived."""
    arrived = whole.frame[whole.frame["flights"] > 0]
    if arrived.empty:
        ui.empty("No flight that was predicted in these days has arrived yet.")
        ui.stamp(whole, source="predictions")
        return False
    best = arrived.sort_values("flights").iloc[-1]
    explained = "Mean |error| / |actual|, flights at least 15 min early or late."
    with st.container(horizontal=True):
        ui.metric(
            "MAE",
            texts.number(best.mae, 1, "min"),
            f"median guess {texts.number(best.mae_median_baseline, 1, 'min')}",
        )
        ui.metric(
            "RMSE",
            texts.number(best.rmse, 1, "min"),
            f"mean guess {texts.number(best.rmse_mean_baseline, 1, 'min')}",
        )
        ui.metric("MAPE", texts.percent(best.mape, 0), "of flights ≥ 15 min off time", help=explained)
        ui.metric("90 % interval", texts.percent(best.coverage_90), "of actuals within")
        ui.metric("Flights", f"{best.flights:,.0f}", f"model {best.model_version}")
    ui.stamp(whole, source="predictions")
    return True


def quality_over_time(quality: Answer | Exception) -> None:
    """Show errors, MAPE and coverage by bucket, each in a part that fails alone."""
    errors, mape, coverage = st.columns(3)
    note = f"buckets with {quality_figures.FEW_FLIGHTS} flights or more"
    with errors, ui.section("MAE and RMSE over time"):
        answer = ui.answer(quality)
        figure = render_cache.figure(quality_figures.errors_over_time, answer, ui.time_zone())
        ui.chart(figure, "prediction_errors_time", "Lines: MAE and RMSE by day")
        ui.stamp(answer, source="predictions", note=note)
    with (
        mape,
        ui.section(
            "MAPE over time", "Mean of |error| / |actual| over flights at least 15 minutes early or late."
        ),
    ):
        answer = ui.answer(quality)
        figure = render_cache.figure(quality_figures.mape_over_time, answer, ui.time_zone())
        ui.chart(figure, "prediction_mape", "Line: MAPE by day")
        ui.stamp(answer, source="predictions", note=note)
    with coverage, ui.section("Interval coverage over time"):
        answer = ui.answer(quality)
        figure = render_cache.figure(quality_figures.coverage_over_time, answer, ui.time_zone())
        ui.chart(
            figure, "prediction_coverage", "Line: share of actual delays within the 90 % interval by day"
        )
        ui.stamp(answer, source="predictions", note=note)


def versions_compared(found: Answer | Exception) -> None:
    """Show champion and challenger over the flights that both predicted."""
    with ui.section(
        "Model versions compared", "Champion and challenger over the flights that both predicted."
    ):
        versions = ui.answer(found)
        if versions.frame.empty:
            ui.empty("No challenger predicts beside the champion in these days.")
        else:
            columns = [
                "role",
                "model_version",
                "flights",
                "mae",
                "rmse",
                "mape",
                "coverage_90",
                "interval_width_minutes",
                "brier",
            ]
            data_tables.table(versions.frame[columns], key="prediction_versions")
        ui.stamp(versions, source="predictions and challenger_predictions")


def why(filters: Filters) -> None:
    """Show the contribution of each feature to the prediction of a chosen flight."""
    with ui.section(
        "Why this prediction",
        "SHAP values of the mean forecast: what each feature added to it or took from it, in minutes.",
    ):
        candidates = ui.answer(
            ui.gather(rows=data.history(flight_rows.largest_errors, filters, LARGEST))["rows"]
        ).frame["flight_id"]
        if candidates.empty:
            ui.empty("No predicted flight of this range has arrived yet.")
            return
        flight_id = st.selectbox(
            "Flight", list(candidates), key="prediction_flight", width=300, accept_new_options=True,
            help="The flights with the largest errors; any other flight_id can be typed.",
        )  # fmt: skip
        found = ui.gather(
            why=data.model(model_quality.explanation, flight_id),
            flight=data.history(flight_rows.flight, flight_id),
        )
        flight = ui.answer(found["flight"])
        if len(flight.frame):
            _forecast_and_outcome(flight.frame.iloc[0])
        reasons = ui.answer(found["why"])
        if refusal := reasons.frame.attrs.get("refusal"):
            ui.empty(f"This prediction cannot be explained: {refusal}.")
            ui.stamp(flight, source="fact_flight_events")
            return
        ui.chart(
            render_cache.figure(charts.contributions, reasons),
            "prediction_why",
            f"Bars: contributions of features to the prediction of {flight_id}",
        )
        start = texts.number(reasons.frame.attrs.get("expected_minutes"), 1, "min")
        ui.stamp(
            reasons,
            flight,
            source="the model and staging_flight_events",
            note=f"added to {start}, the mean over training",
        )


def _forecast_and_outcome(row: pd.Series) -> None:
    with st.container(horizontal=True):
        ui.metric(
            "Predicted",
            texts.number(row.predicted_delay_minutes, 1, "min"),
            f"90 %: {texts.number(row.interval_low_minutes)} to"
            f" {texts.number(row.interval_high_minutes, 0, 'min')}",
        )
        ui.metric(
            "Actual",
            texts.number(row.actual_delay_minutes, 0, "min"),
            f"error {texts.number(row.error_minutes, 1, 'min')}",
        )
        ui.metric("Confidence", texts.number(row.confidence, 2), f"model {row.model_version}")
        about = [row.get(name) or "–" for name in ("maker", "domain_mark", "domain_reasons")]
        ui.metric("Made by", about[0], about[1], help=f"Unlike the training flights in: {about[2]}.")


def body() -> None:
    """Show the page below its head, for the days that the warehouse has."""
    extent = ui.answer(ui.gather(extent=data.history(history.extent))["extent"]).frame.iloc[0]
    if not extent.flights:
        ui.empty(ui.NOTHING_YET)
        return
    chosen = filter_bar.history_filters("prediction", extent["first"], extent["last"], DAYS)
    if chosen is not None:
        bucket = (
            st.segmented_control(
                "Bucket", BUCKETS, default="day", key="prediction_bucket", persist_state="session"
            )
            or "day"
        )
        data.prefetch(*queries_of_figures(chosen).values())
        ui.live(partial(over_time, chosen, bucket), "prediction_time")
        ui.live(partial(trust_section.sections, chosen), "prediction_trust")
        ui.live(partial(stage_section.section, chosen), "prediction_stages_part")
        ui.live(partial(figures, chosen), "prediction_figures")
        ui.live(partial(why, chosen), "prediction_reasons")


ui.live(risk_board.sections, "prediction_risk")
with ui.section_if_failing():
    body()
ui.live(findings.forecast_anomalies, "prediction_anomalies_part")
