"""Every command that a page shows exists, with its options."""

from __future__ import annotations

import pytest

from flight_assets_tests.docs.commands import commands, problem
from flight_assets_tests.docs.markdown import pages

SHOWN = [(page.name, command) for page in pages() if not page.is_generated for command in commands(page)]


@pytest.mark.parametrize(("page", "command"), SHOWN)
def test_a_command_exists_with_its_options(page: str, command: str) -> None:
    assert problem(command) == ""


def test_there_are_commands_to_look_at() -> None:
    found = {command for _, command in SHOWN}
    assert len(found) > 60
    assert {"backup", "restore", "reset"} <= {
        command.split()[1] for command in found if command.startswith("flights ")
    }


@pytest.mark.parametrize(
    "wrong",
    [
        "flights fly",
        "flights up --sideways",
        "flights archive plann",
        "flights logs a b",
        "flights logs NAME --lines",
        "make tea",
    ],
)
def test_a_command_that_does_not_exist_is_found(wrong: str) -> None:
    assert problem(wrong)
