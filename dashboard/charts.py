"""Figures from frames: pure functions, no stores, no Streamlit. One template gives all of them one look, in light and in dark."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import cache
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import plotly.io as pio

if TYPE_CHECKING:
    from flight_assets.queries.trends import Trend

# Okabe and Ito's palette, as in .streamlit/config.toml.
BLUE, ORANGE, GREEN, VERMILLION, PINK, SKY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9"
PALETTE = (BLUE, ORANGE, GREEN, VERMILLION, PINK, SKY)
GREY = "#8795A1"
SYMBOLS = ("circle", "diamond", "square", "triangle-up", "x", "cross")
# Early is blue, on time is grey, late is vermillion: told apart with any colour vision.
DELAY_SCALE = [[0.0, "#0072B2"], [0.3, "#7FB8D8"], [0.5, "#B8BEC4"], [0.7, "#EBA878"], [1.0, "#D55E00"]]
AMOUNT_SCALE = [[0.0, "rgba(0,114,178,0.08)"], [1.0, "#0072B2"]]
DELAY_LIMIT = 30
# What the map shows, as south, north, west, east in degrees: the contiguous states, and as insets Alaska and Hawaii.
MAPPED = {"states": (24.0, 50.0, -125.5, -66.0), "Alaska": (51.0, 72.0, -180.0, -129.0), "Hawaii": (18.5, 22.6, -161.0, -154.0)}
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
HEIGHT = 300
COVERED = "actual within the interval"

pio.templates["flights"] = go.layout.Template(
    layout={
        "colorway": PALETTE,
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "separators": ".,",
        "hovermode": "x unified",
        "margin": {"l": 8, "r": 8, "t": 8, "b": 8, "autoexpand": True},
        "legend": {"orientation": "h", "yanchor": "bottom", "y": 1.0, "xanchor": "left", "x": 0, "title": {"text": ""}},
        "xaxis": {"automargin": True, "title": {"standoff": 8}, "showgrid": False, "zeroline": False},
        "yaxis": {"automargin": True, "title": {"standoff": 8}, "zeroline": False, "rangemode": "tozero"},
        "bargap": 0.15,
    }
)


@cache
def _template() -> go.layout.Template:
    """Streamlit's layout, where it is there, with ours over it, merged once; without defaults of traces, which cost more than drawing."""
    both = "streamlit+flights" if "streamlit" in pio.templates else "flights"
    return go.layout.Template(layout=go.Figure(layout={"template": both}).layout.template.layout)


def look(figure: go.Figure, x: str = "", y: str = "", height: int = HEIGHT, **layout: Any) -> go.Figure:  # noqa: ANN401
    """The figure with axis titles and its height in the common look; zoom and hidden series survive new data."""
    return figure.update_layout(template=_template(), xaxis_title=x, yaxis_title=y, height=height, uirevision="kept", **layout)


def local_times(times: pd.Series, zone: ZoneInfo) -> list[str]:
    """Each UTC time as the viewer's local time, for hovering."""
    return [f"{moment:%d %b %H:%M %Z}" for moment in pd.to_datetime(times, utc=True).dt.tz_convert(zone)]


def local_on_hover(figure: go.Figure, trace: str, times: pd.Series, zone: ZoneInfo) -> go.Figure:
    """The figure with the viewer's local time under the hovered value of one trace, by its name; ``times`` are its x, UTC."""
    local = local_times(times, zone)
    return figure.for_each_trace(
        lambda one: one.update(customdata=local, hovertemplate=f"{one.hovertemplate}<br>%{{customdata}}"), selector={"name": trace}
    )


def messages_over_time(frame: pd.DataFrame, zone: ZoneInfo, height: int = HEIGHT) -> go.Figure:
    """Bars of messages per bucket of ``live.incoming``."""
    bars = go.Bar(
        x=frame["minute"], y=frame["messages"], customdata=local_times(frame["minute"], zone), marker_color=BLUE, name="messages",
        hovertemplate="%{y:,} messages<br>%{customdata}<extra></extra>",
    )  # fmt: skip
    seconds = frame["seconds"].iloc[0] if len(frame) else 60
    unit = "minute" if seconds == 60 else f"{seconds / 60:g} minutes"
    return look(go.Figure(bars), "time (UTC)", f"messages per {unit}", height, bargap=0.05, yaxis_tickformat=",")


