"""A day with 250,000 events in one batch: every flight is staged, predicted and stored once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from flight_assets.contracts.tables import PREDICTIONS
from flight_assets.producer.events import Message
from flight_assets.provenance import Ledger
from flight_assets.stores.hdfs import Hdfs
from flight_assets_tests.factories import message, z

pytestmark = [pytest.mark.integration, pytest.mark.leaves_much]

EVENTS = 250_000
AIRLINES = ("UA", "AA", "DL", "B6", "WN", "AS", "NK", "F9", "HA")
NUMBERS = 9_400
ORIGIN = "BOS"  # other tests' flights of the same days leave from elsewhere
MORNING = datetime(1975, 5, 14, 6, tzinfo=UTC)
BLOCK = timedelta(hours=2)
KINDS = ("scheduled", "departed", "arrived")


def day(year: int) -> Iterator[Message]:
    """Three events of each of 83,334 flights, all on one UTC day; the last flight has one."""
    morning, sent = MORNING.replace(year=year), 0
    for index in range(EVENTS // len(KINDS) + 1):
        airline, number = AIRLINES[index // NUMBERS], index % NUMBERS + 1
        departs = morning + timedelta(seconds=index // 3 + 3_600)
        flight_id = f"{airline}{number}-{ORIGIN}-{departs:%Y%m%d}"
        times = {
            "scheduled": departs - timedelta(hours=1),
            "departed": departs,
            "arrived": departs + BLOCK,
        }
        for kind in KINDS[: EVENTS - sent]:
            event = message(
                event_type=kind,
                event_id=f"{flight_id}:{kind}",
                flight_id=flight_id,
                airline=airline,
                flight_number=number,
                origin=ORIGIN,
                tail_number=f"N{index % 5_000 + 1}",
                timestamp=z(times[kind]),
                scheduled_departure=z(departs),
                scheduled_arrival=z(departs + BLOCK),
            )
            yield Message(flight_id.encode(), json.dumps(event).encode(), int(times[kind].timestamp()))
            sent += 1


def test_a_day_with_250_000_events_is_one_batch_that_ends(
    quiet_platform, send, process, house, count
) -> None:
    ledger = Ledger(Hdfs(quiet_platform))
    process()
    before = ledger.last_done("hive_fact")
    # A kept platform has seen the years before.
    year = MORNING.year + (before + 1) % 50
    send(day(year))
    process()
    (record,) = ledger.records(1)
    assert record.batch_id == before + 1 == ledger.last_done("hive_fact")
    flights = EVENTS // len(KINDS) + 1
    assert (record.staged, record.quarantined) == (EVENTS, 0)
    assert (record.flights, record.predicted, record.merged) == (flights, flights, flights)
    rows = house.read(PREDICTIONS).where(f"batch_id = {record.batch_id} AND error_minutes IS NOT NULL")
    assert rows.count() == flights - 1
    count()
