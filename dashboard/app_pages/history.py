"""Historical Analytics: any range of days, from the warehouse's rollups down to one flight, with export."""

import io
from dataclasses import replace
from datetime import date, timedelta
from functools import partial

import pandas as pd
import streamlit as st

from dashboard import charts, data, drill_down, exports, filter_bar, render_cache, side_by_side, texts
from dashboard import components as ui
from dashboard.charts import history as figures
from flight_assets.queries import flight_rows, history
from flight_assets.queries.cache import Answer
from flight_assets.queries.filters import Filters

MEASURES = {
    "Flights": ("flights", "flights"),
    "Mean arrival delay": ("mean_arrival_delay", "mean arrival delay (min)"),
    "Mean departure delay": ("mean_departure_delay", "mean departure delay (min)"),
    "Late arrivals": ("late_share", "share ≥ 15 min late"),
    "Cancelled": ("cancelled_share", "share cancelled"),
}
PERIODS: tuple[history.Period, ...] = ("hour", "day", "week", "month")
EXPORT_ROWS = 100_000
Answers = dict[str, Answer | Exception]

ui.page("Historical Analytics", "Any range of days from the warehouse's rollups, down to a single flight.")


def aggregates(filters: Filters, measure: str, period: history.Period) -> None:
    """Show the numbers and charts of the range beside the range of the same length before it."""
    before = period_before(filters)
    queries = {
        "sums": data.history(history.daily_sums, replace(filters, first=before.first)),
        "week": data.history(history.by_weekday_and_hour, filters),
    }
    if period == "hour":
        queries["hours"] = data.history(history.series, filters, period)
    found = ui.gather(**queries)
    with ui.section():
        if not headline(ui.answer(found["sums"]), filters, before):
            return
    left, right = st.columns(2)
    with left:
        series(found, filters, measure, period)
    with right:
        compared(found, filters, before, MEASURES[measure])
    left, right = st.columns(2)
    with left:
        week_by_hour(found, MEASURES[measure])
    with right:
        weekdays(found, filters, MEASURES[measure])


def headline(sums: Answer, filters: Filters, before: Filters) -> bool:
    """Show the numbers of the range. Return whether it has flights."""
    now, then = (render_cache.value(figures.totals, sums, *ends(part)).iloc[0] for part in (filters, before))
    if not now.flights:
        ui.empty("No flight in the warehouse matches these filters. Widen them.")
        return False
    st.caption(
        f"{drill_down.drilled()}{filters.first} to {filters.until}, beside the {days(filters)} days before"
    )
    with st.container(horizontal=True):
        ui.metric("Flights", f"{now.flights:,.0f}", change(now.flights, then.flights))
        for name, shown, earlier in (
            ("Mean arrival delay", *(texts.number(row.mean_arrival_delay, 1, "min") for row in (now, then))),
            ("Late ≥ 15 min", *(texts.percent(row.late_share) for row in (now, then))),
            ("Cancelled", *(texts.percent(row.cancelled_share) for row in (now, then))),
        ):
            ui.metric(name, shown, f"before {earlier}" if then.flights else "none before")
    ui.stamp(sums, source="flights_daily")
    return True


def series(found: Answers, filters: Filters, measure: str, period: history.Period) -> None:
    """Show a measure over the range, by hour or by a longer period."""
    column, title = MEASURES[measure]
    with ui.section(f"{measure} per {period}"):
        if period == "hour":
            answer, source = ui.answer(found["hours"]), "flights_hourly"
            figure = render_cache.figure(figures.by_hour, answer, column, measure.lower(), title)
        else:
            answer, source = ui.answer(found["sums"]), "flights_daily"
            figure = render_cache.figure(
                figures.by_period, answer, *ends(filters), period, column, measure.lower(), title
            )
        ui.chart(figure, "history_series", f"Line: {title} per {period}")
        ui.stamp(answer, source=source)


def compared(found: Answers, filters: Filters, before: Filters, measure: tuple[str, str]) -> None:
    """Show a measure day by day, this range over the one before it."""
    with ui.section(
        "Period against period", "Day by day, this range over the range of the same length before it."
    ):
        sums = ui.answer(found["sums"])
        if not render_cache.value(figures.totals, sums, *ends(before)).iloc[0].flights:
            st.caption("The warehouse has no flight in the period before.")
        figure = render_cache.figure(figures.compared, sums, *ends(filters), *ends(before), *measure)
        ui.chart(
            figure, "history_compared", f"Two lines: {measure[1]} by day in this period and the one before"
        )
        ui.stamp(sums, source="flights_daily")


