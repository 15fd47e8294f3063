"""Tile with the latency of live processing, for pages 1 and 6."""

from __future__ import annotations

from dashboard import components as ui
from dashboard import texts
from flight_assets.queries.cache import Answer


def live_latency_metric(found: Answer | Exception) -> None:
    """Show the latency of the last minute, or how to start live processing."""
    with ui.cell():
        frame = ui.answer(found).frame
        if frame.empty:
            ui.metric("Live latency", "–", "not running: `flights up --live`")
            return
        row = frame.iloc[0]
        processes = f"{row.processes} process{'' if row.processes == 1 else 'es'}"
        ui.metric(
            "Live latency p95", texts.duration(row.p95_s),
            f"p50 {texts.duration(row.p50_s)}, p99 {texts.duration(row.p99_s)}; {processes}",
            help="From Kafka taking a message until live processing has it in MongoDB, in the last minute. "
            f"Complex events: {row.search}.",
        )  # fmt: skip
