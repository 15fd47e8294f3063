"""Figures of risk: reliability of the probabilities, and forecasts by the delay of the inbound leg."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from dashboard.charts.look import BLUE, GREY, ORANGE, VERMILLION, look

MAKERS = {"model": BLUE, "baseline": ORANGE}
# Panels of the reliability diagram, as parts of its height: shares above, flights below.
SHARES, COUNTS = (0.3, 1.0), (0.0, 0.2)
HEIGHT = 380


def reliability(frame: pd.DataFrame) -> go.Figure:
    """Observed over predicted share of late flights with a 95 % band, and the flights of each bin below.

    ``frame``: rows of ``calibration.reliability``.
    """
    figure = go.Figure()
    figure.add_scatter(
        x=[0, 1], y=[0, 1], mode="lines", name="as promised", hoverinfo="skip",
        line={"color": GREY, "dash": "dash"},
    )  # fmt: skip
    for maker, colour in MAKERS.items():
        part = frame[frame["maker"] == maker]
        if len(part):
            _add_maker(figure, part, maker, colour)
    figure = look(figure, "predicted probability of ≥ 15 min late", "observed", HEIGHT, hovermode="closest")
    figure.update_xaxes(range=[-0.02, 1.02], tickformat=".0%", anchor="y2")
    return figure.update_layout(
        yaxis={"domain": SHARES, "range": [0, 1], "tickformat": ".0%"},
        yaxis2={"domain": COUNTS, "title": {"text": "flights"}, "tickformat": ",", "nticks": 3},
        barmode="group",
    )


def _add_maker(figure: go.Figure, part: pd.DataFrame, maker: str, colour: str) -> None:
    counts = part[["flights", "late", "band_low", "band_high"]].to_numpy()
    figure.add_scatter(
        x=pd.concat([part["predicted"], part["predicted"][::-1]]),
        y=pd.concat([part["band_high"], part["band_low"][::-1]]),
        fill="toself", fillcolor=colour, opacity=0.2, line={"width": 0}, mode="lines",
        name=f"95 % band, {maker}", hoverinfo="skip", showlegend=False,
    )  # fmt: skip
    figure.add_scatter(
        x=part["predicted"], y=part["observed"], customdata=counts, mode="lines+markers", name=maker,
        line={"color": colour}, marker_size=7,
        hovertemplate=(
            "predicted %{x:.1%}, observed %{y:.1%}<br>%{customdata[1]:,} of %{customdata[0]:,} flights"
            "<br>95 % band %{customdata[2]:.1%} to %{customdata[3]:.1%}<extra></extra>"
        ),
    )  # fmt: skip
    figure.add_bar(
        x=part["predicted"], y=part["flights"], yaxis="y2", width=0.03, marker_color=colour,
        showlegend=False, name=maker, hovertemplate="%{y:,} flights<extra></extra>",
    )  # fmt: skip


def later_probability(frame: pd.DataFrame, later_minutes: int) -> go.Figure:
    """Probability of a late arrival by the delay of the inbound leg, with the chosen one marked.

    ``frame``: rows of ``what_if.later_inbound``.
    """
    figure = go.Figure()
    figure.add_scatter(
        x=frame["inbound_delay_minutes"], y=frame["probability_delayed_15"], mode="lines",
        name="≥ 15 min late", line={"color": BLUE}, hovertemplate="%{y:.0%}",
    )  # fmt: skip
    _mark(figure, frame, later_minutes, "probability_delayed_15")
    figure = look(figure, "delay of the inbound leg (min)", "probability of ≥ 15 min late", 260)
    return figure.update_yaxes(range=[0, 1], tickformat=".0%")


def later_delay(frame: pd.DataFrame, later_minutes: int) -> go.Figure:
    """Expected delay and its 90 % interval by the delay of the inbound leg, with the chosen one marked."""
    figure, inbound = go.Figure(), frame["inbound_delay_minutes"]
    figure.add_scatter(
        x=pd.concat([inbound, inbound[::-1]]),
        y=pd.concat([frame["interval_high_minutes"], frame["interval_low_minutes"][::-1]]),
        fill="toself", fillcolor=BLUE, opacity=0.15, line={"width": 0}, mode="lines", name="90 % interval",
        hoverinfo="skip",
    )  # fmt: skip
    figure.add_scatter(
        x=inbound, y=frame["predicted_mean_delay_minutes"], mode="lines", name="expected delay",
        line={"color": BLUE}, hovertemplate="%{y:.0f} min",
    )  # fmt: skip
    _mark(figure, frame, later_minutes, "predicted_mean_delay_minutes")
    return look(figure, "delay of the inbound leg (min)", "arrival delay (min)", 260)


def _mark(figure: go.Figure, frame: pd.DataFrame, later_minutes: int, column: str) -> None:
    chosen = frame[frame["later_minutes"] == later_minutes]
    figure.add_scatter(
        x=chosen["inbound_delay_minutes"], y=chosen[column], mode="markers", name="chosen",
        marker={"color": VERMILLION, "size": 11}, hoverinfo="skip", showlegend=False,
    )  # fmt: skip
