"""Messages of each flight, in order."""

from __future__ import annotations

import json

import pytest

from flight_assets.provenance import STEPS, BatchRecord, Ledger
from flight_assets.stores.hdfs import Hdfs

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def ledger(quiet_platform) -> Ledger:
    return Ledger(Hdfs(quiet_platform))


def newest(ledger: Ledger) -> BatchRecord:
    return ledger.record(ledger.last_done(STEPS[-1]))


def by_flight(messages) -> dict[str, list]:
    lives: dict[str, list] = {}
    for message in messages:
        lives.setdefault(flight_id(message), []).append(message)
    return lives


def kind(message) -> str:
    return json.loads(message.value)["event_type"]


def flight_id(message) -> str:
    return json.loads(message.value)["flight_id"]
