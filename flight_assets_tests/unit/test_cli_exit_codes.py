"""Every command: exit code 0 if it is done, 1 with one sentence if it failed, 2 for wrong use.

The words are those of the examples in the help texts, so each of them is what its command takes.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from flight_assets.cli import main
from flight_assets.errors import FlightsError
from flight_assets_tests.unit.test_cli import COMMANDS

LEAVES = {path: command for path, command in COMMANDS.items() if not isinstance(command, click.Group)}
REASON = "the disk is full: make room, then run the command again"


def examples(path: str) -> list[list[str]]:
    """The words of each example that a command's help has of itself."""
    told = (LEAVES[path].epilog or "").split("Example:\n")[-1]
    lines = re.findall(rf"\b({re.escape(path)}\b[^>\n)]*)", told)
    return [shlex.split(line, posix=False)[1:] for line in lines]


@pytest.fixture
def run(tmp_path: Path, monkeypatch) -> Callable[..., Result]:
    """Run a command whose work is replaced by ``does``, in a folder with the files that it is given."""
    monkeypatch.chdir(tmp_path)

    def invoke(path: str, words: list[str], does: Callable[..., object]) -> Result:
        monkeypatch.setattr(LEAVES[path], "callback", does)
        for word in words:
            if re.fullmatch(r"[\w-]+\.\w+", word):
                (tmp_path / word).write_text("{}")
        return CliRunner().invoke(main, words)

    return invoke


def fails(**_given: object) -> None:
    raise FlightsError(REASON)


def nothing(**_given: object) -> None:
    """The work of a command that has nothing to do."""


@pytest.mark.parametrize("path", LEAVES)
def test_a_command_that_is_done_exits_with_0_and_one_that_failed_with_1_and_a_sentence(path, run) -> None:
    assert examples(path), f"{path} has no example of itself"
    for words in examples(path):
        done = run(path, words, nothing)
        assert (done.exit_code, done.output) == (0, ""), words
        failed = run(path, words, fails)
        assert (failed.exit_code, failed.stdout, failed.stderr) == (1, "", f"flights: {REASON}\n"), words


@pytest.mark.parametrize("path", COMMANDS)
def test_an_option_that_does_not_exist_is_wrong_use(path) -> None:
    result = CliRunner().invoke(main, [*path.split()[1:], "--no-such-option"])
    assert result.exit_code == 2
    assert "No such option" in result.stderr


@pytest.mark.parametrize("path", [path for path, found in COMMANDS.items() if found.params])
def test_output_for_programs_has_one_name_everywhere(path) -> None:
    """``--json`` is a flag, and the help says what it prints."""
    for parameter in COMMANDS[path].params:
        if "json" in parameter.name:
            assert isinstance(parameter, click.Option)
            assert (parameter.opts, parameter.name, parameter.is_flag) == (["--json"], "as_json", True)
            assert parameter.help == "Print JSON for programs."


def test_what_a_command_prints_for_programs_is_json_alone(monkeypatch) -> None:
    from flight_assets.platform import launcher

    monkeypatch.setattr(launcher, "status", lambda _settings: [])
    result = CliRunner().invoke(main, ["status", "--json"])
    assert (result.exit_code, json.loads(result.stdout)) == (0, {"services": []})
