"""From samples to alerts: when they fire, end, are told of, and are silenced."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from flight_assets.monitoring import alerts
from flight_assets.monitoring.alerts import Alert, Silence, State, after, due, evaluate
from flight_assets.monitoring.metrics import METRICS
from flight_assets.monitoring.rules import RULES, Rule, prometheus_rules
from flight_assets.settings import Settings

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
SETTINGS = Settings(_env_file=None)
LABELS = {metric.name: metric.labels for metric in METRICS}


def at(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


def sample_of(rule: Rule, value: float) -> dict:
    """One sample that the rule looks at."""
    labels = dict.fromkeys(LABELS[rule.metric], "x")
    if rule.only:
        labels[rule.only[0]] = rule.only[1].split("|")[0]
    return {rule.metric: [(labels, value)]}


def past(rule: Rule) -> float:
    limit = rule.limit_value(SETTINGS)
    return limit + 0.5 if rule.comparison == ">" else limit - 0.5


def rounds(samples: list[dict], every_minutes: float = 1, rules=RULES, state: State | None = None) -> State:
    state = state or State()
    for number, found in enumerate(samples):
        state = evaluate(state, found, SETTINGS, at(number * every_minutes), rules)
    return state


def statuses(state: State) -> list[str]:
    return [alert.status for alert in state.alerts.values()]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_rule_fires_past_its_limit_after_its_duration_and_not_at_the_limit(rule: Rule) -> None:
    bad, good = sample_of(rule, past(rule)), sample_of(rule, rule.limit_value(SETTINGS))
    state = evaluate(State(), bad, SETTINGS, NOW)
    assert statuses(state) == (["firing"] if rule.for_s == 0 else ["pending"])
    if rule.for_s:
        just_before = NOW + timedelta(seconds=rule.for_s - 1)
        assert statuses(evaluate(state, bad, SETTINGS, just_before)) == ["pending"]
    state = evaluate(state, bad, SETTINGS, NOW + timedelta(seconds=rule.for_s))
    assert statuses(state) == ["firing"]
    assert statuses(evaluate(State(), good, SETTINGS, NOW)) == []
    alert = next(iter(state.alerts.values()))
    assert "{" not in alert.summary + alert.remedy
    assert (alert.value, alert.limit) == (past(rule), rule.limit_value(SETTINGS))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_rule_names_a_metric_that_there_is_and_labels_that_it_has(rule: Rule) -> None:
    labels = LABELS[rule.metric]
    assert all(matcher[0] in labels for matcher in (rule.only, rule.never) if matcher)
    [(_, _, summary)] = rule.breaches(sample_of(rule, past(rule))[rule.metric], SETTINGS)
    assert summary


def test_names_of_rules_are_unique() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES)


def test_limits_follow_the_settings() -> None:
    rule = next(rule for rule in RULES if rule.name == "LagHigh")
    strict = SETTINGS.model_copy(update={"alert_lag_messages": 10})
    assert rule.is_past(11, strict)
    assert not rule.is_past(11, SETTINGS)
    assert rule.expression(strict) == "flights_lag_messages > 10"


def test_a_value_that_is_not_a_number_is_past_no_limit() -> None:
    assert not any(rule.is_past(float("nan"), SETTINGS) for rule in RULES)


STORE_DOWN = next(rule for rule in RULES if rule.name == "StoreDown")
FAILING = next(rule for rule in RULES if rule.name == "RunsFailing")
DOWN = {"flights_store_up": [({"store": "mongodb"}, 0.0), ({"store": "kafka"}, 1.0)]}
UP = {"flights_store_up": [({"store": "mongodb"}, 1.0), ({"store": "kafka"}, 1.0)]}
FAILED = {"flights_dagster_failed_since_success": [({"job": "process_flights"}, 2.0)]}
SUCCEEDED = {"flights_dagster_failed_since_success": [({"job": "process_flights"}, 0.0)]}


def test_only_the_sample_that_is_past_the_limit_is_an_alarm() -> None:
    state = rounds([DOWN, DOWN])
    assert list(state.alerts) == ["StoreDown{store=mongodb}"]
    assert state.alerts["StoreDown{store=mongodb}"].summary == "mongodb does not answer"


def drift(*subjects: str) -> dict:
    """The model's figures, past their thresholds those named."""
    subjects_known = ("hour", "distance_miles", "origin_delay")
    psi = [({"metric": "psi", "subject": name}, float(name in subjects)) for name in subjects_known]
    return {
        "flights_model_breached": [*psi, ({"metric": "psi_share", "subject": ""}, float(len(subjects) > 1))]
    }


