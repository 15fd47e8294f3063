"""Streaming Analytics: a measure over time, with its trend and anomalies.

Fresh data comes from MongoDB, older data from the warehouse.
"""

from functools import partial
from zoneinfo import ZoneInfo

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from dashboard import charts, data, data_tables, filter_bar, findings, render_cache, texts
from dashboard import components as ui
from flight_assets.queries import history, live
from flight_assets.queries.cache import Answer
from flight_assets.queries.filters import Filters
from flight_assets.queries.live import COUNTS
from flight_assets.queries.trends import Trend, rolling_mean, trend

LIVE_WINDOWS: dict[str, tuple[int, live.Bucket]] = {
    "last hour": (60, "minute"), "last 6 hours": (360, "minute"), "last 24 hours": (1_440, "hour"),
    "last 7 days": (10_080, "hour"),
}  # fmt: skip
PERIODS: tuple[history.Period, ...] = ("hour", "day", "week")
# Label: column, unit, and whether MongoDB's windows have it.
MEASURES = {
    "Flights": ("flights", "flights"),
    "Mean departure delay": ("mean_departure_delay", "min"),
    "Mean arrival delay": ("mean_arrival_delay", "min"),
    "Late share": ("late_share", "share ≥ 15 min"),
    "Cancelled": ("cancelled", "flights"),
    "Quality score": ("mean_quality", "0–1"),
}
WINDOWED = ("flights", "mean_departure_delay", "mean_arrival_delay", "late_share", "cancelled")

ui.page(
    "Streaming Analytics",
    "A measure over time: rolling mean, trend with its uncertainty, and values that stand out.",
)

controls = st.container(horizontal=True, vertical_alignment="bottom")
with controls:
    source = st.segmented_control(
        "Range", ["hot store", "warehouse"], default="hot store", key="streaming_source",
        persist_state="session",
        help="The hot store (MongoDB) by time of ingestion; the warehouse by time of departure.",
    ) or "hot store"  # fmt: skip
    measure = st.selectbox(
        "Measure", list(MEASURES), key="streaming_measure", persist_state="session", width=220
    )
    points = st.slider(
        "Rolling mean over",
        2,
        48,
        7,
        key="streaming_points",
        persist_state="session",
        width=220,
        help="Points, each of one bucket.",
    )


def analysed(frame: pd.DataFrame, column: str) -> tuple[pd.Series, Trend | None]:
    """Return the values of a column, and their trend."""
    values = frame[column].astype(float)
    return values, trend(values)


def series(
    frame: pd.DataFrame, column: str, points: int, unit: str, x_title: str, zone: ZoneInfo
) -> go.Figure:
    """Return a column over time with its trend and its rolling mean of so many points."""
    values, line = analysed(frame, column)
    figure = charts.series_with_bands(
        frame["begin"], values, line, rolling_mean(values, points), unit, x_title
    )
    return (
        figure
        if frame["begin"].dt.tz is None
        else charts.local_on_hover(figure, "value", frame["begin"], zone)
    )


def analysis(found: Answer, unit: str, x_title: str, bucket: str) -> None:
    """Show the chart, and the regression in words."""
    column = MEASURES[measure][0]
    values, line = render_cache.value(analysed, found, column)
    figure = render_cache.figure(series, found, column, points, unit, x_title, ui.time_zone())
    ui.chart(
        figure,
        "streaming_series",
        f"Line: {measure.lower()} per {bucket} with rolling mean, trend and anomalies",
    )
    with st.container(horizontal=True):
        ui.metric(
            "Latest",
            texts.number(
                values.dropna().iloc[-1] if values.notna().any() else None, 0 if column in COUNTS else 2
            ),
            unit,
        )
        if line is None:
            ui.metric("Trend", "–", "needs 5 values")
            return
        direction = "rising" if line.slope > 0 else "falling"
        ui.metric(
            "Trend", direction if line.is_clear else "none to be seen",
            f"{texts.number(line.slope, 3)} {unit} per {bucket}",
            help=f"Least squares; 95 % interval of the slope {line.slope_low:.3g} to {line.slope_high:.3g}.",
        )  # fmt: skip
        ui.metric(
            "Anomalies", str(int(line.is_anomaly.sum())), f"of {int(values.notna().sum())} values",
            help="Further than 3.5 robust standard deviations from the trend.",
        )  # fmt: skip


