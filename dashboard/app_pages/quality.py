"""Data Quality & Metadata: missing and rejected data, freshness of tables, conservation of messages."""

from datetime import date, timedelta

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from dashboard import charts, data, data_tables, filter_bar, overall_quality, render_cache, texts
from dashboard import components as ui
from flight_assets.queries import history, quality
from flight_assets.queries.filters import Filters

CHECK_DAYS = 14
SAMPLES = 20
BATCHES = 120

ui.page(
    "Data Quality & Metadata",
    "Missing values, rejected messages with their reasons, freshness of each table, and conservation of"
    " messages.",
)


def ledger() -> None:
    """Show conservation: each message in exactly one counter, in total and per batch."""
    found = ui.gather(
        conservation=data.history(quality.conservation), batches=data.history(quality.batches, BATCHES)
    )
    with ui.section(
        "Every message is accounted for", "Messages landed = staged + duplicate + quarantined, in each batch."
    ):
        whole = ui.answer(found["conservation"])
        row = whole.frame.iloc[0]
        if not row.batches:
            ui.empty("No batch has been finished yet. Run `flights produce`, then `flights process`.")
        else:
            with st.container(horizontal=True):
                ui.metric("Messages", f"{row.raw:,}", f"{row.batches:,} batches")
                ui.metric("Staged", f"{row.staged:,}", f"{row.staged / max(1, row.raw):.1%}")
                ui.metric("Duplicate", f"{row.duplicate:,}", f"{row.duplicate / max(1, row.raw):.1%}")
                ui.metric("Quarantined", f"{row.quarantined:,}", f"{row.quarantined / max(1, row.raw):.1%}")
                is_whole = not row.unaccounted_batches
                ui.metric(
                    "Conservation",
                    "holds" if is_whole else f"{row.unaccounted_batches} broken",
                    "in every batch" if is_whole else "batches",
                )
        ui.stamp(whole, source="batch_metadata")
    with ui.section("Records per batch"):
        batches = ui.answer(found["batches"])
        if batches.frame.empty:
            ui.empty("No batch has been finished yet.")
        else:
            figure = render_cache.figure(
                charts.stacked_batches, batches, ("staged", "duplicate", "quarantined"), "messages"
            )
            ui.chart(
                figure,
                "quality_batches",
                f"Stacked bars: what became of the messages of {len(batches.frame)} batches",
            )
        ui.stamp(batches, source="batch_metadata")


def freshness() -> None:
    """Show the age of the newest row of each table, with a link to its asset."""
    found = ui.gather(tables=data.history(quality.freshness))
    with ui.section(
        "Freshness per table",
        "Age of the newest of the table's own times; replayed flights keep the times of their year.",
    ):
        tables = ui.answer(found["tables"])
        frame = tables.frame
        age = [
            texts.duration((tables.as_of - newest).total_seconds()) if pd.notna(newest) else "empty"
            for newest in frame["newest"]
        ]
        links = [f"{data.clients().settings.dagster_url}/assets/{asset}" for asset in frame["asset"]]
        data_tables.table(
            frame.assign(age=age, asset=links), key="quality_freshness",
            column_config={"asset": st.column_config.LinkColumn("asset in Dagster",
                display_text=r".*/assets/(.*)"),
                           "rows": st.column_config.NumberColumn("rows", format="localized")},
        )  # fmt: skip
        ui.stamp(tables, source="the warehouse")


def rejected() -> None:
    """Show the quarantine by reason, and samples of the chosen reason."""
    found = ui.gather(reasons=data.history(quality.quarantine_by_reason))
    with ui.section(
        "Quarantine by reason", "Messages that the contract rejects; they are kept byte for byte."
    ):
        reasons = ui.answer(found["reasons"])
        if reasons.frame.empty:
            ui.empty("No message has been rejected.")
            ui.stamp(reasons, source="quarantined_events")
            return
        figure = render_cache.figure(charts.counts, reasons, "reason", "messages", "messages")
        ui.chart(
            figure,
            "quality_reasons",
            f"Bars: {reasons.frame['messages'].sum():,} rejected messages by reason",
        )
        reason = st.selectbox(
            "Samples of", reasons.frame["reason"], key="quality_reason", persist_state="session", width=260
        )
        samples = ui.answer(ui.gather(rows=data.history(quality.quarantine_samples, reason, SAMPLES))["rows"])
        data_tables.table(samples.frame, key="quality_samples", height=260)
        ui.stamp(reasons, samples, source="quarantined_events")


