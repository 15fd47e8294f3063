"""Any events, in any order and any number of batches: a flight is what the plain model says (promise P8)."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from flight_assets.transforms.flights import actual_delay, flight_of, order_of, outcome_of
from flight_assets_tests.factories import TOOK_AT, staged, utc
from flight_assets_tests.flight_model import BATCHES, LANDINGS, LIVES, Step, Truth, truth

DEPARTS = utc("2013-06-12T14:00:00Z")
EXAMPLES = int(os.environ.get("FLIGHTS_TEST_EXAMPLES", "300"))


def rows_of(life: list[Step]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The staged rows of a life, and the same for the model.

    Kafka takes two at a time in the order of the batches.
    """
    rows, facts = [], []
    for nth, step in enumerate(sorted(life, key=lambda each: each.batch)):
        happened, took = DEPARTS + timedelta(minutes=step.minute), TOOK_AT + timedelta(seconds=nth // 2)
        arrival = step.delay if step.kind == "arrived" else None
        about = {"event_id": f"e{nth}", "destination": step.destination, "diverted_to": step.diverted_to}
        place = {
            "kafka_partition": step.partition,
            "kafka_offset": nth,
            "ingestion_timestamp": took,
            "batch_id": step.batch,
        }
        row = staged(
            event_type=step.kind,
            **about,
            **place,
            route=f"EWR-{step.destination}",
            arrival_delay_minutes=arrival,
        )
        rows.append(row | {"timestamp": happened})
        told = {
            "kind": step.kind,
            "happened": happened,
            "took": took,
            "partition": step.partition,
            "offset": nth,
        }
        facts.append(about | told | {"batch": step.batch, "delay": step.delay})
    return rows, facts


def said(flight: dict[str, Any], is_predicted: bool) -> Truth:
    return Truth(
        flight["event_id"],
        flight["destination"],
        flight["diverted_to"],
        outcome_of(flight),
        actual_delay(flight),
        is_predicted,
    )


@settings(max_examples=EXAMPLES, deadline=None)
@given(LIVES, st.randoms(use_true_random=False))
def test_after_each_batch_a_flight_is_what_the_model_says_whatever_order_its_events_are_given_in(
    life, chance
) -> None:
    rows, facts = rows_of(life)
    for batch in range(BATCHES):
        known = [row for row in rows if row["batch_id"] <= batch]
        if known:
            wanted = truth([fact for fact in facts if fact["batch"] <= batch])
            chance.shuffle(known)
            assert said(flight_of(known), wanted.is_predicted) == wanted


@settings(max_examples=EXAMPLES, deadline=None)
@given(LIVES, st.integers(1, 6), st.integers(1, 6))
def test_events_that_come_as_they_happen_give_the_same_flight_in_any_parts(life, first, second) -> None:
    """A state of landings alone does not tell where the flight was to go, so the first part has an event that
    does.
    """
    rows, facts = rows_of(life)
    ordered = sorted(rows, key=order_of)
    assume(any(row["event_type"] not in LANDINGS for row in ordered[:first]))
    parts = [
        part for part in (ordered[:first], ordered[first : first + second], ordered[first + second :]) if part
    ]
    flight = None
    for part in parts:
        flight = flight_of(part, flight)
    wanted = truth(facts)
    assert said(flight, wanted.is_predicted) == wanted


@settings(max_examples=EXAMPLES, deadline=None)
@given(LIVES)
def test_a_late_event_never_takes_the_place_of_a_newer_one(life) -> None:
    rows, facts = rows_of(life)
    flight = None
    for row in rows:
        flight = flight_of([row], flight)
    assert flight["event_id"] == truth(facts).event_id
