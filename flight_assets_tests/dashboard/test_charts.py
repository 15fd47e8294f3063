"""Figures from frames: what they show, that one look holds for all, and that an empty frame draws an empty
figure.
"""

from __future__ import annotations

import tomllib
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from dashboard import charts
from dashboard.charts import look, prediction
from flight_assets.contracts import dimensions
from flight_assets.queries import history, live
from flight_assets.queries.trends import trend
from flight_assets_tests.dashboard.conftest import APP_DIR

ZONE = ZoneInfo("America/New_York")
MINUTES = pd.date_range("2026-06-01T12:00Z", periods=3, freq="min")


def measures(count: int = 3) -> pd.DataFrame:
    return pd.DataFrame({name: np.linspace(1, 2, count) for name in history.MEASURES}).assign(mean_delay=5.0)


def figures(empty: bool) -> dict:
    """Every builder, by name, on a small frame or on the same without rows."""
    few = measures()
    frames = {
        "messages_over_time": lambda f: charts.messages_over_time(f, ZONE),
        "latency_over_batches": lambda f: charts.latency_over_batches(f, ZONE),
        "delay_map": lambda f: charts.delay_map(f, dimensions.airports()),
        "bars": lambda f: charts.bars(f, "airline", "flights", "flights"),
        "ranking": lambda f: charts.ranking(f, "airline", "flights", "flights"),
        "week_heatmap": lambda f: charts.week_heatmap(f, "flights", "flights"),
        "periods_compared": lambda f: charts.periods_compared(f, f, "flights", "flights"),
        "distributions": charts.distributions,
        "predicted_against_actual": charts.predicted_against_actual,
        "lines": lambda f: charts.lines(f, "begin", {"flights": "flights"}, "day", "flights"),
        "coverage": lambda f: charts.coverage(f, "begin", "late_share", 0.9, "day"),
        "contributions": charts.contributions,
        "stacked_batches": lambda f: charts.stacked_batches(f, ("staged", "duplicate"), "messages"),
        "shares": lambda f: charts.shares(f, "airline", "late_share", "share"),
        "counts": lambda f: charts.counts(f, "airline", "messages", "messages"),
        "check_heatmap": charts.check_heatmap,
    }
    frame = few.assign(
        minute=MINUTES, messages=[1, 2, 3], seconds=60.0, finished=MINUTES, batch_id=[0, 1, 2], p50_s=1.0,
        p95_s=2.0,
        airline=["UA", "AA", "DL"],
        route=["EWR-IAH", "JFK-LAX", "XXX-YYY"], weekday=[1, 2, 7], hour=[6, 7, 23], begin=MINUTES,
        minutes=[-5, 0, 5], predicted=1, actual=2,
        predicted_delay_minutes=1.0, actual_delay_minutes=[0.0, 50.0, 3.0], interval_low_minutes=-5.0,
        interval_high_minutes=9.0,
        flight_id="f",
        feature=["a", "b", "c"], value=[1.0, 2.0, np.nan], contribution_minutes=[-3.0, 2.0, 0.5], staged=1,
        duplicate=2,
        check_name="c", day=date(2026, 6, 1), failures=[0, 1, 0], evaluations=2,
    )  # fmt: skip
    return {name: build(frame.iloc[:0] if empty else frame) for name, build in frames.items()}


@pytest.mark.parametrize("empty", [False, True], ids=["full", "empty"])
def test_every_figure_keeps_zoom_and_names_its_axes(empty):
    for name, figure in figures(empty).items():
        assert figure.layout.uirevision == "kept", name
        assert figure.layout.template.layout.plot_bgcolor == "rgba(0,0,0,0)", name
        if name != "delay_map":
            assert figure.layout.xaxis.title.text or figure.layout.yaxis.title.text, name


def test_messages_are_bars_with_local_time_on_hover():
    bars = figures(False)["messages_over_time"].data[0]
    assert list(bars.y) == [1, 2, 3]
    assert bars.customdata[0] == "01 Jun 08:00 EDT"


def test_local_time_shows_under_the_hovered_value_of_one_trace():
    frame = measures().assign(begin=MINUTES)
    figure = charts.lines(
        frame, "begin", {"flights": "flights", "arrived": "arrived"}, "time (UTC)", "flights"
    )
    first, second = charts.local_on_hover(figure, "flights", frame["begin"], ZONE).data
    assert first.customdata[0] == "01 Jun 08:00 EDT"
    assert first.hovertemplate.endswith("<br>%{customdata}")
    assert "customdata" not in second.hovertemplate


