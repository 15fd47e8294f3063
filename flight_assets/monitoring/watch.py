"""One round of the watch: read the metrics, evaluate the rules, notify the sinks, keep the history.

The state goes from round to round in the sensor's cursor, not in a store that may be down. After a crash
between notifying and keeping the cursor, a sink may hear of an alert twice, but never not at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flight_assets import logs
from flight_assets.errors import FlightsError
from flight_assets.monitoring import alerts, course, history, notify

if TYPE_CHECKING:
    from datetime import datetime

    from flight_assets.monitoring.alerts import Samples, State
    from flight_assets.settings import Settings

# The endpoint itself waits for slow stores up to six seconds.
SCRAPE_TIMEOUT_S = 15.0


def scrape(settings: Settings) -> Samples:
    """Return the samples of the metrics endpoint by metric.

    If it is down, ``flights_store_up{store=metrics}`` is 0.
    """
    import requests
    from prometheus_client.parser import text_string_to_metric_families

    try:
        reply = requests.get(settings.metrics_url, timeout=SCRAPE_TIMEOUT_S)
        reply.raise_for_status()
    except requests.RequestException:
        return {"flights_store_up": [({"store": "metrics"}, 0.0)]}
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in text_string_to_metric_families(reply.text):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    found.setdefault("flights_store_up", []).append(({"store": "metrics"}, 1.0))
    return found


def watch(settings: Settings, state: State, samples: Samples, now: datetime) -> State:
    """Return the state after one round.

    A failure is noted in the state, logged, and tried again next time.
    """
    state = alerts.evaluate(state, samples, settings, now)
    state, is_kept = _keep(settings, state)
    known = notify.sinks(settings)
    for name, send in known.items():
        waiting = alerts.due(state, name, now)
        if waiting:
            state = alerts.after(state, name, waiting, _attempt(settings, name, send, waiting))
    if _keep_again(settings, state, is_kept):
        state = alerts.without_settled(state, known, now)
    return _keep_course(settings, state, samples, now)


def _keep_course(settings: Settings, state: State, samples: Samples, now: datetime) -> State:
    """Keep the course of services and disks. If MongoDB is down, the state notes it."""
    try:
        course.keep(settings, samples, now)
    except FlightsError as error:
        return alerts.noted(state, "course", str(error))
    return alerts.noted(state, "course", None)


def _keep(settings: Settings, state: State) -> tuple[State, bool]:
    try:
        silences = history.keep(settings, state)
    except FlightsError as error:
        return alerts.noted(state, "history", str(error)), False
    return alerts.noted(state.model_copy(update={"silences": silences}), "history", None), True


def _keep_again(settings: Settings, state: State, is_kept: bool) -> bool:
    """Write the notified sinks to the history, before settled alerts leave the state."""
    if not is_kept:
        return False
    try:
        history.keep(settings, state)
    except FlightsError:
        return False
    return True


def _attempt(settings: Settings, name: str, send: notify.Sink, waiting: list[alerts.Alert]) -> str | None:
    """Send alerts to a sink. Return the reason of its failure, or None."""
    try:
        send(settings, waiting)
    # A sink may fail in as many ways as its protocol has, and must not stop the others.
    except Exception as error:
        problem = notify.reason(error)
        logs.get_logger("alerts").error(
            "sink failed", sink=name, problem=problem, alerts=[alert.key for alert in waiting]
        )
        return problem
    return None
