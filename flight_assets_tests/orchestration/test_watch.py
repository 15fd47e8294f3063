"""The sensor that watches: its state lives in its cursor, from tick to tick, with every store down."""

from __future__ import annotations

import socket

import pytest
from dagster import SkipReason, build_sensor_context

from flight_assets.automation import alerts as automation
from flight_assets.monitoring.alerts import State
from flight_assets.settings import Settings


@pytest.fixture
def nowhere(tmp_path, monkeypatch) -> Settings:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
    settings = Settings(
        _env_file=None,
        home=tmp_path,
        mongo_uri=f"mongodb://{address}",
        metrics_url=f"http://{address}",
        monitoring_timeout_s=0.3,
    )
    monkeypatch.setattr(automation, "get_settings", lambda: settings)
    return settings


def test_ticks_carry_the_alarms_on_without_any_store(nowhere) -> None:
    context = build_sensor_context()
    first = automation.watch(context)
    assert isinstance(first, SkipReason)
    state = State.model_validate_json(context.cursor)
    assert {alert.key: alert.status for alert in state.alerts.values()} == {
        "StoreDown{store=metrics}": "pending"
    }
    minute_ago = state.alerts["StoreDown{store=metrics}"]
    state.alerts[minute_ago.key] = minute_ago.model_copy(
        update={"since": minute_ago.since.replace(year=2025)}
    )
    again = build_sensor_context(cursor=state.model_dump_json())
    assert "firing: StoreDown{store=metrics}" in automation.watch(again).skip_message
    assert State.model_validate_json(again.cursor).alerts["StoreDown{store=metrics}"].notified == ["log"]
    assert "history: MongoDB does not answer" in automation.watch(again).skip_message


def test_it_runs_every_minute_without_being_switched_on() -> None:
    assert automation.watch.minimum_interval_seconds == 60
    assert automation.watch.default_status.value == "RUNNING"
