"""Section of the prediction page that compares the stages of a forecast."""

from __future__ import annotations

from dashboard import components as ui
from dashboard import data, data_tables
from flight_assets.queries.filters import Filters
from flight_assets.queries.stages import stages_compared

COLUMNS = ("stage", "model_version", "flights", "mae", "r2", "coverage_90", "interval_width_minutes", "brier")


def section(filters: Filters) -> None:
    """Show the errors of the announced forecast beside those after the departure, over the same flights."""
    if filters.first is None or filters.until is None:
        return
    found = ui.gather(stages=data.model(stages_compared, filters.first, filters.until))
    with ui.section(
        "Stages compared",
        "Forecasts of the announcement beside those made at the departure, over the same arrived flights.",
    ):
        stages = ui.answer(found["stages"])
        if stages.frame.empty:
            ui.empty("No flight of this range that has a forecast has arrived yet.")
        else:
            data_tables.table(stages.frame[list(COLUMNS)], key="prediction_stages")
        ui.stamp(stages, source="fact_flight_events")