def week_by_hour(found: Answers, measure: tuple[str, str]) -> None:
    """Show a measure by weekday and hour."""
    with ui.section("Week by hour"):
        week = ui.answer(found["week"])
        figure = render_cache.figure(charts.week_heatmap, week, *measure)
        ui.chart(figure, "history_week", f"Heatmap: {measure[1]} by weekday and hour of departure")
        ui.stamp(week, source="flights_hourly")


def weekdays(found: Answers, filters: Filters, measure: tuple[str, str]) -> None:
    """Show a measure by weekday."""
    with ui.section("Day of week"):
        sums = ui.answer(found["sums"])
        figure = render_cache.figure(figures.by_weekday, sums, *ends(filters), *measure)
        ui.chart(figure, "history_weekday", f"Bars: {measure[1]} by weekday")
        ui.stamp(sums, source="flights_daily")


def ends(filters: Filters) -> tuple[date, date]:
    """Return the first and the last day; the filters of this page always have both."""
    if filters.first is None or filters.until is None:
        raise ValueError("the range of days is open")
    return filters.first, filters.until


def days(filters: Filters) -> int:
    """Return the number of days of the range."""
    return (ends(filters)[1] - ends(filters)[0]).days + 1


def period_before(filters: Filters) -> Filters:
    """Return the filters for the range of the same length that ends the day before."""
    first = ends(filters)[0]
    return replace(filters, first=first - timedelta(days=days(filters)), until=first - timedelta(days=1))


def change(now: float, before: float) -> str:
    """Return the change in percent as a text."""
    return f"{(now - before) / before:+.1%} against before".replace("-", "−") if before else "none before"


def export(filters: Filters) -> None:
    """Show the rows behind the page as files to download."""
    with ui.section("Export"):
        what = st.segmented_control(
            "Rows", ["per day and route", "single flights"], default="per day and route", key="history_export"
        )
        if what == "single flights":
            good_only = st.toggle("Leave out rows of low quality", key="history_good_only")
            rows = data.history(flight_rows.flights, filters, EXPORT_ROWS, 0, good_only)
            found = ui.answer(ui.gather(rows=rows)["rows"])
        else:
            found = ui.answer(ui.gather(rows=data.history(history.daily_rows, filters, EXPORT_ROWS))["rows"])
        frame = found.frame
        with st.container(horizontal=True):
            csv = render_cache.file(exports.as_csv, found)
            st.download_button(
                "CSV", csv, "flights.csv", "text/csv", icon=":material/download:", key="history_csv"
            )
            st.download_button(
                "Parquet",
                render_cache.file(as_parquet, found),
                "flights.parquet",
                "application/vnd.apache.parquet",
                icon=":material/download:",
                key="history_parquet",
            )
        cut = f", the newest {EXPORT_ROWS:,}" if len(frame) == EXPORT_ROWS else ""
        ui.stamp(found, source="the warehouse", note=f"{len(frame):,} rows{cut}")


def as_parquet(frame: pd.DataFrame) -> bytes:
    """Return the frame as a Parquet file."""
    sink = io.BytesIO()
    frame.to_parquet(sink, index=False)
    return sink.getvalue()


def body() -> None:
    """Show the page below its head, for the days that the warehouse has."""
    extent = ui.answer(ui.gather(extent=data.history(history.extent))["extent"]).frame.iloc[0]
    if not extent.flights:
        ui.empty(ui.NOTHING_YET)
        return
    filters = filter_bar.history_filters("history", extent["first"], extent["last"])
    if filters is None:
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        measure = st.selectbox(
            "Measure", list(MEASURES), index=1, key="history_measure", persist_state="session", width=230
        )
        period = (
            st.segmented_control(
                "Aggregation", PERIODS, default="day", key="history_period", persist_state="session"
            )
            or "day"
        )
    chosen = drill_down.narrowed(filters)
    ranks = drill_down.prefetched(filters, MEASURES[measure])
    data.prefetch(*ranks, data.history(history.daily_rows, chosen, EXPORT_ROWS))
    ui.live(partial(aggregates, chosen, measure, period), "history_aggregates")
    ui.live(partial(drill_down.show, filters, MEASURES[measure]), "history_drill")
    ui.live(partial(side_by_side.show, filters, MEASURES[measure]), "history_sides")
    ui.live(partial(export, chosen), "history_export_part")


with ui.section_if_failing():
    body()
