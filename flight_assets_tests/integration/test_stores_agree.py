"""Whatever happens to flights, in whatever order and however many batches, with kills and archives: every
store says what a plain model says (promise P8).

``make agree ROUNDS=20`` plays more rounds, each with other lives.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from kafka import KafkaProducer

from flight_assets.archive.record import UNFINISHED, Archives, State
from flight_assets.provenance import STEPS
from flight_assets.stores.hdfs import Hdfs
from flight_assets_tests import archiving
from flight_assets_tests.factories import message, z
from flight_assets_tests.faults import victims
from flight_assets_tests.faults.attempts import DURING, PHASES, RUN, Fault, attempt
from flight_assets_tests.flight_model import (
    ARCHIVE,
    COLD,
    RESTORE,
    Step,
    Turn,
    drawn_lives,
    drawn_turns,
    truth,
)
from flight_assets_tests.integration.agreement import agrees, answers

pytestmark = pytest.mark.integration

ROUNDS = int(os.environ.get("FLIGHTS_TEST_ROUNDS", "1"))
FLIGHTS = 60
DEPARTS = datetime(2025, 3, 12, 14, tzinfo=UTC)
VICTIMS = ("mongod", "redis", RUN)
Told = dict[str, Any]
# Lives that have parted the stores. The last event changes the plan, and is older than the arrival: diverted.
KNOWN_LIVES = [
    [
        Step("scheduled", -180, 0.0, "AUS", None, 0, 0, False),
        Step("arrived", 330, 54.0, "AUS", None, 0, 1, False),
        Step("departed", 60, 0.0, "IAH", None, 1, 2, False),
    ]
]


def message_of(step: Step, flight_id: str, number: int, departs: datetime, event_id: str) -> dict[str, Any]:
    """The message of one step of a flight's life."""
    arrived, left = step.kind == "arrived", step.kind in ("departed", "diverted", "arrived")
    return message(
        schema_version=3,
        event_id=event_id,
        event_type=step.kind,
        timestamp=z(departs + timedelta(minutes=step.minute)),
        flight_id=flight_id,
        flight_number=number,
        destination=step.destination,
        diverted_to=step.diverted_to,
        scheduled_departure=z(departs),
        scheduled_arrival=z(departs + timedelta(minutes=270)),
        departure_delay_minutes=4.0 if left else None,
        arrival_delay_minutes=step.delay if arrived else None,
    )


def play(
    producer: KafkaProducer, topic: str, lives: dict[str, list[Step]], departs: datetime, batch: int
) -> dict[str, list[Told]]:
    """Send the steps of a batch, flights in turns; returns what is true of each message, by flight."""
    told: dict[str, list[Told]] = {}
    for nth in range(max(map(len, lives.values()))):
        for number, (flight_id, life) in enumerate(lives.items(), 6001):
            if nth >= len(life) or life[nth].batch != batch:
                continue
            step = life[nth]
            name = f"{flight_id}:{nth - 1 if step.repeats else nth}"
            event = message_of(step, flight_id, number, departs, name)
            place = producer.send(
                topic, json.dumps(event).encode(), flight_id.encode(), partition=step.partition
            ).get(30)
            about = {name: event[name] for name in ("event_id", "destination", "diverted_to")}
            happened = departs + timedelta(minutes=step.minute)
            fact = {"kind": step.kind, "happened": happened, "delay": step.delay, "batch": batch}
            fact |= {"took": place.timestamp, "partition": place.partition, "offset": place.offset}
            told.setdefault(flight_id, []).append(about | fact)
    return told


@pytest.fixture(scope="module")
def producer(quiet_platform) -> Iterator[KafkaProducer]:
    with closing(
        KafkaProducer(bootstrap_servers=quiet_platform.kafka_bootstrap_servers, acks="all")
    ) as found:
        yield found


@pytest.fixture(scope="module")
def kept_hot(quiet_platform, house) -> Iterator[None]:
    """Bring back afterwards what was archived, for the tests that follow."""
    newest = max(Archives(Hdfs(quiet_platform)).ids(), default="")
    yield
    archiving.restore_all(quiet_platform, lambda: house, newest)


def turns_of(number: int) -> list[Turn]:
    return drawn_turns(VICTIMS, len(STEPS), len(PHASES), UNFINISHED, number)


def run_batch(settings, turn: Turn, process) -> None:
    """Process what was sent, after a kill if the turn has one."""
    if turn.victim:
        fault = Fault(turn.victim, STEPS[turn.step], PHASES[turn.phase], 0.2 * (PHASES[turn.phase] == DURING))
        attempt([fault], lambda name: victims.kill(settings, name), [])
        victims.wait_for(settings)
    process()


def freeze(settings, turn: Turn, house) -> None:
    """Archive all flights, or bring all back."""
    if turn.cold == ARCHIVE:
        archiving.archive(settings, lambda: house, turn.dies_at and State(turn.dies_at))
    elif turn.cold == RESTORE:
        archiving.restore_all(settings, lambda: house)


@pytest.mark.usefixtures("kept_hot")
@pytest.mark.parametrize("number", range(ROUNDS))
def test_after_each_batch_every_store_says_what_the_model_says(
    number, producer, quiet_platform, process, count, house
) -> None:
    departs = DEPARTS + timedelta(days=number)
    drawn = [*KNOWN_LIVES, *drawn_lives(FLIGHTS, number)]
    lives = {f"UA{nth}-EWR-{departs:%Y%m%d}": life for nth, life in enumerate(drawn, 6001)}
    assert len(lives) == FLIGHTS + len(KNOWN_LIVES)
    told: dict[str, list[Told]] = {}
    for batch, turn in enumerate(turns_of(number)):
        for name, facts in play(producer, quiet_platform.kafka_topic, lives, departs, batch).items():
            told.setdefault(name, []).extend(facts)
        run_batch(quiet_platform, turn, process)
        freeze(quiet_platform, turn, house)
        found, cold = answers(quiet_platform, house, told), archiving.archived(house, told)
        wrong = {
            name: (lives[name], turn, found[name], truth(told[name]))
            for name in told
            if not agrees(found[name], truth(told[name]), name in cold)
        }
        assert wrong == {}
    count()


def test_the_lives_that_are_drawn_have_all_that_can_happen() -> None:
    """A round that lacked a kind of life would prove less than it says."""
    lives = drawn_lives(FLIGHTS, 0)
    truths = [life for life in lives if len({step.batch for step in life}) > 1]
    assert {step.kind for life in lives for step in life} == {
        "scheduled",
        "departed",
        "diverted",
        "arrived",
        "cancelled",
    }
    assert any(step.repeats for life in lives for step in life)
    assert len(truths) > FLIGHTS / 4


def test_a_round_has_a_kill_and_archives_and_rounds_differ() -> None:
    rounds = [turns_of(number) for number in range(8)]
    assert rounds == [turns_of(number) for number in range(8)]
    assert {each.cold for turns in rounds for each in turns} == set(COLD)
    assert any(each.victim and each.cold == ARCHIVE for turns in rounds for each in turns)
    assert len({each.victim for turns in rounds for each in turns}) == len(VICTIMS) + 1
    for turns in rounds:
        assert any(each.victim for each in turns)
        assert any(each.cold == ARCHIVE and each.dies_at is None for each in turns[:-1])
