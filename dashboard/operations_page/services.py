"""Services, and how full each store and the machine are."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from dashboard import components as ui
from dashboard import data, data_tables, render_cache, texts
from dashboard.charts import operations as charts
from dashboard.operations_page.common import Answers, of, one_row, query, redis_query, services_query, stamped
from flight_assets.queries import operations
from flight_assets.queries.cache import Answer

GB = 1e9


def services() -> None:
    """Show every service, and how full each store is."""
    found = ui.gather(
        services=services_query(),
        machine=query("machine", one_row(operations.machine)),
        disks=query("disks", operations.disks),
        hdfs=query("hdfs", one_row(operations.hdfs_capacity)),
        mongodb=query("mongodb", one_row(operations.mongodb_size)),
        redis=redis_query(),
        spark=query("spark", one_row(operations.spark_memory)),
    )
    left, right = st.columns([3, 2])
    with (
        left,
        ui.section(
            "Services",
            "A service works if its own check passed. Containers report theirs every half minute.",
        ),
    ):
        answer = ui.answer(found["services"])
        frame = answer.frame.assign(
            works=["✓ works" if works else "✗ does not" for works in answer.frame["works"]]
        )
        shown = frame[["service", "works", "state", "rss_mb", "uptime_s", "version", "port", "problem"]]
        columns = {
            "rss_mb": st.column_config.ProgressColumn(
                "memory", format="%d MB", max_value=2_000, color="blue"
            ),
            "uptime_s": "up for",
            "port": st.column_config.NumberColumn("port", format="%d"),
        }
        data_tables.table(
            shown.assign(uptime_s=[texts.duration(s) for s in shown["uptime_s"]]),
            key="operations_services",
            height=450,
            column_config=columns,
        )
        ui.stamp(
            answer, source="each service", note=f"{frame['rss_mb'].sum() / 1000:,.1f} GB resident in all"
        )
    with right:
        _how_full(found)


def _how_full(found: Answers) -> None:
    with ui.section("How full", "Used share of each; the mark is the limit of an alert."):
        rows, missing = fullness(found)
        if rows:
            figure = render_cache.figure(capacity, rows)
            ui.chart(
                figure, "operations_capacity", f"Bars: used share of {', '.join(row[0] for row in rows)}"
            )
        for name in missing:
            st.caption(f"{name}: not known, it does not answer")
        extra = of(found["hdfs"], lambda frame: frame.iloc[0])
        if extra is not None:
            st.caption(
                f"HDFS: {extra['used_bytes'] / 1e6:,.1f} MB ours; {extra['live_datanodes']:.0f} DataNodes"
                f" live, {extra['dead_datanodes']:.0f} dead; {extra['files']:,.0f} files;"
                f" {extra['missing_blocks']:.0f} blocks missing, {extra['under_replicated_blocks']:.0f} with"
                " too few copies"
            )
        stamped(found, "NameNode JMX, dbStats, INFO, Spark, the machine, its disks")


def capacity(rows: list[tuple[str, float, str, float | None]]) -> go.Figure:
    """Return the bars of ``fullness``."""
    frame = pd.DataFrame(rows, columns=["name", "ratio", "text", "limit_ratio"]).astype(
        {"limit_ratio": float}
    )
    return charts.capacity(frame)


def fullness(
    found: dict[str, Answer | Exception],
) -> tuple[list[tuple[str, float, str, float | None]], list[str]]:
    """Return name, used share, text and alert limit of each store, and the names of silent stores."""
    limits = data.clients().settings
    rows: list[tuple[str, float, str, float | None]] = []
    row = of(found["machine"], lambda frame: frame.iloc[0])
    if row is not None:
        rows += [
            ("CPU", row["cpu_used_ratio"], f"{row['cpu_used_ratio']:.0%} of {row['cpu_count']:.0f} cores",
                None),
            ("Memory", row["memory_used_ratio"], amount(row["memory_used_bytes"], row["memory_total_bytes"]),
                None),
        ]  # fmt: skip
    rows += of(found["disks"], disk_rows) or []
    row = of(found["hdfs"], lambda frame: frame.iloc[0])
    if row is not None:
        rows.append(("HDFS", row["used_ratio"], f"{row['remaining_bytes'] / GB:,.0f} GB free", None))
    row = of(found["mongodb"], lambda frame: frame.iloc[0])
    if row is not None:
        used = row["data_bytes"] + row["index_bytes"]
        rows.append(
            (
                "MongoDB",
                row["threshold_used_ratio"],
                amount(used, row["threshold_bytes"]),
                limits.alert_archive_used_ratio,
            )
        )
    row = of(found["redis"], lambda frame: frame.iloc[0])
    if row is not None and row["memory_limit_bytes"]:
        rows.append(
            (
                "Redis",
                row["memory_bytes"] / row["memory_limit_bytes"],
                amount(row["memory_bytes"], row["memory_limit_bytes"]),
                None,
            )
        )
    row = of(found["spark"], lambda frame: frame.iloc[0])
    if row is not None and row["memory_limit_bytes"]:
        text = amount(row["memory_used_bytes"], row["memory_limit_bytes"])
        rows.append(("Spark storage", row["memory_used_bytes"] / row["memory_limit_bytes"], text, None))
    names = {"disks": "Disks", "hdfs": "HDFS", "mongodb": "MongoDB", "redis": "Redis", "spark": "Spark"}
    return rows, [name for key, name in names.items() if isinstance(found[key], Exception)]


def disk_rows(frame: pd.DataFrame) -> list[tuple[str, float, str, float | None]]:
    """Return the rows of ``fullness`` for the disks."""
    limit = data.clients().settings.alert_disk_used_ratio
    return [
        (
            f"Disk of {row.disk}",
            row.used_ratio,
            amount(row.total_bytes - row.free_bytes, row.total_bytes),
            limit,
        )
        for row in frame.itertuples()
    ]


def amount(used: float, total: float) -> str:
    """Return an amount such as ``1.2 of 3.4 GB``, in MB below a gigabyte."""
    unit, size = ("GB", GB) if total >= GB else ("MB", 1e6)
    return f"{used / size:,.1f} of {total / size:,.0f} {unit}"
