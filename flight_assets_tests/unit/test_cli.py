"""The command line: tables that fit 80 columns, help texts with an example, and completion.

Needs no platform.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from types import SimpleNamespace

import click
import pytest
from click.testing import CliRunner
from rich.console import Console

from flight_assets.bench.figures import Figure
from flight_assets.cli import main
from flight_assets.commands import (
    alerts,
    archive,
    bench,
    console,
    ledger,
    model,
    model_tables,
    platform,
    process,
    quarantine,
)
from flight_assets.provenance import BatchRecord

WIDTH = 80
VERSION = "20261101T000000Z-0123abcd"
LONG = (
    "the slowest 5 % of flights took 1,234 s or more from Kafka to MongoDB, so look at the durations of the"
    " steps"
)


def commands(group: click.Group = main, path: str = "flights") -> Iterator[tuple[str, click.Command]]:
    """Return every command with its path."""
    yield path, group
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, f"{path} {name}")
        else:
            yield f"{path} {name}", command


COMMANDS = dict(commands())


@pytest.fixture
def printed(monkeypatch):
    """Return a function that prints a table to a console of some width without a terminal, and gives its
    lines.
    """

    def show(columns, rows, *, wide: bool = False, width: int = WIDTH) -> list[str]:
        output = io.StringIO()
        monkeypatch.setattr(console, "console", Console(file=output, width=width, highlight=False))
        console.print_table(columns, rows, wide=wide)
        return [line.rstrip() for line in output.getvalue().splitlines()]

    return show


def batch() -> BatchRecord:
    counts = (
        "record_count",
        "staged",
        "duplicate",
        "quarantined",
        "predicted",
        "upserted",
        "out_of_order",
        "merged",
    )
    return BatchRecord.model_construct(
        batch_id=123_456, seconds={"a": 12.3}, checks=[], **dict.fromkeys(counts, 250_000)
    )


TABLES = {
    "status": (platform.STATUS_COLUMNS, [("dagster-webserver", "running", 1_234_567, 38_123, 12_345,
        1_234_567, "4.1.1-rc1-long")]),
    "process and ledger": (ledger.BATCH_COLUMNS, [ledger.batch_row(batch())]),
    "counts": ([console.Column("store"), console.number("count")], [("kafka_acknowledged", 12_345_678)]),
    "alerts list": (alerts.COLUMNS, [("silenced", "critical",
        "ModelDrift{feature=scheduled_departure_minute}", "2026-11-30 10:00", LONG)]),
    "archive plan": (archive.PLAN_COLUMNS, [("would remain", 1_000_000, "300.0",
        "2026-11-01 00:00 to 2026-11-08 00:00")]),
    "archive status": (archive.STATUS_COLUMNS, [("mongodb_000123", "deleting", 1_000_000, "300.0", 999_999,
        "2026-11-30 10:00")]),
    "archive explain": (archive.STEP_COLUMNS, [("export", "12.3", 2)]),
    "quarantine list": (quarantine.COLUMNS, [("flight_events-0-12345678", 123_456,
        "unsupported_schema_version", LONG, 65_537, "sent")]),
    "model list": (
        [console.Column(""), console.Column("version"), *model_tables.LISTED.values()],
        [("*", VERSION, "82,119", "15.57", "0.730", "38.10", "0.420", "90.7", "71.2", "0.647")],
    ),
    "model history": (model.HISTORY_COLUMNS, [("2026-11-30 10:00", "rejected", VERSION, VERSION, LONG)]),
    "bench": (bench.COLUMNS, [("growth_hot_store_full_vs_empty", 1.234, "ratio",
        "none 12.1 (11.9–13.4), 10k 12.3 (11.8–14.0)")]),
}  # fmt: skip


@pytest.mark.parametrize("name", TABLES)
def test_a_table_fits_80_columns_and_cuts_nothing(name, printed):
    columns, rows = TABLES[name]
    lines = printed(columns, rows)
    assert max(map(len, lines)) <= WIDTH, lines
    assert not [line for line in lines if "…" in line]
    text = "".join("".join(lines).split())
    needed = [number for number, column in enumerate(columns) if not column.optional]
    missing = [
        rows[0][number]
        for number in needed
        if "".join(console.cell_text(rows[0][number]).split()) not in text and not columns[number].folds
    ]
    assert missing == []


@pytest.mark.parametrize("name", TABLES)
def test_wide_prints_every_column_on_one_line(name, printed):
    columns, rows = TABLES[name]
    lines = printed(columns, rows, wide=True)
    assert all(column.heading in lines[0] for column in columns)
    assert all(console.cell_text(value) in lines[2] for value in rows[0])


def test_optional_columns_are_dropped_and_named(printed):
    columns = (
        console.Column("service"),
        console.number("memory MB"),
        console.Column("version", optional=True),
    )
    assert "version" in printed(columns, [("kafka", 450, "4.1.1")], width=40)[0]
    narrow = printed(columns, [("kafka", 450, "4.1.1")], width=24)
    assert "version" not in narrow[0]
    assert " ".join(narrow[3:]).endswith("--wide shows version as well")


def test_columns_are_stacked_where_even_the_needed_ones_do_not_fit(printed):
    lines = printed(
        (console.Column("service"), console.number("memory MB")),
        [("dagster-webserver", 450), ("kafka", 1)],
        width=20,
    )
    assert lines == [
        "service    dagster-webserver",
        "memory MB  450",
        "",
        "service    kafka",
        "memory MB  1",
        "",
    ]


def test_numbers_stand_right_and_long_texts_fold(printed):
    columns = (console.number("count"), console.Column("detail", folds=True))
    lines = printed(columns, [(5, LONG), (12_345, "short")], width=40)
    assert lines[2].startswith("    5  ")
    assert lines[-1].startswith("12345  short")
    assert "".join("".join(line[7:] for line in lines[2:-1]).split()) == "".join(LONG.split())


def test_a_hostile_text_cannot_steer_the_terminal(printed):
    assert printed((console.Column("detail"),), [("\x1b[2J[red]",)])[2] == "\\x1b[2J[red]"


@pytest.mark.parametrize("path", COMMANDS)
def test_every_help_text_has_an_example_that_works(path):
    command = COMMANDS[path]
    examples = re.findall(
        r"^ *(?:eval \"\$\()?(flights [^>\n]*)", (command.epilog or "").split("Example:\n")[-1], re.M
    )
    assert examples, f"{path} has no example"
    for line in examples:
        words = line.rstrip('") ').split()
        found: click.Command = main
        words.pop(0)
        while isinstance(found, click.Group) and words and words[0] in found.commands:
            found = found.commands[words.pop(0)]
        options = {option for parameter in found.params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= options, line


@pytest.mark.parametrize("path", COMMANDS)
def test_help_is_80_columns_wide_and_cuts_nothing(path):
    result = CliRunner().invoke(
        main, [*path.split()[1:], "--help"], terminal_width=WIDTH, max_content_width=WIDTH
    )
    assert result.exit_code == 0
    assert max(map(len, result.output.splitlines())) <= WIDTH
    assert "..." not in result.output.replace("[ARGS]...", "").replace("COMMAND [ARGS]...", "")


TABLE_COMMANDS = (
    *("status", "process", "counts", "ledger", "alerts list", "quarantine list", "bench"),
    *("archive plan", "archive status", "archive explain", "model train"),
    *("model list", "model register", "model history", "model quality", "model compare", "model monitor"),
)


@pytest.mark.parametrize("path", TABLE_COMMANDS)
def test_commands_with_a_table_offer_wide_and_json(path):
    options = {option for parameter in COMMANDS[f"flights {path}"].params for option in parameter.opts}
    assert {"--wide", "--json"} <= options


def test_training_ends_with_one_table_beside_the_champion(monkeypatch):
    manifest = SimpleNamespace(
        metrics={"test": {"mae": 15.567, "r2": 0.4204, "coverage_90": 0.9071, "flights": 82_119}}
    )
    state = SimpleNamespace(
        champion=VERSION, challenger=None, action="promoted", version=VERSION, reason="it is better"
    )
    store = SimpleNamespace(state=lambda: state, manifest=lambda _version: manifest)
    output = io.StringIO()
    shown = Console(file=output, width=WIDTH, highlight=False)
    monkeypatch.setattr(console, "console", shown)
    monkeypatch.setattr(model_tables, "console", shown)
    model_tables.print_trained(store, [VERSION])
    lines = [line.rstrip() for line in output.getvalue().splitlines()]
    assert lines[0].split() == ["figure", VERSION, "*"]
    assert [
        line.split()[-1] for line in lines if line.startswith(("MAE, minutes", "coverage", "flights", "R²"))
    ] == [
        "82,119",
        "15.57",
        "0.420",
        "90.7",
    ]
    assert lines[-2] == f"last decision: promoted {VERSION}: it is better"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script(shell):
    result = CliRunner().invoke(main, ["completion", shell])
    assert result.exit_code == 0
    assert f"_FLIGHTS_COMPLETE={shell}_complete" in result.output


def test_completion_knows_the_commands(monkeypatch):
    monkeypatch.setenv("_FLIGHTS_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "flights arch")
    monkeypatch.setenv("COMP_CWORD", "1")
    result = CliRunner().invoke(main, [], prog_name="flights")
    assert result.output.strip() == "plain,archive"


@pytest.mark.parametrize(
    ("words", "also"), [(["--live"], ("live",)), (["--continuous"], ("live",)), ([], ())]
)
def test_up_starts_live_processing_under_both_names(words, also, monkeypatch):
    started = []
    monkeypatch.setattr(platform, "start_platform", lambda _settings, names: started.append(names))
    result = CliRunner().invoke(main, ["up", *words])
    assert (result.exit_code, result.output, started) == (0, "", [also])


@pytest.mark.parametrize("word", ["--live", "--continuously"])
def test_process_runs_live_under_both_names(word, monkeypatch):
    started = []
    monkeypatch.setattr(process, "_process_live", started.append)
    result = CliRunner().invoke(main, ["process", word])
    assert (result.exit_code, len(started)) == (0, 1)
    assert CliRunner().invoke(main, ["process", word, "--part", "ingest_flights"]).exit_code == 2


def test_the_old_names_are_hidden():
    for path in ("flights up", "flights process"):
        assert "--continuous" not in COMMANDS[path].get_help(click.Context(COMMANDS[path]))


def test_a_figure_of_a_benchmark_is_a_row(monkeypatch):
    figures = SimpleNamespace(machine=dict, report=None)
    measured = SimpleNamespace(
        measure=lambda _settings, _quick: {
            "batch_1k_vs_naive": Figure(2.5, "times", {"a": [1.0], "b": [2.0]})
        }
    )
    monkeypatch.setattr(bench, "_module", lambda name: figures if name == "figures" else measured)
    result = CliRunner().invoke(main, ["bench", "--only", "batch"])
    assert result.exit_code == 0, result.output
