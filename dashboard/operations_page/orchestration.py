"""Runs, schedules and sensors of Dagster, and DAGs of Airflow."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboard import components as ui
from dashboard import data, data_tables, render_cache
from dashboard.charts import operations as charts
from dashboard.operations_page.common import Answers, query, runs_query, times_column, typed
from flight_assets.queries import dagster, operations

RUN_ICONS = {
    "SUCCESS": "✓ success",
    "FAILURE": "✗ failure",
    "CANCELED": "– canceled",
    "STARTED": "… running",
    "QUEUED": "… queued",
}
SHOWN_RUNS = 30


def orchestration() -> None:
    """Show runs, schedules and sensors of Dagster, and DAGs of a configured Airflow."""
    found = ui.gather(
        runs=runs_query(),
        automation=query("automation", dagster.automation),
        daemons=query("daemons", dagster.daemons),
    )
    left, right = st.columns([3, 2])
    with left:
        _runs(found)
    with right:
        _automation(found)
    if data.clients().settings.airflow_url:
        with ui.section("Airflow", "DAGs of the configured Airflow."):
            answer = ui.answer(ui.gather(dags=query("airflow", operations.airflow_dags))["dags"])
            data_tables.table(
                typed(answer.frame, "last_run_at"),
                key="operations_airflow",
                column_config={"last_run_at": times_column("last run")},
            )
            ui.stamp(answer, source="Airflow")


def _runs(found: Answers) -> None:
    with ui.section("Runs", "The newest runs of every job, by Dagster."):
        answer = ui.answer(found["runs"])
        if answer.frame.empty:
            ui.empty(
                "Dagster has not run anything yet. The schedule does so every minute; `flights process` does"
                " it now."
            )
        else:
            alt = f"Marks: the newest {len(answer.frame)} runs by start, duration and outcome"
            ui.chart(render_cache.figure(charts.runs, answer, ui.time_zone()), "operations_runs", alt)
            shown = answer.frame.head(SHOWN_RUNS)
            frame = shown.assign(
                status=[RUN_ICONS.get(status, status.lower()) for status in shown["status"]], run=shown["url"]
            )
            columns = {
                "started": times_column("started"),
                "seconds": st.column_config.NumberColumn("took (s)", format="%.0f"),
                "run": st.column_config.LinkColumn("run", display_text=r"runs/(.{8})"),
            }
            picked = frame[["status", "job", "started", "seconds", "trigger", "run"]]
            data_tables.table(picked, key="operations_runs_table", height=250, column_config=columns)
        ui.stamp(answer, source="Dagster", note=f"failed since success: {failures(answer.frame)}")


def _automation(found: Answers) -> None:
    with ui.section("Schedules and sensors", "When each last looked, and what it decided."):
        answer = ui.answer(found["automation"])
        columns = {"last_tick": times_column("last tick"), "next_tick": times_column("next")}
        picked = answer.frame[
            ["name", "kind", "when", "status", "last_tick", "last_tick_status", "detail", "next_tick"]
        ]
        data_tables.table(
            picked, key="operations_automation", height=38 + 36 * len(picked), column_config=columns
        )
        ill = ui.answer(found["daemons"]).frame.query("not healthy")["daemon"]
        st.caption(
            f"Daemons without a heartbeat: {', '.join(ill)}"
            if len(ill)
            else "Every Dagster daemon has a current heartbeat."
        )
        ui.stamp(answer, source="Dagster")


def failures(frame: pd.DataFrame) -> str:
    """Return the jobs with failures since their last success, as a text."""
    failed = {job: count for job, count in dagster.failed_since_success(frame).items() if count}
    return ", ".join(f"{job} {count}" for job, count in failed.items()) or "none"
