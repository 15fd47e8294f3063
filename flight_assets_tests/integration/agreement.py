"""Answers of every store about flights, to be compared with each other and with a model (promise P8)."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

from pyspark.sql import functions as F

from flight_assets.contracts.tables import FACT, PREDICTIONS
from flight_assets.queries.flights import FlightFinder
from flight_assets.stores import mongo
from flight_assets.transforms.flights import actual_delay, outcome_of
from flight_assets_tests.flight_model import Truth

Row = dict[str, Any]


@dataclass(frozen=True)
class Answers:
    """Answers of MongoDB, the fact table and the lookup of a single flight.

    ``predicted`` is the outcome and the delay in ``predictions``; None without a row.
    """

    hot: Truth | None
    fact: Truth | None
    found: Truth | None
    predicted: tuple[str | None, float | None] | None

    def agreed(self) -> Truth | None:
        """Return what all say; an AssertionError shows who says something else.

        None if no store has the flight.
        """
        assert self == said_of(self.fact), self
        return self.fact


def said_of(truth: Truth | None) -> Answers:
    """Return the answers of stores that all state this; None if they do not have the flight."""
    predicted = (truth.outcome, truth.actual) if truth and truth.is_predicted else None
    return Answers(truth, truth, truth, predicted)


def agrees(found: Answers, wanted: Truth, is_archived: bool) -> bool:
    """Return whether every store states this. An archived flight may have left MongoDB."""
    states = said_of(wanted)
    return found == states or (is_archived and found == replace(states, hot=None))


def answers(settings, house, flight_ids: Collection[str]) -> dict[str, Answers]:
    """Return what the stores say of each of these flights."""
    is_asked = F.col("flight_id").isin(*flight_ids)
    facts = dict(_once(house.read(FACT).where(is_asked).toArrow().to_pylist()))
    predictions = dict(_once(house.read(PREDICTIONS).where(is_asked).toArrow().to_pylist()))
    with mongo.database(settings) as db:
        hot = {
            document["_id"]: document
            for document in db[mongo.FLIGHTS].find({"_id": {"$in": list(flight_ids)}})
        }
    with closing(FlightFinder(settings)) as finder:
        found = {name: flight.document for name in flight_ids if (flight := finder.find(name))}
    return {
        name: Answers(
            _said(hot.get(name)),
            _said(facts.get(name)),
            _said(found.get(name)),
            (
                (predictions[name]["outcome"], predictions[name]["actual_delay_minutes"])
                if name in predictions
                else None
            ),
        )
        for name in flight_ids
    }


def _once(rows: list[Row]) -> Iterator[tuple[str, Row]]:
    names = [row["flight_id"] for row in rows]
    assert len(set(names)) == len(names), "no flight has two rows"
    return zip(names, rows, strict=True)


def _said(row: Row | None) -> Truth | None:
    if row is None:
        return None
    assert row["actual_delay_minutes"] == actual_delay(row)
    version = row["prediction"] if "prediction" in row else row["model_version"]
    return Truth(
        row["event_id"],
        row["destination"],
        row["diverted_to"],
        outcome_of(row),
        actual_delay(row),
        version is not None,
    )
