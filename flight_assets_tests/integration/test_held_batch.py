"""A batch that is held up: what shows it, and the way out that always works. On real services."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flight_assets.contracts.tables import BATCH_METADATA, QUARANTINE, STAGED_IDS, STAGING
from flight_assets.errors import FlightsError
from flight_assets.pipeline import check_rules, move_batch
from flight_assets.producer.events import Message
from flight_assets.provenance import STEPS, Ledger
from flight_assets.queries.ledger import waiting
from flight_assets.stores.hdfs import Hdfs
from flight_assets_tests.factories import encode, message
from flight_assets_tests.integration.agreement import answers
from flight_assets_tests.integration.conftest import run_command

pytestmark = pytest.mark.integration


def flight_id(number: int) -> str:
    return f"UA{number}-EWR-20130612"


def held_event(number: int, kind: str) -> str:
    return f"{flight_id(number)}:{kind}:held"


def flight(number: int, kind: str = "scheduled") -> dict[str, Any]:
    """A message of a flight that no other test has."""
    event_id = held_event(number, kind)
    return message(event_type=kind, flight_number=number, flight_id=flight_id(number), event_id=event_id)


@pytest.fixture(scope="module")
def ledger(quiet_platform) -> Ledger:
    return Ledger(Hdfs(quiet_platform))


@pytest.fixture
def take(send, process):
    """Send messages and run the pipeline."""

    def run(*events: dict[str, Any] | bytes, is_held: bool = False) -> None:
        send([Message(b"key", encode(event), 0) for event in events])
        if not is_held:
            process()
            return
        with pytest.raises(FlightsError, match="flights ledger quarantine"):
            process()

    return run


def blocked() -> list[dict[str, Any]]:
    return [
        json.loads(line) for line in run_command("flights", "ledger", "blocked", "--json").stdout.splitlines()
    ]


def test_a_batch_held_after_it_was_staged_can_be_moved_and_its_messages_sent_again(
    take, process, count, house, ledger
) -> None:
    """A foreign column in the table holds the batch; the batch is moved, the column goes, and all goes on."""
    take(flight(4501))
    before, version = count(), house.version(STAGING)
    held = ledger.last_done(STEPS[-1]) + 1
    house.spark.sql(f"ALTER TABLE {house.name(STAGING)} ADD COLUMNS (intruder STRING)").collect()
    take(flight(4501, "departed"), flight(4502), b"no JSON", is_held=True)
    take(flight(4503), is_held=True)
    first, behind = blocked()
    assert (first["batch_id"], first["step"]) == (held, "staged_events")
    assert (behind["batch_id"], behind["why"]) == (held + 1, f"behind batch {held}")
    assert "schema_is_the_contract" in first["why"]
    assert "intruder" in first["why"]
    assert f"flights ledger quarantine {held}" in first["remedy"]
    assert "behind batch" in run_command("flights", "ledger", "blocked", "--wide").stdout
    run_command("flights", "ledger", "quarantine", str(held + 1), "--reason", "too early", expect=1)
    run_command("flights", "ledger", "quarantine", str(held), "--reason", "a test")
    house.spark.sql(f"RESTORE TABLE {house.name(STAGING)} TO VERSION AS OF {version}").collect()
    process()
    assert blocked() == []
    record = ledger.record(held)
    assert (record.staged, record.duplicate, record.quarantined, record.moved) == (0, 0, 3, "a test")
    assert record.quarantined_by_reason == {"batch_moved": 3}
    rows = house.read(QUARANTINE).where(f"batch_id = {held}").collect()
    assert {(row.reason, row.detail) for row in rows} == {("batch_moved", "a test")}
    assert {bytes(row.value) for row in rows} == {
        encode(flight(4501, "departed")),
        encode(flight(4502)),
        b"no JSON",
    }
    after = count()
    assert {name: after[name] - before[name] for name in ("raw", "staged", "duplicate", "quarantined")} == {
        "raw": 4, "staged": 1, "duplicate": 0, "quarantined": 3,
    }  # fmt: skip
    assert house.read(BATCH_METADATA).where(f"batch_id IN ({held}, {held + 1})").count() == 2
    sent = run_command("flights", "quarantine", "replay", "--batch", str(held)).stdout
    assert "2 sent, 0 had been sent before, 1 would be rejected again" in sent
    process()
    assert count()["staged"] == after["staged"] + 2


# Newest event of each flight once the held messages have been sent again.
AFTER_THE_REPLAY = {
    4511: "arrived",
    4512: "departed",
    4513: "scheduled",
    4514: "cancelled",
    4515: "scheduled",
}


def test_a_batch_held_at_the_last_step_leaves_no_trace_in_any_store(
    take, process, count, quiet_platform, house, ledger, monkeypatch
) -> None:
    """A later batch is in MongoDB and in predictions already, built on what the held one had brought."""
    take(flight(4511), flight(4512), flight(4514))
    before, real = count(), check_rules.all_in_fact
    held = ledger.last_done(STEPS[-1]) + 1
    with monkeypatch.context() as broken:
        broken.setattr(check_rules, "all_in_fact", lambda record, there: real(record, there - 1))
        broken_off = [flight(4511, "departed"), flight(4512, "departed"), flight(4513)]
        take(*broken_off, flight(4514, "cancelled"), is_held=True)
        take(flight(4511, "arrived"), flight(4515), is_held=True)
    assert [(each.batch_id, each.step) for each in waiting(ledger)] == [
        (held, "hive_fact"),
        (held + 1, "hive_fact"),
    ]
    die_in_the_middle(monkeypatch, quiet_platform, house, held)
    with pytest.raises(FlightsError, match=f"repeat `flights ledger quarantine {held}"):
        process()
    assert "repeat" in waiting(ledger)[0].remedy
    move_batch.move_batch(quiet_platform, house, Hdfs(quiet_platform), held, "a test")
    process()
    names = {number: flight_id(number) for number in range(4511, 4516)}
    found = answers(quiet_platform, house, names.values())
    said = {number: found[name].agreed() for number, name in names.items()}
    assert said[4513] is None
    told = {number: (each.event_id, each.outcome, each.is_predicted) for number, each in said.items() if each}
    kinds = {
        4511: ("arrived", "arrived"),
        4512: ("scheduled", None),
        4514: ("scheduled", None),
        4515: ("scheduled", None),
    }
    assert told == {
        number: (held_event(number, kind), outcome, True) for number, (kind, outcome) in kinds.items()
    }
    for table in (STAGING, STAGED_IDS):
        assert house.count_of_batch(table, held) == 0
    after = count()
    assert (after["staged"], after["quarantined"]) == (before["staged"] + 2, before["quarantined"] + 4)
    run_command("flights", "quarantine", "replay", "--batch", str(held))
    process()
    count()
    found = answers(quiet_platform, house, names.values())
    assert {
        number: truth.event_id if (truth := found[name].agreed()) else None for number, name in names.items()
    } == {number: held_event(number, kind) for number, kind in AFTER_THE_REPLAY.items()}


def die_in_the_middle(monkeypatch, settings, house, batch_id: int) -> None:
    """Begin to move a batch; the process dies after the stores have forgotten it, before its staged events
    are gone.
    """

    delete_batch = house.delete_batch

    def delete_or_die(table, number: int) -> None:
        if table is STAGING:
            raise KeyboardInterrupt
        delete_batch(table, number)

    with monkeypatch.context() as crash:
        crash.setattr(house, "delete_batch", delete_or_die)
        with pytest.raises(KeyboardInterrupt):
            move_batch.move_batch(settings, house, Hdfs(settings), batch_id, "a test")


def test_a_day_with_a_moved_batch_can_be_rebuilt(house, quiet_platform, count, ledger) -> None:
    from flight_assets.pipeline.backfill import rebuild_days

    moved = [record for record in ledger.records() if record.moved]
    assert moved
    before = count()
    rebuild_days(
        house,
        Hdfs(quiet_platform),
        quiet_platform,
        {day for each in moved for day in each.processing_dates()},
        lambda _: None,
    )
    assert count() == before
    rows = house.read(QUARANTINE).where("reason = 'batch_moved'").count()
    assert rows == sum(record.record_count for record in moved)


def test_what_is_not_held_up_cannot_be_moved(ledger) -> None:
    last = ledger.last_done(STEPS[-1])
    for batch_id in (last, last + 1):
        refused = run_command(
            "flights", "ledger", "quarantine", str(batch_id), "--reason", "none", expect=1
        ).stderr
        assert "is not the first that waits" in refused
    assert run_command("flights", "ledger", "blocked").stdout == "no batch waits\n"
