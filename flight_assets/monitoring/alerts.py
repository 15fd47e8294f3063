"""The life of an alert: pending, firing, resolved. Sinks hear of its start and its end, once each.

A silenced rule does not notify. Pure: samples and the last state in, the next state out. Other modules keep
the state and notify the sinks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

from pydantic import AwareDatetime, BaseModel, Field

from flight_assets.monitoring.rules import RULES, Rule

if TYPE_CHECKING:
    from flight_assets.settings import Settings

# A resolved alarm that nobody could be told of is forgotten after this long.
FORGET_AFTER = timedelta(days=7)

Samples = Mapping[str, list[tuple[dict[str, str], float]]]


class Silence(BaseModel):
    """No notification of a rule until a moment, with the reason and who asked for it."""

    rule: str
    reason: str
    by: str
    since: AwareDatetime
    until: AwareDatetime


class Alert(BaseModel):
    """One alarm, from the moment its condition held. ``told`` and ``missed`` are sinks: reached, and tried in vain."""

    rule: str
    severity: str
    labels: dict[str, str]
    status: Literal["pending", "firing", "resolved"]
    since: AwareDatetime
    fired_at: AwareDatetime | None = None
    last_seen: AwareDatetime
    resolved_at: AwareDatetime | None = None
    value: float
    limit: float
    summary: str
    remedy: str
    told: list[str] = Field(default_factory=list, description="sinks that were told that it fires")
    told_resolved: list[str] = Field(default_factory=list)
    missed: list[str] = Field(default_factory=list, description="sinks that could not be told that it fires")

    @property
    def key(self) -> str:
        """Rule and labels."""
        return alert_key(self.rule, self.labels)

    @property
    def id(self) -> str:
        """Unique for each time that it comes up."""
        return f"{self.key}@{self.since.isoformat()}"


class State(BaseModel):
    """Everything that must survive between two evaluations. ``kept``: ids of resolved alarms that the history has."""

    evaluated_at: AwareDatetime | None = None
    alerts: dict[str, Alert] = Field(default_factory=dict, description="by key; resolved ones until everybody knows")
    silences: list[Silence] = Field(default_factory=list, description="as last read")
    problems: dict[str, str] = Field(default_factory=dict, description="per sink, or 'history', why it could not be reached last time")

    def silence_of(self, rule: str, now: datetime) -> Silence | None:
        """The silence that a rule is under."""
        return next((silence for silence in self.silences if silence.rule == rule and silence.since <= now < silence.until), None)


def alert_key(rule: str, labels: Mapping[str, str]) -> str:
    """``StoreDown{store=mongodb}``."""
    return f"{rule}{{{','.join(f'{name}={value}' for name, value in sorted(labels.items()))}}}" if labels else rule


def evaluate(state: State, samples: Samples, settings: Settings, now: datetime, rules: Iterable[Rule] = RULES) -> State:
    """The next state. An alarm whose metric has no sample at all stays as it is: nothing is known, so nothing is over."""
    now = now.replace(microsecond=now.microsecond // 1000 * 1000)  # MongoDB keeps milliseconds; the same alarm must have the same id there
    alerts = {key: alert for key, alert in state.alerts.items() if not _is_forgotten(alert, now)}
    for rule in rules:
        if rule.metric not in samples:
            continue
        past = {alert_key(rule.name, alarm[0]): alarm for alarm in rule.alarms(samples[rule.metric], settings)}
        for key, alert in list(alerts.items()):
            if alert.rule == rule.name and key not in past:
                _end(alerts, key, alert, now)
        for key, alarm in past.items():
            alerts[key] = _seen(rule, alerts.get(key), alarm, settings, now)
    return state.model_copy(update={"alerts": alerts, "evaluated_at": now})


def _is_forgotten(alert: Alert, now: datetime) -> bool:
    return alert.resolved_at is not None and now - alert.resolved_at > FORGET_AFTER


def _end(alerts: dict[str, Alert], key: str, alert: Alert, now: datetime) -> None:
    if alert.status == "pending":
        del alerts[key]
    elif alert.status == "firing":
        alerts[key] = alert.model_copy(update={"status": "resolved", "resolved_at": now})


def _seen(rule: Rule, known: Alert | None, alarm: tuple[dict[str, str], float, str], settings: Settings, now: datetime) -> Alert:
    labels, value, summary = alarm
    seen = {
        "last_seen": now,
        "value": value,
        "limit": rule.limit_value(settings),
        "summary": summary,
        "remedy": rule.remedy.format(value=value, **labels),
    }
    if known is None or known.status == "resolved":
        new = {"rule": rule.name, "severity": rule.severity, "labels": labels, "status": "pending", "since": now}
        known = Alert.model_validate(new | seen)
    if known.status == "pending" and now - known.since >= timedelta(seconds=rule.for_s):
        seen |= {"status": "firing", "fired_at": now}
    return known.model_copy(update=seen)


def due(state: State, sink: str, now: datetime) -> list[Alert]:
    """Return the alerts to deliver to a sink.

    These are the firing alerts that are not silenced, and the resolutions of alerts it has received or
    missed.
    """
    return [alert for alert in state.alerts.values() if _is_due(alert, sink, state, now)]


def _is_due(alert: Alert, sink: str, state: State, now: datetime) -> bool:
    if alert.status == "firing":
        return sink not in alert.told and state.silence_of(alert.rule, now) is None
    return alert.status == "resolved" and sink not in alert.told_resolved and sink in {*alert.told, *alert.missed}


def after(state: State, sink: str, told: list[Alert], problem: str | None) -> State:
    """The state after an attempt to tell a sink; ``problem`` is why it failed."""
    alerts = dict(state.alerts)
    for alert in told:
        if problem is not None:
            update = {"missed": sorted({*alert.missed, sink})}
        elif alert.status == "firing":
            update = {"told": [*alert.told, sink], "missed": [name for name in alert.missed if name != sink]}
        else:
            update = {"told_resolved": [*alert.told_resolved, sink]}
        # Another sink may have been told meanwhile: the copy in the state is newer than the one that was sent.
        alerts[alert.key] = alerts[alert.key].model_copy(update=update)
    return state.model_copy(update={"alerts": alerts, "problems": _with(state.problems, sink, problem)})


def _with(problems: dict[str, str], name: str, problem: str | None) -> dict[str, str]:
    others = {key: value for key, value in problems.items() if key != name}
    return others if problem is None else others | {name: problem}


def noted(state: State, name: str, problem: str | None) -> State:
    """The state with why something could not be reached; None: it was."""
    return state.model_copy(update={"problems": _with(state.problems, name, problem)})


def without_settled(state: State, sinks: Iterable[str], now: datetime) -> State:
    """Without the resolved alarms that everybody knows of; to be called once the history has them."""
    owed = {alert.key for sink in sinks for alert in due(state, sink, now)}
    return state.model_copy(update={"alerts": {key: a for key, a in state.alerts.items() if a.status != "resolved" or key in owed}})
