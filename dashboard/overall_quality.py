"""One score for all data, and the quality of each source: the head of page 5."""

import streamlit as st

from dashboard import components as ui
from dashboard import data, data_tables
from flight_assets.queries import quality, reference
from flight_assets.queries.filters import Filters

SHARES = {
    "mean_quality": "mean quality",
    "low_quality_share": "low quality",
    "without_tail": "no tail number",
    "without_arrival": "no planned arrival",
    "without_weather": "no weather",
}


def show() -> None:
    """Show one score for all data, and the quality of each source."""
    found = ui.gather(
        conservation=data.history(quality.conservation),
        sources=data.history(quality.by_source, Filters()),
    )
    with ui.section(
        "Overall score",
        "100 × accepted × conserved × mean quality: shares of messages not quarantined and of batches "
        "that add up, and the mean quality score of all flights. A source is held against the values that "
        "it declares to deliver.",
    ):
        ledger, sources = (ui.answer(found[name]) for name in ("conservation", "sources"))
        frame = sources.frame
        if frame.empty:
            ui.empty(ui.NOTHING_YET)
            return
        flights = frame["flights"].sum()
        mean_quality = float((frame["mean_quality"] * frame["flights"]).sum() / flights)
        row = ledger.frame.iloc[0]
        low = float((frame["low_quality_share"] * frame["flights"]).sum())
        with st.container(horizontal=True):
            ui.metric("Overall", f"{quality.overall_score(row, mean_quality):.1f}", "of 100")
            ui.metric("Accepted", f"{1 - row.quarantined / max(1, row.raw):.2%}", "of the messages")
            conserved = 1 - row.unaccounted_batches / max(1, row.batches)
            ui.metric("Conserved", f"{conserved:.2%}", "of the batches")
            ui.metric("Mean quality", f"{mean_quality:.3f}", f"{flights:,} flights")
            ui.metric("Low quality", f"{low / flights:.2%}", f"{low:,.0f} flights")
        data_tables.table(
            frame.assign(source=frame["source"].fillna("not named")),
            key="quality_sources",
            column_config={
                name: st.column_config.NumberColumn(label, format="percent") for name, label in SHARES.items()
            },
        )
        ui.stamp(ledger, sources, source="batch_metadata and fact_flight_events")


def unknown_codes() -> None:
    """Show the codes of airlines and airports that nobody knows."""
    found = ui.gather(codes=data.history(reference.unknown_codes_table))
    with ui.section(
        "Unknown codes",
        "Flights of well-formed codes that no airline or airport has are staged and flagged. Add one with "
        "`flights reference add`.",
    ):
        codes = ui.answer(found["codes"])
        if codes.frame.empty:
            ui.empty("Every code is known.")
        else:
            data_tables.table(codes.frame, key="quality_unknown")
        ui.stamp(codes, source="staging_flight_events")
