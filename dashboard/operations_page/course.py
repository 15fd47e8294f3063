"""State and memory of each service, and the disks, over the last day."""

from __future__ import annotations

from collections.abc import Callable

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
        _shown(
            found,
            "up",
            lambda answer: render_cache.figure(charts.states, answer, ui.time_zone()),
            "Cells: whether each of {names} services worked, over a day",
        )
    left, right = st.columns(2)
    with left, ui.section("Memory over a day", "The most of each five minutes, of the largest services."):
        _shown(
            found,
            "memory_bytes",
            lambda answer: render_cache.figure(charts.memory, answer, ui.time_zone()),
            "Lines: memory of {names} services over a day",
        )
    with right, ui.section("Disks over a day", "Full share of each disk that has data."):
        limit = data.clients().settings.alert_disk_used_ratio
        _shown(
            found,
            "disk_used_ratio",
            lambda answer: render_cache.figure(charts.disks, answer, ui.time_zone(), limit),
            "Lines: full share of {names} disks, a day",
        )


def _shown(
    found: Answer | Exception, kind: str, rendered: Callable[[Answer], render_cache.RenderedFigure], alt: str
) -> None:
    answer = ui.answer(found)
    names = answer.frame.loc[answer.frame["kind"] == kind, "name"].nunique()
    if names:
        ui.chart(rendered(answer), f"operations_course_{kind}", alt.format(names=names))
    else:
        ui.empty("Nothing has been kept yet. The sensor “watch” keeps a point every five minutes.")
    ui.stamp(answer, source="MongoDB, kept by the sensor “watch”")
