"""Staged rows as events of the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flight_assets.events.model import Event

if TYPE_CHECKING:
    import pyarrow as pa

TIMES = ("timestamp", "ingestion_timestamp", "scheduled_departure", "scheduled_arrival")
PLAIN = (
    *("event_type", "flight_id", "airline", "origin", "destination", "tail_number", "source", "diverted_to"),
    *("departure_delay_minutes", "arrival_delay_minutes", "kafka_partition", "kafka_offset"),
)
# Forecast of the flight; rows without these columns have none.
FORECAST = ("predicted_delay_minutes", "interval_low_minutes", "interval_high_minutes")
COLUMNS = (*TIMES, *PLAIN)


def events_of(table: pa.Table) -> list[Event]:
    """Return one event per row of staged events, with FORECAST if the table has it.

    Events without a plan are left out.
    """
    import pyarrow as pa

    columns = {
        name: table[name].cast(pa.timestamp("us", "UTC")).cast(pa.int64()).to_pylist() for name in TIMES
    }
    columns |= {name: table[name].to_pylist() for name in PLAIN}
    nothing = [None] * table.num_rows
    # The rows below are in the order of TIMES, PLAIN and FORECAST.
    columns |= {name: table[name].to_pylist() if name in table.column_names else nothing for name in FORECAST}
    return [
        Event(
            (at, taken, partition, offset), kind, flight_id, airline, origin, destination,
            departure // 1_000_000, None if arrival is None else arrival // 1_000_000, tail,
            departure_delay, arrival_delay, diverted_to, source, *forecast,
        )
        for (
            at, taken, departure, arrival,
            kind, flight_id, airline, origin, destination, tail, source, diverted_to,
            departure_delay, arrival_delay, partition, offset,
            *forecast,
        ) in zip(*columns.values(), strict=True)
        if departure is not None
    ]  # fmt: skip
