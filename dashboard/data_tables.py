"""Tables: labels, units and number formats by the names of columns."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from dashboard import exports

# How columns read in tables: label and format, by name.
_COLUMNS: dict[str, Any] = {
    "timestamp": st.column_config.DatetimeColumn(
        "event time (UTC)", format="YYYY-MM-DD HH:mm", timezone="UTC"
    ),
    "scheduled_departure": st.column_config.DatetimeColumn(
        "scheduled (UTC)", format="YYYY-MM-DD HH:mm", timezone="UTC"
    ),
    "ingestion_timestamp": st.column_config.DatetimeColumn(
        "ingested (UTC)", format="YYYY-MM-DD HH:mm:ss", timezone="UTC"
    ),
    "flight_id": "flight",
    "flight_date": st.column_config.DateColumn("date", format="YYYY-MM-DD"),
    "event_type": "state",
    "departure_delay_minutes": st.column_config.NumberColumn("dep. delay (min)", format="%.0f"),
    "arrival_delay_minutes": st.column_config.NumberColumn("arr. delay (min)", format="%.0f"),
    "actual_delay_minutes": st.column_config.NumberColumn("actual (min)", format="%.0f"),
    "predicted_delay_minutes": st.column_config.NumberColumn("predicted (min)", format="%.1f"),
    "interval_low_minutes": st.column_config.NumberColumn("from (min)", format="%.0f"),
    "interval_high_minutes": st.column_config.NumberColumn("to (min)", format="%.0f"),
    "error_minutes": st.column_config.NumberColumn("error (min)", format="%.1f"),
    "confidence": st.column_config.NumberColumn("confidence", format="%.2f"),
    "quality_score": st.column_config.NumberColumn("quality", format="%.2f"),
    "mean_departure_delay": st.column_config.NumberColumn("mean dep. delay (min)", format="%.1f"),
    "mean_arrival_delay": st.column_config.NumberColumn("mean arr. delay (min)", format="%.1f"),
    "sd_arrival_delay": st.column_config.NumberColumn("sd arr. delay (min)", format="%.1f"),
    "late_share": st.column_config.NumberColumn("late ≥ 15 min", format="percent"),
    "cancelled_share": st.column_config.NumberColumn("cancelled", format="percent"),
    "missing_share": st.column_config.NumberColumn("missing", format="percent"),
    "mean_quality": st.column_config.NumberColumn("quality", format="%.3f"),
    "first": st.column_config.DatetimeColumn("first (UTC)", format="YYYY-MM-DD HH:mm", timezone="UTC"),
    "last": st.column_config.DatetimeColumn("last (UTC)", format="YYYY-MM-DD HH:mm", timezone="UTC"),
    "newest": st.column_config.DatetimeColumn("newest (UTC)", format="YYYY-MM-DD HH:mm:ss", timezone="UTC"),
    "begin": st.column_config.DatetimeColumn("begin (local)", format="YYYY-MM-DD HH:mm"),
}


def _plain_column(values: pd.Series) -> Any:  # noqa: ANN401 - a label or a column's configuration
    label = str(values.name).replace("_", " ")
    return st.column_config.NumberColumn(label, format="localized") if values.dtype.kind in "iu" else label


def table(frame: pd.DataFrame, key: str, **options: Any) -> Any:  # noqa: ANN401 - Streamlit's selection state
    """Show a frame with labels, units and number formats by the names of its columns.

    A viewer can download what is shown as CSV, so no cell of it can run as a formula.
    """
    labels = {name: _COLUMNS.get(name) or _plain_column(frame[name]) for name in frame.columns} | options.pop(
        "column_config", {}
    )
    return st.dataframe(
        exports.without_formulas(frame),
        key=key,
        hide_index=True,
        column_config=labels,
        placeholder="–",
        **options,
    )