def latency_over_batches(frame: pd.DataFrame, zone: ZoneInfo, height: int = HEIGHT) -> go.Figure:
    """p50 and p95 of ``live.latency`` by the time at which the batch was finished."""
    figure = go.Figure()
    local = local_times(frame["finished"], zone)
    for column, name, colour, dash in (("p95_s", "p95", VERMILLION, "dot"), ("p50_s", "p50", BLUE, "solid")):
        figure.add_scatter(
            x=frame["finished"], y=frame[column], name=name, mode="lines+markers", line={"color": colour, "dash": dash}, marker_size=6,
            customdata=np.column_stack([frame["batch_id"], local]) if len(frame) else None,
            hovertemplate="%{y:,.0f} s, batch %{customdata[0]}<br>%{customdata[1]}",
        )  # fmt: skip
    figure = look(figure, "batch finished (UTC)", "latency (s)", height, yaxis_tickformat=",")
    if len(frame):
        # A few minutes of air on both sides: a single batch would get an axis in milliseconds.
        times = pd.to_datetime(frame["finished"], utc=True)
        air = max(pd.Timedelta(minutes=2), (times.max() - times.min()) * 0.04)
        figure.update_xaxes(range=[times.min() - air, times.max() + air])
    return figure


def delay_map(routes: pd.DataFrame, airports: pd.DataFrame, height: int = HEIGHT + 60) -> go.Figure:
    """Routes as lines and airports as dots on a map of the United States, coloured by mean delay; only what ``on_the_map`` leaves.

    Args:
        routes: of ``live.by_route`` or ``history.by``: route, flights, and mean_delay in minutes.
        airports: code, name, latitude, longitude.
        height: of the figure, in pixels.
    """
    places = airports.set_index("code")
    known = _placed(on_the_map(routes, airports), places)
    figure = go.Figure()
    # A line to an inset would run out of the frame and come in again.
    parts = [_part_of_map(known[f"{end}_lat"], known[f"{end}_lon"]) for end in ("origin", "destination")]
    drawn = known[parts[0] == parts[1]]
    for low, high, colour in ((-np.inf, -5, "#0072B2"), (-5, 5, "#B8BEC4"), (5, 20, "#EBA878"), (20, np.inf, "#D55E00")):
        band = drawn[(drawn["mean_delay"] >= low) & (drawn["mean_delay"] < high)]
        gaps = np.full(len(band), np.nan)
        figure.add_scattergeo(
            lat=np.column_stack([band["origin_lat"], band["destination_lat"], gaps]).ravel(),
            lon=np.column_stack([band["origin_lon"], band["destination_lon"], gaps]).ravel(),
            mode="lines", line={"width": 1.2, "color": colour}, opacity=0.55, hoverinfo="skip", showlegend=False,
        )  # fmt: skip
    dots = airport_delays(known)
    dots = dots.join(places, on="airport")
    figure.add_scattergeo(
        lat=dots["latitude"], lon=dots["longitude"], mode="markers", showlegend=False,
        customdata=np.column_stack([dots["airport"], dots["name"], dots["flights"], dots["mean_delay"].fillna(0)]),
        marker={
            "size": 6 + 22 * np.sqrt(dots["flights"] / max(1, dots["flights"].max() if len(dots) else 1)),
            "color": dots["mean_delay"], "colorscale": DELAY_SCALE, "cmin": -DELAY_LIMIT, "cmax": DELAY_LIMIT,
            "line": {"width": 1, "color": GREY}, "opacity": 0.95,
            "colorbar": {"title": {"text": "mean delay (min)", "side": "bottom"}, "orientation": "h", "thickness": 8, "len": 0.6,
                         "y": -0.02, "yanchor": "top", "tickvals": [-30, -15, 0, 15, 30], "ticktext": ["≤ −30", "−15", "0", "15", "≥ 30"]},
        },
        hovertemplate="<b>%{customdata[0]}</b> %{customdata[1]}<br>%{customdata[2]:,} flights<br>%{customdata[3]:+.1f} min<extra></extra>",
    )  # fmt: skip
    geo = {
        "scope": "usa", "resolution": 110, "bgcolor": "rgba(0,0,0,0)", "landcolor": "rgba(135,149,161,0.14)", "showlakes": False,
        "subunitcolor": "rgba(135,149,161,0.45)", "countrycolor": "rgba(135,149,161,0.45)", "coastlinecolor": "rgba(135,149,161,0.6)",
    }  # fmt: skip
    return look(figure, height=height, geo=geo, hovermode="closest", margin={"l": 0, "r": 0, "t": 0, "b": 40})


