"""``flights model trust``: who makes the forecasts, since when, and why."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import click

from flight_assets.commands.console import (
    Column,
    console,
    example,
    json_option,
    number,
    print_table,
    wide_option,
)
from flight_assets.settings import get_settings

SWITCHES = (
    *(Column("at UTC"), Column("to"), Column("version"), number("outcomes", optional=True)),
    *(number("model MAE min"), number("baseline MAE min")),
)


@click.command("trust", epilog=example("flights model trust", "flights model trust --json"))
@wide_option
@json_option
def show_trust(wide: bool, as_json: bool) -> None:
    """Show who makes the forecasts, the model or the running baseline, and every switch between them."""
    from flight_assets.queries.trust import trust
    from flight_assets.stores.hdfs import Hdfs

    found = trust(Hdfs(get_settings()))
    if as_json:
        click.echo(json.dumps(found))
        return
    if found["batch_id"] is None:
        console.print("no batch has made forecasts yet")
        return
    scores = "no outcomes yet"
    if found["outcomes"]:
        scores = (
            f"MAE of the last day's {found['outcomes']:,.0f} outcomes: "
            f"model {found['model_mae_minutes']:.1f} min, "
            f"baseline {found['baseline_mae_minutes']:.1f} min"
        )
    since = f" since {found['since']}" if found["since"] else ""
    console.print(f"the {found['serving']} serves{since}; {scores}", soft_wrap=True)
    rows = [
        (
            f"{datetime.fromtimestamp(each['at'], UTC):%Y-%m-%d %H:%M}",
            *(each["to"], each["model_version"], f"{each['outcomes']:,.0f}"),
            *(f"{each[name]:.1f}" for name in ("model_mae_minutes", "baseline_mae_minutes")),
        )
        for each in reversed(found["switches"])
    ]
    if rows:
        print_table(SWITCHES, rows, wide=wide)