def test_a_drift_of_many_features_is_one_alert_that_lists_them_and_is_told_once() -> None:
    state = rounds([drift("origin_delay", "hour")])
    [alert] = state.alerts.values()
    assert (alert.key, alert.status, alert.value) == ("ModelDrift", "firing", 1.0)
    assert alert.summary == "the delay model is past its thresholds: psi hour, psi origin_delay, psi_share"
    state = after(state, "log", due(state, "log", NOW), None)
    state = rounds([drift("hour")], state=state)
    assert state.alerts["ModelDrift"].summary.endswith("thresholds: psi hour")
    assert due(state, "log", NOW) == [], "fewer features are no other alert"
    state = rounds([drift()], state=state)
    assert statuses(state) == ["resolved"]


def test_a_condition_that_goes_away_while_pending_leaves_nothing() -> None:
    assert rounds([DOWN, UP]).alerts == {}


def test_without_any_sample_of_its_metric_an_alert_stays_as_it_is() -> None:
    state = rounds([DOWN, DOWN, {}])
    assert statuses(state) == ["firing"]
    assert statuses(rounds([DOWN, DOWN, {"flights_store_up": [({"store": "kafka"}, 1.0)]}])) == ["resolved"]


def test_each_sink_is_told_once_that_it_fires_and_once_that_it_is_over() -> None:
    told: list[tuple[float, str, str]] = []
    state = State()
    for minute, found in enumerate([FAILED, FAILED, FAILED, SUCCEEDED, SUCCEEDED]):
        state = evaluate(state, found, SETTINGS, at(minute))
        for sink in ("log", "webhook"):
            now = due(state, sink, at(minute))
            told += [(minute, sink, alert.status) for alert in now]
            state = after(state, sink, now, None)
    assert told == [
        (0, "log", "firing"),
        (0, "webhook", "firing"),
        (3, "log", "resolved"),
        (3, "webhook", "resolved"),
    ]
    assert alerts.without_settled(state, ("log", "webhook"), at(5)).alerts == {}


def test_an_alert_that_comes_back_is_told_of_again() -> None:
    state = rounds([FAILED])
    state = after(state, "log", due(state, "log", NOW), None)
    state = evaluate(state, SUCCEEDED, SETTINGS, at(1))
    state = evaluate(state, FAILED, SETTINGS, at(2))
    assert [alert.status for alert in due(state, "log", at(2))] == ["firing"]
    assert [alert.since for alert in state.alerts.values()] == [at(2)]


def test_a_sink_that_failed_is_told_at_the_next_round_and_its_problem_is_kept_until_then() -> None:
    state = rounds([FAILED])
    for sink, problem in (("log", None), ("webhook", "ConnectionError")):
        state = after(state, sink, due(state, sink, NOW), problem)
    assert state.problems == {"webhook": "ConnectionError"}
    assert due(state, "log", at(1)) == []
    state = after(state, "webhook", due(state, "webhook", at(1)), None)
    assert state.problems == {}
    assert due(state, "webhook", at(1)) == []


def test_a_sink_that_missed_the_whole_alert_hears_of_its_end() -> None:
    state = rounds([FAILED])
    state = after(state, "webhook", due(state, "webhook", NOW), "ConnectionError")
    state = evaluate(state, SUCCEEDED, SETTINGS, at(1))
    assert [alert.status for alert in due(state, "webhook", at(1))] == ["resolved"]
    assert list(alerts.without_settled(state, ("webhook",), at(1)).alerts) == [
        "RunsFailing{job=process_flights}"
    ]