def on_the_map(routes: pd.DataFrame, airports: pd.DataFrame) -> pd.DataFrame:
    """The routes whose two airports lie within the map's frame, such as none to Puerto Rico."""
    places = airports.set_index("code")
    inside = places.index[_part_of_map(places["latitude"], places["longitude"]) != ""]
    ends = routes["route"].str.split("-", expand=True).reindex(columns=[0, 1])
    return routes[ends[0].isin(inside) & ends[1].isin(inside)]


def _part_of_map(latitude: pd.Series, longitude: pd.Series) -> pd.Series:
    """The key of ``MAPPED`` for each place; empty text for one outside."""
    part = pd.Series("", index=latitude.index)
    for name, (south, north, west, east) in MAPPED.items():
        part[latitude.between(south, north) & longitude.between(west, east)] = name
    return part


def _placed(routes: pd.DataFrame, places: pd.DataFrame) -> pd.DataFrame:
    """The routes with a delay whose two airports are known, with coordinates of both."""
    ends = routes["route"].str.split("-", expand=True).reindex(columns=[0, 1])
    frame = routes.assign(origin=ends[0], destination=ends[1])
    frame = frame[frame["origin"].isin(places.index) & frame["destination"].isin(places.index) & frame["mean_delay"].notna()]
    for end in ("origin", "destination"):
        frame[f"{end}_lat"] = frame[end].map(places["latitude"])
        frame[f"{end}_lon"] = frame[end].map(places["longitude"])
    return frame


def airport_delays(routes: pd.DataFrame) -> pd.DataFrame:
    """One row per airport at either end of a route: airport, flights, mean_delay in minutes weighted by flights."""
    ends = [routes[[end, "flights", "mean_delay"]].rename(columns={end: "airport"}) for end in ("origin", "destination")]
    both = pd.concat(ends)
    both = both.assign(minutes=both["mean_delay"] * both["flights"])
    summed = both.groupby("airport", as_index=False)[["flights", "minutes"]].sum()
    return summed.assign(mean_delay=summed["minutes"] / summed["flights"])[["airport", "flights", "mean_delay"]]


def series_with_bands(
    x: Sequence[Any] | pd.Series, values: pd.Series, trend: Trend | None, rolling: pd.Series | None, unit: str, x_title: str
) -> go.Figure:
    """A time series with its rolling mean, its regression line with the band of its uncertainty, and its anomalies marked."""
    figure = go.Figure()
    if trend is not None:
        figure.add_scatter(x=x, y=trend.high, mode="lines", line_width=0, showlegend=False, hoverinfo="skip")
        figure.add_scatter(
            x=x, y=trend.low, mode="lines", line_width=0, fill="tonexty", fillcolor="rgba(230,159,0,0.22)", name="trend, 95 % interval",
            hoverinfo="skip",
        )  # fmt: skip
    figure.add_scatter(
        x=x,
        y=values,
        mode="lines+markers",
        name="value",
        line={"color": BLUE, "width": 1.4},
        marker_size=4,
        hovertemplate=f"%{{y:,.1f}} {unit}",
    )
    if rolling is not None:
        figure.add_scatter(
            x=x, y=rolling, mode="lines", name="rolling mean", line={"color": GREEN, "width": 3}, hovertemplate=f"%{{y:,.1f}} {unit}"
        )
    if trend is not None:
        figure.add_scatter(
            x=x, y=trend.fitted, mode="lines", name="trend", line={"color": ORANGE, "dash": "dash"}, hovertemplate="%{y:,.1f}"
        )
        odd = trend.is_anomaly
        figure.add_scatter(
            x=pd.Series(x)[odd.to_numpy()], y=values[odd], mode="markers", name="anomaly", hovertemplate=f"%{{y:,.1f}} {unit}",
            marker={"symbol": "diamond-open", "size": 12, "color": VERMILLION, "line_width": 2},
        )  # fmt: skip
    return look(figure, x_title, unit, height=380, yaxis_rangemode="normal", yaxis_tickformat=None if unit.startswith("0") else ",")