def gaps() -> None:
    """Missing values and the quality score, over the last days that have flights."""
    with ui.section_if_failing():
        extent = ui.answer(ui.gather(extent=data.history(history.extent))["extent"]).frame.iloc[0]
        if not extent.flights:
            ui.empty(ui.NOTHING_YET)
            return
        filters = filter_bar.history_filters("quality", extent["first"], extent["last"])
        if filters is None:
            return
        found = ui.gather(
            missing=data.history(quality.missing_values, filters),
            score=data.history(quality.quality_over_time, filters),
        )
        left, right = st.columns(2)
        with (
            left,
            ui.section(
                "Missing values",
                "Share of flights without an optional field; delays count once the flight has departed or"
                " arrived.",
            ),
        ):
            missing = ui.answer(found["missing"])
            ui.chart(
                render_cache.figure(most_missing, missing),
                "quality_missing",
                "Bars: share of missing values by field",
            )
            ui.stamp(missing, source="fact_flight_events")
        with (
            right,
            ui.section(
                "Quality score by day",
                "Completeness × validity of the optional fields, 0 to 1; mean of the flights of a day.",
            ),
        ):
            score = ui.answer(found["score"])
            if score.frame.empty:
                ui.empty("No flight matches these filters. Widen them.")
            else:
                ui.chart(
                    render_cache.figure(score_by_day, score),
                    "quality_score",
                    "Line: mean quality score by day",
                )
            ui.stamp(score, source="flights_daily")


def most_missing(frame: pd.DataFrame) -> go.Figure:
    """Return the fields that are missing most."""
    return charts.shares(frame.head(15), "field", "missing_share", "share missing")


def score_by_day(frame: pd.DataFrame) -> go.Figure:
    """Return the quality score by day, on its whole scale."""
    figure = charts.lines(
        frame,
        "flight_date",
        {"mean_quality": "mean quality"},
        "flight date",
        "quality score (0–1)",
        height=356,
    )
    return figure.update_yaxes(range=[0, 1.02])


def checked_since() -> date:
    """Return the first day whose checks are shown."""
    return ui.now().date() - timedelta(days=CHECK_DAYS)


def checks() -> None:
    """Show the results of the asset checks over the last days."""
    since = checked_since()
    found = ui.gather(checks=data.history(quality.check_trend, since))
    with ui.section(
        "Checks", f"Share of evaluations that failed, by check and day, of the last {CHECK_DAYS} days."
    ):
        trend = ui.answer(found["checks"])
        if trend.frame.empty:
            ui.empty("No check has been recorded in these days; each batch records its checks.")
        else:
            ui.chart(
                render_cache.figure(
                    charts.check_heatmap,
                    trend,
                    [since + timedelta(days=day) for day in range(CHECK_DAYS + 1)],
                ),
                "quality_checks",
                "Heatmap: share of failed evaluations by check and day",
            )
            newest = trend.frame.sort_values("day").groupby("check_name", as_index=False).last()
            data_tables.table(
                newest[
                    ["check_name", "asset", "severity", "day", "evaluations", "failures", "value", "detail"]
                ],
                key="quality_check_rows",
            )
        ui.stamp(trend, source="check_results")


def archives() -> None:
    """Show the archives: flights moved from MongoDB to HDFS."""
    found = ui.gather(archives=data.history(quality.archives))
    with ui.section("Archives of MongoDB", "Documents moved to HDFS when MongoDB grows above its threshold."):
        rows = ui.answer(found["archives"])
        if rows.frame.empty:
            ui.empty("Nothing has been archived: MongoDB has stayed below its threshold.")
        else:
            data_tables.table(
                rows.frame,
                key="quality_archives",
                column_config={"file_size_mb": st.column_config.NumberColumn("size (MB)", format="%.2f")},
            )
        ui.stamp(rows, source="archive_metadata")


def schema() -> None:
    """Show the message contract and its versions."""
    found = ui.gather(contract=data.history(quality.contract))
    with ui.section("Schema of the messages", "Each version of the message contract, field by field."):
        contract = ui.answer(found["contract"])
        if contract.frame.empty:
            ui.empty("The contract has not been written yet. Run `flights up`.")
        else:
            versions = sorted(contract.frame["schema_version"].unique(), reverse=True)
            version = st.segmented_control(
                "Version",
                versions,
                default=versions[0],
                key="quality_version",
                persist_state="session",
                format_func=lambda number: f"version {number}",
            )
            shown = contract.frame[contract.frame["schema_version"] == (version or versions[0])].drop(
                columns="schema_version"
            )
            data_tables.table(shown, key="quality_schema", height=320)
        ui.stamp(contract, source="schema_metadata")


data.prefetch(
    data.history(quality.conservation), data.history(quality.batches, BATCHES),
    data.history(quality.quarantine_by_reason),
    data.history(history.extent), data.history(quality.freshness), data.history(quality.archives),
    data.history(quality.check_trend, checked_since()), data.history(quality.contract),
    data.history(quality.by_source, Filters()),
)  # fmt: skip
ui.live(overall_quality.show, "quality_overall")
ui.live(ledger, "quality_ledger")
left, right = st.columns(2)
with left:
    ui.live(rejected, "quality_rejected")
with right:
    ui.live(freshness, "quality_fresh")
    ui.live(overall_quality.unknown_codes, "quality_unknown_codes")
    ui.live(archives, "quality_archived")
ui.live(gaps, "quality_gaps")
ui.live(checks, "quality_checked")
ui.live(schema, "quality_schema_part")
