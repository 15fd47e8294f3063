"""Batches, landing, topic lag, Spark jobs and archives."""

from __future__ import annotations

import streamlit as st

from dashboard import components as ui
from dashboard import data_tables, render_cache
from dashboard.charts import operations as charts
from dashboard.operations_page.common import Answers, batches_query, lag_query, one_row, query, times_column
from flight_assets.queries import operations


def work() -> None:
    """Show batches, landing, topic lag and Spark jobs."""
    found = ui.gather(
        batches=batches_query(),
        steps=query("steps", operations.step_progress),
        streaming=query(
            "streaming",
            one_row(lambda settings: {name: float(v) for name, v in operations.streaming(settings).items()}),
        ),
        lag=lag_query(),
        jobs=query("jobs", operations.spark_jobs),
    )
    _batches_and_landing(found)
    _lag_and_jobs(found)


def _batches_and_landing(found: Answers) -> None:
    left, right = st.columns(2)
    with left, ui.section("Batches", "How long each step of the newest batches took."):
        answer = ui.answer(found["batches"])
        if answer.frame.empty:
            ui.empty("No batch has been finished yet. Run `flights produce`, then `flights process`.")
        else:
            alt = f"Stacked bars: seconds per step of the newest {len(answer.frame)} batches"
            ui.chart(render_cache.figure(charts.step_durations, answer), "operations_steps", alt)
        waiting = ui.answer(found["steps"]).frame.query("pending > 0")
        sentences = [f"{row.pending} for {row.step}" for row in waiting.itertuples()]
        st.caption(
            f"Batches that wait: {', '.join(sentences)}" if sentences else "No batch waits for a step."
        )
        ui.stamp(answer, source="the batches' records on HDFS")
    with right, ui.section("Landing", "Kafka to HDFS, from the plans of batches and their records."):
        answer = ui.answer(found["batches"])
        if not answer.frame.empty:
            alt = f"Bars: messages a second of the newest {len(answer.frame)} batches"
            ui.chart(render_cache.figure(charts.landing_rate, answer), "operations_landing", alt)
        progress = ui.answer(found["streaming"]).frame.iloc[0]
        state = "is writing" if progress["planned"] > progress["committed"] else "has written"
        st.caption(f"Landing {state} batch {progress['planned']:.0f}; "
                   f"committed up to {progress['committed']:.0f}."
                   if progress["planned"] >= 0 else "Nothing has landed yet.")  # fmt: skip
        ui.stamp(answer, source="HDFS")


def _lag_and_jobs(found: Answers) -> None:
    left, right = st.columns([2, 3])
    with left, ui.section("Topic lag", "Messages per partition: taken by a batch, and waiting."):
        answer = ui.answer(found["lag"])
        if answer.frame["end_offset"].sum() == 0:
            ui.empty("The topic is empty. Send some messages with `flights produce`.")
        else:
            alt = f"Bars: messages taken and waiting per partition, {int(answer.frame['lag'].sum())} waiting"
            ui.chart(render_cache.figure(charts.lag, answer), "operations_lag", alt)
        ui.stamp(answer, source="Kafka and the ledger")
    with right, ui.section("Spark jobs", "The newest jobs of the one application."):
        answer = ui.answer(found["jobs"])
        if answer.frame.empty:
            ui.empty("Spark has not run a job yet.")
        else:
            columns = {
                "submitted": times_column("submitted"),
                "seconds": st.column_config.NumberColumn("took (s)", format="%.1f"),
            }
            shown = answer.frame[
                ["job_id", "status", "submitted", "seconds", "tasks", "failed_tasks", "name"]
            ]
            data_tables.table(shown, key="operations_jobs", height=260, column_config=columns)
        ui.stamp(answer, source="Spark's REST interface")


def archives() -> None:
    """Show the running archive and the past ones."""
    with ui.section("Archives", "From the hot store to HDFS; newest first."):
        found = ui.gather(
            archives=query("archives", operations.archives),
            state=query("archive_state", operations.archive_state),
        )
        state = ui.answer(found["state"]).frame.iloc[0]
        states = [
            f"{name}: {state[name]}" for name in ("paused", "running", "unfinished", "next") if state[name]
        ]
        st.caption(" · ".join(states))
        answer = ui.answer(found["archives"])
        if answer.frame.empty:
            ui.empty("Nothing has been archived yet: MongoDB has not reached the threshold.")
        else:
            alt = f"Marks: {len(answer.frame)} archives by begin and documents"
            ui.chart(
                render_cache.figure(charts.archives, answer, ui.time_zone()),
                "operations_archive_timeline",
                alt,
            )
            columns = {"timestamp": times_column("begun")}
            data_tables.table(answer.frame, key="operations_archives", height=200, column_config=columns)
        ui.stamp(answer, source="the archives' records")