def bars(
    frame: pd.DataFrame, by: str, value: str, title: str, unit: str = "", height: int = HEIGHT, *, by_delay: bool = False
) -> go.Figure:
    """Vertical bars of one column by another; ``by_delay`` colours them by their delay in minutes."""
    marker: dict[str, Any] = {"color": BLUE}
    if by_delay:
        marker = {"color": frame[value], "colorscale": DELAY_SCALE, "cmin": -DELAY_LIMIT, "cmax": DELAY_LIMIT}
    suffix = f" {unit}" if unit else ""
    figure = go.Figure(go.Bar(x=frame[by], y=frame[value], marker=marker, hovertemplate=f"%{{y:,.4~g}}{suffix}<extra></extra>"))
    return look(figure, by.replace("_", " "), title, height=height, xaxis_type="category", yaxis_tickformat=",")


def ranking(frame: pd.DataFrame, by: str, value: str, title: str, hover: str = "") -> go.Figure:
    """Horizontal bars, the first row on top, made to be clicked: the point's label is the row's ``by``."""
    shown = frame.iloc[::-1]
    text = shown[hover] if hover else None
    colours = {"color": shown["mean_arrival_delay"].fillna(0), "colorscale": DELAY_SCALE, "cmin": -DELAY_LIMIT, "cmax": DELAY_LIMIT}
    figure = go.Figure(
        go.Bar(
            x=shown[value], y=shown[by].astype(str), orientation="h", marker=colours, customdata=text,
            hovertemplate="<b>%{y}</b> %{x:,} flights" + ("<br>%{customdata}" if hover else "") + "<extra></extra>",
        )
    )  # fmt: skip
    figure.update_yaxes(type="category", showgrid=False)
    return look(
        figure, title, "", height=max(180, 70 + 24 * len(shown)), hovermode="closest", xaxis_tickformat=",", clickmode="event+select"
    )


def week_heatmap(frame: pd.DataFrame, value: str, title: str) -> go.Figure:
    """Hours of the day across, days of the week down; ``frame`` of ``history.by_weekday_and_hour``."""
    grid = frame.pivot_table(index="weekday", columns="hour", values=value).reindex(index=range(1, 8))
    is_delay = "delay" in value
    scale = {"colorscale": DELAY_SCALE, "zmin": -DELAY_LIMIT, "zmax": DELAY_LIMIT} if is_delay else {"colorscale": AMOUNT_SCALE}
    heat = go.Heatmap(
        z=grid.to_numpy(), x=list(grid.columns), y=list(WEEKDAYS), xgap=1, ygap=1, hoverongaps=False,
        colorbar={"title": {"text": title, "side": "right"}, "thickness": 10},
        hovertemplate="%{y} %{x}:00 · %{z:,.1f}<extra></extra>", **scale,
    )  # fmt: skip
    figure = look(go.Figure(heat), "scheduled hour (local time)", "", hovermode="closest")
    return figure.update_yaxes(autorange="reversed", showgrid=False).update_xaxes(dtick=3)


def periods_compared(now: pd.DataFrame, before: pd.DataFrame, value: str, title: str) -> go.Figure:
    """Two series of ``history.series`` over each other, by days since the begin of their period."""
    figure = go.Figure()
    for frame, name, colour, dash in ((before, "period before", GREY, "dot"), (now, "this period", BLUE, "solid")):
        begins = pd.to_datetime(frame["begin"])
        days = (begins - begins.min()).dt.days + 1 if len(frame) else []
        figure.add_scatter(
            x=days, y=frame[value], mode="lines", name=name, line={"color": colour, "dash": dash, "width": 2.2},
            customdata=[f"{day:%d %b %Y}" for day in begins], hovertemplate="%{y:,.1f} (%{customdata})",
        )  # fmt: skip
    return look(figure, "day of the period", title)


