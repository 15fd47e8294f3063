"""Metrics of complex events, and the alerts that follow from them. Stores are given."""

from contextlib import nullcontext
from datetime import UTC, datetime

import pandas as pd
import pytest

from flight_assets.events.patterns import PATTERNS
from flight_assets.events.store import EventStore, Head
from flight_assets.monitoring import alerts, sources
from flight_assets.queries import events
from flight_assets.queries.events import OPEN_COLUMNS
from flight_assets.settings import Settings
from flight_assets.stores import mongo
from flight_assets_tests.unit.events.test_store import Files

NOW = datetime(2026, 6, 1, tzinfo=UTC)
SITUATION = ("EWR", "ground_stop", "critical")


def finding():
    values = dict.fromkeys(OPEN_COLUMNS, "")
    group, pattern, severity = SITUATION
    return values | {"group": group, "pattern": pattern, "severity": severity, "started": pd.Timestamp(NOW)}


@pytest.fixture
def measured(monkeypatch):
    """Samples of the metrics by name, with these open findings and failed patterns."""

    def one(found, failures=None):
        hdfs = Files()
        EventStore(hdfs).mark(Head(3, -1, failures=failures or {}))
        monkeypatch.setattr(sources, "Hdfs", lambda _settings: hdfs)
        monkeypatch.setattr(mongo, "database", lambda _settings: nullcontext())
        frame = pd.DataFrame(found, columns=list(OPEN_COLUMNS))
        monkeypatch.setattr(events, "open_findings", lambda _db: frame)
        by_name = {}
        for sample in sources.from_events(Settings()):
            labels = dict(zip(("group", "pattern", "severity"), sample.labels, strict=False))
            if sample.metric == "flights_pattern_failed":
                labels = {"pattern": sample.labels[0]}
            by_name.setdefault(sample.metric, []).append((labels, sample.value))
        return by_name

    return one


def firing(state):
    return {alert.rule for alert in state.alerts.values() if alert.status == "firing"}


def test_alerts_end_with_the_last_situation_and_the_last_failure(measured) -> None:
    state = alerts.evaluate(alerts.State(), measured([finding()], {"own": "KeyError"}), Settings(), NOW)
    assert firing(state) == {"Situation", "PatternFailed"}
    state = alerts.evaluate(state, measured([]), Settings(), NOW)
    assert not firing(state)


def test_each_pattern_has_a_sample_whether_it_failed_or_not(measured) -> None:
    found = {
        labels["pattern"]: value for labels, value in measured([], {"own": "x"})["flights_pattern_failed"]
    }
    assert found == dict.fromkeys((each.name for each in PATTERNS), 0.0) | {"own": 1.0}
