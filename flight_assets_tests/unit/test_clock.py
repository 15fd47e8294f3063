"""The machine's clock is an hour ahead or behind: what is processed stays the same, and alerts still come."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from flight_assets.contracts.tables import CHECK_RESULTS
from flight_assets.monitoring.alerts import State, evaluate
from flight_assets.pipeline import check_results
from flight_assets.provenance import CheckResult
from flight_assets.settings import Settings
from flight_assets.stores import kafka
from flight_assets_tests.record_batches import TOOK_AT_MS, batch, record
from flight_assets_tests.unit.test_kafka_reader import Broker, three

SETTINGS = Settings(_env_file=None)
HOUR = timedelta(hours=1)
NOW = datetime.fromtimestamp(TOOK_AT_MS / 1_000, UTC)
SHIFTS = (-HOUR, timedelta(), HOUR)


def read(log: list, clock_shift: timedelta) -> list:
    clock = kafka.clock(SETTINGS, NOW + clock_shift)
    return list(Broker(log).read(0, 0, 3, clock))


@pytest.mark.parametrize("shift", SHIFTS)
def test_times_of_the_broker_are_believed_whatever_the_clock_says(shift: timedelta) -> None:
    assert read([three(0)], shift) == read([three(0)], timedelta())
    assert {each.time_ms for each in read([three(0)], shift)} == {TOOK_AT_MS}


def test_a_producers_time_after_a_clock_that_is_behind_counts_as_taken_now_and_the_rows_stay_the_same() -> (
    None
):
    records = b"".join(record(number, b"{}", delta_ms=1_800_000 * number) for number in range(3))
    log = [(0, 2, batch(records, 3, attributes=0, first_ms=TOOK_AT_MS - 3_600_000))]
    right, behind = read(log, timedelta()), read(log, -HOUR)
    assert [each.time_ms - TOOK_AT_MS for each in right] == [-3_600_000, -1_800_000, 0]
    assert [each.time_ms - TOOK_AT_MS for each in behind] == [-3_600_000] * 3
    assert [(each.offset, each.value) for each in right] == [(each.offset, each.value) for each in behind]
    assert read(log, -HOUR) == behind, "a repeat with the plan's clock gives the same times"


def fires_after(start: datetime, now: datetime) -> timedelta:
    """How long after ``now`` an alert of five minutes fires that was first seen at ``start``."""
    samples = {"flights_lag_messages": [({}, 1e9)]}
    state = evaluate(State(), samples, SETTINGS, start)
    for minutes in range(200):
        state = evaluate(state, samples, SETTINGS, now + timedelta(minutes=minutes))
        if [alert.status for alert in state.alerts.values()] == ["firing"]:
            return timedelta(minutes=minutes)
    raise AssertionError("it never fires")


def test_an_alert_fires_in_its_time_also_after_the_clock_was_set_back() -> None:
    assert fires_after(NOW, NOW) == timedelta(minutes=5)
    assert fires_after(NOW, NOW - HOUR) == timedelta(minutes=5)
    assert fires_after(NOW, NOW + HOUR) == timedelta()


class Warehouse:
    """Appends as Delta does them: what carries a transaction id that is not new writes nothing."""

    def __init__(self) -> None:
        self.rows: list[dict] = []

    def append(self, rows, table) -> None:
        assert table is CHECK_RESULTS
        self.rows += rows.to_dict("records")


def test_results_without_a_batch_are_kept_after_the_clock_was_set_back(monkeypatch) -> None:
    warehouse = Warehouse()
    result = CheckResult(
        asset="raw_kafka_batch", name="fresh", passed=False, value=1.0, threshold=0.0, detail="late"
    )
    for now in (NOW, NOW - HOUR, NOW - HOUR):
        monkeypatch.setattr(
            check_results, "datetime", type("Clock", (), {"now": staticmethod(lambda _zone, now=now: now)})
        )
        check_results.keep_results_without_batch(warehouse, [result])
    assert [row["timestamp"].replace(tzinfo=UTC) for row in warehouse.rows] == [NOW, NOW - HOUR, NOW - HOUR]
    assert {(row["check_name"], row["batch_id"]) for row in warehouse.rows} == {("fresh", None)}