def test_the_map_leaves_out_what_is_not_on_it_and_weights_airports_by_flights():
    routes = pd.DataFrame(
        {"route": ["EWR-IAH", "EWR-LAX", "EWR-XXX"], "flights": [1, 3, 9], "mean_delay": [10.0, -2.0, 99.0]}
    )
    figure = charts.delay_map(routes, dimensions.airports())
    dots = figure.data[-1]
    shown = {row[0]: (row[2], row[3]) for row in dots.customdata}
    assert shown == {"EWR": (4, 1.0), "IAH": (1, 10.0), "LAX": (3, -2.0)}
    assert (dots.marker.cmin, dots.marker.cmax) == (-30, 30)


def drawn_map(*routes: str) -> Any:
    frame = pd.DataFrame({"route": list(routes), "flights": 1, "mean_delay": 3.0})
    return charts.delay_map(frame, dimensions.airports())


@pytest.mark.parametrize(
    ("routes", "west", "east"),
    [
        (["EWR-IAH", "JFK-LAX"], -125, -70),
        (["EWR-IAH", "JFK-HNL", "JFK-SJU"], -165, -60),
        (["GRU-MAO"], -66, -40),
        (["HNL-GUM"], 138, 210),
        (["LHR-CDG"], -8, 11),
    ],
    ids=["states", "with Hawaii and Puerto Rico", "Brazil", "across the date line", "a short route"],
)
def test_the_map_fits_the_data(routes, west, east):
    figure = drawn_map(*routes)
    shown = {row[0] for row in figure.data[-1].customdata}
    assert shown == {code for route in routes for code in route.split("-")}
    low, high = figure.layout.geo.lonaxis.range
    assert (low, high) == pytest.approx((west, east), abs=4)
    assert figure.layout.geo.projection.rotation.lon == pytest.approx((low + high) / 2)
    places = dimensions.airports().set_index("code").loc[list(shown)]
    south, north = figure.layout.geo.lataxis.range
    assert south < places["latitude"].min() < places["latitude"].max() < north


def test_routes_all_over_the_world_show_all_of_it():
    geo = drawn_map("LHR-SYD", "JFK-NRT", "GRU-JNB").layout.geo
    assert (geo.projection.type, geo.lonaxis.range) == ("natural earth", None)
    assert geo.scope is None, "the outlines are those of the world"


def test_flights_outside_their_interval_have_another_mark():
    inside, outside, _ = figures(False)["predicted_against_actual"].data
    assert (len(inside.x), len(outside.x)) == (2, 1)
    assert inside.marker.symbol != outside.marker.symbol


def test_anomalies_are_marked_where_the_trend_says_so():
    values = pd.Series([1.0, 2.0, 1.0, 2.0, 1.0, 2.0, 40.0, 1.0, 2.0, 1.0])
    figure = charts.series_with_bands(values.index.to_series(), values, trend(values), values, "min", "time")
    marked = next(trace for trace in figure.data if trace.name == "anomaly")
    assert list(marked.y) == [40.0]


def test_contributions_show_the_strongest_on_top():
    bars = figures(False)["contributions"].data[0]
    assert list(bars.y)[-1] == "a<br>= 1"


def test_the_theme_file_and_the_figures_have_the_same_colours():
    theme = tomllib.loads((APP_DIR / ".streamlit/config.toml").read_text())["theme"]
    assert tuple(theme["chartCategoricalColors"]) == look.PALETTE


def test_map_outlines_are_served_by_the_dashboard_itself():
    assert (APP_DIR / "static/topojson/world_110m.json").exists()
    assert live.MEASURES[0] == "flights"


def test_the_coverage_of_airlines_leaves_out_days_of_few_flights_and_is_white_at_the_promise():
    frame = pd.DataFrame(
        {
            "airline": ["AA", "AA", "UA"],
            "day": [date(2026, 6, 1), date(2026, 6, 2), date(2026, 6, 1)],
            "flights": [50, 3, 80],
            "coverage_90": [0.91, 0.2, 0.84],
        }
    )
    heat = prediction.coverage_heatmap(frame).data[0]
    assert (list(heat.y), list(heat.x)) == (["AA", "UA"], ["01 Jun"])
    assert np.asarray(heat.z).tolist() == [[0.91], [0.84]]
    assert heat.zmid == prediction.PROMISED_COVERAGE
