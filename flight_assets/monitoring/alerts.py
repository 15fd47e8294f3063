"""Life of an alert: pending, firing, resolved. Sinks hear of its start and its end, once each.

A silenced rule does not notify. Pure: samples and the last state in, the next state out. Other modules keep
the state and notify the sinks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

from pydantic import AliasChoices, AwareDatetime, BaseModel, Field

from flight_assets.monitoring.rules import RULES, Rule

if TYPE_CHECKING:
    from flight_assets.settings import Settings

# A resolved alert that could not be delivered is forgotten after this long.
FORGET_AFTER = timedelta(days=7)

Samples = Mapping[str, list[tuple[dict[str, str], float]]]


class Silence(BaseModel):
    """Pause of a rule's notifications until a moment, with its reason and its author."""

    rule: str
    reason: str
    by: str
    since: AwareDatetime
    until: AwareDatetime


class Alert(BaseModel):
    """One alert, from the moment its condition held.

    ``notified`` and ``missed`` are sinks: reached, and tried in vain.
    """

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
    # The second name of each is that of older states, which a new version must read.
    notified: list[str] = Field(
        default_factory=list,
        validation_alias=AliasChoices("notified", "told"),
        description="sinks that know that it fires",
    )
    notified_resolved: list[str] = Field(
        default_factory=list,
        validation_alias=AliasChoices("notified_resolved", "told_resolved"),
        description="sinks that know its end",
    )
    missed: list[str] = Field(
        default_factory=list, description="sinks that could not be reached when it fired"
    )

    @property
    def key(self) -> str:
        """Return rule and labels as one text."""
        return alert_key(self.rule, self.labels)

    @property
    def id(self) -> str:
        """Return the id, which is new each time that the alert comes up."""
        return f"{self.key}@{self.since.isoformat()}"


class State(BaseModel):
    """State that must survive between two evaluations."""

    evaluated_at: AwareDatetime | None = None
    alerts: dict[str, Alert] = Field(
        default_factory=dict, description="by key; resolved ones until every sink knows"
    )
    silences: list[Silence] = Field(default_factory=list, description="as last read")
    problems: dict[str, str] = Field(
        default_factory=dict, description="per sink, or 'history', why it could not be reached last time"
    )

    def silence_of(self, rule: str, now: datetime) -> Silence | None:
        """Return the silence of a rule, or None."""
        return next(
            (
                silence
                for silence in self.silences
                if silence.rule == rule and silence.since <= now < silence.until
            ),
            None,
        )


def alert_key(rule: str, labels: Mapping[str, str]) -> str:
    """Return the key of an alert, such as ``StoreDown{store=mongodb}``."""
    return (
        f"{rule}{{{','.join(f'{name}={value}' for name, value in sorted(labels.items()))}}}"
        if labels
        else rule
    )


def evaluate(
    state: State, samples: Samples, settings: Settings, now: datetime, rules: Iterable[Rule] = RULES
) -> State:
    """Return the next state. An alert whose metric has no sample stays as it is, because nothing is known."""
    # MongoDB keeps milliseconds; the same alert must have the same id there.
    now = now.replace(microsecond=now.microsecond // 1000 * 1000)
    alerts = {key: alert for key, alert in state.alerts.items() if not _is_forgotten(alert, now)}
    for rule in rules:
        if rule.metric not in samples:
            continue
        past = {
            alert_key(rule.name, breach[0]): breach
            for breach in rule.breaches(samples[rule.metric], settings)
        }
        for key, alert in list(alerts.items()):
            if alert.rule == rule.name and key not in past:
                _end(alerts, key, alert, now)
        for key, breach in past.items():
            alerts[key] = _seen(rule, alerts.get(key), breach, settings, now)
    return state.model_copy(update={"alerts": alerts, "evaluated_at": now})


def _is_forgotten(alert: Alert, now: datetime) -> bool:
    return alert.resolved_at is not None and now - alert.resolved_at > FORGET_AFTER


def _end(alerts: dict[str, Alert], key: str, alert: Alert, now: datetime) -> None:
    if alert.status == "pending":
        del alerts[key]
    elif alert.status == "firing":
        alerts[key] = alert.model_copy(update={"status": "resolved", "resolved_at": now})


def _seen(
    rule: Rule,
    known: Alert | None,
    breach: tuple[dict[str, str], float, str],
    settings: Settings,
    now: datetime,
) -> Alert:
    labels, value, summary = breach
    seen = {
        "last_seen": now,
        "value": value,
        "limit": rule.limit_value(settings),
        "summary": summary,
        "remedy": rule.remedy.format(value=value, **labels),
    }
    if known is None or known.status == "resolved":
        new = {
            "rule": rule.name,
            "severity": rule.severity,
            "labels": labels,
            "status": "pending",
            "since": now,
        }
        known = Alert.model_validate(new | seen)
    if known.status == "pending" and known.since > now:
        # The machine's clock was set back: the time that it has lasted is counted from now.
        known = known.model_copy(update={"since": now})
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
        return sink not in alert.notified and state.silence_of(alert.rule, now) is None
    return (
        alert.status == "resolved"
        and sink not in alert.notified_resolved
        and sink in {*alert.notified, *alert.missed}
    )


def after(state: State, sink: str, sent: list[Alert], problem: str | None) -> State:
    """Return the state after an attempt to notify a sink; ``problem`` is the reason of its failure."""
    alerts = dict(state.alerts)
    for alert in sent:
        if problem is not None:
            update = {"missed": sorted({*alert.missed, sink})}
        elif alert.status == "firing":
            update = {
                "notified": [*alert.notified, sink],
                "missed": [name for name in alert.missed if name != sink],
            }
        else:
            update = {"notified_resolved": [*alert.notified_resolved, sink]}
        # Another sink may have been notified meanwhile: the copy in the state is newer than the one that was
        # sent.
        alerts[alert.key] = alerts[alert.key].model_copy(update=update)
    return state.model_copy(update={"alerts": alerts, "problems": _with(state.problems, sink, problem)})


def _with(problems: dict[str, str], name: str, problem: str | None) -> dict[str, str]:
    others = {key: value for key, value in problems.items() if key != name}
    return others if problem is None else others | {name: problem}


def noted(state: State, name: str, problem: str | None) -> State:
    """Return the state with the problem of a sink or of the history; None clears it."""
    return state.model_copy(update={"problems": _with(state.problems, name, problem)})


def without_settled(state: State, sinks: Iterable[str], now: datetime) -> State:
    """Return the state without resolved alerts that every sink knows. Call it once the history has them."""
    owed = {alert.key for sink in sinks for alert in due(state, sink, now)}
    return state.model_copy(
        update={
            "alerts": {key: a for key, a in state.alerts.items() if a.status != "resolved" or key in owed}
        }
    )
