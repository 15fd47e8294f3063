"""``flights alerts …``: list, silence, unsilence, test, tell, rules."""

from __future__ import annotations

import getpass
import json
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from flight_assets.commands.console import (
    Column,
    Group,
    console,
    example,
    json_option,
    print_table,
    wide_option,
)
from flight_assets.errors import FlightsError
from flight_assets.settings import get_settings

if TYPE_CHECKING:
    from flight_assets.monitoring.alerts import Alert
    from flight_assets.monitoring.history import Board


COLUMNS = (
    Column("status"), Column("severity", optional=True), Column("alert", folds=True), Column("since UTC"),
    Column("summary", folds=True),
)  # fmt: skip


@click.group(
    cls=Group, epilog=example("flights alerts list", "flights alerts silence LagHigh --reason 'a replay'")
)
def alerts() -> None:
    """Alerts: list them, silence them, test their sinks."""


@alerts.command("list", epilog=example("flights alerts list", "flights alerts list --json"))
@wide_option
@json_option
def list_alerts(wide: bool, as_json: bool) -> None:
    """Show the firing, pending and resolved alerts, newest first."""
    from flight_assets.monitoring.history import board

    found = board(get_settings())
    if as_json:
        click.echo(json.dumps(_as_dict(found)))
        return
    rows = []
    for alert in found.alerts:
        status = "silenced" if alert.status == "firing" and found.silence_of(alert.rule) else alert.status
        rows.append((status, alert.severity, alert.key, f"{alert.since:%Y-%m-%d %H:%M}", alert.summary))
    print_table(COLUMNS, rows, wide=wide)
    for silence in found.silences:
        console.print(
            f"{silence.rule} is silenced until {silence.until:%Y-%m-%d %H:%M} UTC by {silence.by}:"
            f" {silence.reason}",
            soft_wrap=True,
        )
    for name, problem in found.problems.items():
        console.print(f"[red]{name}[/]: {problem}", soft_wrap=True)
    console.print(
        f"evaluated at {found.as_of:%Y-%m-%d %H:%M:%S} UTC" if found.as_of else "not evaluated yet",
        soft_wrap=True,
    )


def _as_dict(found: Board) -> dict[str, object]:
    return {
        "evaluated_at": found.as_of.isoformat() if found.as_of else None,
        "alerts": [alert.model_dump(mode="json") for alert in found.alerts],
        "silences": [silence.model_dump(mode="json") for silence in found.silences],
        "problems": found.problems,
    }


@alerts.command(epilog=example("flights alerts silence LagHigh --reason 'a replay' --hours 4"))
@click.argument("rule")
@click.option("--reason", required=True, help="Why; shown beside the alert.")
@click.option(
    "--hours",
    type=click.FloatRange(0, 24 * 30, min_open=True),
    default=1.0,
    show_default=True,
    help="For how long.",
)
def silence(rule: str, reason: str, hours: float) -> None:
    """Hold back the notifications of a RULE; its alerts stay visible."""
    from flight_assets.monitoring import history

    silenced = history.silence(get_settings(), rule, reason, getpass.getuser(), hours)
    console.print(f"{rule} is silent until {silenced.until:%Y-%m-%d %H:%M} UTC", soft_wrap=True)


@alerts.command(epilog=example("flights alerts unsilence LagHigh"))
@click.argument("rule")
def unsilence(rule: str) -> None:
    """Let a RULE notify again."""
    from flight_assets.monitoring import history

    console.print(
        f"{rule} notifies again" if history.unsilence(get_settings(), rule) else f"{rule} was not silenced"
    )


@alerts.command("test", epilog=example("flights alerts test"))
def send_test() -> None:
    """Send a test notification to every configured sink; exit 1 if one fails."""
    _notify(_alert("Test", "warning", {}, "this is a test: nothing is wrong", "nothing to do"))


@alerts.command(epilog=example("flights alerts tell DagFailed --summary 'it failed' --remedy 'read its log'"))
@click.argument("rule")
@click.option("--summary", required=True, help="The problem in one sentence.")
@click.option("--remedy", required=True, help="The remedy in one sentence.")
@click.option(
    "--severity",
    type=click.Choice(["warning", "critical"]),
    default="critical",
    show_default=True,
    help="How bad it is.",
)
@click.option(
    "--label", "labels", multiple=True, metavar="NAME=VALUE", help="A label of the alert; may be repeated."
)
def tell(rule: str, summary: str, remedy: str, severity: str, labels: tuple[str, ...]) -> None:
    """Notify every configured sink once of a failure that another orchestrator saw; exit 1 if one fails.

    No rule watches such an alert: it is not listed, silenced or resolved.
    """
    if not all("=" in label for label in labels):
        raise click.UsageError("--label is NAME=VALUE")
    _notify(
        _alert(
            rule,
            severity,
            {name: value for name, _, value in (label.partition("=") for label in labels)},
            summary,
            remedy,
        )
    )


def _alert(rule: str, severity: str, labels: dict[str, str], summary: str, remedy: str) -> Alert:
    from flight_assets.monitoring.alerts import Alert

    now = datetime.now(UTC)
    seen = {"status": "firing", "since": now, "fired_at": now, "last_seen": now, "value": 1, "limit": 0}
    return Alert.model_validate(
        seen | {"rule": rule, "severity": severity, "labels": labels, "summary": summary, "remedy": remedy}
    )


def _notify(alert: Alert) -> None:
    """Send one alert to every sink and print the outcome. Raises FlightsError with the sinks that failed."""
    from flight_assets import logs
    from flight_assets.monitoring import notify

    settings = get_settings()
    logs.configure(settings)
    failed = []
    for name, send in notify.sinks(settings).items():
        try:
            send(settings, [alert])
            console.print(f"{name}: taken")
        except Exception as error:  # shown, and the exit code tells
            failed.append(name)
            console.print(f"[red]{name}[/]: {notify.reason(error)}", soft_wrap=True)
    if failed:
        raise FlightsError(
            f"{', '.join(failed)} could not be reached: check the FLIGHTS_ALERT_… and FLIGHTS_SMTP_… settings"
        )


@alerts.command(epilog=example("flights alerts rules > flights.rules.yml"))
def rules() -> None:
    """Print the rules as a Prometheus rule file, with the limits of the settings."""
    import yaml

    from flight_assets.monitoring.rules import prometheus_rules

    sys.stdout.write(
        yaml.safe_dump(prometheus_rules(get_settings()), sort_keys=False, allow_unicode=True, width=140)
    )
