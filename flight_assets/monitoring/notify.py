"""Sinks of alerts: the log always, a webhook and e-mail where they are configured.

Each attempt ends within the timeout.
"""

from __future__ import annotations

import smtplib
from collections.abc import Callable, Sequence
from email.message import EmailMessage
from typing import TYPE_CHECKING, Any

from flight_assets import logs

if TYPE_CHECKING:
    from flight_assets.monitoring.alerts import Alert
    from flight_assets.settings import Settings

Sink = Callable[["Settings", Sequence["Alert"]], None]
SHOWN = (
    "status",
    "severity",
    "rule",
    "labels",
    "summary",
    "remedy",
    "value",
    "limit",
    "since",
    "fired_at",
    "resolved_at",
)


def sinks(settings: Settings) -> dict[str, Sink]:
    """Return the configured sinks by name."""
    found: dict[str, Sink] = {"log": to_log}
    if settings.alert_webhook_url.get_secret_value():
        found["webhook"] = to_webhook
    if settings.alert_email_to:
        found["email"] = to_email
    return found


def to_log(_settings: Settings, alerts: Sequence[Alert]) -> None:
    """Log one line per alert."""
    logger = logs.get_logger("alerts")
    for alert in alerts:
        write = logger.info if alert.status == "resolved" else logger.error
        write(f"alert {alert.status}", **alert.model_dump(mode="json", include={*SHOWN}))


def to_webhook(settings: Settings, alerts: Sequence[Alert]) -> None:
    """Send one POST with all alerts: ``{"text": …, "alerts": [{…}]}``; chat systems show ``text``.

    Raises on refusal.
    """
    import requests

    body: dict[str, Any] = {
        "text": _text(alerts),
        "alerts": [alert.model_dump(mode="json", include={*SHOWN}) for alert in alerts],
    }
    url = settings.alert_webhook_url.get_secret_value()
    requests.post(url, json=body, timeout=settings.monitoring_timeout_s).raise_for_status()


def to_email(settings: Settings, alerts: Sequence[Alert]) -> None:
    """Send one message with all alerts. Raises if the server refuses an address."""
    message = EmailMessage()
    message["Subject"] = _subject(alerts)
    message["From"] = settings.alert_email_from
    message["To"] = settings.alert_email_to
    message.set_content(_text(alerts))
    with smtplib.SMTP(
        settings.smtp_host, settings.smtp_port, timeout=settings.monitoring_timeout_s
    ) as server:
        if settings.smtp_starttls:
            server.starttls()
        if settings.smtp_user:
            server.login(settings.smtp_user, settings.smtp_password.get_secret_value())
        refused = server.send_message(message)
    if refused:
        raise OSError(f"the server refused {', '.join(refused)}")


def reason(error: Exception) -> str:
    """Return the reason of a failure without the address, which may hold a secret."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    detail = (
        f" (HTTP {status})"
        if status
        else f" ({error})"
        if isinstance(error, OSError) and not hasattr(error, "request")
        else ""
    )
    return f"{type(error).__name__}{detail}"


def _subject(alerts: Sequence[Alert]) -> str:
    first = f"[{alerts[0].status}] {alerts[0].summary}"
    return first if len(alerts) == 1 else f"{first} and {len(alerts) - 1} more"


def _text(alerts: Sequence[Alert]) -> str:
    return "\n\n".join(_paragraph(alert) for alert in alerts)


def _paragraph(alert: Alert) -> str:
    head = f"{alert.status.upper()} {alert.severity}: {alert.summary}"
    when = (
        f"{alert.key}, value {alert.value:g}, limit {alert.limit:g}, since"
        f" {alert.since:%Y-%m-%d %H:%M:%S} UTC"
    )
    end = (
        f"over at {alert.resolved_at:%Y-%m-%d %H:%M:%S} UTC"
        if alert.resolved_at
        else f"remedy: {alert.remedy}"
    )
    return f"{head}\n{when}\n{end}"
