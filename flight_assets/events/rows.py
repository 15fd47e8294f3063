"""Staged rows as events of the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flight_assets.events.model import Event

if TYPE_CHECKING:
    from collections.abc import Mapping

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
    columns |= {name: table[name].to_pylist() if name in table.column_names else nothing for name in FORECAST}
    names = tuple(columns)
    rows = (dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True))
    return [_event(row) for row in rows if row["scheduled_departure"] is not None]


def _event(row: Mapping[str, Any]) -> Event:
    arrival = row["scheduled_arrival"]
    return Event(
        (row["timestamp"], row["ingestion_timestamp"], row["kafka_partition"], row["kafka_offset"]),
        row["event_type"],
        row["flight_id"],
        row["airline"],
        row["origin"],
        row["destination"],
        row["scheduled_departure"] // 1_000_000,
        None if arrival is None else arrival // 1_000_000,
        row["tail_number"],
        row["departure_delay_minutes"],
        row["arrival_delay_minutes"],
        row["diverted_to"],
        row["source"],
        *(row.get(name) for name in FORECAST),
    )
