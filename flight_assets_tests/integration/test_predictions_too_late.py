"""Flights that are first seen after their departure get no prediction."""

from __future__ import annotations

import pytest

from flight_assets.contracts.tables import (
    PREDICTIONS,
)
from flight_assets.provenance import STEPS, BatchRecord, Ledger
from flight_assets.stores.hdfs import Hdfs
from flight_assets_tests.integration.conftest import flights_with_defects
from flight_assets_tests.integration.lives import by_flight, flight_id, kind

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def ledger(quiet_platform) -> Ledger:
    return Ledger(Hdfs(quiet_platform))


def newest(ledger: Ledger) -> BatchRecord:
    return ledger.record(ledger.last_done(STEPS[-1]))


@pytest.mark.usefixtures("small_model")
def test_a_flight_first_seen_after_departure_gets_no_prediction_and_is_counted(
    send, process, ledger, house
) -> None:
    lives = by_flight(flights_with_defects(seed=10, count=900, share=0.0))
    late = next(life for life in lives.values() if [kind(m) for m in life][:2] == ["scheduled", "departed"])
    early = next(
        life
        for life in lives.values()
        if [kind(m) for m in life][:2] == ["scheduled", "departed"] and life is not late
    )
    send([late[1], early[0]])
    process()
    record = newest(ledger)
    assert (record.predicted, record.seen_too_late, record.to_predict) == (1, 1, 1)
    send([late[0], early[1]])
    process()
    record = newest(ledger)
    assert (record.predicted, record.seen_too_late, record.to_predict) == (0, 0, 0)
    assert house.read(PREDICTIONS).where(f"flight_id = '{flight_id(late[0])}'").count() == 0
    assert house.read(PREDICTIONS).where(f"flight_id = '{flight_id(early[0])}'").count() == 1
