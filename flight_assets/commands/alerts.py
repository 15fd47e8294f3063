"""``flights alerts …``: list, silence, unsilence, test, tell, rules."""

from __future__ import annotations

import getpass
import json
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click
from rich.table import Column, Table

from flight_assets.commands.console import console
from flight_assets.errors import FlightsError
from flight_assets.settings import get_settings

if TYPE_CHECKING:
    from flight_assets.monitoring.alerts import Alert
    from flight_assets.monitoring.history import Board


@click.group()
def alerts() -> None:
    """Alarms: what fires, silences, a test of who is told."""


@alerts.command("list")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def list_alerts(as_json: bool) -> None:
    """Show what fires, what is pending and what is over, newest first."""
    from flight_assets.monitoring.history import board

    found = board(get_settings())
    if as_json:
        click.echo(json.dumps(_as_dict(found)))
        return
    table = Table("status", "severity", Column("alarm", overflow="fold"), "since (UTC)", "what")
    for alert in found.alerts:
        status = "silenced" if alert.status == "firing" and found.silence_of(alert.rule) else alert.status
        table.add_row(status, alert.severity, alert.key, f"{alert.since:%Y-%m-%d %H:%M:%S}", alert.summary)
    console.print(table)
    for silence in found.silences:
        console.print(
            f"{silence.rule} is silenced until {silence.until:%Y-%m-%d %H:%M} UTC by {silence.by}: {silence.reason}", soft_wrap=True
        )
    for name, problem in found.problems.items():
        console.print(f"[red]{name}[/]: {problem}", soft_wrap=True)
    console.print(f"evaluated at {found.as_of:%Y-%m-%d %H:%M:%S} UTC" if found.as_of else "not evaluated yet", soft_wrap=True)


def _as_dict(found: Board) -> dict[str, object]:
    return {
        "evaluated_at": found.as_of.isoformat() if found.as_of else None,
        "alerts": [alert.model_dump(mode="json") for alert in found.alerts],
        "silences": [silence.model_dump(mode="json") for silence in found.silences],
        "problems": found.problems,
    }


@alerts.command()
@click.argument("rule")
@click.option("--reason", required=True, help="Why; shown wherever the alarm is.")
@click.option("--hours", type=click.FloatRange(0, 24 * 30, min_open=True), default=1.0, show_default=True, help="For how long.")
def silence(rule: str, reason: str, hours: float) -> None:
    """Hold back the notifications of a rule; the alarm stays visible."""
    from flight_assets.monitoring import history

    made = history.silence(get_settings(), rule, reason, getpass.getuser(), hours)
    console.print(f"{rule} is silent until {made.until:%Y-%m-%d %H:%M} UTC", soft_wrap=True)


@alerts.command()
@click.argument("rule")
def unsilence(rule: str) -> None:
    """Let a rule notify again."""
    from flight_assets.monitoring import history

    console.print(f"{rule} notifies again" if history.unsilence(get_settings(), rule) else f"{rule} was not silenced")


@alerts.command("test")
def send_test() -> None:
    """Send a test notification to every configured sink; exit 1 if one does not take it."""
    _tell(_alert("Test", "warning", {}, "this is a test: nothing is wrong", "nothing to do"))


@alerts.command()
@click.argument("rule")
@click.option("--summary", required=True, help="What is wrong, in one sentence.")
@click.option("--remedy", required=True, help="What to do.")
@click.option("--severity", type=click.Choice(["warning", "critical"]), default="critical", show_default=True)
@click.option("--label", "labels", multiple=True, metavar="NAME=VALUE", help="What it concerns; may be repeated.")
def tell(rule: str, summary: str, remedy: str, severity: str, labels: tuple[str, ...]) -> None:
    """Tell every configured sink, once, of a failure that another orchestrator saw; exit 1 if one does not take it.

    Such an alarm has no rule that would notice its end: it is not listed, silenced or resolved.
    """
    if not all("=" in label for label in labels):
        raise click.UsageError("--label is NAME=VALUE")
    _tell(_alert(rule, severity, {name: value for name, _, value in (label.partition("=") for label in labels)}, summary, remedy))


def _alert(rule: str, severity: str, labels: dict[str, str], summary: str, remedy: str) -> Alert:
    from flight_assets.monitoring.alerts import Alert

    now = datetime.now(UTC)
    seen = {"status": "firing", "since": now, "fired_at": now, "last_seen": now, "value": 1, "limit": 0}
    return Alert.model_validate(seen | {"rule": rule, "severity": severity, "labels": labels, "summary": summary, "remedy": remedy})


def _tell(alert: Alert) -> None:
    """Send one alarm to every sink and print who took it. Raises FlightsError naming those that did not."""
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
        raise FlightsError(f"{', '.join(failed)} could not be reached: check the FLIGHTS_ALERT_… and FLIGHTS_SMTP_… settings")


@alerts.command()
def rules() -> None:
    """Print the rules as a Prometheus rule file, with the limits of the settings."""
    import yaml

    from flight_assets.monitoring.rules import prometheus_rules

    sys.stdout.write(yaml.safe_dump(prometheus_rules(get_settings()), sort_keys=False, allow_unicode=True, width=140))
