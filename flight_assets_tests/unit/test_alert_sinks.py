"""Sinks of alerts over real sockets: a webhook, an SMTP server, the log.

And a round in which all of them fail.
"""

from __future__ import annotations

import json
import socket
from datetime import UTC, datetime

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Mailbox
from click.testing import CliRunner

from flight_assets import logs
from flight_assets.commands.alerts import alerts
from flight_assets.monitoring import notify
from flight_assets.monitoring.alerts import Alert, State
from flight_assets.monitoring.watch import scrape, watch
from flight_assets.settings import Settings

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
FAILED = {"flights_dagster_failed_since_success": [({"job": "process_flights"}, 2.0)]}
SUCCEEDED = {"flights_dagster_failed_since_success": [({"job": "process_flights"}, 0.0)]}


def alert(summary: str = "mongodb does not answer", status: str = "firing") -> Alert:
    words = {
        "rule": "StoreDown",
        "severity": "critical",
        "labels": {"store": "mongodb"},
        "summary": summary,
        "remedy": "start it",
    }
    return Alert.model_validate(
        words | {"status": status, "since": NOW, "last_seen": NOW, "value": 0, "limit": 1}
    )


@pytest.fixture
def mail(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(Mailbox(tmp_path / "mail"), hostname="127.0.0.1", port=port)
    controller.start()
    yield controller
    controller.stop()


@pytest.fixture
def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@pytest.fixture
def settings(tmp_path, closed_port) -> Settings:
    """A platform of which nothing answers."""
    nowhere = f"127.0.0.1:{closed_port}"
    addresses = {
        "mongo_uri": f"mongodb://{nowhere}",
        "dagster_url": f"http://{nowhere}",
        "metrics_url": f"http://{nowhere}/metrics",
    }
    return Settings(_env_file=None, home=tmp_path, monitoring_timeout_s=0.5, timeout_s=0.5, **addresses)


def with_webhook(settings: Settings, port: int) -> Settings:
    return Settings(
        **settings.model_dump(exclude={"supervisor_socket"})
        | {"alert_webhook_url": f"http://127.0.0.1:{port}/hook?key=secret"}
    )


def test_webhook_gets_one_post_with_every_alarm(settings, webhook) -> None:
    notify.to_webhook(
        with_webhook(settings, webhook.server_port), [alert(), alert("kafka does not answer", "resolved")]
    )
    (body,) = webhook.bodies
    assert [found["status"] for found in body["alerts"]] == ["firing", "resolved"]
    assert (
        body["alerts"][0] | {"labels": {"store": "mongodb"}, "severity": "critical", "remedy": "start it"}
        == body["alerts"][0]
    )
    assert "FIRING critical: mongodb does not answer" in body["text"]


def test_email_reaches_the_server_for_every_address(settings, mail, tmp_path) -> None:
    to = {"alert_email_to": "ops@example.org, duty@example.org", "smtp_port": mail.port}
    notify.to_email(settings.model_copy(update=to), [alert(), alert("kafka does not answer")])
    (path,) = (tmp_path / "mail/new").iterdir()
    text = path.read_text()
    assert "Subject: [firing] mongodb does not answer and 1 more" in text
    assert "X-RcptTo: ops@example.org, duty@example.org" in text
    assert "remedy: start it" in text


def test_only_configured_sinks_are_used(settings) -> None:
    assert list(notify.sinks(settings)) == ["log"]
    both = settings.model_copy(update={"alert_email_to": "ops@example.org"})
    assert list(notify.sinks(with_webhook(both, 1))) == ["log", "webhook", "email"]


def test_what_another_orchestrator_saw_is_told_to_every_sink(settings, webhook, monkeypatch) -> None:
    monkeypatch.setattr(
        "flight_assets.commands.alerts.get_settings", lambda: with_webhook(settings, webhook.server_port)
    )
    words = [
        "tell",
        "TaskFailed",
        "--summary",
        "it failed: a=b",
        "--remedy",
        "mend it",
        "--label",
        "dag=a",
        "--label",
        "task=b=c",
    ]
    assert CliRunner().invoke(alerts, words).exit_code == 0
    ((told,),) = [body["alerts"] for body in webhook.bodies]
    assert (told["rule"], told["status"], told["severity"], told["labels"]) == (
        "TaskFailed", "firing", "critical", {"dag": "a", "task": "b=c"},
    )  # fmt: skip
    assert (told["summary"], told["remedy"]) == ("it failed: a=b", "mend it")
    assert "it failed: a=b" in logs.path(settings).read_text()
    assert CliRunner().invoke(alerts, [*words, "--label", "nothing"]).exit_code == 2
    webhook.status = 500
    assert "webhook could not be reached" in str(CliRunner().invoke(alerts, words).exception)


def test_a_round_with_every_store_down_still_rings_and_says_what_it_could_not_reach(
    settings, webhook
) -> None:
    state = watch(with_webhook(settings, webhook.server_port), State(), FAILED, NOW)
    assert [found["alerts"][0]["rule"] for found in webhook.bodies] == ["RunsFailing"]
    assert "MongoDB does not answer" in state.problems["history"]


def test_a_sink_that_refuses_is_named_without_its_secret_and_tried_again(settings, webhook) -> None:
    to = with_webhook(settings, webhook.server_port)
    webhook.status = 500
    state = watch(to, State(), FAILED, NOW)
    assert state.problems["webhook"] == "HTTPError (HTTP 500)"
    assert webhook.bodies == []
    webhook.status = 200
    state = watch(to, state, FAILED, NOW)
    assert "webhook" not in state.problems
    state = watch(to, state, FAILED, NOW)
    assert len(webhook.bodies) == 1
    watch(to, state, SUCCEEDED, NOW)
    assert [found["alerts"][0]["status"] for found in webhook.bodies] == ["firing", "resolved"]


def test_a_sink_that_is_not_there_does_not_stop_the_others(settings, closed_port, mail, tmp_path) -> None:
    to = with_webhook(settings, closed_port).model_copy(
        update={"alert_email_to": "ops@example.org", "smtp_port": mail.port}
    )
    state = watch(to, State(), FAILED, NOW)
    assert state.problems["webhook"] == "ConnectionError"
    assert len(list((tmp_path / "mail/new").iterdir())) == 1
    assert "secret" not in state.model_dump_json()


def test_an_endpoint_that_does_not_answer_is_a_store_that_is_down(settings) -> None:
    assert scrape(settings) == {"flights_store_up": [({"store": "metrics"}, 0.0)]}


def test_the_log_has_one_json_line_per_alarm(settings) -> None:
    logs.configure(settings)
    notify.to_log(settings, [alert(), alert(status="resolved")])
    lines = [json.loads(line) for line in logs.path(settings).read_text().splitlines()]
    assert [(line["level"], line["event"], line["rule"]) for line in lines] == [
        ("error", "alert firing", "StoreDown"),
        ("info", "alert resolved", "StoreDown"),
    ]