def distributions(frame: pd.DataFrame) -> go.Figure:
    """Predicted and actual delays as steps; ``frame`` of ``history.delay_distribution``."""
    figure = go.Figure()
    for column, colour, dash in (("actual", GREY, "solid"), ("predicted", BLUE, "solid")):
        figure.add_scatter(
            x=frame["minutes"], y=frame[column], mode="lines", name=column, line={"color": colour, "shape": "hv", "dash": dash, "width": 2},
            fill="tozeroy" if column == "actual" else None, fillcolor="rgba(135,149,161,0.25)", hovertemplate="%{y:,} flights",
        )  # fmt: skip
    return look(figure, "arrival delay (min)", "flights", height=380, yaxis_tickformat=",")


def predicted_against_actual(frame: pd.DataFrame) -> go.Figure:
    """Dots of single flights around the line on which both are equal; ``frame`` of ``history.predicted_against_actual``."""
    low, high = -60, 180
    covered = frame["actual_delay_minutes"].between(frame["interval_low_minutes"], frame["interval_high_minutes"])
    figure = go.Figure()
    for is_in, name, colour, symbol in ((True, "in the 90 % interval", BLUE, "circle"), (False, "outside", VERMILLION, "x-thin-open")):
        part = frame[covered == is_in]
        figure.add_scattergl(
            x=part["predicted_delay_minutes"], y=part["actual_delay_minutes"], mode="markers", name=f"{name} ({len(part):,})",
            marker={"color": colour, "size": 5, "opacity": 0.45, "symbol": symbol}, customdata=part["flight_id"],
            hovertemplate="%{customdata}<br>predicted %{x:.0f}, actual %{y:.0f} min<extra></extra>",
        )  # fmt: skip
    figure.add_scatter(x=[low, high], y=[low, high], mode="lines", line={"color": GREY, "dash": "dash"}, hoverinfo="skip", showlegend=False)
    figure.update_yaxes(range=[low, high]).update_xaxes(range=[-30, 90])
    return look(figure, "predicted (min)", "actual (min)", height=380, hovermode="closest", yaxis_rangemode="normal")


def lines(frame: pd.DataFrame, x: str, columns: dict[str, str], x_title: str, y_title: str, **layout: Any) -> go.Figure:  # noqa: ANN401
    """One line per column, named by its value in ``columns``; a name that starts with 'baseline' is dotted grey."""
    figure = go.Figure()
    colours = iter(PALETTE)
    for number, (column, name) in enumerate(columns.items()):
        is_baseline = name.startswith("baseline")
        figure.add_scatter(
            x=frame[x], y=frame[column], mode="lines+markers", name=name, hovertemplate="%{y:,.3~g}",
            line={"color": GREY if is_baseline else next(colours), "dash": "dot" if is_baseline else "solid"},
            marker={"size": 5, "symbol": SYMBOLS[number % len(SYMBOLS)]},
        )  # fmt: skip
    return look(figure, x_title, y_title, **layout)


def coverage(frame: pd.DataFrame, x: str, value: str, promised: float, x_title: str) -> go.Figure:
    """A share over time beside the share that is promised."""
    figure = lines(frame, x, {value: COVERED}, x_title, "share of flights")
    figure.add_hline(
        y=promised, line={"color": GREY, "dash": "dash"}, annotation_text=f"promised {promised:.0%}", annotation_font_color=GREY
    )
    return figure.update_yaxes(tickformat=".0%", rangemode="normal")


