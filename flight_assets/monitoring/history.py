"""Alerts and silences in MongoDB, for people and pages.

The sensor's cursor decides; this copy may be behind.

- ``alerts``: one document each time that an alert came up, deleted 90 days after its end.
- ``alert_silences``: one document per silenced rule.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from flight_assets.errors import FlightsError, StoreUnavailable
from flight_assets.monitoring.alerts import Alert, Silence, State
from flight_assets.monitoring.rules import RULES
from flight_assets.queries import dagster
from flight_assets.queries.operations import patient
from flight_assets.stores import mongo
from flight_assets.stores.mongo_expiry import ALERTS, SILENCES

if TYPE_CHECKING:
    from flight_assets.settings import Settings

SENSOR = "watch"
SHOWN_LATEST = 100


@dataclass(frozen=True)
class Board:
    """All alerts and silences as people see them.

    ``alerts`` come newest first. ``as_of`` is the last evaluation, ``source`` the store of the answer.
    """

    alerts: list[Alert]
    silences: list[Silence]
    problems: dict[str, str]
    as_of: datetime | None
    source: str

    @property
    def firing(self) -> list[Alert]:
        """Return the firing alerts."""
        return [alert for alert in self.alerts if alert.status == "firing"]

    def silence_of(self, rule: str) -> Silence | None:
        """Return the silence of a rule, or None."""
        now = datetime.now(UTC)
        return next(
            (
                silence
                for silence in self.silences
                if silence.rule == rule and silence.since <= now < silence.until
            ),
            None,
        )


def keep(settings: Settings, state: State) -> list[Silence]:
    """Write the firing and resolved alerts to MongoDB. Return the current silences.

    Raises StoreUnavailable.
    """
    from pymongo import ReplaceOne

    shown = [alert for alert in state.alerts.values() if alert.status != "pending"]
    with mongo.database(patient(settings)) as db:
        if shown:
            db[ALERTS].bulk_write(
                [ReplaceOne({"_id": a.id}, {"_id": a.id, **a.model_dump()}, upsert=True) for a in shown]
            )
        return _silences(db)


def _silences(db: Any) -> list[Silence]:  # noqa: ANN401 - pymongo's generic type
    return [
        Silence.model_validate(found) for found in db[SILENCES].find({"until": {"$gt": datetime.now(UTC)}})
    ]


def board(settings: Settings) -> Board:
    """Return alerts, silences and problems: the state of the sensor, and resolved alerts from MongoDB.

    Without MongoDB the resolved ones are missing. Without Dagster the pending ones and the time of
    evaluation are missing.

    Raises:
        StoreUnavailable: neither answers.
    """
    try:
        cursor = dagster.sensor_cursor(settings, SENSOR)
        state = State.model_validate_json(cursor) if cursor else State()
    except StoreUnavailable:
        state = None
    try:
        with mongo.database(patient(settings)) as db:
            kept = [
                Alert.model_validate(found)
                for found in db[ALERTS].find().sort("since", -1).limit(SHOWN_LATEST)
            ]
            silences = _silences(db)
    except StoreUnavailable:
        if state is None:
            raise
        kept, silences = [], state.silences
    if state is None:
        return Board(
            kept,
            silences,
            {"Dagster": "it does not answer: the alerts are not being evaluated"},
            None,
            "MongoDB",
        )
    merged = {alert.id: alert for alert in [*kept, *state.alerts.values()]}
    newest = sorted(merged.values(), key=lambda alert: alert.since, reverse=True)
    return Board(newest, silences, state.problems, state.evaluated_at, "the sensor's state")


def silence(settings: Settings, rule: str, reason: str, by: str, hours: float) -> Silence:
    """Hold back the notifications of a rule.

    Raises FlightsError if there is no such rule or the reason is empty.
    """
    _refuse_unknown(rule)
    if not reason.strip():
        raise FlightsError("a silence needs a reason: --reason TEXT")
    now = datetime.now(UTC)
    new = Silence(rule=rule, reason=reason, by=by, since=now, until=now + timedelta(hours=hours))
    with mongo.database(settings) as db:
        db[SILENCES].replace_one({"_id": rule}, {"_id": rule, **new.model_dump()}, upsert=True)
    return new


def unsilence(settings: Settings, rule: str) -> bool:
    """Let a rule notify again. Return True if it was silenced."""
    _refuse_unknown(rule)
    with mongo.database(settings) as db:
        return bool(db[SILENCES].delete_one({"_id": rule}).deleted_count)


def _refuse_unknown(rule: str) -> None:
    names = [known.name for known in RULES]
    if rule not in names:
        raise FlightsError(f"there is no rule {rule}; there are {', '.join(names)}")
