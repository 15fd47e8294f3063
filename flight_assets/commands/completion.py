"""``flights completion``: the script with which a shell completes commands and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from flight_assets.commands.console import example

SHELLS = click.Choice(["bash", "zsh", "fish"])


@click.command(
    epilog=example(
        'eval "$(flights completion bash)"',
        "flights completion fish > ~/.config/fish/completions/flights.fish",
    )
)
@click.argument("shell", type=SHELLS)
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the completion script of a SHELL. Evaluate it in the shell's start-up file."""
    found = get_completion_class(shell)
    if found is None:
        raise click.UsageError(f"there is no completion for {shell}")
    click.echo(found(context.find_root().command, {}, "flights", "_FLIGHTS_COMPLETE").source())