def contributions(frame: pd.DataFrame, shown: int = 12) -> go.Figure:
    """What each feature added to or took from one flight's prediction, largest on top: feature, value, contribution_minutes."""
    order = frame["contribution_minutes"].abs().sort_values(ascending=False).index[:shown]
    top = frame.loc[order].iloc[::-1]
    labels = [f"{row.feature}<br>= {_feature_value(row.value)}" for row in top.itertuples()]
    marker = {"color": np.where(top["contribution_minutes"] >= 0, VERMILLION, BLUE)}
    figure = go.Figure(
        go.Bar(x=top["contribution_minutes"], y=labels, orientation="h", marker=marker, hovertemplate="%{x:+.2f} min<extra></extra>")
    )
    return look(figure, "contribution (min)", "", height=90 + 34 * len(top), hovermode="closest", xaxis_rangemode="normal")


def _feature_value(value: object) -> str:
    """A feature's value with four digits; a missing one in words."""
    if not isinstance(value, (int, float)):
        return str(value)
    return "not known" if np.isnan(value) else f"{value:,.4g}"


def stacked_batches(frame: pd.DataFrame, columns: Sequence[str], y_title: str) -> go.Figure:
    """Bars per batch, the columns stacked; ``frame`` of ``quality.batches``."""
    figure = go.Figure()
    colours = {"staged": BLUE, "duplicate": GREY, "quarantined": VERMILLION}
    for column in columns:
        figure.add_bar(x=frame["batch_id"], y=frame[column], name=column, marker_color=colours.get(column, BLUE), hovertemplate="%{y:,}")
    return look(figure, "batch", y_title, barmode="stack", yaxis_tickformat=",")


def shares(frame: pd.DataFrame, by: str, value: str, title: str) -> go.Figure:
    """Horizontal bars of shares 0–1, first row on top, with their numbers."""
    shown = frame.iloc[::-1]
    text = [f"{share:.1%}" for share in shown[value].fillna(0)]
    figure = go.Figure(
        go.Bar(x=shown[value], y=shown[by], orientation="h", marker_color=ORANGE, text=text, textposition="outside", cliponaxis=False,
               hovertemplate="%{y}: %{x:.2%}<extra></extra>")
    )  # fmt: skip
    most = float(shown[value].max() or 0) if len(shown) else 0.0
    return look(figure, title, "", height=max(160, 70 + 22 * len(shown)), xaxis_tickformat=".0%", xaxis_range=[0, max(0.01, most * 1.35)],
                hovermode="closest")  # fmt: skip


def counts(frame: pd.DataFrame, by: str, value: str, title: str) -> go.Figure:
    """Horizontal bars of counts, first row on top, with their numbers."""
    shown = frame.iloc[::-1]
    figure = go.Figure(
        go.Bar(x=shown[value], y=shown[by], orientation="h", marker_color=VERMILLION, text=[f"{count:,}" for count in shown[value]],
               textposition="outside", cliponaxis=False, hovertemplate="%{y}: %{x:,}<extra></extra>")
    )  # fmt: skip
    most = float(shown[value].max()) if len(shown) else 1.0
    return look(
        figure, title, "", height=max(160, 70 + 24 * len(shown)), xaxis_tickformat=",", xaxis_range=[0, most * 1.35], hovermode="closest"
    )


def check_heatmap(frame: pd.DataFrame, days: Sequence[date] = ()) -> go.Figure:
    """Checks down, days across, coloured by the share of evaluations that failed; ``frame`` of ``quality.check_trend``.

    ``days`` are on the axis also if nothing was checked on them.
    """
    rows = frame.assign(share=frame["failures"] / frame["evaluations"])
    grid = rows.pivot_table(index="check_name", columns="day", values="share")
    grid = grid.reindex(columns=sorted({*grid.columns, *days}))
    heat = go.Heatmap(
        z=grid.to_numpy(), x=[f"{day:%d %b}" for day in grid.columns], y=list(grid.index), zmin=0, zmax=1, xgap=2, ygap=2,
        colorscale=[[0, BLUE], [0.001, "#F2C4A4"], [1, VERMILLION]], hovertemplate="%{y}<br>%{x}: %{z:.0%} failed<extra></extra>",
        colorbar={"title": {"text": "failed", "side": "right"}, "tickformat": ".0%", "thickness": 10},
    )  # fmt: skip
    return look(go.Figure(heat), "day (UTC)", "", height=max(180, 90 + 26 * len(grid)), hovermode="closest", xaxis_type="category")
