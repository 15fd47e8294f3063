"""Sensor that evaluates the alert rules every minute, also while stores are down."""

from datetime import UTC, datetime

from dagster import DefaultSensorStatus, SensorEvaluationContext, SkipReason, sensor

from flight_assets import logs
from flight_assets.monitoring.alerts import State
from flight_assets.monitoring.history import SENSOR
from flight_assets.monitoring.watch import scrape
from flight_assets.monitoring.watch import watch as one_round
from flight_assets.settings import get_settings


@sensor(name=SENSOR, minimum_interval_seconds=60, default_status=DefaultSensorStatus.RUNNING)
def watch(context: SensorEvaluationContext) -> SkipReason:
    """Evaluate the alert rules over the metrics and notify the sinks.

    The cursor is the state of the alerts. No run starts.
    """
    settings = get_settings()
    logs.configure(settings)
    before = State.model_validate_json(context.cursor) if context.cursor else State()
    state = one_round(settings, before, scrape(settings), datetime.now(UTC))
    context.update_cursor(state.model_dump_json())
    firing = sorted(key for key, alert in state.alerts.items() if alert.status == "firing")
    troubles = [f"{name}: {problem}" for name, problem in state.problems.items()]
    return SkipReason("; ".join([f"firing: {', '.join(firing) or 'none'}", *troubles]))
