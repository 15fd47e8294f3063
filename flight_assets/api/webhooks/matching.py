"""Matching: which subscriptions a change of a flight or of a finding belongs to. Pure.

The scope of a subscription's tenant is applied to every match.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import msgspec

from flight_assets.contracts.message import EventType
from flight_assets.stores.outbox import Delivery
from flight_assets.stores.subscriptions import Condition, Subject, Subscription

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from flight_assets.tenancy import Scope

    Row = dict[str, Any]

_LEFT = frozenset({EventType.DEPARTED.value, EventType.DIVERTED.value, EventType.ARRIVED.value})
FINDING_FIELDS = (
    "pattern", "severity", "key", "airport", "airline", "started", "raised", "updated", "explanation",
    "numbers", "flight_ids",
)  # fmt: skip


def is_met(subscription: Subscription, row: Row) -> bool:
    """Return whether the state of a flight meets the condition. A row is one of the fact table."""
    condition = subscription.condition
    if condition == Condition.FORECAST:
        minutes = row.get("predicted_delay_minutes")
        return minutes is not None and minutes >= (subscription.at_least_minutes or 0.0)
    if condition == Condition.DEPARTED:
        return row["event_type"] in _LEFT
    if condition == Condition.DIVERTED:
        return row["event_type"] == EventType.DIVERTED.value or row.get("diverted_to") is not None
    return condition == Condition.CANCELLED and row["event_type"] == EventType.CANCELLED.value


def delivery_id(subscription: str, condition: str, about: str, version: str = "") -> str:
    """Return the id of a delivery: 32 hexadecimal digits, the same for each repeat."""
    return sha256(f"{subscription}\n{condition}\n{about}\n{version}".encode()).hexdigest()[:32]


class Index:
    """Subscriptions by what they are about. Those of unknown tenants are left out."""

    def __init__(self, subscriptions: Iterable[Subscription], scopes: Mapping[str, Scope]) -> None:
        self._scopes = scopes
        self.subscriptions = [each for each in subscriptions if each.tenant in scopes]
        self._by: dict[tuple[str, str], list[Subscription]] = defaultdict(list)
        for each in self.subscriptions:
            self._by[each.subject, each.value].append(each)

    @property
    def since(self) -> datetime | None:
        """Return when the oldest subscription was made; None without any."""
        return min((each.created for each in self.subscriptions), default=None)

    def of_flight(self, row: Row) -> Iterator[Subscription]:
        """Yield the subscriptions whose condition the newest state of a flight meets.

        Only events that Kafka took after a subscription was made count for it.
        """
        for each in self._about(_subjects(row)):
            if (
                each.condition != Condition.COMPLEX_EVENT
                and self._scopes[each.tenant].allows(row["airline"])
                and row["ingestion_timestamp"] >= each.created
                and is_met(each, row)
            ):
                yield each

    def of_finding(self, finding: Row, flights: list[Row]) -> Iterator[Subscription]:
        """Yield the subscriptions to complex events that a finding belongs to.

        ``flights``: airline, route and tail number of those flights of the finding that MongoDB has. A
        tenant is told only of a finding all of whose flights, and whose airline, are in its scope.
        """
        subjects = {(Subject.FLIGHT, name) for name in finding["flight_ids"]}
        subjects |= {(Subject.AIRPORT, finding["airport"]), (Subject.AIRLINE, finding["airline"])}
        for row in flights:
            subjects |= {
                (Subject.AIRLINE, row["airline"]), (Subject.ROUTE, row["route"]),
                (Subject.TAIL, row["tail_number"]),
            }  # fmt: skip
        for each in self._about(subjects):
            if each.condition == Condition.COMPLEX_EVENT and _may_see(
                self._scopes[each.tenant], finding, flights
            ):
                yield each

    def _about(self, subjects: set[tuple[Subject, Any]]) -> Iterator[Subscription]:
        for subject in subjects:
            yield from self._by.get(subject, ())


def _subjects(row: Row) -> set[tuple[Subject, Any]]:
    return {
        (Subject.FLIGHT, row["flight_id"]), (Subject.ROUTE, f"{row['origin']}-{row['destination']}"),
        (Subject.AIRPORT, row["origin"]), (Subject.AIRPORT, row["destination"]),
        (Subject.AIRPORT, row.get("diverted_to")), (Subject.AIRLINE, row["airline"]),
        (Subject.TAIL, row.get("tail_number")),
    }  # fmt: skip


def _may_see(scope: Scope, finding: Row, flights: list[Row]) -> bool:
    if scope.is_everything:
        return True
    known = {row["flight_id"]: row["airline"] for row in flights}
    airlines = {known.get(name, "") for name in finding["flight_ids"]} | (
        {finding["airline"]} if finding["airline"] else set()
    )
    return bool(airlines) and all(scope.allows(code) for code in airlines)


def of_flights(index: Index, row: Row, shape: Callable[[Row], Row]) -> list[Delivery]:
    """Return the deliveries of a flight's state. ``shape`` makes the flight of the body."""
    return [_delivery(each, row["flight_id"], "", {"flight": shape(row)}) for each in index.of_flight(row)]


def of_findings(index: Index, finding: Row, flights: list[Row]) -> list[Delivery]:
    """Return the deliveries of an open finding. A finding that becomes more severe is told again."""
    body = {"finding": {"finding_id": finding["_id"], **{name: finding[name] for name in FINDING_FIELDS}}}
    return [
        _delivery(each, finding["_id"], finding["severity"], body)
        for each in index.of_finding(finding, flights)
    ]


def _delivery(subscription: Subscription, about: str, version: str, more: Row) -> Delivery:
    made = delivery_id(subscription.id, subscription.condition, about, version)
    body = {"id": made, "subscription": subscription.id, "condition": subscription.condition, **more}
    return Delivery(
        made, subscription.id, subscription.tenant, subscription.condition, about,
        msgspec.json.encode(body).decode(),
    )  # fmt: skip