def silenced(state: State, minutes: float) -> State:
    return state.model_copy(
        update={
            "silences": [Silence(rule="RunsFailing", reason="upgrade", by="me", since=NOW, until=at(minutes))]
        }
    )


def test_a_silenced_rule_tells_nobody_until_the_silence_ends() -> None:
    state = silenced(rounds([FAILED]), minutes=30)
    assert statuses(state) == ["firing"]
    assert due(state, "log", at(29)) == []
    assert [alert.status for alert in due(state, "log", at(30))] == ["firing"]


def test_an_alert_that_came_and_went_in_silence_is_told_of_to_nobody() -> None:
    state = evaluate(silenced(rounds([FAILED]), minutes=30), SUCCEEDED, SETTINGS, at(1))
    assert due(state, "log", at(40)) == []


def test_an_alert_told_before_the_silence_is_told_over_within_it() -> None:
    state = rounds([FAILED])
    state = silenced(after(state, "log", due(state, "log", NOW), None), minutes=30)
    state = evaluate(state, SUCCEEDED, SETTINGS, at(1))
    assert [alert.status for alert in due(state, "log", at(1))] == ["resolved"]


def test_state_survives_being_written_and_read() -> None:
    state = silenced(rounds([FAILED, DOWN, DOWN]), minutes=30)
    assert State.model_validate_json(state.model_dump_json()) == state


def test_a_resolved_alert_that_nobody_could_be_told_of_is_forgotten_after_a_week() -> None:
    state = rounds([FAILED])
    state = after(state, "webhook", due(state, "webhook", NOW), "gone")
    state = evaluate(state, SUCCEEDED, SETTINGS, at(1))
    assert evaluate(state, SUCCEEDED, SETTINGS, at(1) + timedelta(days=6)).alerts
    assert not evaluate(state, SUCCEEDED, SETTINGS, at(2) + timedelta(days=7)).alerts


def test_a_rule_in_prometheus_words() -> None:
    rules = {rule["alert"]: rule for rule in prometheus_rules(SETTINGS)["groups"][0]["rules"]}
    assert rules["LatencyHigh"]["expr"] == 'flights_visible_latency_seconds{quantile=~"0.95"} > 600'
    assert rules["ArchiveThresholdNear"]["for"] == "300s"
    assert rules["ArchiveThresholdNear"]["annotations"]["summary"].startswith(
        "MongoDB has reached {{ $value | humanizePercentage }} of"
    )
    assert rules["RunsFailing"]["annotations"]["summary"].startswith(
        '{{ $value | printf "%.0f" }} runs of {{ $labels.job }} '
    )
    assert rules["ModelDrift"]["expr"] == "max(flights_model_breached) > 0"
    listed = "{{ range $number, $one := query `flights_model_breached > 0` }}{{ if $number }}, {{ end }}"
    assert (
        listed + "{{ $one.Labels.metric }} {{ $one.Labels.subject }}{{ end }}"
        in rules["ModelDrift"]["annotations"]["summary"]
    )


def test_an_alert_has_the_same_id_after_mongodb_has_cut_its_times_to_milliseconds() -> None:
    alert = next(iter(evaluate(State(), FAILED, SETTINGS, NOW.replace(microsecond=123_456)).alerts.values()))
    cut = alert.since.replace(microsecond=alert.since.microsecond // 1000 * 1000)
    assert alert.model_copy(update={"since": cut}).id == alert.id


def test_the_state_of_an_older_version_is_read() -> None:
    fired = next(iter(rounds([FAILED]).alerts.values())).model_copy(
        update={"notified": ["log"], "notified_resolved": ["webhook"]}
    )
    old = fired.model_dump(mode="json")
    old["notified"], old["told_resolved"] = old.pop("notified"), old.pop("notified_resolved")
    assert Alert.model_validate(old) == fired