def windows(frame: pd.DataFrame, points: int, bucket: str) -> pd.DataFrame:
    """Return the newest windows as numbers: the last bucket, the last few, all."""
    rows = []
    for name, part in (("last", frame.tail(1)), (f"last {points}", frame.tail(points)), ("all", frame)):
        weights = part["flights"].astype(float)
        row: dict[str, object] = {
            "window": f"{name} {bucket}{'s' if name != 'last' else ''}",
            "flights": int(weights.sum()),
        }
        for column in WINDOWED[1:]:
            values = part[column].astype(float)
            known = values.notna()
            weighted = (
                (values[known] * weights[known]).sum() / weights[known].sum()
                if weights[known].sum()
                else float("nan")
            )
            row[column] = int(values.sum()) if column == "cancelled" else weighted
        rows.append(row)
    return pd.DataFrame(rows)


def windowed(found: Answer, bucket: str) -> None:
    """Show the newest windows as a table."""
    data_tables.table(
        render_cache.value(windows, found, points, bucket),
        key="streaming_windows",
        column_config={"cancelled": st.column_config.NumberColumn("cancelled", format="%d")},
    )


def hot() -> None:
    """Show the windows of MongoDB."""
    minutes, bucket = LIVE_WINDOWS[window]
    found = ui.gather(
        series=data.live(live.over_time, minutes, bucket, filters),
        states=data.live(live.by_state, minutes, filters),
        routes=data.live(live.by_route, minutes, filters, 15),
    )  # fmt: skip
    with ui.section(f"{measure} per {bucket}, {window}"):
        answer = ui.answer(found["series"])
        if answer.frame.empty:
            ui.empty(
                f"No flight came in during the {window}. Send some with `flights produce`, or choose a longer"
                " range."
            )
        else:
            analysis(answer, MEASURES[measure][1], "time of ingestion (UTC)", bucket)
        ui.stamp(answer, source="MongoDB")
    left, right = st.columns(2)
    with left, ui.section("Windows", "Each bucket weighted by its flights."):
        if not series_is_empty(found["series"]):
            windowed(ui.answer(found["series"]), bucket)
        ui.stamp(ui.answer(found["series"]), source="MongoDB")
    with right, ui.section("Newest states"):
        states = ui.answer(found["states"])
        if states.frame.empty:
            ui.empty("No flight in this range.")
        else:
            ui.chart(
                render_cache.figure(charts.bars, states, "event_type", "flights", "flights", "", 260),
                "streaming_states",
                "Bars: flights by newest state",
            )
        ui.stamp(states, source="MongoDB")


def series_is_empty(found: object) -> bool:
    """Return True for an answer without rows. An error is not empty: it is shown."""
    return getattr(found, "frame", None) is not None and bool(found.frame.empty)  # type: ignore[attr-defined]


def cold(filters: Filters, period: history.Period) -> None:
    """Show the series of the warehouse."""
    found = ui.gather(series=data.history(history.series, filters, period))
    with ui.section(f"{measure} per {period}"):
        answer = ui.answer(found["series"])
        if answer.frame.empty:
            ui.empty("No flight in the warehouse matches these filters. Widen them.")
        else:
            analysis(answer, MEASURES[measure][1], "scheduled departure (local time)", period)
        ui.stamp(answer, source="flights_hourly" if period == "hour" else "flights_daily")
    with ui.section("Windows", "Each bucket weighted by its flights."):
        answer = ui.answer(found["series"])
        if answer.frame.empty:
            ui.empty("Nothing to sum up.")
        else:
            windowed(answer, period)
        ui.stamp(answer, source="the warehouse")


def past() -> None:
    """Show the series of the warehouse, for the days that it has."""
    extent = ui.answer(ui.gather(extent=data.history(history.extent))["extent"]).frame.iloc[0]
    if not extent.flights:
        ui.empty(ui.NOTHING_YET)
        return
    chosen = filter_bar.history_filters("streaming_past", extent["first"], extent["last"])
    if chosen is not None:
        period = (
            st.segmented_control(
                "Bucket", PERIODS, default="day", key="streaming_period", persist_state="session"
            )
            or "day"
        )
        ui.live(partial(cold, chosen, period), "streaming_cold")


if source == "hot store":
    with controls:
        window = st.selectbox(
            "Window", list(LIVE_WINDOWS), key="streaming_window", persist_state="session", width=170
        )
        filters = filter_bar.code_filters("streaming", data.live(live.codes))
    ui.live(hot, "streaming_hot")
else:
    with ui.section_if_failing():
        past()
ui.live(findings.timeline, "streaming_findings_part")
