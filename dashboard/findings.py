"""Parts of pages about complex events: situation, timeline, an aircraft's chain, forecast anomalies."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from dashboard import components as ui
from dashboard import data, data_tables, render_cache
from dashboard.charts import findings as figures
from flight_assets.queries import events

SHOWN = 200
TIMELINE_HOURS = (24, 72, 168)
NOTHING_OPEN = "Nothing is open: no pattern holds in the events so far."
CHAIN, FORECASTS = "reactionary_chain", "forecast_anomaly"
MOMENT = "YYYY-MM-DD HH:mm"


def situation() -> None:
    """Show the open findings by severity, one row per situation, and the findings of a chosen one."""
    found = ui.gather(open=data.live(events.open_findings))
    with ui.section(
        "Situation", "Open complex events. An airport with its waiting flights is one situation."
    ):
        answer = ui.answer(found["open"])
        if answer.frame.empty:
            ui.empty(NOTHING_OPEN)
        else:
            counts = answer.frame["severity"].value_counts()
            with st.container(horizontal=True):
                for severity in figures.SEVERITY_COLOURS:
                    ui.metric(severity.capitalize(), f"{counts.get(severity, 0):,}", "open findings")
            grouped = events.situations_of(answer.frame)
            data_tables.table(
                grouped.head(SHOWN).assign(pattern=grouped["pattern"].str.replace("_", " ")),
                key="overview_situations", height=220,
                column_config={"since": _moment("since")},
            )  # fmt: skip
            chosen = st.selectbox(
                "Flights of", grouped["group"], key="overview_situation", persist_state="session", width=260
            )
            members = answer.frame[answer.frame["group"] == chosen].head(SHOWN)
            data_tables.table(
                members[["finding_id", "severity", "explanation", "flight_ids"]],
                key="overview_findings", height=180,
            )  # fmt: skip
        ui.stamp(answer, source="MongoDB", note="flights events explain ID tells more")


def timeline() -> None:
    """Show the findings over event time, and the legs of an aircraft with a chain."""
    found = _over_time()
    if found is not None and (found["pattern"] == CHAIN).any():
        _chain(found[found["pattern"] == CHAIN])


def _over_time() -> pd.DataFrame | None:
    """Show the findings over event time. Returns them; None if they could not be read."""
    found: list[pd.DataFrame] = []
    with ui.section(
        "Complex events", "Each bar is a finding from its start until it was cleared, the most severe on top."
    ):
        hours = (
            st.segmented_control(
                "Newest", TIMELINE_HOURS, default=TIMELINE_HOURS[0], key="streaming_findings_hours",
                persist_state="session", format_func=lambda number: f"{number} hours",
            )
            or TIMELINE_HOURS[0]
        )  # fmt: skip
        answer = ui.answer(ui.gather(rows=data.recent(events.timeline, hours))["rows"])
        if answer.frame.empty:
            ui.empty("No complex event has been found yet.")
        else:
            ui.chart(
                render_cache.figure(figures.findings_over_time, answer),
                "streaming_findings",
                f"Bars: {len(answer.frame)} findings by pattern over event time",
            )
        ui.stamp(answer, source="complex_events")
        found.append(answer.frame)
    return found[0] if found else None


def _chain(chains: pd.DataFrame) -> None:
    with ui.section("Chain of an aircraft", "Planned and actual legs; a late leg makes the next one late."):
        ids = dict(zip(chains["key"], chains["flight_ids"], strict=True))
        tail = st.selectbox("Aircraft", list(ids), key="streaming_chain", persist_state="session", width=200)
        legs = ui.answer(ui.gather(legs=data.live(events.legs_of, sorted(ids[tail])))["legs"])
        if legs.frame.empty:
            ui.empty("MongoDB holds no flight of this chain any more.")
        else:
            ui.chart(
                render_cache.figure(figures.legs, legs),
                "streaming_chain_legs",
                f"Bars: {len(legs.frame)} legs of {tail}",
            )
        explanations = dict(zip(chains["key"], chains["explanation"], strict=True))
        ui.stamp(legs, source="MongoDB", note=explanations[tail])


def forecast_anomalies() -> None:
    """Show the airlines and airports whose arrivals lay outside their forecast intervals too often."""
    with ui.section(
        "Forecast anomalies found in the stream",
        "Airlines and airports with far more arrivals outside the 90 % interval than it allows.",
    ):
        answer = ui.answer(
            ui.gather(rows=data.recent(events.timeline, TIMELINE_HOURS[-1], FORECASTS))["rows"]
        )
        if answer.frame.empty:
            ui.empty("No airline or airport stood out.")
        else:
            times = {name: _moment(name) for name in ("started", "cleared")}
            data_tables.table(
                answer.frame[["key", "started", "cleared", "explanation"]],
                key="prediction_anomalies", height=220,
                column_config=times,
            )  # fmt: skip
        ui.stamp(answer, source="complex_events")


def _moment(name: str) -> Any:  # noqa: ANN401 - a column's configuration
    return st.column_config.DatetimeColumn(f"{name} (UTC)", format=MOMENT, timezone="UTC")
