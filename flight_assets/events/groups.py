"""Grouped findings: an airport that has stopped is one situation, not one per flight that waits there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from flight_assets.events.model import SEVERITIES, Finding, Severity

# Patterns about a whole airport or airline. Findings of single flights there belong to their situation.
LEADERS = (
    "ground_stop",
    "feed_silence",
    "cancellation_wave",
    "diversion_cluster",
    "slow_down",
    "forecast_anomaly",
)


@dataclass(frozen=True)
class Group:
    """Situation: its place or pattern, leading pattern, severity, and the findings that belong to it."""

    name: str
    pattern: str
    severity: Severity
    findings: int
    explanation: str
    members: tuple[str, ...] = ()


def groups(findings: Iterable[Finding]) -> list[Group]:
    """Return the situations of open findings, the most severe first.

    A finding about an airport or airline leads the situation of its place. Findings of single
    flights join the situation of their airport, or of their pattern if the airport has none.
    """
    ordered = sorted(findings, key=lambda each: (rank(each), each.raised, each.finding_id))
    leading = {place_of(each): each for each in reversed(ordered) if each.pattern in LEADERS}
    members: dict[str, list[Finding]] = {}
    for found in ordered:
        place = place_of(found) if found.pattern in LEADERS else found.airport
        members.setdefault(place if place in leading else found.pattern, []).append(found)
    made: list[Group] = []
    for name, each in members.items():
        head = leading.get(name, each[0])
        ids = tuple(found.finding_id for found in each)
        made.append(Group(name, head.pattern, head.severity, len(each), head.explanation, ids))
    return sorted(made, key=lambda each: (SEVERITIES.index(each.severity), -each.findings, each.name))


def place_of(found: Finding) -> str:
    """Return the airport, airline or source that a finding is about."""
    return found.airport or found.airline or found.key.partition(":")[2] or found.key


def rank(found: Finding) -> int:
    """Return the place of a finding in its situation: the least leads.

    Severity counts first, then the pattern.
    """
    leads = LEADERS.index(found.pattern) if found.pattern in LEADERS else len(LEADERS)
    return SEVERITIES.index(found.severity) * (len(LEADERS) + 1) + leads
