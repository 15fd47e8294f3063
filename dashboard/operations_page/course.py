"""State and memory of each service, and the disks, over the last day."""

from __future__ import annotations

from collections.abc import Callable

import plotly.graph_objects as go
import streamlit as st

from dashboard import components as ui
from dashboard import data, render_cache
from dashboard.charts import course as charts
from dashboard.operations_page.common import query
from flight_assets.monitoring import course as kept
from flight_assets.queries.cache import Answer

STATES = "A cell is five minutes. It is red if the service did not work at some moment of them."


def course() -> None:
    """Show the last day of services and disks."""
    found = ui.gather(course=query("course", kept.course))["course"]
    with ui.section("Services over a day", STATES):
        _figure(found, "up", charts.states, "Cells: whether each of {names} services worked, over a day")
    left, right = st.columns(2)
    with left, ui.section("Memory over a day", "The most of each five minutes, of the largest services."):
        _figure(found, "memory_bytes", charts.memory, "Lines: memory of {names} services over a day")
    with right, ui.section("Disks over a day", "Full share of each disk that has data."):
        limit = data.clients().settings.alert_disk_used_ratio
        _figure(found, "disk_used_ratio", charts.disks, "Lines: full share of {names} disks, a day", limit)


def _figure(
    found: Answer | Exception, kind: str, draw: Callable[..., go.Figure], alt: str, *more: float
) -> None:
    answer = ui.answer(found)
    names = answer.frame.loc[answer.frame["kind"] == kind, "name"].nunique()
    if names:
        figure = render_cache.figure(draw, answer, ui.time_zone(), *more)
        ui.chart(figure, f"operations_course_{kind}", alt.format(names=names))
    else:
        ui.empty("Nothing has been kept yet. The sensor `watch` keeps a point every five minutes.")
    ui.stamp(answer, source="MongoDB, kept by the sensor `watch`")
